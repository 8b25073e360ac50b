//! The acting context of a subject: its organization, its session or API key, and the actor in its place. Each kind of
//! token encodes them in its own way. Other claims with such a name belong to the application and are ignored.

use crate::{
    TokenKind,
    claims::{ActiveOrganization, ApiKey, Details, Organization, Profile, Session},
    clerk::TokenInfo,
};

pub(super) struct ActingContext {
    pub(super) organization: ActiveOrganization,
    pub(super) details: Option<Box<Details>>,
}

impl ActingContext {
    /// Extracts the context from an answer that passed the rules.
    pub(super) fn of(
        answer: &TokenInfo,
        kind: TokenKind,
        subject: &str,
        profile: Option<&Profile>,
    ) -> Self {
        let actor = answer.actor.clone();
        let (organization, details) = match kind {
            TokenKind::OAuth => (
                of_consent(answer.org_id.as_deref(), profile).into(),
                actor.map(|actor| Details::Session(Session::of_actor(actor))),
            ),
            TokenKind::Session => {
                let organization = answer.organization.clone();
                let is_in_one = matches!(organization, ActiveOrganization::Known(_));
                let session = Session::read(&answer.other, actor, is_in_one, answer.iat);
                (organization, Some(Details::Session(session)))
            }
            TokenKind::ApiKey => {
                let id = answer.token_id.as_deref();
                let key = id.map(|id| ApiKey::read(id, &answer.other));
                (of_key(subject).into(), key.map(Details::ApiKey))
            }
            TokenKind::Machine => (ActiveOrganization::None, None),
        };
        Self {
            organization,
            details: details.map(Box::new),
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
