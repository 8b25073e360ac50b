//! [`McpAuth`]: the authentication, and the rule for the call behind it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::RequestBody;
use crate::{
    ClerkAuth,
    authorize::mcp::RequireCall,
    reject::{EmptyBody, RejectResponse},
};

/// Authenticates requests to an MCP server, and checks the rule for each call. [`McpAuthLayer`](super::McpAuthLayer)
/// makes it.
#[derive(Clone)]
pub struct McpAuth<S, R = EmptyBody> {
    inner: ClerkAuth<RequireCall<S>, R>,
}

pin_project! {
    /// The future of [`McpAuth`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the request and the part of its body that was read. A verification that the request waited for
    /// continues, since other requests may wait for it.
    pub struct McpAuthFuture<S, ReqBody, ResBody, R>
    where
        S: Service<Request<RequestBody<ReqBody>>>,
        S: Service<Request<RequestBody<ReqBody>>, Response = Response<ResBody>>,
        S: Clone,
        ReqBody: Body<Data = Bytes>,
        ResBody: Default,
    {
        #[pin]
        future: crate::ResponseFuture<RequireCall<S>, ReqBody, ResBody, R>,
    }
}

impl<S, R> McpAuth<S, R> {
    pub(super) fn new(inner: ClerkAuth<RequireCall<S>, R>) -> Self {
        Self { inner }
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for McpAuth<S, R>
where
    S: Service<Request<RequestBody<ReqBody>>, Response = Response<ResBody>> + Clone,
    R: RejectResponse<ResBody> + Clone,
    ReqBody: Body<Data = Bytes>,
    ResBody: Default + 'static,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = McpAuthFuture<S, ReqBody, ResBody, R>;

    /// Delegates to the inner service. A request that waits for Clerk, or for the rest of its body, holds nothing that
    /// the inner service reserved, such as a permit.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        McpAuthFuture {
            future: self.inner.call(request),
        }
    }
}

impl<S, ReqBody, ResBody, R> Future for McpAuthFuture<S, ReqBody, ResBody, R>
where
    S: Service<Request<RequestBody<ReqBody>>, Response = Response<ResBody>> + Clone,
    R: RejectResponse<ResBody>,
    ReqBody: Body<Data = Bytes>,
    ResBody: Default + 'static,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx)
    }
}

impl<S: fmt::Debug, R> fmt::Debug for McpAuth<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpAuth")
            .field("inner", &self.inner)
            .finish()
    }
}

impl<S, ReqBody, ResBody, R> fmt::Debug for McpAuthFuture<S, ReqBody, ResBody, R>
where
    S: Service<Request<RequestBody<ReqBody>>, Response = Response<ResBody>> + Clone,
    ReqBody: Body<Data = Bytes>,
    ResBody: Default,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpAuthFuture").finish_non_exhaustive()
    }
}
