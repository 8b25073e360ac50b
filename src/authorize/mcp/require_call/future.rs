//! [`ResponseFuture`]: the steps of a request whose body decides.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, request::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    super::{
        body::{Reading, RequestBody, Unread},
        rejection,
        rules::Rules,
    },
    check,
};
use crate::{ClerkClaims, authorize::extension, reject::Rejection};

pin_project! {
    /// The future of [`RequireCall`](super::RequireCall).
    pub(crate) struct ResponseFuture<S, ReqBody, ResBody>
    where
        S: Service<Request<RequestBody<ReqBody>>>,
    {
        #[pin]
        state: State<S, ReqBody, ResBody>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, ReqBody, ResBody>
    where
        S: Service<Request<RequestBody<ReqBody>>>,
    {
        // The body arrives.
        Read {
            #[pin]
            reading: Reading<ReqBody>,
            waiting: Option<Box<Waiting<S>>>,
        },
        // The call is allowed, and the inner service is becoming ready.
        Ready {
            request: Option<Box<Request<RequestBody<ReqBody>>>>,
            inner: S,
        },
        // The inner service handles the request.
        Call {
            #[pin]
            future: S::Future,
        },
        // The request was rejected.
        Reject {
            response: Option<Response<ResBody>>,
        },
    }
}

/// A request whose body arrives, and everything that is needed to continue with it.
struct Waiting<S> {
    head: Parts,
    rules: Arc<Rules>,
    /// Not polled ready yet, so that a slow client does not hold capacity that other requests need.
    inner: S,
}

impl<S, ReqBody, ResBody> ResponseFuture<S, ReqBody, ResBody>
where
    S: Service<Request<RequestBody<ReqBody>>>,
    ResBody: Default,
{
    pub(super) fn read(
        reading: Reading<ReqBody>,
        head: Parts,
        rules: Arc<Rules>,
        inner: S,
    ) -> Self {
        let waiting = Some(Box::new(Waiting { head, rules, inner }));
        Self {
            state: State::Read { reading, waiting },
        }
    }

    pub(super) fn call(future: S::Future) -> Self {
        Self {
            state: State::Call { future },
        }
    }

    /// `claims`: those of the request, if there are any.
    pub(super) fn reject(rejection: Rejection, claims: Option<&ClerkClaims>) -> Self {
        Self {
            state: State::reject(rejection, claims),
        }
    }
}

impl<S, ReqBody, ResBody> State<S, ReqBody, ResBody>
where
    S: Service<Request<RequestBody<ReqBody>>>,
    ResBody: Default,
{
    /// Rejects the request. The authentication in front renders the rejection.
    fn reject(rejection: Rejection, claims: Option<&ClerkClaims>) -> Self {
        Self::Reject {
            response: Some(extension::reject(rejection, claims)),
        }
    }

    /// Rejects a body that was not read.
    fn reject_body(reason: &Unread) -> Self {
        let status = match reason {
            Unread::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Unread::Failed => StatusCode::BAD_REQUEST,
        };
        Self::Reject {
            response: Some(rejection(status)),
        }
    }
}

impl<S> Waiting<S> {
    /// Decides about a request by its body.
    fn decide<ReqBody, ResBody>(mut self, body: RequestBody<ReqBody>) -> State<S, ReqBody, ResBody>
    where
        S: Service<Request<RequestBody<ReqBody>>>,
        ResBody: Default,
    {
        let need = self.rules.of_body(body.as_bytes());
        match check(&need, &mut self.head.extensions) {
            Ok(()) => State::Ready {
                request: Some(Box::new(Request::from_parts(self.head, body))),
                inner: self.inner,
            },
            Err(rejection) => State::reject(*rejection, self.head.extensions.get()),
        }
    }
}

impl<S, ReqBody, ResBody> Future for ResponseFuture<S, ReqBody, ResBody>
where
    S: Service<Request<RequestBody<ReqBody>>, Response = Response<ResBody>>,
    ReqBody: Body<Data = Bytes>,
    ResBody: Default,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                // Read => (Ready | Reject)
                StateProj::Read { reading, waiting } => match ready!(reading.poll(cx)) {
                    Ok(body) => {
                        let waiting = waiting.take().expect("a body ends once");
                        waiting.decide(body)
                    }
                    Err(reason) => State::reject_body(&reason),
                },
                // Ready => Call
                StateProj::Ready { request, inner } => {
                    ready!(inner.poll_ready(cx))?;
                    let request = request.take().expect("a request is called once");
                    State::Call {
                        future: inner.call(*request),
                    }
                }
                StateProj::Call { future } => return future.poll(cx),
                StateProj::Reject { response } => {
                    let response = response.take().expect("polled after completion");
                    return Poll::Ready(Ok(response));
                }
            };
            state.set(next);
        }
    }
}
