//! From an event to the invalidation that it causes. Strict about the members that it reads, and indifferent to all
//! others: Clerk adds members without notice.

use serde::Deserialize;

use crate::{cache::Scope, observe::Effect, token::json::Object};

/// An event, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// An event that changes nothing about tokens, or of a type that is not known.
    Other,
    Invalidation {
        /// The type of the event.
        name: &'static str,
        effect: Effect,
        scope: Scope,
    },
}

/// Reads an event, as Clerk's description of webhooks (2025-04-15) has it.
///
/// # Errors
///
/// The body is not a JSON object, has no `type`, or lacks a member that the type requires. A member that is read may
/// not occur twice, since readers differ in which of the two counts.
pub(crate) fn read(body: &[u8]) -> Result<Event, Unreadable> {
    let Object(Typed { name }) = serde_json::from_slice(body)?;
    let (name, effect, scope) = match &*name {
        "session.revoked" => ("session.revoked", Effect::End, session(body)?),
        "session.ended" => ("session.ended", Effect::End, session(body)?),
        "session.removed" => ("session.removed", Effect::End, session(body)?),
        "user.deleted" => {
            let (effect, scope) = deleted(body, Scope::Subject)?;
            ("user.deleted", effect, scope)
        }
        "user.updated" => {
            let (effect, scope) = user(body)?;
            ("user.updated", effect, scope)
        }
        "organizationMembership.deleted" => (
            "organizationMembership.deleted",
            Effect::End,
            membership(body)?,
        ),
        "organizationMembership.created" => (
            "organizationMembership.created",
            Effect::Again,
            membership(body)?,
        ),
        "organizationMembership.updated" => (
            "organizationMembership.updated",
            Effect::Again,
            membership(body)?,
        ),
        "organization.deleted" => {
            let (effect, scope) = deleted(body, Scope::Organization)?;
            ("organization.deleted", effect, scope)
        }
        "organization.updated" => {
            let Named { id } = data(body)?;
            (
                "organization.updated",
                Effect::Again,
                Scope::Organization(id.0.into()),
            )
        }
        _ => return Ok(Event::Other),
    };
    Ok(Event::Invalidation {
        name,
        effect,
        scope,
    })
}

/// The reason why an event cannot be read. The reader's own error would repeat values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Json,
    Member,
}

impl Unreadable {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Json => "the body is not JSON",
            Self::Member => "a member is absent, occurs twice, or has another type",
        }
    }
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        match error.is_data() {
            true => Self::Member,
            false => Self::Json,
        }
    }
}

fn session(body: &[u8]) -> Result<Scope, Unreadable> {
    let Named { id } = data(body)?;
    Ok(Scope::Session(id.0.into()))
}

/// Clerk's description does not require the id of a deleted object. Without it, every token is verified again.
fn deleted(body: &[u8], scope: fn(Box<str>) -> Scope) -> Result<(Effect, Scope), Unreadable> {
    let Deleted { id } = data(body)?;
    Ok(match id {
        Some(id) => (Effect::End, scope(id.0.into())),
        None => (Effect::Again, Scope::All),
    })
}

fn user(body: &[u8]) -> Result<(Effect, Scope), Unreadable> {
    let User {
        id,
        banned,
        deprovisioned,
    } = data(body)?;
    let effect = match banned || deprovisioned.unwrap_or_default() {
        true => Effect::End,
        false => Effect::Again,
    };
    Ok((effect, Scope::Subject(id.0.into())))
}

/// Clerk's description does not require the user of a membership. Without it, all members are concerned.
fn membership(body: &[u8]) -> Result<Scope, Unreadable> {
    let Membership {
        organization: Object(Named { id }),
        public_user_data,
    } = data(body)?;
    Ok(match public_user_data {
        Some(Object(Member { user_id })) => Scope::Member {
            subject: user_id.0.into(),
            organization: id.0.into(),
        },
        None => Scope::Organization(id.0.into()),
    })
}

fn data<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, Unreadable> {
    let Object(WithData {
        data: Object(data), ..
    }) = serde_json::from_slice(body)?;
    Ok(data)
}

#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    name: String,
}

#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct WithData<T> {
    data: Object<T>,
}

/// A session or an organization.
#[derive(Deserialize)]
struct Named {
    id: Id,
}

#[derive(Deserialize)]
struct Deleted {
    id: Option<Id>,
}

#[derive(Deserialize)]
struct User {
    id: Id,
    banned: bool,
    deprovisioned: Option<bool>,
}

#[derive(Deserialize)]
struct Membership {
    organization: Object<Named>,
    public_user_data: Option<Object<Member>>,
}

#[derive(Deserialize)]
struct Member {
    user_id: Id,
}

/// A text that is not empty. An empty id would select nothing.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Id(String);

impl TryFrom<String> for Id {
    type Error = &'static str;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        match id.is_empty() {
            true => Err("an id is empty"),
            false => Ok(Self(id)),
        }
    }
}

#[cfg(test)]
mod tests;
