//! Reads and checks the input of the admin page.

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

/// A rejected request of the page: the status, and the message that the page shows.
pub(super) type Rejected = (StatusCode, String);

pub(super) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Rejected> {
    serde_json::from_slice(body).map_err(|error| invalid(&format!("not understood: {error}")))
}

/// Reads an id; `what` names its owner in the message.
pub(super) fn id(what: &str, text: &str) -> Result<String, Rejected> {
    optional(what, text)?
        .filter(|id| id.len() <= MAX_ID)
        .ok_or_else(|| invalid(&format!("{what} needs an id, of at most {MAX_ID} bytes")))
}

/// Reads a text that may be empty.
pub(super) fn optional(what: &str, text: &str) -> Result<Option<String>, Rejected> {
    let text = text.trim();
    if text.len() > MAX_TEXT || text.chars().any(char::is_control) {
        let message = format!("the text for {what} is one line of at most {MAX_TEXT} bytes");
        return Err(invalid(&message));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Reads scopes, separated by spaces.
pub(super) fn scopes(text: &str) -> Result<Vec<String>, Rejected> {
    oauth::parse_scope(text)
        .ok_or_else(|| invalid("a scope has a character that scopes do not have"))
}

/// Reads the lifetime of a token, in seconds.
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
