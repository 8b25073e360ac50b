//! Claims as an argument of an axum handler.

mod parts;

use std::{any, convert::Infallible, error::Error, fmt, iter};

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use serde::de::DeserializeOwned;

pub use self::parts::MissingClaim;
use crate::{
    AuthErrorKind, ClerkClaims, EmptyBody, reject,
    require::{Rejected, claims_of},
};

/// The claims as a type of your own, by [`ClerkClaims::claims_as`].
///
/// A token whose claims do not fit the type is rejected with a 403 ([`InvalidClaims`]). Take
/// `Option<Claims<T>>` where the layer lets requests without credentials through: it is `None` where
/// there are no claims; claims that do not fit are rejected all the same.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_clerk::{Claims, ClerkAuthLayer, ClerkConfig};
///
/// #[derive(serde::Deserialize)]
/// struct Member {
///     sub: String,
///     org_id: String,
/// }
///
/// async fn me(Claims(member): Claims<Member>) -> String {
///     format!("{} of {}", member.sub, member.org_id)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clerk = tower_clerk::fake_clerk::FakeClerk::start()?;
/// # let cfg = ClerkConfig::builder(clerk.url())
/// #     .client_credentials(clerk.client_id(), clerk.client_secret()).build()?;
/// # let token = clerk.token("user_1").issue();
/// let app: Router = Router::new()
///     .route("/me", get(me))
///     .layer(ClerkAuthLayer::new(cfg));
///
/// // The token of somebody who is in no organization.
/// # use tower::ServiceExt;
/// let request = http::Request::get("/me").header("authorization", format!("Bearer {token}"));
/// let rejected = app.oneshot(request.body(axum::body::Body::empty())?).await?;
/// assert_eq!(rejected.status(), 403);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Claims<T>(pub T);

/// Why a handler did not get the claims that it takes.
///
/// ```
/// use tower_clerk::{ClaimsRejection, ClerkClaims};
///
/// // Whoever is not let in is shown the way.
/// async fn home(claims: Result<ClerkClaims, ClaimsRejection>) -> String {
///     match claims {
///         Ok(claims) => format!("hello {}", claims.subject()),
///         Err(ClaimsRejection::Unauthenticated(_)) => "please sign in".to_owned(),
///         Err(_) => "something is wrong".to_owned(),
///     }
/// }
/// # _ = axum::Router::<()>::new().route("/", axum::routing::get(home));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ClaimsRejection {
    /// No layer stands before the route: 500.
    MissingLayer(MissingLayer),
    /// The layer let the request through without credentials: 401.
    Unauthenticated(Unauthenticated),
    /// The claims do not fit the type: 403.
    InvalidClaims(InvalidClaims),
    /// The token has no such thing: 403.
    MissingClaim(MissingClaim),
}

/// A handler asked for claims, and there were none: no [`ClerkAuthLayer`](crate::ClerkAuthLayer)
/// stands before its route.
///
/// Answered with a 500, since it is a mistake of the service's and not of the caller's.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MissingLayer;

/// A handler asked for claims, and the layer had let the request through without credentials.
///
/// Answered as the layer answers a request without credentials: 401, with its challenge.
#[derive(Clone, Debug)]
pub struct Unauthenticated(Rejected);

/// A handler asked for claims of a type that those of the token do not fit.
///
/// Answered with a 403 and a challenge without `error`: the token is good, so that a 401
/// `invalid_token` would have the client throw it away and come back with one like it, and the request
/// is well-formed, so that it is no 422. What the handler needs, the token does not give (RFC 9110
/// §15.5.4).
pub struct InvalidClaims {
    rejected: Rejected,
    cause: serde_json::Error,
}

// === impl Claims ===

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Claims<T> {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        fit(claims_in(parts)?, parts).map(Self)
    }
}

/// `None` where there are no claims, be it for want of credentials or of a layer.
impl<S: Sync, T: DeserializeOwned> OptionalFromRequestParts<S> for Claims<T> {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, ClaimsRejection> {
        let claims = parts.extensions.get();
        claims
            .map(|claims| fit(claims, parts).map(Self))
            .transpose()
    }
}

// === impl ClerkClaims ===

impl<S: Sync> FromRequestParts<S> for ClerkClaims {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        claims_in(parts).cloned()
    }
}

/// `None` where there are no claims, be it for want of credentials or of a layer.
impl<S: Sync> OptionalFromRequestParts<S> for ClerkClaims {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned())
    }
}

// === impl ClaimsRejection ===

impl fmt::Display for ClaimsRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingLayer(rejection) => rejection.fmt(f),
            Self::Unauthenticated(rejection) => rejection.fmt(f),
            Self::InvalidClaims(rejection) => rejection.fmt(f),
            Self::MissingClaim(rejection) => rejection.fmt(f),
        }
    }
}

impl Error for ClaimsRejection {}

impl IntoResponse for ClaimsRejection {
    fn into_response(self) -> Response {
        match self {
            Self::MissingLayer(rejection) => rejection.into_response(),
            Self::Unauthenticated(rejection) => rejection.into_response(),
            Self::InvalidClaims(rejection) => rejection.into_response(),
            Self::MissingClaim(rejection) => rejection.into_response(),
        }
    }
}

// === impl MissingLayer ===

impl MissingLayer {
    /// The status of the answer: 500.
    pub fn status(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    /// The body of the answer. It does not tell the caller what is wrong: the log does.
    pub fn body_text(&self) -> &'static str {
        "internal server error"
    }
}

impl fmt::Display for MissingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no `ClerkAuthLayer` is around this route")
    }
}

impl Error for MissingLayer {}

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        (self.status(), self.body_text()).into_response()
    }
}

// === impl Unauthenticated ===

impl Unauthenticated {
    /// The status of the answer: 401.
    pub fn status(&self) -> StatusCode {
        self.0.rejection.status()
    }
}

impl fmt::Display for Unauthenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.error.fmt(f)
    }
}

impl Error for Unauthenticated {}

impl IntoResponse for Unauthenticated {
    fn into_response(self) -> Response {
        self.0.into_response(&EmptyBody)
    }
}

// === impl InvalidClaims ===

impl InvalidClaims {
    /// The status of the answer: 403.
    pub fn status(&self) -> StatusCode {
        self.rejected.rejection.status()
    }

    /// What does not fit. It may quote the claims, and so say who a person is: it is not for logs, and
    /// therefore neither in the `Debug` text nor the [source](Error::source).
    pub fn cause(&self) -> &serde_json::Error {
        &self.cause
    }
}

impl fmt::Debug for InvalidClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvalidClaims").finish_non_exhaustive()
    }
}

impl fmt::Display for InvalidClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the claims do not fit the type that the handler takes")
    }
}

impl Error for InvalidClaims {}

impl IntoResponse for InvalidClaims {
    fn into_response(self) -> Response {
        self.rejected.into_response(&EmptyBody)
    }
}

fn claims_in(parts: &Parts) -> Result<&ClerkClaims, ClaimsRejection> {
    claims_of(&parts.extensions, iter::empty(), || is_grpc(parts)).map_err(
        |rejected| match rejected.error.kind() {
            AuthErrorKind::MissingLayer => ClaimsRejection::MissingLayer(MissingLayer),
            _ => ClaimsRejection::Unauthenticated(Unauthenticated(rejected)),
        },
    )
}

fn is_grpc(parts: &Parts) -> bool {
    reject::is_grpc(&parts.method, parts.version, &parts.headers)
}

fn fit<T: DeserializeOwned>(claims: &ClerkClaims, parts: &Parts) -> Result<T, ClaimsRejection> {
    claims.claims_as().map_err(|cause| {
        tracing::debug!(
            claims.target = any::type_name::<T>(),
            "the claims do not fit the type that a handler takes"
        );
        let rejected = Rejected::forbidden(claims, is_grpc(parts));
        ClaimsRejection::InvalidClaims(InvalidClaims { rejected, cause })
    })
}

#[cfg(test)]
mod tests;
