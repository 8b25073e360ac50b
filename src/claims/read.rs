//! Strict readers for the members of a verified token. A member that is absent or null is unknown. A member of another
//! type than expected is an error.

use serde_json::{Map, Value};

use crate::AuthErrorKind;

pub(crate) fn text<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a str>, AuthErrorKind> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(AuthErrorKind::MalformedToken),
    }
}

/// Reads a list of texts. It is empty if the member is unknown.
pub(super) fn texts(
    members: &Map<String, Value>,
    name: &str,
) -> Result<Box<[Box<str>]>, AuthErrorKind> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(Box::default()),
        Some(Value::Array(entries)) => entries
            .iter()
            .map(|entry| match entry {
                Value::String(text) => Ok(text.as_str().into()),
                _ => Err(AuthErrorKind::MalformedToken),
            })
            .collect(),
        Some(_) => Err(AuthErrorKind::MalformedToken),
    }
}
