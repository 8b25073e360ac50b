//! Internal functions for the fuzz targets. Compiled only for them, and not part of the public API.

#[cfg(feature = "webhooks")]
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderMap;

#[cfg(feature = "mcp")]
use crate::authorize::mcp::message::{self as mcp, Call};
#[cfg(feature = "jwt")]
use crate::verify::{JwtAlgorithm, jwt};
use crate::{
    AuthErrorKind,
    claims::permissions,
    extract::{self, CookieNames},
};
#[cfg(feature = "fleet")]
use crate::{cache::Scope, fleet, observe::Effect};
#[cfg(feature = "webhooks")]
use crate::{
    clock::{Now, millis},
    webhooks::{
        event::{self, Event},
        signature::Signed,
    },
};

/// Returns the bearer token of a request with these headers.
pub fn bearer(headers: &mut HeaderMap, max_len: usize) -> Result<&str, AuthErrorKind> {
    extract::parse(headers, max_len)?.token()
}

/// Returns the session token in the cookies of a request with these headers, for this instance.
pub fn cookie<'a>(
    headers: &'a mut HeaderMap,
    instance: &str,
    max_len: usize,
) -> Result<&'a str, AuthErrorKind> {
    CookieNames::of(instance).parse(headers, max_len)?.token()
}

/// Returns the payload and the signature of a token in RS256. Nothing is verified.
#[cfg(feature = "jwt")]
pub fn frame(
    token: &str,
) -> Result<(serde_json::Map<String, serde_json::Value>, Vec<u8>), AuthErrorKind> {
    jwt::frame(token, &[JwtAlgorithm::Rs256])
}

/// Returns the permissions from the claims `fea`, `o.per` and `o.fpm`.
pub fn permissions(features: &str, names: &str, masks: &str) -> Box<[Box<str>]> {
    permissions::decode(features, names, masks)
}

/// Returns true if a key set has a key of this name. `None` if the text is not a key set.
#[cfg(feature = "jwt")]
pub fn key_set_has(body: &[u8], kid: &str) -> Option<bool> {
    jwt::key_set_has(body, kid)
}

/// Returns true if the headers have a signature of this body by this secret, at this time.
#[cfg(feature = "webhooks")]
pub fn is_signed(headers: &HeaderMap, body: &[u8], secret: &[u8], now: SystemTime) -> bool {
    use aws_lc_rs::hmac::{HMAC_SHA256, Key};
    let keys = [Key::new(HMAC_SHA256, secret)];
    let now = Now {
        mono: 0,
        wall: millis(now.duration_since(UNIX_EPOCH).unwrap_or_default()),
    };
    Signed::read(headers).is_ok_and(|signed| signed.verify(body, &keys, now).is_ok())
}

/// Returns true if an event removes trust. `None` if it cannot be read.
#[cfg(feature = "webhooks")]
pub fn event(body: &[u8]) -> Option<bool> {
    let event = event::read(body).ok()?;
    Some(event != Event::Other)
}

/// Returns the calls in the body of an MCP request, each as the name of a tool, a method, or neither for a response.
/// `None` if they are ambiguous.
#[cfg(feature = "mcp")]
pub fn mcp_calls(body: &[u8]) -> Option<Vec<(Option<String>, Option<String>)>> {
    let mut calls = Vec::new();
    let read = mcp::read(body, |call| {
        calls.push(match call {
            Call::Tool(name) => (Some(name.to_owned()), None),
            Call::Method(name) => (None, Some(name.to_owned())),
            Call::Response => (None, None),
        });
    });
    read.ok().map(|()| calls)
}

/// Reads the content of a record about a token, and writes it again. `None` if it is not understood.
#[cfg(feature = "fleet")]
pub fn record_of_token(content: &[u8]) -> Option<Vec<u8>> {
    fleet::rewritten(content)
}

/// The same for a record about the user of this id.
#[cfg(feature = "fleet")]
pub fn record_of_user(content: &[u8], id: &str) -> Option<Vec<u8>> {
    fleet::rewritten_user(content, id)
}

/// Reads the content of a message, and writes it again. Also returns true if it is a revocation, and true if it is about
/// all tokens.
#[cfg(feature = "fleet")]
pub fn message(content: &[u8]) -> (Vec<u8>, bool, bool) {
    let message = fleet::Message::decode(content);
    let ends = message.effect == Effect::End;
    (message.encode(), ends, message.scope == Scope::All)
}
