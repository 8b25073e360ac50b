//! In what capacity a subject acts: in which organization, in which session, in whose place. Each kind of token
//! says it in its own way, and whatever else has such a name is a claim of somebody's own.

use serde_json::Value;

use super::{Introspection, members::violation};
use crate::{
    AuthError, TokenKind,
    claims::{Actor, Organization, Profile, Session},
};

pub(super) struct Capacity {
    pub(super) organization: Option<Box<Organization>>,
    pub(super) session: Option<Box<Session>>,
}

impl Capacity {
    /// Of an answer that passed the rules.
    pub(super) fn of(
        answer: &Introspection,
        kind: TokenKind,
        subject: &str,
        profile: Option<&Profile>,
    ) -> Result<Self, AuthError> {
        let claims = &answer.other;
        let org_id = answer.org_id.as_deref();
        let (organization, session) = match kind {
            TokenKind::OAuth => (
                of_consent(org_id, profile),
                Session::new(None, actor(answer)?),
            ),
            TokenKind::Session => (
                Organization::of_session(org_id, claims)?,
                Session::new(claims.get("sid").and_then(Value::as_str), actor(answer)?),
            ),
            TokenKind::ApiKey => (of_key(subject), None),
            TokenKind::Machine => (None, None),
        };
        Ok(Self {
            organization: organization.map(Box::new),
            session,
        })
    }
}

/// The one that introspection names, with the names that userinfo has for it; else that of userinfo.
fn of_consent(org_id: Option<&str>, profile: Option<&Profile>) -> Option<Organization> {
    let told = profile.and_then(Profile::organization);
    match org_id {
        Some(id) if told.is_none_or(|told| told.id() != id) => {
            Some(Organization::new(id, None, None))
        }
        _ => told.cloned(),
    }
}

fn of_key(subject: &str) -> Option<Organization> {
    let is_organization = subject.starts_with("org_");
    is_organization.then(|| Organization::new(subject, None, None))
}

fn actor(answer: &Introspection) -> Result<Option<Actor>, AuthError> {
    Actor::read(answer.other.get("act")).map_err(|kind| match answer.is_local {
        true => kind.into(),
        // The token may be good: it is the answer about it that cannot be read.
        false => violation("`act` does not say who acts"),
    })
}

#[cfg(test)]
mod tests;
