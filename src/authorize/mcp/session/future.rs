//! [`ResponseFuture`]: the response of the inner service, and its effect on sessions.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Response, StatusCode};
use pin_project_lite::pin_project;

use super::{super::rejection, Principal, id::SessionId, store::Sessions};
use crate::{authorize, observe, token::digest::TokenDigest};

pin_project! {
    /// The future of [`McpSession`](crate::mcp::McpSession).
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the inner service's future. A session that is being opened is then not bound, so no principal
    /// can use it. A session that is being ended stays bound to its owner.
    pub struct ResponseFuture<F, ResBody> {
        #[pin]
        future: authorize::ResponseFuture<F, ResBody>,
        // Taken when the inner service has responded. `None` for a rejection.
        after: Option<After>,
    }
}

/// The effect of a response on the sessions.
pub(super) enum After {
    /// Binds the session that the response names to the caller.
    Bind {
        sessions: Arc<Sessions>,
        principal: Principal,
    },
    /// Ends the caller's own session.
    End {
        sessions: Arc<Sessions>,
        key: TokenDigest,
    },
}

impl<F, ResBody> ResponseFuture<F, ResBody> {
    pub(super) fn call(future: F, after: After) -> Self {
        Self {
            future: authorize::ResponseFuture::call(future),
            after: Some(after),
        }
    }

    pub(super) fn reject(response: Response<ResBody>) -> Self {
        Self {
            future: authorize::ResponseFuture::reject(response),
            after: None,
        }
    }
}

impl<F, ResBody, E> Future for ResponseFuture<F, ResBody>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    ResBody: Default,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(cx))?;
        let is_allowed = match this.after.take() {
            Some(after) if response.status().is_success() => after.apply(&response),
            _ => true,
        };
        Poll::Ready(Ok(if is_allowed {
            response
        } else {
            rejection(StatusCode::INTERNAL_SERVER_ERROR)
        }))
    }
}

impl After {
    /// Returns true if the response may go to the caller. It may not if it names the session of another principal.
    fn apply<B>(self, response: &Response<B>) -> bool {
        match self {
            Self::End { sessions, key } => {
                sessions.end(&key);
                true
            }
            Self::Bind {
                sessions,
                principal,
            } => match SessionId::of(response.headers()) {
                SessionId::Absent => true,
                SessionId::One(id) => {
                    let is_theirs = sessions.bind(sessions.key(id), &principal);
                    if !is_theirs {
                        observe::session_of_another();
                    }
                    is_theirs
                }
                // The session stays unknown, so that no principal can use it.
                SessionId::Malformed | SessionId::Several => {
                    observe::session_unusable();
                    true
                }
            },
        }
    }
}

impl<F, ResBody> fmt::Debug for ResponseFuture<F, ResBody> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
