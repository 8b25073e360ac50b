//! [`Tokens`]: a selection of tokens.

use std::fmt;

use crate::cache::Scope;

/// A selection of tokens, for [`Authenticator::invalidate`](crate::Authenticator::invalidate) and
/// [`Authenticator::revoke`](crate::Authenticator::revoke).
///
/// An id that no token has selects nothing. `Debug` does not show the token.
#[derive(Clone, Copy)]
#[must_use]
pub struct Tokens<'a>(pub(crate) Selection<'a>);

#[derive(Clone, Copy)]
pub(crate) enum Selection<'a> {
    One(&'a str),
    Of(Scope<&'a str>),
}

impl<'a> Tokens<'a> {
    /// Selects one token.
    pub fn one(token: &'a str) -> Self {
        Self(Selection::One(token))
    }

    /// Selects all tokens of a session (`sess_…`).
    pub fn of_session(id: &'a str) -> Self {
        Self(Selection::Of(Scope::Session(id)))
    }

    /// Selects all tokens of a subject: a user (`user_…`), an organization (`org_…`) or a machine (`mch_…`), and
    /// the user that the Backend API returned for it.
    pub fn of_subject(id: &'a str) -> Self {
        Self(Selection::Of(Scope::Subject(id)))
    }

    /// Narrows [`of_subject`](Self::of_subject) to the tokens that act in this organization (`org_…`). Leaves every
    /// other selection as it is.
    pub fn in_organization(self, id: &'a str) -> Self {
        Self(match self.0 {
            Selection::Of(Scope::Subject(subject) | Scope::Member { subject, .. }) => {
                Selection::Of(Scope::Member {
                    subject,
                    organization: id,
                })
            }
            other => other,
        })
    }

    /// Selects all tokens that act in an organization (`org_…`), of all its members, and the tokens whose subject is
    /// the organization itself.
    pub fn of_organization(id: &'a str) -> Self {
        Self(Selection::Of(Scope::Organization(id)))
    }

    /// Selects all tokens.
    pub fn all() -> Self {
        Self(Selection::Of(Scope::All))
    }
}

impl fmt::Debug for Tokens<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut selection = |name, id: &str| f.debug_tuple(name).field(&id).finish();
        match self.0 {
            Selection::One(_) | Selection::Of(Scope::Token(_)) => {
                f.write_str("Tokens::one([redacted])")
            }
            Selection::Of(Scope::Session(id)) => selection("Tokens::of_session", id),
            Selection::Of(Scope::Subject(id)) => selection("Tokens::of_subject", id),
            Selection::Of(Scope::Member {
                subject,
                organization,
            }) => {
                selection("Tokens::of_subject", subject)?;
                f.debug_tuple(".in_organization")
                    .field(&organization)
                    .finish()
            }
            Selection::Of(Scope::Organization(id)) => selection("Tokens::of_organization", id),
            Selection::Of(Scope::All) => f.write_str("Tokens::all()"),
        }
    }
}
