//! The acting context of a subject: its organization, its session, and the actor in its place. Each kind of token
//! encodes them in its own way. Other claims with such a name belong to the application and are ignored.

use serde_json::Value;

use crate::{
    TokenKind,
    claims::{ActiveOrganization, Organization, Profile, Session},
    clerk::TokenInfo,
};

pub(super) struct ActingContext {
    pub(super) organization: ActiveOrganization,
    pub(super) session: Option<Box<Session>>,
}

impl ActingContext {
    /// Extracts the context from an answer that passed the rules.
    pub(super) fn of(
        answer: &TokenInfo,
        kind: TokenKind,
        subject: &str,
        profile: Option<&Profile>,
    ) -> Self {
        let actor = || answer.actor.clone();
        match kind {
            TokenKind::OAuth => Self {
                organization: of_consent(answer.org_id.as_deref(), profile).into(),
                session: Session::new(None, actor()),
            },
            TokenKind::Session => {
                let id = answer.other.get("sid").and_then(Value::as_str);
                Self {
                    organization: answer.organization.clone(),
                    session: Session::new(id, actor()),
                }
            }
            TokenKind::ApiKey => Self {
                organization: of_key(subject).into(),
                session: None,
            },
            TokenKind::Machine => Self {
                organization: ActiveOrganization::None,
                session: None,
            },
        }
    }
}

/// The organization that introspection names, with the names that userinfo has for it. If introspection names none,
/// the organization that userinfo names.
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

#[cfg(test)]
mod tests;
