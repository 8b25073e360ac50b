//! The session of a token, and the actor that acts in place of its subject.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::{Entitlements, FactorTimes, read};
use crate::AuthErrorKind;

/// What a session token says about its session, or the actor of an OAuth token.
#[derive(Clone, Default)]
pub(crate) struct Session {
    pub(crate) id: Option<Box<str>>,
    /// Boxed, because most tokens have no actor.
    pub(crate) actor: Option<Box<Actor>>,
    pub(crate) status: Option<SessionStatus>,
    pub(crate) factors: Option<FactorTimes>,
    /// Boxed, because many tokens have none.
    pub(crate) entitlements: Option<Box<Entitlements>>,
}

/// The status of a session (`sts`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionStatus {
    /// The user is signed in.
    Active,
    /// The user still has a task to complete, such as the choice of an organization. Only
    /// [`allow_pending`](crate::kinds) accepts such a session.
    Pending,
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
    /// Reads the claims of a session token. `is_in_organization`: true if an organization is active. `issued_at`: in
    /// Unix seconds.
    pub(crate) fn read(
        claims: &Map<String, Value>,
        actor: Option<Actor>,
        is_in_organization: bool,
        issued_at: Option<i64>,
    ) -> Self {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        Self {
            id: text("sid").map(Into::into),
            actor: actor.map(Box::new),
            status: text("sts").and_then(SessionStatus::of),
            factors: FactorTimes::of_session(claims, issued_at),
            entitlements: Entitlements::of_session(claims, is_in_organization),
        }
    }

    /// Creates the session of a token that has only an actor.
    pub(crate) fn of_actor(actor: Actor) -> Self {
        Self {
            actor: Some(Box::new(actor)),
            ..Self::default()
        }
    }

    /// Returns the approximate size of the data behind its pointers, in bytes.
    pub(super) fn size(&self) -> usize {
        let id = self.id.as_ref().map_or(0, |id| id.len());
        let actor = self.actor.as_ref().map_or(0, |actor| actor.size());
        let entitlements = self.entitlements.as_ref();
        id + actor + entitlements.map_or(0, |entitlements| entitlements.size())
    }
}

// === impl SessionStatus ===

impl SessionStatus {
    fn of(status: &str) -> Option<Self> {
        match status {
            "active" => Some(Self::Active),
            "pending" => Some(Self::Pending),
            _ => None,
        }
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
        let texts = texts.into_iter().flatten().map(str::len);
        let inner = self.actor().map_or(0, Self::size);
        size_of::<Self>() + self.subject.len() + texts.sum::<usize>() + inner
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
