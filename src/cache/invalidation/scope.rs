//! The selection of an invalidation, and the properties of a token that it is compared with.

use crate::{claims::Claims, token::digest::TokenDigest};

/// The tokens that an invalidation concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope<'a> {
    Token(TokenDigest),
    /// The tokens of a session (`sess_…`).
    Session(&'a str),
    /// The tokens of a user, an organization or a machine.
    Subject(&'a str),
    /// The tokens of a subject that act in an organization.
    Member {
        subject: &'a str,
        organization: &'a str,
    },
    /// The tokens that act in an organization (`org_…`), and those that belong to it.
    Organization(&'a str),
    All,
}

/// The properties by which an invalidation concerns a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Properties<'a> {
    pub(super) token: TokenDigest,
    pub(super) session: Option<&'a str>,
    pub(super) subject: Option<&'a str>,
    pub(super) organization: Option<&'a str>,
}

impl<'a> Properties<'a> {
    /// Returns the properties of a token of which nothing but its digest is known.
    pub(crate) fn of_token(token: TokenDigest) -> Self {
        Self {
            token,
            session: None,
            subject: None,
            organization: None,
        }
    }

    /// Returns the properties of a verified token.
    pub(crate) fn of(token: TokenDigest, claims: &'a Claims) -> Self {
        Self {
            token,
            session: claims.session().and_then(|session| session.id.as_deref()),
            subject: Some(&claims.subject),
            organization: claims.organization.id(),
        }
    }

    /// Returns all scopes that concern the token, except [`Scope::All`].
    pub(super) fn scopes(self) -> impl Iterator<Item = Scope<'a>> {
        let Self {
            token,
            session,
            subject,
            organization,
        } = self;
        let member = subject.zip(organization);
        // An organization is the subject of its API keys.
        let owner =
            subject.filter(|subject| subject.starts_with("org_") && organization != Some(*subject));
        [
            Some(Scope::Token(token)),
            session.map(Scope::Session),
            subject.map(Scope::Subject),
            member.map(|(subject, organization)| Scope::Member {
                subject,
                organization,
            }),
            organization.map(Scope::Organization),
            owner.map(Scope::Organization),
        ]
        .into_iter()
        .flatten()
    }
}
