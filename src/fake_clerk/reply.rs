//! The shapes of the fake's answers.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
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

/// An error in the shape of RFC 6749.
pub(super) fn oauth_error(status: StatusCode, error: &str, description: &str) -> Reply {
    json(
        status,
        &json!({"error": error, "error_description": description}),
    )
}

/// An error in Clerk's own envelope.
pub(super) fn clerk_error(status: StatusCode, code: &str, message: &str) -> Reply {
    json(status, &clerk_envelope(code, message))
}

pub(super) fn clerk_envelope(code: &str, message: &str) -> Value {
    json!({
        "errors": [{"message": message, "long_message": message, "code": code, "meta": {}}],
        "clerk_trace_id": "00000000000000000000000000000000",
    })
}
