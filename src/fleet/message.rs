//! Messages of the log: one invalidation each. Pure.
//!
//! The content is an id of 16 bytes, then a JSON object. The place of the id never changes, and unknown members are
//! ignored. Any other content that this version cannot read counts as an invalidation of all tokens, because it is from
//! a replica of a newer version, which may mean any of them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use crate::{
    cache::Scope,
    observe::Effect,
    token::{digest::TokenDigest, json::Members},
};

/// One invalidation, as replicas send it to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: MessageId,
    /// The wall clock of the replica that made it, in milliseconds.
    pub(crate) at: u64,
    pub(crate) effect: Effect,
    pub(crate) scope: Scope,
}

/// The random id of a message. A message that the store repeats is applied once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MessageId(pub(crate) [u8; 16]);

impl Message {
    /// Makes the message of an invalidation at `at`, by the wall clock in milliseconds.
    pub(crate) fn new(scope: Scope<&str>, effect: Effect, at: u64) -> Self {
        Self {
            id: MessageId(std::array::from_fn(|_| fastrand::u8(..))),
            at,
            effect,
            scope: scope.to_owned(),
        }
    }

    /// Returns the content to seal.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let how = match self.effect {
            Effect::Again => "again",
            Effect::End => "end",
        };
        let what = match &self.scope {
            Scope::Token(digest) => json!({ "token": URL_SAFE_NO_PAD.encode(digest.to_bytes()) }),
            Scope::Session(id) => json!({ "session": id }),
            Scope::Subject(id) => json!({ "subject": id }),
            Scope::Member {
                subject,
                organization,
            } => json!({ "member": [subject, organization] }),
            Scope::Organization(id) => json!({ "organization": id }),
            Scope::All => json!("all"),
        };
        let body = json!({ "at": self.at, "how": how, "what": what }).to_string();
        [&self.id.0[..], body.as_bytes()].concat()
    }

    /// Reads the content of a message that opened.
    pub(crate) fn decode(content: &[u8]) -> Self {
        let (id, body) = match content.split_first_chunk() {
            Some((id, body)) => (MessageId(*id), body),
            None => (MessageId([0; 16]), content),
        };
        let Ok(Members(members)) = serde_json::from_slice(body) else {
            return Self::not_understood(id, None);
        };
        let at = members.get("at").and_then(Value::as_u64);
        match (at, effect(&members), scope(&members)) {
            (Some(at), Some(effect), Some(scope)) => Self {
                id,
                at,
                effect,
                scope,
            },
            _ => Self::not_understood(id, at),
        }
    }

    /// A time that was not read is the latest one. The reader compares it with its own clock.
    fn not_understood(id: MessageId, at: Option<u64>) -> Self {
        Self {
            id,
            at: at.unwrap_or(u64::MAX),
            effect: Effect::Again,
            scope: Scope::All,
        }
    }
}

fn effect(members: &Map<String, Value>) -> Option<Effect> {
    match members.get("how")?.as_str()? {
        "again" => Some(Effect::Again),
        "end" => Some(Effect::End),
        _ => None,
    }
}

fn scope(members: &Map<String, Value>) -> Option<Scope> {
    let what = match members.get("what")? {
        Value::String(word) => return (word == "all").then_some(Scope::All),
        Value::Object(what) => what,
        _ => return None,
    };
    // Two scopes in one message would leave the choice to the reader.
    let mut what = what.iter();
    let (Some((name, value)), None) = (what.next(), what.next()) else {
        return None;
    };
    let id = |value: &Value| Some(Box::from(value.as_str()?));
    match (&**name, value) {
        ("token", Value::String(text)) => {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            Some(Scope::Token(TokenDigest::from_bytes(
                bytes.try_into().ok()?,
            )))
        }
        ("session", value) => Some(Scope::Session(id(value)?)),
        ("subject", value) => Some(Scope::Subject(id(value)?)),
        ("organization", value) => Some(Scope::Organization(id(value)?)),
        ("member", Value::Array(pair)) => match pair.as_slice() {
            [subject, organization] => Some(Scope::Member {
                subject: id(subject)?,
                organization: id(organization)?,
            }),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
