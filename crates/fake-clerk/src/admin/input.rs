//! What people type into the page, and why it is rejected.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;

use crate::oauth;

/// The longest life of a token, in seconds: ten years.
const MAX_LIFE: u64 = 315_360_000;

/// The longest id, and the longest of the other texts, in bytes.
const MAX_ID: usize = 200;
const MAX_TEXT: usize = 1000;

/// Why a request of the page is rejected, told to the person before it.
pub(super) type Rejected = (StatusCode, String);

pub(super) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Rejected> {
    serde_json::from_slice(body).map_err(|error| invalid(&format!("not understood: {error}")))
}

/// The id of somebody or something; `what` is it, for the message.
pub(super) fn id(what: &str, text: &str) -> Result<String, Rejected> {
    optional(what, text)?
        .filter(|id| id.len() <= MAX_ID)
        .ok_or_else(|| invalid(&format!("{what} needs an id, of at most {MAX_ID} bytes")))
}

/// What may be left empty.
pub(super) fn optional(what: &str, text: &str) -> Result<Option<String>, Rejected> {
    let text = text.trim();
    if text.len() > MAX_TEXT || text.chars().any(char::is_control) {
        let message = format!("the text for {what} is one line of at most {MAX_TEXT} bytes");
        return Err(invalid(&message));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Scopes with spaces between.
pub(super) fn scopes(text: &str) -> Result<Vec<String>, Rejected> {
    oauth::parse_scope(text)
        .ok_or_else(|| invalid("a scope has a character that scopes do not have"))
}

/// How long a token is to live, from seconds.
pub(super) fn lifetime(seconds: u64) -> Result<Duration, Rejected> {
    if !(1..=MAX_LIFE).contains(&seconds) {
        return Err(invalid("a token lives from one second to ten years"));
    }
    Ok(Duration::from_secs(seconds))
}

pub(super) fn invalid(message: &str) -> Rejected {
    (StatusCode::UNPROCESSABLE_ENTITY, message.to_owned())
}

pub(super) fn not_found() -> Rejected {
    (StatusCode::NOT_FOUND, "there is no such thing".to_owned())
}
