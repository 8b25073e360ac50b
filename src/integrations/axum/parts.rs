//! Parts of the claims as arguments: the organization, and who acts in the subject's place.

use std::{convert::Infallible, error::Error, fmt};

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};

use super::{ClaimsRejection, claims_in, is_grpc};
use crate::{Actor, ClerkClaims, HeadersOnly, Organization, require::Refused};

/// A handler asked for something that the token does not have: an [`Organization`], an [`Actor`].
///
/// Answered with a 403 and a challenge without `error`, as [`InvalidClaims`](crate::InvalidClaims) is.
#[derive(Clone, Debug)]
pub struct MissingClaim {
    refused: Refused,
    what: &'static str,
}

// === impl Organization ===

/// Where the token names none, the request is refused with a 403 ([`MissingClaim`]).
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
        part(parts, ClerkClaims::organization, "organization")
    }
}

/// `None` where the token names none, or there are no claims.
impl<S: Sync> OptionalFromRequestParts<S> for Organization {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(optional_part(parts, ClerkClaims::organization))
    }
}

// === impl Actor ===

/// Where the subject acts for themself, the request is refused with a 403 ([`MissingClaim`]).
impl<S: Sync> FromRequestParts<S> for Actor {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        part(parts, ClerkClaims::actor, "actor")
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
        Ok(optional_part(parts, ClerkClaims::actor))
    }
}

// === impl MissingClaim ===

impl MissingClaim {
    /// The status of the answer: 403.
    pub fn status(&self) -> StatusCode {
        self.refused.rejection.status()
    }
}

impl fmt::Display for MissingClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token names no {}", self.what)
    }
}

impl Error for MissingClaim {}

impl IntoResponse for MissingClaim {
    fn into_response(self) -> Response {
        self.refused.into_response(&HeadersOnly)
    }
}

fn part<T: Clone>(
    parts: &Parts,
    find: impl Fn(&ClerkClaims) -> Option<&T>,
    what: &'static str,
) -> Result<T, ClaimsRejection> {
    let claims = claims_in(parts)?;
    find(claims).cloned().ok_or_else(|| {
        let refused = Refused::forbidden(claims, is_grpc(parts));
        ClaimsRejection::MissingClaim(MissingClaim { refused, what })
    })
}

fn optional_part<T: Clone>(parts: &Parts, find: impl Fn(&ClerkClaims) -> Option<&T>) -> Option<T> {
    find(parts.extensions.get()?).cloned()
}

#[cfg(test)]
mod tests;
