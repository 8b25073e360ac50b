//! [`Tokens`]: a selection of tokens.

use std::fmt;

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
    OfSession(&'a str),
    OfSubject(&'a str),
    OfMember {
        subject: &'a str,
        organization: &'a str,
    },
    OfOrganization(&'a str),
    All,
}

impl<'a> Tokens<'a> {
    /// Selects one token.
    pub fn one(token: &'a str) -> Self {
        Self(Selection::One(token))
    }

    /// Selects all tokens of a session (`sess_…`).
    pub fn of_session(id: &'a str) -> Self {
        Self(Selection::OfSession(id))
    }

    /// Selects all tokens of a subject: a user (`user_…`), an organization (`org_…`) or a machine (`mch_…`), and
    /// the user that the Backend API returned for it.
    pub fn of_subject(id: &'a str) -> Self {
        Self(Selection::OfSubject(id))
    }

    /// Narrows [`of_subject`](Self::of_subject) to the tokens that act in this organization (`org_…`). Leaves every
    /// other selection as it is.
    pub fn in_organization(self, id: &'a str) -> Self {
        Self(match self.0 {
            Selection::OfSubject(subject) | Selection::OfMember { subject, .. } => {
                Selection::OfMember {
                    subject,
                    organization: id,
                }
            }
            other => other,
        })
    }

    /// Selects all tokens that act in an organization (`org_…`), of all its members, and the tokens whose subject is
    /// the organization itself.
    pub fn of_organization(id: &'a str) -> Self {
        Self(Selection::OfOrganization(id))
    }

    /// Selects all tokens.
    pub fn all() -> Self {
        Self(Selection::All)
    }
}

impl fmt::Debug for Tokens<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut selection = |name, ids: &[&str]| {
            let mut tuple = f.debug_tuple(name);
            for id in ids {
                tuple.field(id);
            }
            tuple.finish()
        };
        match self.0 {
            Selection::One(_) => f.write_str("Tokens::one([redacted])"),
            Selection::OfSession(id) => selection("Tokens::of_session", &[id]),
            Selection::OfSubject(id) => selection("Tokens::of_subject", &[id]),
            Selection::OfMember {
                subject,
                organization,
            } => selection("Tokens::of_subject", &[subject]).and_then(|()| {
                f.debug_tuple(".in_organization")
                    .field(&organization)
                    .finish()
            }),
            Selection::OfOrganization(id) => selection("Tokens::of_organization", &[id]),
            Selection::All => f.write_str("Tokens::all()"),
        }
    }
}
