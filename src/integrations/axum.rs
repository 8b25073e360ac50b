//! Claims as arguments of axum's handlers.
//!
//! Extractors for [`ClerkClaims`], [`Organization`](crate::claims::Organization), [`Actor`](crate::claims::Actor),
//! [`User`] and [`Claims<T>`](Claims), each of them as `Option` as well. They fail with a [`ClaimsRejection`].

mod parts;

use std::{any, convert::Infallible, error::Error, fmt, iter};

use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::{
    AuthErrorKind, ClerkClaims,
    authorize::{claims_of, extension},
    claims::User,
    reject::{self, Rejection},
};

/// The claims as an application's own type, by [`ClerkClaims::claims_as`].
///
/// A token whose claims do not fit the type is rejected with a 403. Behind an
/// [optional](crate::ClerkAuthLayer::optional) layer, take `Option<Claims<T>>`, which is `None` if claims are missing.
/// Both forms reject claims that do not fit.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_clerk::{ClerkAuthLayer, ClerkConfig, axum::Claims};
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
/// # let cfg: ClerkConfig = serde_json::from_value(clerk.settings())?;
/// # let token = clerk.token("user_1").issue();
/// let app: Router = Router::new()
///     .route("/me", get(me))
///     .layer(ClerkAuthLayer::new(cfg));
///
/// // The subject of this token is in no organization.
/// # use tower::ServiceExt;
/// let request = http::Request::get("/me").header("authorization", format!("Bearer {token}"));
/// let rejected = app.oneshot(request.body(axum::body::Body::empty())?).await?;
/// assert_eq!(rejected.status(), 403);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Claims<T>(pub T);

/// The rejection of an extractor of this module.
///
/// | case | status | challenge (RFC 6750 §3) |
/// |---|---|---|
/// | no [`ClerkAuthLayer`](crate::ClerkAuthLayer) is in front of the route: a mistake of the service | 500, and an error in the log | none |
/// | the layer let the request through without credentials | 401 | that of the layer |
/// | the claims do not fit the type, or the token lacks the organization, actor or user | 403 | without `error` |
///
/// A valid token does not get a 401: after `invalid_token`, the client would discard the token and return with an equal
/// one. The status is not 422 either, since the request is well-formed: the token lacks what the handler needs
/// (RFC 9110 §15.5.4).
///
/// The body is the one that [`reject_with`](crate::ClerkAuthLayer::reject_with) sets on the layer in front. Without a
/// layer, it is empty. A gRPC request gets the gRPC form.
///
/// ```
/// use tower_clerk::{AuthErrorKind, ClerkClaims, axum::ClaimsRejection};
///
/// async fn home(claims: Result<ClerkClaims, ClaimsRejection>) -> String {
///     match claims {
///         Ok(claims) => format!("hello {}", claims.subject()),
///         Err(error) if error.rejection().kind() == AuthErrorKind::MissingCredentials => {
///             "please sign in".to_owned()
///         }
///         Err(_) => "something is wrong".to_owned(),
///     }
/// }
/// # _ = axum::Router::<()>::new().route("/", axum::routing::get(home));
/// ```
// Neither field contains claims, since `Debug` and `Display` are for logs.
#[derive(Clone, Debug)]
pub struct ClaimsRejection {
    rejection: Box<Rejection>,
    reason: &'static str,
}

// === impl Claims ===

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Claims<T> {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        fit(claims_in(parts)?, parts).map(Self)
    }
}

/// Returns `None` if claims are missing, for lack of credentials or of a layer.
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

/// Returns `None` if claims are missing, for lack of credentials or of a layer.
impl<S: Sync> OptionalFromRequestParts<S> for ClerkClaims {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned())
    }
}

// === impl User ===

/// Rejects claims without a user of the Backend API with a 403. Claims have a user if the configuration
/// [fetches users](crate::ClerkConfigBuilder::users), and the subject is a user.
impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = ClaimsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ClaimsRejection> {
        let claims = claims_in(parts)?;
        let user = claims.user().cloned();
        user.ok_or_else(|| ClaimsRejection::forbidden(claims, parts, "the claims have no user"))
    }
}

/// Returns `None` if the claims have no user, or if claims are missing.
impl<S: Sync> OptionalFromRequestParts<S> for User {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        let claims: Option<&ClerkClaims> = parts.extensions.get();
        Ok(claims.and_then(ClerkClaims::user).cloned())
    }
}

// === impl ClaimsRejection ===

impl ClaimsRejection {
    /// Returns the rejection: its status, and for the service itself its
    /// [`kind`](Rejection::kind), which is `MissingLayer`, `MissingCredentials` or `Forbidden`.
    pub fn rejection(&self) -> &Rejection {
        &self.rejection
    }

    fn forbidden(claims: &ClerkClaims, parts: &Parts, reason: &'static str) -> Self {
        Self {
            rejection: extension::forbidden(claims, is_grpc(parts)),
            reason,
        }
    }
}

impl fmt::Display for ClaimsRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl Error for ClaimsRejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.rejection)
    }
}

impl IntoResponse for ClaimsRejection {
    fn into_response(self) -> Response {
        extension::reject(*self.rejection, None)
    }
}

fn claims_in(parts: &Parts) -> Result<&ClerkClaims, ClaimsRejection> {
    claims_of(&parts.extensions, iter::empty(), || is_grpc(parts)).map_err(|rejection| {
        let reason = match rejection.kind() {
            AuthErrorKind::MissingLayer => "no `ClerkAuthLayer` is around this route",
            _ => "the request has no bearer credentials",
        };
        ClaimsRejection { rejection, reason }
    })
}

fn is_grpc(parts: &Parts) -> bool {
    reject::is_grpc(&parts.method, parts.version, &parts.headers)
}

fn fit<T: DeserializeOwned>(claims: &ClerkClaims, parts: &Parts) -> Result<T, ClaimsRejection> {
    // The cause may quote the claims, and is therefore dropped.
    claims.claims_as().map_err(|_| {
        tracing::debug!(
            claims.target = any::type_name::<T>(),
            "the claims do not fit the type that a handler takes"
        );
        let reason = "the claims do not fit the type that the handler takes";
        ClaimsRejection::forbidden(claims, parts, reason)
    })
}

#[cfg(test)]
mod tests;
