//! The way to the fake without a socket.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};

use super::FakeClerk;
use super::exchange::{Broken, exchange};
use super::state::State;
use crate::{Transport, TransportError};

/// Carries requests to a fake in the same process; made by [`FakeClerk::transport`].
///
/// Clones reach the same fake. They keep its users and tokens alive, but not its server.
#[derive(Clone)]
pub struct InProcess(Arc<State>);

impl FakeClerk {
    /// Makes a fake without a socket and without a thread, which is reached through
    /// [`transport`](Self::transport) alone.
    ///
    /// It cannot fail, and works under a paused Tokio clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use tower_clerk::{ClerkConfig, fake_clerk::FakeClerk};
    ///
    /// let clerk = FakeClerk::new();
    /// let config = ClerkConfig::builder(clerk.url()).accept(tower_clerk::kinds::OAuthTokens::introspection(clerk.client_id(), clerk.client_secret()))
    ///     .transport(clerk.transport())
    ///     .build();
    /// assert!(config.is_ok());
    /// ```
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers for the client's secret.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a transport that carries requests to this fake without a socket, for
    /// [`ClerkConfigBuilder::transport`](crate::ClerkConfigBuilder::transport).
    ///
    /// Requests go through the same handlers as those over sockets, are counted and recorded like them,
    /// and meet the same faults: [`Fault::delay`](super::Fault::delay) takes its time on the Tokio clock
    /// of the caller, also if that is paused, and [`Fault::reset`](super::Fault::reset) is an unreachable
    /// server. The host of a request does not matter, so that `https://api.clerk.com` leads to the fake's
    /// Backend API. Headers that an HTTP client adds (`host`, `user-agent`) are missing.
    ///
    /// It works for every fake, also for one that listens.
    #[must_use]
    pub fn transport(&self) -> InProcess {
        InProcess(Arc::clone(&self.state))
    }
}

impl Default for FakeClerk {
    fn default() -> Self {
        Self::new()
    }
}

impl InProcess {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Broken> {
        let is_head = request.method() == Method::HEAD;
        let (head, body) = exchange(&self.0, request.map(Full::new))
            .await?
            .into_parts();
        // An HTTP server does not send a body with these.
        let is_bodiless =
            is_head || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&head.status);
        let Ok::<_, Infallible>(body) = body.collect().await;
        let body = match is_bodiless {
            true => Bytes::new(),
            false => body.to_bytes(),
        };
        Ok(Response::from_parts(head, body))
    }
}

impl Transport for InProcess {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let answer = self.exchange(request).await;
            answer.map_err(|Broken| TransportError::unreachable("the fake broke the connection"))
        })
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess")
            .field("url", &self.0.url)
            .finish_non_exhaustive()
    }
}

/// An address for a fake without a socket: of this machine, so that plain http is accepted, different for
/// each fake of the process, so that their issuers are, and with a port on which no server listens.
pub(super) fn placeholder_addr() -> SocketAddr {
    // Beyond 127.0.0.0/16, so that it is not mistaken for the address that servers use.
    static NEXT: AtomicU32 = AtomicU32::new(1 << 16);
    let [_, high, middle, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    SocketAddr::from(([127, high, middle, low], 1))
}
