//! The rules, and the checks of claims against them.

use std::{fmt, sync::Arc};

use http::Extensions;

use super::{
    Reverification,
    extension::{claims_of, forbidden, insufficient_scope, is_granted, reverification_required},
};
use crate::{
    ClerkClaims, TokenKind,
    checks::may_be_secret,
    reject::Rejection,
    token::{Kinds, scope::is_scope_byte},
};

/// A rule. Cloning copies a pointer.
#[derive(Clone)]
pub(super) enum Rule {
    // The lists are never empty.
    AllScopes(Arc<[Box<str>]>),
    AnyScope(Arc<[Box<str>]>),
    AllPermissions(Arc<[Box<str>]>),
    AnyPermission(Arc<[Box<str>]>),
    AnyRole(Arc<[Box<str>]>),
    AnyKind(Kinds),
    Plan(Arc<str>),
    Feature(Arc<str>),
    Reverification(Reverification),
    Claims(Arc<dyn Fn(&ClerkClaims) -> bool + Send + Sync>),
}

impl Rule {
    /// Checks the claims in the extensions of a request.
    pub(super) fn check(
        &self,
        extensions: &Extensions,
        is_grpc: impl Fn() -> bool,
    ) -> Result<(), Box<Rejection>> {
        let claims = claims_of(extensions, self.named(), &is_grpc)?;
        if self.is_satisfied(claims) {
            return Ok(());
        }
        Err(match self {
            Self::AllScopes(_) | Self::AnyScope(_) => {
                insufficient_scope(claims, self.named(), is_grpc())
            }
            // A user can verify a factor again only in a session.
            Self::Reverification(needed) if claims.kind() == TokenKind::Session => {
                reverification_required(claims, needed.to_json(), is_grpc())
            }
            Self::AllPermissions(_)
            | Self::AnyPermission(_)
            | Self::AnyRole(_)
            | Self::AnyKind(_)
            | Self::Plan(_)
            | Self::Feature(_)
            | Self::Reverification(_)
            | Self::Claims(_) => forbidden(claims, is_grpc()),
        })
    }

    fn is_satisfied(&self, claims: &ClerkClaims) -> bool {
        match self {
            Self::AllScopes(scopes) => scopes.iter().all(|scope| is_granted(claims, scope)),
            Self::AnyScope(scopes) => scopes.iter().any(|scope| is_granted(claims, scope)),
            Self::AllPermissions(names) => names.iter().all(|name| claims.has_permission(name)),
            Self::AnyPermission(names) => names.iter().any(|name| claims.has_permission(name)),
            Self::AnyRole(roles) => roles.iter().any(|role| claims.has_role(role)),
            Self::AnyKind(kinds) => kinds.contains(claims.kind()),
            Self::Plan(plan) => claims.has_plan(plan),
            Self::Feature(feature) => claims.has_feature(feature),
            Self::Reverification(needed) => {
                let age = claims.factor_age();
                age.is_some_and(|age| needed.is_satisfied(age))
            }
            Self::Claims(is_satisfied) => is_satisfied(claims),
        }
    }

    /// Returns the scopes that a challenge names. Of alternatives, the first is sufficient.
    fn named(&self) -> impl Iterator<Item = &str> {
        let scopes = match self {
            Self::AllScopes(scopes) => scopes,
            Self::AnyScope(scopes) => scopes.get(..1).unwrap_or_default(),
            Self::AllPermissions(_)
            | Self::AnyPermission(_)
            | Self::AnyRole(_)
            | Self::AnyKind(_)
            | Self::Plan(_)
            | Self::Feature(_)
            | Self::Reverification(_)
            | Self::Claims(_) => &[],
        };
        scopes.iter().map(|scope| &**scope)
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |name: &str, names: &[Box<str>], f: &mut fmt::Formatter<'_>| {
            let names: Vec<_> = names.iter().map(|name| shown(name)).collect();
            f.debug_tuple(name).field(&names).finish()
        };
        match self {
            Self::AllScopes(scopes) => names("AllScopes", scopes, f),
            Self::AnyScope(scopes) => names("AnyScope", scopes, f),
            Self::AllPermissions(permissions) => names("AllPermissions", permissions, f),
            Self::AnyPermission(permissions) => names("AnyPermission", permissions, f),
            Self::AnyRole(roles) => names("AnyRole", roles, f),
            Self::AnyKind(kinds) => f.debug_tuple("AnyKind").field(kinds).finish(),
            Self::Plan(plan) => f.debug_tuple("Plan").field(&shown(plan)).finish(),
            Self::Feature(feature) => f.debug_tuple("Feature").field(&shown(feature)).finish(),
            Self::Reverification(needed) => f.debug_tuple("Reverification").field(needed).finish(),
            Self::Claims(_) => f.write_str("Claims"),
        }
    }
}

/// Returns a name, unless it may be a misplaced secret.
pub(super) fn shown(name: &str) -> &str {
    match may_be_secret(name) {
        true => "[redacted]",
        false => name,
    }
}

/// Checks scope tokens (RFC 6749 §3.3), since challenges contain them in a quoted string.
#[track_caller]
pub(crate) fn check_scopes<T: Into<String>>(
    scopes: impl IntoIterator<Item = T>,
) -> Arc<[Box<str>]> {
    check(
        scopes,
        |scope| !scope.is_empty() && scope.bytes().all(is_scope_byte),
        "no scope token (RFC 6749 §3.3): give each scope on its own",
    )
}

/// Checks roles or permissions. They are compared as in Clerk's `has()`, so every text has a valid form. A name that
/// is in no token rejects all requests.
#[track_caller]
pub(super) fn check_names<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Arc<[Box<str>]> {
    check(names, |_| true, "")
}

/// Checks that there is at least one kind.
#[track_caller]
pub(super) fn check_kinds(kinds: impl IntoIterator<Item = TokenKind>) -> Kinds {
    let kinds: Kinds = kinds.into_iter().collect();
    assert!(!kinds.is_empty(), "a rule needs at least one kind");
    kinds
}

/// Checks that there is at least one name, and that each name is valid. `reason`: the message for an invalid name.
#[track_caller]
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
        assert!(is_name(name), "{:?} is {reason}", shown(name));
    }
    names
}
