//! Parts of the claims as arguments: the organization, and who acts in the subject's place.

use std::{convert::Infallible, error::Error, fmt};

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};

use super::{ClaimsRejection, claims_in, is_grpc};
use crate::{Actor, ClerkClaims, EmptyBody, Organization, authorize::Rejected};

/// A handler needs something that the token does not have, or that cannot be read: an [`Organization`], an
/// [`Actor`].
///
/// Answered with a 403 and a challenge without `error`, as [`InvalidClaims`](crate::InvalidClaims) is.
#[derive(Clone, Debug)]
pub struct MissingClaim {
    rejected: Rejected,
    reason: &'static str,
}

// === impl Organization ===

/// If the token names none, or its organization [cannot be read](ClerkClaims::has_unreadable_organization), the
/// request is rejected with a 403 ([`MissingClaim`]).
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_clerk::{Organization, RequirePermission};
///
/// async fn invoices(organization: Organization) -> String {
///     format!("those of {}", organization.id())
/// }
///
/// let routes: Router = Router::new()
///     .route("/invoices", get(invoices))
///     .route_layer(RequirePermission::all(["org:billing:read"]));
/// # _ = routes;
/// ```
impl<S: Sync> FromRequestParts<S> for Organization {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        let claims = claims_in(parts)?;
        let organization = organization_of(claims, parts)?;
        organization
            .cloned()
            .ok_or_else(|| missing(claims, parts, "the token names no organization"))
    }
}

/// `None` if the token names none, or there are no claims. An organization that [cannot be
/// read](ClerkClaims::has_unreadable_organization) is not none: the request is rejected with a 403
/// ([`MissingClaim`]), since a handler takes `None` for a subject that acts for itself.
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

/// Where the subject acts for themself, the request is rejected with a 403 ([`MissingClaim`]).
impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        let claims = claims_in(parts)?;
        let actor = claims.actor().cloned();
        actor.ok_or_else(|| missing(claims, parts, "the token names no actor"))
    }
}

/// `None` where the subject acts for themself, or there are no claims.
///
/// ```
/// use axum::http::StatusCode;
/// use tower_clerk::Actor;
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

// === impl MissingClaim ===

impl MissingClaim {
    /// The status of the answer: 403.
    pub fn status(&self) -> StatusCode {
        self.rejected.rejection.status()
    }
}

impl fmt::Display for MissingClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl Error for MissingClaim {}

impl IntoResponse for MissingClaim {
    fn into_response(self) -> Response {
        self.rejected.into_response(&EmptyBody)
    }
}

fn organization_of<'a>(
    claims: &'a ClerkClaims,
    parts: &Parts,
) -> Result<Option<&'a Organization>, ClaimsRejection> {
    if claims.has_unreadable_organization() {
        let reason = "the organization of the token cannot be read";
        return Err(missing(claims, parts, reason));
    }
    Ok(claims.organization())
}

fn missing(claims: &ClerkClaims, parts: &Parts, reason: &'static str) -> ClaimsRejection {
    let rejected = Rejected::forbidden(claims, is_grpc(parts));
    ClaimsRejection::MissingClaim(MissingClaim { rejected, reason })
}

#[cfg(test)]
mod tests;
