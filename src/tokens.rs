//! [`Tokens`]: a selection of tokens.

use std::fmt;

/// A selection of tokens, for [`Authenticator::invalidate`](crate::Authenticator::invalidate).
///
/// `Debug` does not show the token.
#[derive(Clone, Copy)]
#[must_use]
pub struct Tokens<'a>(pub(crate) Selection<'a>);

#[derive(Clone, Copy)]
pub(crate) enum Selection<'a> {
    One(&'a str),
    OfSubject(&'a str),
    All,
}

impl<'a> Tokens<'a> {
    /// Selects one token.
    pub fn one(token: &'a str) -> Self {
        Self(Selection::One(token))
    }

    /// Selects all tokens of a subject: a user (`user_…`), an organization (`org_…`) or a machine (`mch_…`), and
    /// the user that the Backend API returned for it.
    pub fn of_subject(id: &'a str) -> Self {
        Self(Selection::OfSubject(id))
    }

    /// Selects all tokens.
    pub fn all() -> Self {
        Self(Selection::All)
    }
}

impl fmt::Debug for Tokens<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Selection::One(_) => f.write_str("Tokens::one([redacted])"),
            Selection::OfSubject(id) => f.debug_tuple("Tokens::of_subject").field(&id).finish(),
            Selection::All => f.write_str("Tokens::all()"),
        }
    }
}
