//! [`ResponseFuture`]: the response of the inner service, or a rejection.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

pin_project! {
    /// The future of [`Require`](super::Require).
    ///
    /// # Cancel safety
    ///
    /// Dropping it only drops the inner service's future.
    pub struct ResponseFuture<F, ResBody> {
        #[pin]
        state: State<F, ResBody>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, ResBody> {
        // The inner service handles the request.
        Call {
            #[pin]
            future: F,
        },
        // The request was rejected.
        Reject {
            response: Option<Response<ResBody>>,
        },
    }
}

impl<F, ResBody> ResponseFuture<F, ResBody> {
    pub(crate) fn call(future: F) -> Self {
        Self {
            state: State::Call { future },
        }
    }

    pub(crate) fn reject(response: Response<ResBody>) -> Self {
        Self {
            state: State::Reject {
                response: Some(response),
            },
        }
    }
}

impl<F, ResBody, E> Future for ResponseFuture<F, ResBody>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Call { future } => future.poll(cx),
            StateProj::Reject { response } => {
                let response = response.take().expect("polled after completion");
                Poll::Ready(Ok(response))
            }
        }
    }
}

impl<F, ResBody> fmt::Debug for ResponseFuture<F, ResBody> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
