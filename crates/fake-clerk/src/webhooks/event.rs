//! The content of events, as Clerk's description of webhooks (2025-04-15) has it.

use bytes::Bytes;
use serde_json::{Value, json};

/// Returns the body of an event. Times are in milliseconds.
pub(super) fn envelope(kind: &str, instance_id: &str, now: u64, data: &Value) -> Bytes {
    let event = json!({
        "object": "event",
        "type": kind,
        "instance_id": instance_id,
        "timestamp": now,
        "event_attributes": {
            "http_request": {
                "client_ip": "127.0.0.1",
                "user_agent": "fake-clerk",
            },
        },
        "data": data,
    });
    event.to_string().into()
}

/// Returns what an event shows of a deleted object.
pub(crate) fn deleted(object: &str, id: &str) -> Value {
    json!({"object": object, "id": id, "deleted": true})
}
