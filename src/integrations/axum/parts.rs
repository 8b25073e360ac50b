//! Parts of the claims as arguments of handlers: the organization, and the actor.

use std::convert::Infallible;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use super::{ClaimsRejection, claims_in};
use crate::{
    ClerkClaims,
    claims::{Actor, Organization},
};

// === impl Organization ===

/// Rejects the request with a 403 if the token names no organization, or one that
/// [cannot be read](ClerkClaims::has_unreadable_organization).
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_clerk::{RequireLayer, claims::Organization};
///
/// async fn invoices(organization: Organization) -> String {
///     format!("those of {}", organization.id())
/// }
///
/// let routes: Router = Router::new()
///     .route("/invoices", get(invoices))
///     .route_layer(RequireLayer::permissions(["org:billing:read"]));
/// # _ = routes;
/// ```
impl<S: Sync> FromRequestParts<S> for Organization {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        let claims = claims_in(parts)?;
        let organization = organization_of(claims, parts)?;
        organization.cloned().ok_or_else(|| {
            ClaimsRejection::forbidden(claims, parts, "the token names no organization")
        })
    }
}

/// Returns `None` if the token names no organization, or if claims are missing. An organization that [cannot be
/// read](ClerkClaims::has_unreadable_organization) does not count as `None`: the request is rejected with a 403,
/// since a handler takes `None` for a subject that acts without an organization.
impl<S: Sync> OptionalFromRequestParts<S> for Organization {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ClaimsRejection> {
        match parts.extensions.get() {
            Some(claims) => Ok(organization_of(claims, parts)?.cloned()),
            None => Ok(None),
        }
    }
}

// === impl Actor ===

/// Rejects a token without an actor with a 403.
impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        let claims = claims_in(parts)?;
        let actor = claims.actor().cloned();
        actor.ok_or_else(|| ClaimsRejection::forbidden(claims, parts, "the token names no actor"))
    }
}

/// Returns `None` if the token names no actor, or if claims are missing.
///
/// ```
/// use axum::http::StatusCode;
/// use tower_clerk::claims::Actor;
///
/// // What a person has to do themself.
/// async fn delete_my_account(actor: Option<Actor>) -> StatusCode {
///     match actor {
///         Some(_) => StatusCode::FORBIDDEN,
///         None => StatusCode::NO_CONTENT,
///     }
/// }
/// # _ = axum::Router::<()>::new().route("/", axum::routing::delete(delete_my_account));
/// ```
impl<S: Sync> OptionalFromRequestParts<S> for Actor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        let claims: Option<&ClerkClaims> = parts.extensions.get();
        Ok(claims.and_then(ClerkClaims::actor).cloned())
    }
}

fn organization_of<'a>(
    claims: &'a ClerkClaims,
    parts: &Parts,
) -> Result<Option<&'a Organization>, ClaimsRejection> {
    if claims.has_unreadable_organization() {
        let reason = "the organization of the token cannot be read";
        return Err(ClaimsRejection::forbidden(claims, parts, reason));
    }
    Ok(claims.organization())
}

#[cfg(test)]
mod tests;
