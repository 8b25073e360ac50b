//! The selection of an invalidation, and the properties of a token that it is compared with.

use std::fmt;

use crate::{claims::Claims, token::digest::TokenDigest};

/// The tokens that an invalidation concerns. `Debug` shows no id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scope<T = Box<str>> {
    Token(TokenDigest),
    /// The tokens of a session (`sess_…`).
    Session(T),
    /// The tokens of a user, an organization or a machine.
    Subject(T),
    /// The tokens of a subject that act in an organization.
    Member {
        subject: T,
        organization: T,
    },
    /// The tokens that act in an organization (`org_…`), and those that belong to it.
    Organization(T),
    All,
}

#[cfg(any(feature = "fleet", feature = "webhooks"))]
impl<T> Scope<T> {
    fn map<'a, U>(&'a self, id: impl Fn(&'a T) -> U) -> Scope<U> {
        match self {
            Self::Token(digest) => Scope::Token(*digest),
            Self::Session(it) => Scope::Session(id(it)),
            Self::Subject(it) => Scope::Subject(id(it)),
            Self::Member {
                subject,
                organization,
            } => Scope::Member {
                subject: id(subject),
                organization: id(organization),
            },
            Self::Organization(it) => Scope::Organization(id(it)),
            Self::All => Scope::All,
        }
    }
}

#[cfg(any(feature = "fleet", feature = "webhooks"))]
impl Scope {
    pub(crate) fn as_deref(&self) -> Scope<&str> {
        self.map(|id| &**id)
    }
}

#[cfg(feature = "fleet")]
impl Scope<&str> {
    pub(crate) fn to_owned(self) -> Scope {
        self.map(|id| Box::from(*id))
    }
}

impl<T> fmt::Debug for Scope<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token",
            Self::Session(_) => "Session",
            Self::Subject(_) => "Subject",
            Self::Member { .. } => "Member",
            Self::Organization(_) => "Organization",
            Self::All => "All",
        })
    }
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

    /// Returns the properties of a user. `key`: the digest of the id.
    pub(crate) fn of_user(key: TokenDigest, id: &'a str) -> Self {
        Self {
            subject: Some(id),
            ..Self::of_token(key)
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
    pub(super) fn scopes(self) -> impl Iterator<Item = Scope<&'a str>> {
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
