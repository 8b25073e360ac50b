//! What a rule asks of claims.

use std::{fmt, sync::Arc};

use http::Extensions;

use super::{Refused, claims_of};
use crate::{ClerkClaims, config::is_scope_byte};

/// Cloning copies a pointer.
#[derive(Clone)]
pub(super) enum Rule {
    /// All of these scopes.
    All(Arc<[Box<str>]>),
    /// One of these scopes; there is one.
    Any(Arc<[Box<str>]>),
    Claims(Arc<dyn Fn(&ClerkClaims) -> bool + Send + Sync>),
}

impl Rule {
    pub(super) fn all<T: Into<String>>(scopes: impl IntoIterator<Item = T>) -> Self {
        Self::All(check(scopes))
    }

    pub(super) fn any<T: Into<String>>(scopes: impl IntoIterator<Item = T>) -> Self {
        Self::Any(check(scopes))
    }

    /// Judges the claims among the extensions of a request.
    pub(super) fn judge(
        &self,
        extensions: &Extensions,
        is_grpc: impl Fn() -> bool,
    ) -> Result<(), Refused> {
        let claims = claims_of(extensions, self.named(), &is_grpc)?;
        let is_granted = |needed: &str| {
            let claims = claims.shared();
            claims.rules.is_granted(&claims.scope, needed)
        };
        let refused = match self {
            Self::All(scopes) if scopes.iter().all(|scope| is_granted(scope)) => return Ok(()),
            Self::Any(scopes) if scopes.iter().any(|scope| is_granted(scope)) => return Ok(()),
            Self::Claims(is_satisfied) if is_satisfied(claims) => return Ok(()),
            Self::All(_) | Self::Any(_) => Refused::scopes(claims, self.named(), is_grpc()),
            Self::Claims(_) => Refused::forbidden(claims, is_grpc()),
        };
        Err(refused)
    }

    /// The scopes that a challenge names. Of alternatives the first suffices.
    fn named(&self) -> impl Iterator<Item = &str> {
        let scopes = match self {
            Self::All(scopes) => scopes,
            Self::Any(scopes) => scopes.get(..1).unwrap_or_default(),
            Self::Claims(_) => &[],
        };
        scopes.iter().map(|scope| &**scope)
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(scopes) => f.debug_tuple("All").field(scopes).finish(),
            Self::Any(scopes) => f.debug_tuple("Any").field(scopes).finish(),
            Self::Claims(_) => f.write_str("Claims"),
        }
    }
}

/// Scope tokens (RFC 6749 §3.3): they stand in a quoted string later on.
fn check<T: Into<String>>(scopes: impl IntoIterator<Item = T>) -> Arc<[Box<str>]> {
    let scopes: Arc<[Box<str>]> = scopes
        .into_iter()
        .map(|scope| scope.into().into_boxed_str())
        .collect();
    // A rule without scopes would let everybody through, or nobody.
    assert!(!scopes.is_empty(), "a rule needs at least one scope");
    for scope in &*scopes {
        assert!(
            !scope.is_empty() && scope.bytes().all(is_scope_byte),
            "{scope:?} is no scope token (RFC 6749 §3.3): give each scope on its own"
        );
    }
    scopes
}
