//! The id of a session, in the headers of a request or of an answer.

use http::{HeaderMap, HeaderName};

/// What `Mcp-Session-Id` names.
pub(super) enum SessionId<'a> {
    Absent,
    One(&'a str),
    Malformed,
    Several,
}

impl<'a> SessionId<'a> {
    /// An id consists of visible ASCII characters, as the specification of MCP has it.
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
