//! What a rule asks of claims.

use std::{fmt, sync::Arc};

use http::Extensions;

use super::{Rejected, claims_of};
use crate::{
    ClerkClaims, TokenKind,
    config::{is_scope_byte, may_be_secret},
    kind::Kinds,
};

/// Cloning copies a pointer.
#[derive(Clone)]
pub(super) enum Rule {
    /// All of these scopes.
    All(Arc<[Box<str>]>),
    /// One of these scopes; there is one.
    Any(Arc<[Box<str>]>),
    AllPermissions(Arc<[Box<str>]>),
    /// One of these; there is one.
    AnyPermission(Arc<[Box<str>]>),
    AnyRole(Arc<[Box<str>]>),
    AnyKind(Kinds),
    Claims(Arc<dyn Fn(&ClerkClaims) -> bool + Send + Sync>),
}

impl Rule {
    pub(super) fn all<T: Into<String>>(scopes: impl IntoIterator<Item = T>) -> Self {
        Self::All(check_scopes(scopes))
    }

    pub(super) fn any<T: Into<String>>(scopes: impl IntoIterator<Item = T>) -> Self {
        Self::Any(check_scopes(scopes))
    }

    pub(super) fn all_permissions<T: Into<String>>(
        permissions: impl IntoIterator<Item = T>,
    ) -> Self {
        Self::AllPermissions(check_names(permissions))
    }

    pub(super) fn any_permission<T: Into<String>>(
        permissions: impl IntoIterator<Item = T>,
    ) -> Self {
        Self::AnyPermission(check_names(permissions))
    }

    pub(super) fn any_role<T: Into<String>>(roles: impl IntoIterator<Item = T>) -> Self {
        Self::AnyRole(check_names(roles))
    }

    pub(super) fn any_kind(kinds: impl IntoIterator<Item = TokenKind>) -> Self {
        let kinds: Kinds = kinds.into_iter().collect();
        assert!(!kinds.is_empty(), "a rule needs at least one kind");
        Self::AnyKind(kinds)
    }

    /// Judges the claims among the extensions of a request.
    pub(super) fn judge(
        &self,
        extensions: &Extensions,
        is_grpc: impl Fn() -> bool,
    ) -> Result<(), Rejected> {
        let claims = claims_of(extensions, self.named(), &is_grpc)?;
        if self.is_satisfied(claims) {
            return Ok(());
        }
        Err(match self {
            Self::All(_) | Self::Any(_) => Rejected::scopes(claims, self.named(), is_grpc()),
            Self::AllPermissions(_)
            | Self::AnyPermission(_)
            | Self::AnyRole(_)
            | Self::AnyKind(_)
            | Self::Claims(_) => Rejected::forbidden(claims, is_grpc()),
        })
    }

    fn is_satisfied(&self, claims: &ClerkClaims) -> bool {
        let is_granted = |needed: &str| {
            let claims = claims.shared();
            claims.rules.is_granted(&claims.scope, needed)
        };
        let organization = claims.organization();
        let is_permitted = |needed: &str| organization.is_some_and(|it| it.has_permission(needed));
        let is_in = |role: &str| organization.is_some_and(|it| it.has_role(role));
        match self {
            Self::All(scopes) => scopes.iter().all(|scope| is_granted(scope)),
            Self::Any(scopes) => scopes.iter().any(|scope| is_granted(scope)),
            Self::AllPermissions(permissions) => permissions.iter().all(|it| is_permitted(it)),
            Self::AnyPermission(permissions) => permissions.iter().any(|it| is_permitted(it)),
            Self::AnyRole(roles) => roles.iter().any(|role| is_in(role)),
            Self::AnyKind(kinds) => kinds.contains(claims.kind()),
            Self::Claims(is_satisfied) => is_satisfied(claims),
        }
    }

    /// The scopes that a challenge names. Of alternatives the first suffices.
    fn named(&self) -> impl Iterator<Item = &str> {
        let scopes = match self {
            Self::All(scopes) => scopes,
            Self::Any(scopes) => scopes.get(..1).unwrap_or_default(),
            Self::AllPermissions(_)
            | Self::AnyPermission(_)
            | Self::AnyRole(_)
            | Self::AnyKind(_)
            | Self::Claims(_) => &[],
        };
        scopes.iter().map(|scope| &**scope)
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(names) | Self::AllPermissions(names) => {
                f.debug_tuple("All").field(&shown(names)).finish()
            }
            Self::Any(names) | Self::AnyPermission(names) | Self::AnyRole(names) => {
                f.debug_tuple("Any").field(&shown(names)).finish()
            }
            Self::AnyKind(kinds) => f.debug_tuple("Any").field(kinds).finish(),
            Self::Claims(_) => f.write_str("Claims"),
        }
    }
}

/// The names, but for what may be a secret in the wrong place.
fn shown(names: &[Box<str>]) -> Vec<&str> {
    names
        .iter()
        .map(|name| match may_be_secret(name) {
            true => "[redacted]",
            false => name,
        })
        .collect()
}

/// Scope tokens (RFC 6749 §3.3): they stand in a quoted string later on.
fn check_scopes<T: Into<String>>(scopes: impl IntoIterator<Item = T>) -> Arc<[Box<str>]> {
    check(
        scopes,
        |scope| !scope.is_empty() && scope.bytes().all(is_scope_byte),
        "no scope token (RFC 6749 §3.3): give each scope on its own",
    )
}

/// Roles or permissions. They are compared as Clerk's `has()` does it, so that no text is wrong by its form: one
/// that no token has lets no request through.
fn check_names<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Arc<[Box<str>]> {
    check(names, |_| true, "")
}

/// A rule without names would let everybody through, or nobody, and so would a scope that is none. `reason`:
/// what a name is that is none.
fn check<T: Into<String>>(
    names: impl IntoIterator<Item = T>,
    is_name: impl Fn(&str) -> bool,
    reason: &str,
) -> Arc<[Box<str>]> {
    let names: Arc<[Box<str>]> = names
        .into_iter()
        .map(|name| name.into().into_boxed_str())
        .collect();
    assert!(!names.is_empty(), "a rule needs at least one name");
    for name in &*names {
        let shown = if may_be_secret(name) {
            "[redacted]"
        } else {
            name
        };
        assert!(is_name(name), "{shown:?} is {reason}");
    }
    names
}
