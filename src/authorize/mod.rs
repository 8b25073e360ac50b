//! Rules per route, behind the layer: the service of a [`RequireLayer`](crate::RequireLayer), its future, and the
//! levels of reverification.
//!
//! A rule checks the claims that a [`ClerkAuthLayer`](crate::ClerkAuthLayer) inserted into the request. It does no I/O.
//! A cache belongs to one configuration, so the result of a rule is never part of a cache entry: each route checks its
//! own rule, also for a token that another route accepted.

pub(crate) mod extension;
mod future;
pub(crate) mod layer;
#[cfg(feature = "mcp")]
pub(crate) mod mcp;
mod reverification;
mod rule;

use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

#[cfg(any(feature = "axum", feature = "tonic"))]
pub(crate) use self::extension::claims_of;
use self::rule::Rule;
#[cfg(feature = "mcp")]
pub(crate) use self::rule::check_scopes;
pub use self::{future::ResponseFuture, reverification::Reverification};
use crate::{reject, sync::give_up_readiness};

/// Checks a rule before the inner service sees the request. A [`RequireLayer`](crate::RequireLayer) makes it.
#[derive(Clone)]
pub struct Require<S> {
    inner: S,
    rule: Rule,
}

// === impl Require ===

impl<S> Require<S> {
    fn new(inner: S, rule: Rule) -> Self {
        Self { inner, rule }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Require<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    /// Delegates to the inner service. A rule is checked without waiting.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let is_grpc = || reject::is_grpc(request.method(), request.version(), request.headers());
        match self.rule.check(request.extensions(), is_grpc) {
            // Call the instance that was polled ready, not its clone.
            Ok(()) => ResponseFuture::call(self.inner.call(request)),
            Err(rejection) => {
                give_up_readiness(&mut self.inner);
                let claims = request.extensions().get();
                ResponseFuture::reject(extension::reject(*rejection, claims))
            }
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Require<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Require")
            .field("inner", &self.inner)
            .field("rule", &self.rule)
            .finish()
    }
}

#[cfg(test)]
mod tests;
