//! [`RequireCall`]: checks what the call of a request needs, behind the authentication.

mod future;

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body::Body;
use tower_service::Service;

pub(super) use self::future::ResponseFuture;
use super::{
    body::{Reading, RequestBody},
    rules::{Need, Rules},
};
use crate::{
    authorize::extension::{PublicCall, claims_of, insufficient_scope, is_anonymous, is_granted},
    reject::Rejection,
    sync::give_up_readiness,
};

/// Checks the claims of a request against the rule for its call. A [`ClerkAuth`](crate::ClerkAuth) is always in front
/// of it: it authenticates, and it renders the rejections.
#[derive(Clone)]
pub(crate) struct RequireCall<S> {
    inner: S,
    rules: Arc<Rules>,
}

impl<S> RequireCall<S> {
    pub(crate) fn new(inner: S, rules: Arc<Rules>) -> Self {
        Self { inner, rules }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RequireCall<S>
where
    S: Service<Request<RequestBody<ReqBody>>, Response = Response<ResBody>> + Clone,
    ReqBody: Body<Data = Bytes>,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqBody, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let Some(need) = self.rules.of_head(&head.method, &head.headers) else {
            // The client decides how long its body takes.
            give_up_readiness(&mut self.inner);
            let reading = Reading::new(body, self.rules.max_body);
            let rules = Arc::clone(&self.rules);
            return ResponseFuture::read(reading, head, rules, self.inner.clone());
        };
        match check(&need, &mut head.extensions) {
            Ok(()) => {
                let request = Request::from_parts(head, RequestBody::stream(body));
                // Call the instance that was polled ready, not its clone.
                ResponseFuture::call(self.inner.call(request))
            }
            Err(rejection) => {
                give_up_readiness(&mut self.inner);
                ResponseFuture::reject(*rejection, head.extensions.get())
            }
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for RequireCall<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireCall")
            .field("inner", &self.inner)
            .field("rules", &self.rules)
            .finish()
    }
}

/// Checks if the claims in the extensions of a request satisfy a need, and marks a request that passes without claims.
///
/// # Errors
///
/// A 401 for a request without claims, and a 403 for claims without the scopes. Both name all scopes that are needed.
fn check(need: &Need<'_>, extensions: &mut Extensions) -> Result<(), Box<Rejection>> {
    // MCP is not gRPC.
    let is_grpc = || false;
    // Only the rules of this layer count.
    extensions.remove::<PublicCall>();
    if !need.token && is_anonymous(extensions) {
        extensions.insert(PublicCall);
        return Ok(());
    }
    let claims = claims_of(extensions, need.scopes.iter().copied(), is_grpc)?;
    if need.scopes.iter().all(|scope| is_granted(claims, scope)) {
        return Ok(());
    }
    Err(insufficient_scope(
        claims,
        need.scopes.iter().copied(),
        is_grpc(),
    ))
}
