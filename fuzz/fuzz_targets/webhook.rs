//! Webhooks: a signature counts if and only if the oracle computes the same one. An event is read from any bytes without
//! a panic, and names tokens only if it is a JSON object with a known type.
//!
//! The input is a line each for id, timestamp and signature; the rest is the body. `SIGN` in place of a signature is the
//! right one.

#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::{Corpus, fuzz_target};
use tower_clerk::fuzzing::{event, is_signed};

const SECRET: [u8; 24] = [7; 24];

fuzz_target!(|input: &[u8]| -> Corpus {
    let mut lines = input.splitn(4, |byte| *byte == b'\n');
    let [Some(id), Some(timestamp), Some(signature), Some(body)] =
        std::array::from_fn(|_| lines.next())
    else {
        return Corpus::Reject;
    };
    let message = [id, b".", timestamp, b".", body].concat();
    let right = sign(&Key::new(HMAC_SHA256, &SECRET), &message);
    let right = format!("v1,{}", STANDARD.encode(right));
    let signature = match signature {
        b"SIGN" => right.as_bytes(),
        other => other,
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("svix-id", id),
        ("svix-timestamp", timestamp),
        ("svix-signature", signature),
    ] {
        let Ok(value) = HeaderValue::from_bytes(value) else {
            return Corpus::Reject;
        };
        headers.insert(name, value);
    }
    let is_near = |seconds: u64| seconds.abs_diff(1_700_000_000) <= 300;
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'.';
    let is_number = !timestamp.is_empty() && timestamp.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(timestamp).unwrap_or_default();
    let entries = signature.split(|byte| *byte == b' ');
    let mut entries = entries.filter(|entry| entry.starts_with(b"v1,")).take(16);
    let expected = (1..=256).contains(&id.len())
        && id.iter().all(is_plain)
        && is_number
        && text.parse().is_ok_and(is_near)
        && HeaderValue::from_bytes(signature).is_ok_and(|value| value.to_str().is_ok())
        && entries.any(|entry| entry == right.as_bytes());
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    assert_eq!(is_signed(&headers, body, &SECRET, now), expected);

    if let Some(removes_trust) = event(body) {
        let object: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        // The library reads some bodies that a reader of every value rejects: it skips what it does not need.
        if object.is_object() {
            let kind = object["type"].as_str().unwrap_or_default();
            let is_known = ["session.", "user.", "organization.", "organizationMembership."];
            assert!(!removes_trust || is_known.iter().any(|start| kind.starts_with(start)));
        }
    }
    Corpus::Keep
});
