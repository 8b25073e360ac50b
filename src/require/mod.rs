//! Rules by route: what a token must have beyond what the layer asks of all.
//!
//! They run behind a [`ClerkAuthLayer`](crate::ClerkAuthLayer), on the claims that it put into the
//! request, and ask nobody. [`RequireScopes`] and [`RequireClaims`] are the layers, [`Require`] is the
//! service that both make. A cache belongs to one configuration, so that a rule is never part of what
//! is cached: a token that one route let through is judged anew by the next.

mod future;
pub(crate) mod present;
mod rule;

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

pub use self::future::RequireFuture;
pub(crate) use self::present::{Refused, claims_of};
use self::rule::Rule;
use crate::{ClerkClaims, HeadersOnly, RejectResponse, reject, service::give_up_readiness};

/// A layer that lets requests through whose token has the scopes that its routes need.
///
/// It stands behind a [`ClerkAuthLayer`](crate::ClerkAuthLayer): in axum, it is added to the routes
/// *before* that layer is. A scope counts where it was granted, or where one that was granted implies it
/// ([`scope_implies`](crate::ClerkConfigBuilder::scope_implies)). Case matters (RFC 6749 §3.3).
///
/// | case | HTTP | challenge | gRPC |
/// |---|---|---|---|
/// | a scope is missing | 403 | `error="insufficient_scope"`, `scope="…"` (RFC 6750 §3.1) | 7 |
/// | an anonymous request, where the layer lets those through | 401 | `scope="…"`, no `error` | 16 |
/// | no layer stands before it | 500, and an error in the log | none | 13 |
///
/// The challenge names the scopes that the layer requires, then those of the rule: a client that asks
/// for just these gets a token that passes both. It carries `resource_metadata` where the layer's does.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_clerk::{ClerkAuthLayer, ClerkConfig, RequireScopes};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clerk = tower_clerk::fake_clerk::FakeClerk::start()?;
/// # let cfg = ClerkConfig::builder(clerk.url())
/// #     .client_credentials(clerk.client_id(), clerk.client_secret())
/// #     .required_scopes(["email"]).build()?;
/// # let token = clerk.token("user_1").scopes(["email", "files:read"]).issue();
/// let app: Router = Router::new()
///     .route("/wipe", get(|| async { "gone" }))
///     .route_layer(RequireScopes::all(["files:read", "files:write"]))
///     .layer(ClerkAuthLayer::new(cfg));
///
/// // The token has `email` and `files:read`.
/// # use tower::ServiceExt;
/// let request = http::Request::get("/wipe").header("authorization", format!("Bearer {token}"));
/// let refused = app.oneshot(request.body(axum::body::Body::empty())?).await?;
/// assert_eq!(refused.status(), 403);
/// let challenge = refused.headers()["www-authenticate"].to_str()?;
/// assert!(challenge.ends_with(r#"scope="email files:read files:write""#));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RequireScopes<R = HeadersOnly> {
    rule: Rule,
    reject: R,
}

/// A layer that lets requests through whose claims satisfy a predicate.
///
/// It stands behind a [`ClerkAuthLayer`](crate::ClerkAuthLayer), as [`RequireScopes`] does, and answers
/// as it does, but for claims that do not satisfy the predicate: that is a 403 (gRPC: 7) with a challenge that has
/// neither `error` nor `scope`. RFC 6750 §3.1 has one code for a 403, `insufficient_scope`; clients take
/// it as advice to ask for more scopes, which would not help here. RFC 6750 §3 still wants the challenge,
/// since the token does not give access.
///
/// ```
/// use tower_clerk::{ClerkClaims, RequireClaims};
///
/// // Whoever picked this organization on the consent screen.
/// let staff = RequireClaims::new(|claims: &ClerkClaims| claims.org_id() == Some("org_staff"));
/// # _ = staff;
/// ```
#[derive(Clone)]
pub struct RequireClaims<R = HeadersOnly> {
    rule: Rule,
    reject: R,
}

/// The service that [`RequireScopes`] and [`RequireClaims`] make.
#[derive(Clone)]
pub struct Require<S, R = HeadersOnly> {
    inner: S,
    rule: Rule,
    reject: R,
}

// === impl RequireScopes ===

impl RequireScopes {
    /// All of these scopes are needed.
    ///
    /// # Panics
    ///
    /// Where there is no scope, or one that is no scope token (RFC 6749 §3.3), for instance for a space
    /// in it: give each scope on its own.
    #[must_use]
    pub fn all<I, T>(scopes: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        Self::of(Rule::all(scopes))
    }

    /// One of these scopes is needed, whichever.
    ///
    /// The challenge names the first alone, since it suffices: a client that is told of all would ask
    /// for all. So put the one first that reaches least far (RFC 9700 §2.3).
    ///
    /// # Panics
    ///
    /// As [`all`](Self::all) does.
    #[must_use]
    pub fn any<I, T>(scopes: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        Self::of(Rule::any(scopes))
    }

    fn of(rule: Rule) -> Self {
        Self {
            rule,
            reject: HeadersOnly,
        }
    }
}

impl<R> RequireScopes<R> {
    /// Has refusals rendered by something else than [`HeadersOnly`], as
    /// [`ClerkAuthLayer::reject_with`](crate::ClerkAuthLayer::reject_with) does.
    #[must_use]
    pub fn reject_with<T>(self, reject: T) -> RequireScopes<T> {
        RequireScopes {
            rule: self.rule,
            reject,
        }
    }
}

impl<S, R: Clone> Layer<S> for RequireScopes<R> {
    type Service = Require<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Require::new(inner, &self.rule, &self.reject)
    }
}

impl<R> fmt::Debug for RequireScopes<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequireScopes").field(&self.rule).finish()
    }
}

// === impl RequireClaims ===

impl RequireClaims {
    /// The predicate is called for each request. It must not block.
    #[must_use]
    pub fn new(predicate: impl Fn(&ClerkClaims) -> bool + Send + Sync + 'static) -> Self {
        Self {
            rule: Rule::Claims(Arc::new(predicate)),
            reject: HeadersOnly,
        }
    }
}

impl<R> RequireClaims<R> {
    /// Has refusals rendered by something else than [`HeadersOnly`], as
    /// [`ClerkAuthLayer::reject_with`](crate::ClerkAuthLayer::reject_with) does.
    #[must_use]
    pub fn reject_with<T>(self, reject: T) -> RequireClaims<T> {
        RequireClaims {
            rule: self.rule,
            reject,
        }
    }
}

impl<S, R: Clone> Layer<S> for RequireClaims<R> {
    type Service = Require<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        Require::new(inner, &self.rule, &self.reject)
    }
}

impl<R> fmt::Debug for RequireClaims<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireClaims").finish_non_exhaustive()
    }
}

// === impl Require ===

impl<S, R: Clone> Require<S, R> {
    fn new(inner: S, rule: &Rule, reject: &R) -> Self {
        Self {
            inner,
            rule: rule.clone(),
            reject: reject.clone(),
        }
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for Require<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    R: RejectResponse<ResBody>,
    ResBody: 'static,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = RequireFuture<S::Future, ResBody>;

    /// Only forwards: a rule is judged at once.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let is_grpc = || reject::is_grpc(request.headers());
        match self.rule.judge(request.extensions(), is_grpc) {
            // The very instance that was polled ready.
            Ok(()) => RequireFuture::call(self.inner.call(request)),
            Err(refused) => {
                give_up_readiness(&mut self.inner);
                RequireFuture::reject(refused.into_response(&self.reject))
            }
        }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for Require<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Require")
            .field("inner", &self.inner)
            .field("rule", &self.rule)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
