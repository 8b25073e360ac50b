//! The id of a session, in the headers of a request or a response.

use http::{HeaderMap, HeaderName};

/// The content of `Mcp-Session-Id`.
pub(super) enum SessionId<'a> {
    Absent,
    One(&'a str),
    Malformed,
    Several,
}

impl<'a> SessionId<'a> {
    /// Reads the id. It consists of visible ASCII characters, as the MCP specification requires.
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(MCP_SESSION_ID).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(_), Some(_)) => Self::Several,
            (Some(value), None) => match value.to_str() {
                Ok(id) if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic()) => {
                    Self::One(id)
                }
                _ => Self::Malformed,
            },
        }
    }
}

const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
