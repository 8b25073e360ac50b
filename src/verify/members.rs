//! Reading JSON of Clerk's and of tokens strictly: no member twice, and none of another type than it should
//! be. Nothing is guessed.

use std::{error::Error, fmt};

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use crate::{AuthError, AuthErrorKind, claims::Actor, config::is_scope_byte, upstream::is_json};

/// A JSON object in which no member stands twice. RFC 8259 §4 leaves the meaning of such an object
/// open, and two readers that differ in it are a way in.
pub(super) struct Members(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;

        impl<'de> Visitor<'de> for Unique {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some(name) = access.next_key::<String>()? {
                    if members.contains_key(&name) {
                        return Err(de::Error::custom("duplicate member"));
                    }
                    members.insert(name, access.next_value()?);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Unique)
    }
}

/// A string, or nothing; Clerk's schema allows `null` for what is unknown.
pub(super) fn text(value: Option<Value>) -> Result<Option<String>, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("a member that must be a string is not a string"),
    }
}

/// A boolean that is false where it is not there.
pub(super) fn flag(value: Option<&Value>) -> Result<bool, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err("a member that must be a boolean is not a boolean"),
    }
}

/// A string or an array of strings (RFC 7519 §4.1.3).
pub(super) fn texts(value: Option<Value>) -> Result<Option<Vec<String>>, &'static str> {
    match value {
        Some(Value::Array(entries)) => entries
            .into_iter()
            .map(|entry| match entry {
                Value::String(text) => Ok(text),
                _ => Err("an array of strings has an entry that is not a string"),
            })
            .collect::<Result<_, _>>()
            .map(Some),
        other => Ok(text(other)?.map(|text| vec![text])),
    }
}

/// The scopes of a token or an answer as one text, with single spaces between them: the one reader of all
/// sources. `value`: a text with spaces between scopes, or an array of them.
///
/// A scope consists of `%x21 / %x23-5B / %x5D-7E` (RFC 6749 §3.3). A text is split at spaces and nothing else; an
/// entry of an array is not split. What is not a scope then, a tab or another space in it, is left out: it
/// grants nothing, and the token may be good without it.
pub(super) fn scopes(value: Option<Value>) -> Result<Option<String>, &'static str> {
    let is_scope = |entry: &&str| !entry.is_empty() && entry.bytes().all(is_scope_byte);
    Ok(match value {
        Some(Value::Array(_)) => texts(value)?.map(|entries| {
            let scopes: Vec<&str> = entries.iter().map(|it| &**it).filter(is_scope).collect();
            scopes.join(" ")
        }),
        value => text(value)?.map(|text| {
            let scopes: Vec<&str> = text.split(' ').filter(is_scope).collect();
            scopes.join(" ")
        }),
    })
}

/// Who acts in the subject's place (`act`).
pub(super) fn actor(members: &Map<String, Value>) -> Result<Option<Actor>, &'static str> {
    Actor::read(members.get("act")).map_err(|_| "`act` does not identify an actor")
}

/// A NumericDate (RFC 7519 §2). A fraction is cut off, so that a token never lives longer for it; what
/// does not fit saturates.
pub(super) fn seconds(value: Option<Value>) -> Result<Option<i64>, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => Ok(Some(match (number.as_i64(), number.as_u64()) {
            (Some(seconds), _) => seconds,
            (None, Some(_)) => i64::MAX,
            (None, None) => floor(number.as_f64().ok_or("a time is not a number")?),
        })),
        Some(_) => Err("a time is not a number"),
    }
}

#[expect(
    clippy::as_conversions,
    reason = "from float to integer, `as` saturates"
)]
fn floor(seconds: f64) -> i64 {
    seconds.floor() as i64
}

/// The body of an answer, if it is JSON by its content type.
pub(super) fn body(response: &Response<Bytes>) -> Result<&[u8], AuthError> {
    if is_json(response.headers()) {
        Ok(response.body())
    } else {
        Err(violation("the content type is not JSON"))
    }
}

/// The members of the body of an answer.
pub(super) fn object(response: &Response<Bytes>) -> Result<Members, AuthError> {
    serde_json::from_slice(body(response)?)
        .map_err(|_| violation("the body is not one JSON object with unique members"))
}

/// Returns the error of a response that breaks the contract. The texts are fixed, so that no part of the response
/// reaches a log.
pub(super) fn violation(what: &'static str) -> AuthError {
    AuthError::new(AuthErrorKind::InvalidUpstreamResponse).with_source(Violation(what))
}

/// Returns the error of a response with a status that the endpoint does not have.
pub(super) fn unexpected(status: StatusCode) -> AuthError {
    AuthError::new(AuthErrorKind::InvalidUpstreamResponse).with_source(UnexpectedStatus(status))
}

/// Returns the status of the response, if the status is the cause of this error.
pub(crate) fn unexpected_status(error: &AuthError) -> Option<StatusCode> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(UnexpectedStatus(status)) = error.downcast_ref() {
            return Some(*status);
        }
        cause = error.source();
    }
    None
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Violation(&'static str);

#[derive(Debug, thiserror::Error)]
#[error("unexpected status {}", .0.as_u16())]
struct UnexpectedStatus(StatusCode);
