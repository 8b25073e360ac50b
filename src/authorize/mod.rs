//! Rules by route: what a token must have beyond what the layer asks of all.
//!
//! They run behind a [`ClerkAuthLayer`](crate::ClerkAuthLayer), on the claims that it put into the
//! request, and ask nobody. [`RequireScopes`], [`RequirePermission`], [`RequireRole`], [`RequireKind`] and
//! [`RequireClaims`] are the layers, [`Require`] is the service that they make. A cache belongs to one
//! configuration, so that a rule is never part of what is cached: a token that one route let through is judged
//! anew by the next.

mod claims;
mod future;
mod kind;
mod layer;
mod permission;
pub(crate) mod extension;
mod role;
mod rule;
mod scopes;

use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

pub(crate) use self::extension::{Rejected, claims_of};
use self::rule::Rule;
pub use self::{
    claims::RequireClaims, future::RequireFuture, kind::RequireKind, permission::RequirePermission,
    role::RequireRole, scopes::RequireScopes,
};
use crate::{EmptyBody, RejectResponse, reject, service::give_up_readiness};

/// The service that the layers of rules make: [`RequireScopes`], [`RequirePermission`], [`RequireRole`],
/// [`RequireKind`], [`RequireClaims`].
#[derive(Clone)]
pub struct Require<S, R = EmptyBody> {
    inner: S,
    rule: Rule,
    reject: R,
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
        let is_grpc = || reject::is_grpc(request.method(), request.version(), request.headers());
        match self.rule.judge(request.extensions(), is_grpc) {
            // The very instance that was polled ready.
            Ok(()) => RequireFuture::call(self.inner.call(request)),
            Err(rejected) => {
                give_up_readiness(&mut self.inner);
                RequireFuture::reject(rejected.into_response(&self.reject))
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
