//! The order in which several instances verify one token, and the rejection that counts if none accepts it. Pure.

use std::cmp::Ordering;

use super::Rejected;
use crate::{AuthErrorKind, error::Class};

/// What one instance has to do with a token.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Relation {
    /// True if the instance verifies tokens of this format and length.
    pub(super) accepts: bool,
    /// True if the token names an issuer of the instance.
    pub(super) is_named: bool,
    /// True if OAuth tokens are verified by a custom verifier, which may accept tokens of other issuers.
    pub(super) is_custom: bool,
    /// True if the instance accepted the token before.
    pub(super) was_valid: bool,
}

/// Returns the places of the instances that can have issued a token, in their order.
///
/// | token | instances |
/// |---|---|
/// | a JWT that names an issuer of the list | those with this issuer |
/// | any other JWT | custom verifiers |
/// | an opaque token that was valid before | those at which it was valid |
/// | any other opaque token | those that accept its format |
pub(super) fn candidates(relations: &[Relation], is_jwt: bool) -> Vec<usize> {
    let is_any_named = relations.iter().any(|it| it.is_named);
    let was_valid = |it: &Relation| it.accepts && it.was_valid;
    let was_any_valid = relations.iter().any(was_valid);
    let can_have_issued = |it: &Relation| match (is_jwt, is_any_named, was_any_valid) {
        (true, true, _) => it.is_named,
        (true, false, _) => it.is_custom,
        (false, _, true) => it.was_valid,
        (false, _, false) => true,
    };
    let places = relations.iter().enumerate();
    places
        .filter(|(_, it)| it.accepts && can_have_issued(it))
        .map(|(place, _)| place)
        .collect()
}

/// The knowledge of an instance about a token that it rejects. Later ones take precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Knowledge {
    /// The instance did not issue it. Another one can accept it.
    NotIssued,
    /// The instance did not answer. Another one can accept it, but none can say that it is invalid.
    NoAnswer,
    /// The instance issued it, and it breaks a rule. No other instance can have issued it.
    Issued,
}

impl Knowledge {
    pub(super) fn of(kind: AuthErrorKind) -> Self {
        use AuthErrorKind as Kind;
        match kind {
            Kind::Inactive
            | Kind::InvalidSignature
            | Kind::MalformedCredentials
            | Kind::MalformedToken
            | Kind::MissingCredentials
            | Kind::MultipleCredentials
            | Kind::TokenTooLong
            | Kind::UnsupportedToken
            | Kind::WrongIssuer => Self::NotIssued,
            // Introspection accepted the token before the profile was fetched.
            Kind::ProfileUnavailable => Self::Issued,
            kind if kind.class() == Class::Unavailable => Self::NoAnswer,
            _ => Self::Issued,
        }
    }
}

/// Returns the rejection that counts, of an earlier and a later one.
pub(super) fn prevailing(earlier: Option<Rejected>, later: Rejected) -> Rejected {
    let knowledge = |it: &Rejected| Knowledge::of(it.error.kind());
    match earlier {
        Some(earlier) if knowledge(&earlier).cmp(&knowledge(&later)) != Ordering::Less => earlier,
        _ => later,
    }
}

#[cfg(test)]
mod tests;
