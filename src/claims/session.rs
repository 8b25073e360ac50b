//! The session of a token, and the actor that acts in place of its subject.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::read;
use crate::AuthErrorKind;

/// The session id and the actor of a token. At least one of them is present.
#[derive(Clone)]
pub(crate) struct Session {
    id: Option<Box<str>>,
    actor: Option<Actor>,
}

/// The actor that acts in place of the [subject](crate::ClerkClaims::subject) (`act`, RFC 8693 §4.1): a member of your
/// staff who impersonates a user, or an agent.
///
/// The data still belongs to the subject. If there is an actor, reject actions that users must perform themselves, such
/// as a payment or a change of the password. Logs should name the actor and the subject.
///
/// # Depth
///
/// An actor may act for another actor: after a token exchange, `act` contains another `act`
/// ([`actor`](Self::actor)). According to RFC 8693 §4.1, the inner one is only informational: only the outermost actor
/// acts, so no decision should depend on the inner one. Two levels are read, both strictly. Deeper levels are dropped,
/// but [`claims_as`](crate::ClerkClaims::claims_as) contains them in the form of the token or the response.
///
/// `Debug` shows no member. `Serialize` shows all of them: `sub`, `iss`, `sid`, `type`, and `act` if there is an inner
/// actor.
#[derive(Clone, PartialEq, Eq)]
pub struct Actor {
    subject: Box<str>,
    issuer: Option<Box<str>>,
    session_id: Option<Box<str>>,
    kind: Option<Box<str>>,
    actor: Option<Box<Self>>,
}

/// The number of levels of `act` that are read.
const DEPTH: usize = 2;

// === impl Session ===

impl Session {
    /// Creates the session. `None` if there is neither an id nor an actor.
    pub(crate) fn new(id: Option<&str>, actor: Option<Actor>) -> Option<Box<Self>> {
        let id = id.map(Into::into);
        (id.is_some() || actor.is_some()).then(|| Box::new(Self { id, actor }))
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(crate) fn actor(&self) -> Option<&Actor> {
        self.actor.as_ref()
    }

    /// Returns the approximate size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        let actor = self.actor.as_ref().map_or(0, Actor::size);
        size_of::<Self>() + self.id().map_or(0, str::len) + actor
    }
}

// === impl Actor ===

impl Actor {
    /// Reads the claim `act`. An actor without a subject is an error, because a skipped actor would be mistaken for the
    /// subject.
    pub(crate) fn read(act: Option<&Value>) -> Result<Option<Self>, AuthErrorKind> {
        Self::read_to(DEPTH, act)
    }

    fn read_to(depth: usize, act: Option<&Value>) -> Result<Option<Self>, AuthErrorKind> {
        let act = match act {
            _ if depth == 0 => return Ok(None),
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Object(act)) => act,
            Some(_) => return Err(AuthErrorKind::MalformedToken),
        };
        let subject = read::text(act, "sub")?.filter(|subject| !subject.is_empty());
        Ok(Some(Self {
            subject: subject.ok_or(AuthErrorKind::MalformedToken)?.into(),
            issuer: read::text(act, "iss")?.map(Into::into),
            session_id: read::text(act, "sid")?.map(Into::into),
            kind: read::text(act, "type")?.map(Into::into),
            actor: Self::read_to(depth - 1, act.get("act"))?.map(Box::new),
        }))
    }

    /// The subject of the actor: the id of a user (`user_…`) or of an agent.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The issuer of the actor: `https://dashboard.clerk.com` for an impersonation from Clerk's dashboard.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The id of the actor's own session.
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// The kind of the actor, in Clerk's term: `agent`. `None` for a user.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// The actor for which this one acts, if known. It is informational: it does not act itself.
    pub fn actor(&self) -> Option<&Self> {
        self.actor.as_deref()
    }

    fn size(&self) -> usize {
        let texts = [self.issuer(), self.session_id(), self.kind()];
        let inner = self
            .actor()
            .map_or(0, |actor| size_of::<Self>() + actor.size());
        // The size of this struct is included in the size of the session.
        self.subject.len() + texts.into_iter().flatten().map(str::len).sum::<usize>() + inner
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("sub", self.subject())?;
        map.serialize_entry("iss", &self.issuer())?;
        map.serialize_entry("sid", &self.session_id())?;
        map.serialize_entry("type", &self.kind())?;
        if let Some(actor) = self.actor() {
            map.serialize_entry("act", actor)?;
        }
        map.end()
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor").finish_non_exhaustive()
    }
}

/// Reads the claim `act` of a token or a response.
pub(crate) fn actor(members: &Map<String, Value>) -> Result<Option<Actor>, &'static str> {
    Actor::read(members.get("act")).map_err(|_| "`act` does not name an actor")
}

#[cfg(test)]
mod tests;
