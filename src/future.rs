//! [`ResponseFuture`]: the steps of a request after `call`.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{
    ClerkClaims,
    authenticator::{Authenticator, PendingVerification},
    integrations,
    options::LayerOptions,
    reject::{self, RejectResponse},
};

pin_project! {
    /// The future of [`ClerkAuth`](crate::ClerkAuth).
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the request. A verification that the request waited for continues, since other requests may
    /// wait for it.
    pub struct ResponseFuture<S, ReqBody, ResBody, R>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<S, ReqBody, ResBody, R>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, ReqBody, ResBody, R>
    where
        S: Service<Request<ReqBody>>,
    {
        // The inner service handles the request. A rejection by the inner service is rendered. If `allows_grpc` is
        // false, a rejection in the gRPC form gets its HTTP status.
        Call {
            #[pin]
            future: S::Future,
            reject: R,
            allows_grpc: bool,
        },
        // The token is being verified.
        Verify {
            verification: PendingVerification,
            waiting: Option<Box<Waiting<S, ReqBody, R>>>,
        },
        // The request was accepted, and the inner service is becoming ready.
        Ready {
            waiting: Option<Box<Waiting<S, ReqBody, R>>>,
        },
        // The request was rejected.
        Reject {
            response: Option<Response<ResBody>>,
        },
    }
}

/// A request that waits, and everything that is needed to continue with it.
struct Waiting<S, ReqBody, R> {
    request: Request<ReqBody>,
    /// Not polled ready yet, so that a waiting request does not hold capacity that other requests need.
    inner: S,
    authenticator: Authenticator,
    reject: R,
    options: LayerOptions,
}

impl<S, ReqBody, ResBody, R> ResponseFuture<S, ReqBody, ResBody, R>
where
    S: Service<Request<ReqBody>>,
{
    /// Makes the future of an accepted request. `allows_grpc`: true if a rejection by the inner service may have the
    /// gRPC form.
    pub(crate) fn call(future: S::Future, reject: R, allows_grpc: bool) -> Self {
        Self {
            state: State::Call {
                future,
                reject,
                allows_grpc,
            },
        }
    }

    pub(crate) fn reject(response: Response<ResBody>) -> Self {
        Self {
            state: State::Reject {
                response: Some(response),
            },
        }
    }

    pub(crate) fn verify(
        verification: PendingVerification,
        request: Request<ReqBody>,
        inner: S,
        authenticator: Authenticator,
        reject: R,
        options: LayerOptions,
    ) -> Self {
        Self {
            state: State::Verify {
                verification,
                waiting: Some(Box::new(Waiting {
                    request,
                    inner,
                    authenticator,
                    reject,
                    options,
                })),
            },
        }
    }
}

impl<S, ReqBody, ResBody, R> Future for ResponseFuture<S, ReqBody, ResBody, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: RejectResponse<ResBody>,
    ResBody: 'static,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Call {
                    future,
                    reject,
                    allows_grpc,
                } => {
                    // Changed in place: moving the response would cost every hit.
                    let mut polled = future.poll(cx);
                    if let Poll::Ready(Ok(response)) = &mut polled
                        && (!*allows_grpc || reject::is_rejected_behind(response))
                    {
                        finish(response, *allows_grpc, reject);
                    }
                    return polled;
                }
                StateProj::Reject { response } => {
                    let response = response.take().expect("polled after completion");
                    return Poll::Ready(Ok(response));
                }
                StateProj::Verify { .. } | StateProj::Ready { .. } => {
                    ready!(state.as_mut().advance(cx))?;
                }
            }
        }
    }
}

impl<S, ReqBody, ResBody, R> State<S, ReqBody, ResBody, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: RejectResponse<ResBody>,
    ResBody: 'static,
{
    /// Advances a request that waits. Out of line, to keep the path of requests that do not wait small.
    #[inline(never)]
    fn advance(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let next = match self.as_mut().project() {
            // Verify => (Ready | Reject)
            StateProj::Verify {
                verification,
                waiting,
            } => {
                let verdict = ready!(verification.as_mut().poll(cx));
                let mut waiting = waiting.take().expect("a verification ends once");
                match verdict {
                    Ok(claims) => {
                        inject(&mut waiting.request, claims);
                        Self::Ready {
                            waiting: Some(waiting),
                        }
                    }
                    Err(rejection) => {
                        let is_grpc = waiting.options.is_grpc(&waiting.request);
                        let response =
                            waiting
                                .authenticator
                                .reject(rejection, is_grpc, &waiting.reject);
                        Self::Reject {
                            response: Some(response),
                        }
                    }
                }
            }
            // Ready => Call
            StateProj::Ready { waiting: slot } => {
                let waiting = slot.as_mut().expect("a request is called once");
                ready!(waiting.inner.poll_ready(cx))?;
                let mut waiting = slot.take().expect("it was there a line above");
                Self::Call {
                    future: waiting.inner.call(waiting.request),
                    reject: waiting.reject,
                    allows_grpc: !waiting.options.is_http_status_only(),
                }
            }
            // Neither state waits.
            StateProj::Call { .. } | StateProj::Reject { .. } => {
                return Poll::Ready(Ok(()));
            }
        };
        self.set(next);
        Poll::Ready(Ok(()))
    }
}

impl<S, ReqBody, ResBody, R> fmt::Debug for ResponseFuture<S, ReqBody, ResBody, R>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// Renders the rejection that a rule or an extractor has left in a response. Out of line, to keep the hit path small.
#[cold]
#[inline(never)]
fn finish<B: 'static>(
    response: &mut Response<B>,
    allows_grpc: bool,
    reject: &impl RejectResponse<B>,
) {
    reject::render_behind(response, allows_grpc, reject);
    if !allows_grpc {
        reject::to_http_status(response, integrations::error_of);
    }
}

/// Inserts claims into the extensions of a request. No other code does so. Earlier claims are replaced: only the claims
/// of this layer count.
pub(crate) fn inject<B>(request: &mut Request<B>, claims: ClerkClaims) {
    request.extensions_mut().insert(claims);
}
