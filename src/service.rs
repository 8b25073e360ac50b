//! [`ClerkAuth`]: the path of a request, top to bottom.

use std::{
    fmt,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use crate::{
    ResponseFuture,
    authenticator::{Authenticator, Decision, Rejected},
    future::inject,
    options::{self, LayerOptions},
    reject::RejectResponse,
    sync::give_up_readiness,
};

/// Authenticates requests before the inner service sees them. [`ClerkAuthLayer`](crate::ClerkAuthLayer) makes it. See
/// the [crate docs](crate).
#[derive(Clone)]
pub struct ClerkAuth<S, R = crate::reject::EmptyBody> {
    inner: S,
    authenticator: Authenticator,
    reject: R,
    options: LayerOptions,
}

impl<S, R> ClerkAuth<S, R> {
    pub(crate) fn new(
        inner: S,
        authenticator: Authenticator,
        reject: R,
        options: LayerOptions,
    ) -> Self {
        Self {
            inner,
            authenticator,
            reject,
            options,
        }
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for ClerkAuth<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    R: RejectResponse<ResBody> + Clone,
    ResBody: 'static,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqBody, ResBody, R>;

    /// Delegates to the inner service. This middleware itself reserves no capacity.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // The metadata is served first, since it needs neither a valid token nor Clerk.
        if let Some(metadata) = self.authenticator.metadata()
            && metadata.is_at(request.uri().path())
            && let Some(response) =
                metadata.answer_as(request.method(), request.uri().path(), &self.reject)
        {
            give_up_readiness(&mut self.inner);
            return ResponseFuture::reject(response);
        }
        match self.authenticator.lookup(request.headers_mut()) {
            Decision::Pass(claims) => {
                inject(&mut request, claims);
                if self.options.changes_nothing() {
                    // Call the instance that was polled ready, not its clone.
                    let future = self.inner.call(request);
                    return ResponseFuture::call(future, self.reject.clone(), true);
                }
                self.options.strip(&mut request);
                let future = self.inner.call(request);
                let allows_grpc = !self.options.is_http_status_only();
                ResponseFuture::call(future, self.reject.clone(), allows_grpc)
            }
            Decision::Reject(rejection) if self.options.accepts_anonymous(&rejection.error) => {
                options::anonymize(&self.authenticator, &mut request);
                // The inner service may still reject the request, and not every framework supports the gRPC form.
                let is_grpc = self.options.is_grpc(&request);
                let future = self.inner.call(request);
                ResponseFuture::call(future, self.reject.clone(), is_grpc)
            }
            Decision::Reject(rejection) => {
                give_up_readiness(&mut self.inner);
                let is_grpc = self.options.is_grpc(&request);
                if let Some(metadata) = self.authenticator.metadata() {
                    metadata.note_rejected(request.uri().path());
                }
                let response = self.authenticator.reject(rejection, is_grpc, &self.reject);
                ResponseFuture::reject(response)
            }
            Decision::Wait(verification) => {
                give_up_readiness(&mut self.inner);
                // The verification has its own copy of the token.
                self.options.strip(&mut request);
                ResponseFuture::verify(
                    verification,
                    request,
                    self.inner.clone(),
                    self.authenticator.clone(),
                    self.reject.clone(),
                    self.options,
                )
            }
        }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for ClerkAuth<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkAuth")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl Authenticator {
    /// Turns a rejection into a response. Every rejection by this layer passes through here.
    pub(crate) fn reject<B: 'static>(
        &self,
        rejection: Rejected,
        is_grpc: bool,
        reject: &impl RejectResponse<B>,
    ) -> Response<B> {
        self.rejection(&rejection, is_grpc).to_response(reject)
    }
}
