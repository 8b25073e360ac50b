//! What is behind a token beside its subject: a session, and somebody who acts in the subject's place.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use super::read;
use crate::AuthErrorKind;

/// The session of a token, and who acts in it. Either is there.
#[derive(Clone)]
pub(crate) struct Session {
    id: Option<Box<str>>,
    actor: Option<Actor>,
}

/// Who acts in place of the [subject](crate::ClerkClaims::subject) (`act`, RFC 8693 §4.1): somebody of yours who
/// impersonates a user, or an agent.
///
/// The subject is still whose data it is. What a person should do themself (change a password, pay), reject
/// where there is an actor; what is logged should name both.
///
/// # Depth
///
/// An actor may act for another one in turn: after a token exchange, `act` holds an `act` of its own
/// ([`actor`](Self::actor)). RFC 8693 §4.1 keeps it for the record: only the outermost actor acts, so no
/// decision should depend on the inner one. Two levels are read, both strictly. Deeper ones are dropped; they
/// are still in [`claims_as`](crate::ClerkClaims::claims_as), as the token or the answer has them.
///
/// `Debug` shows nothing of it. `Serialize` shows everything: `sub`, `iss`, `sid`, `type`, and `act` if there is
/// an inner actor.
#[derive(Clone, PartialEq, Eq)]
pub struct Actor {
    subject: Box<str>,
    issuer: Option<Box<str>>,
    session_id: Option<Box<str>>,
    kind: Option<Box<str>>,
    actor: Option<Box<Self>>,
}

/// How many levels of `act` are read.
const DEPTH: usize = 2;

// === impl Session ===

impl Session {
    /// `None` where nothing is known.
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

    /// About how many bytes it takes in memory.
    pub(super) fn size(&self) -> usize {
        let actor = self.actor.as_ref().map_or(0, Actor::size);
        size_of::<Self>() + self.id().map_or(0, str::len) + actor
    }
}

// === impl Actor ===

impl Actor {
    /// Reads the claim `act`. One that does not say who acts is an error: who overlooked an actor would take
    /// them for the subject.
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

    /// Who acts: the id of a user (`user_…`), or of an agent.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Who vouched for them: `https://dashboard.clerk.com` where it was done in Clerk's dashboard.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The actor's own session.
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// What kind of actor this is, in Clerk's word: `agent`. `None` of people.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// The actor for whom this one acts, if it is known. It is for the record: it does not act itself.
    pub fn actor(&self) -> Option<&Self> {
        self.actor.as_deref()
    }

    fn size(&self) -> usize {
        let texts = [self.issuer(), self.session_id(), self.kind()];
        let inner = self
            .actor()
            .map_or(0, |actor| size_of::<Self>() + actor.size());
        // What the struct itself takes is a part of the session.
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

#[cfg(test)]
mod tests;
