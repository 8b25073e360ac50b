//! The forms of the fake's answers.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

pub(super) type Reply = Response<Full<Bytes>>;

pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(super) fn json(status: StatusCode, body: &Value) -> Reply {
    let mut reply = Reply::new(Full::from(body.to_string()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, JSON);
    reply
}

/// Returns an answer without a body.
pub(super) fn empty(status: StatusCode) -> Reply {
    let mut reply = Reply::default();
    *reply.status_mut() = status;
    reply
}

/// Sets headers of an answer.
pub(super) fn with<const N: usize>(
    mut reply: Reply,
    headers: [(HeaderName, &'static str); N],
) -> Reply {
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        reply.headers_mut().insert(name, value);
    }
    reply
}

/// Returns an error in the form of RFC 6749.
pub(super) fn oauth_error(status: StatusCode, error: &str, description: &str) -> Reply {
    json(
        status,
        &json!({"error": error, "error_description": description}),
    )
}

/// Returns an error in Clerk's own envelope.
pub(super) fn clerk_error(status: StatusCode, code: &str, message: &str) -> Reply {
    json(status, &clerk_envelope(code, message))
}

pub(super) fn clerk_envelope(code: &str, message: &str) -> Value {
    json!({
        "errors": [{"message": message, "long_message": message, "code": code, "meta": {}}],
        "clerk_trace_id": "00000000000000000000000000000000",
    })
}

pub(super) fn invalid_request(description: &str) -> Reply {
    oauth_error(StatusCode::BAD_REQUEST, "invalid_request", description)
}

pub(super) fn invalid_client() -> Reply {
    oauth_error(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        "Client authentication failed (e.g., unknown client, no client authentication included, \
         or unsupported authentication method).",
    )
}

/// Keeps an answer with tokens out of caches.
pub(super) fn no_store(reply: Reply) -> Reply {
    with(reply, [(CACHE_CONTROL, "no-store")])
}
