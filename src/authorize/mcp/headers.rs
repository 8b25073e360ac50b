//! The call that the headers of a request name, for servers that compare the headers with the body.
//!
//! Since its version 2026-07-28, MCP has a request repeat the method and the name of its message in the headers
//! `Mcp-Method` and `Mcp-Name`, and a server reject a request in which they differ. A server does so only for requests
//! that it takes for requests of such a version. So a header counts only if all servers read it in the same way.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::message::{Call, TOOLS_CALL};

/// The call of a request by its headers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ByHeaders<'a> {
    Call(NamedCall<'a>),
    /// The name of the call cannot be decoded, so no rule applies to it.
    Undecodable,
    /// The headers do not name the call: the body decides.
    Unknown,
}

/// A call that headers name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NamedCall<'a> {
    Tool(Cow<'a, str>),
    Method(&'a str),
}

/// Returns the call that the headers name.
///
/// The headers count only if there is one `MCP-Protocol-Version`, which is a known version with these headers, one
/// `Mcp-Method`, and one `Mcp-Name` if messages of that method have a name. A request with a session id does not
/// belong to such a version: there the server could accept a response, which it does not compare.
pub(super) fn read(headers: &HeaderMap) -> ByHeaders<'_> {
    let (Occurs::Once(version), Occurs::Once(method), Occurs::Never) = (
        Occurs::of(headers, &MCP_PROTOCOL_VERSION),
        Occurs::of(headers, &MCP_METHOD),
        Occurs::of(headers, &MCP_SESSION_ID),
    ) else {
        return ByHeaders::Unknown;
    };
    let (Some(method), true) = (method_of(method), is_comparing_version(version)) else {
        return ByHeaders::Unknown;
    };
    match Occurs::of(headers, &MCP_NAME) {
        Occurs::Never if !METHODS_WITH_NAME.contains(&method) => {
            ByHeaders::Call(NamedCall::Method(method))
        }
        Occurs::Once(name) if METHODS_WITH_NAME.contains(&method) => match decode(name) {
            Some(name) if method == TOOLS_CALL => ByHeaders::Call(NamedCall::Tool(name)),
            Some(_) => ByHeaders::Call(NamedCall::Method(method)),
            None => ByHeaders::Undecodable,
        },
        Occurs::Never | Occurs::Once(_) | Occurs::Several => ByHeaders::Unknown,
    }
}

impl NamedCall<'_> {
    pub(super) fn as_call(&self) -> Call<'_> {
        match self {
            Self::Tool(name) => Call::Tool(name),
            Self::Method(name) => Call::Method(name),
        }
    }
}

/// The number of values of a header.
enum Occurs<'a> {
    Never,
    Once(&'a HeaderValue),
    Several,
}

impl<'a> Occurs<'a> {
    fn of(headers: &'a HeaderMap, name: &HeaderName) -> Self {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::Never,
            (Some(value), None) => Self::Once(value),
            (Some(_), Some(_)) => Self::Several,
        }
    }
}

fn is_comparing_version(version: &HeaderValue) -> bool {
    COMPARING_VERSIONS.iter().any(|known| version == known)
}

/// Reads a method. `None` if it has a character that methods of MCP do not have, such as the comma of two methods that a
/// proxy joined.
fn method_of(method: &HeaderValue) -> Option<&str> {
    let is_method = |byte: u8| byte.is_ascii_alphanumeric() || b"/_.-$".contains(&byte);
    let method = method.to_str().ok()?;
    (!method.is_empty() && method.bytes().all(is_method)).then_some(method)
}

/// Decodes a name, which is visible ASCII or `=?base64?…?=`.
fn decode(name: &HeaderValue) -> Option<Cow<'_, str>> {
    let name = name.to_str().ok()?;
    if !name.starts_with("=?") {
        return Some(Cow::Borrowed(name));
    }
    let encoded = name.strip_prefix("=?base64?")?.strip_suffix("?=")?;
    let decoded = BASE64_STANDARD.decode(encoded).ok()?;
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// The versions whose servers compare the headers with the body. A version that is not known yet may have other rules.
const COMPARING_VERSIONS: [&str; 1] = ["2026-07-28"];

/// The methods whose messages have a name: of a tool or a prompt, of a resource, or of a task.
const METHODS_WITH_NAME: [&str; 8] = [
    TOOLS_CALL,
    "prompts/get",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "tasks/get",
    "tasks/update",
    "tasks/cancel",
];

const MCP_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const MCP_METHOD: HeaderName = HeaderName::from_static("mcp-method");
const MCP_NAME: HeaderName = HeaderName::from_static("mcp-name");
const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

#[cfg(test)]
mod tests;
