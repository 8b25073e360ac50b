//! Requests to the fake without a socket.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};

use super::FakeClerk;
use super::exchange::{ConnectionReset, exchange};
use super::state::State;

/// A transport to a fake in the same process; made by [`FakeClerk::transport`].
///
/// Clones reach the same fake. They keep its users and tokens alive, but not its server.
#[derive(Clone)]
pub struct InProcess(Arc<State>);

impl FakeClerk {
    /// Builds a fake without a socket and without a thread. Only [`transport`](Self::transport) carries
    /// requests to it.
    ///
    /// The fake works under a paused Tokio clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::Bytes;
    /// use fake_clerk::FakeClerk;
    /// use http::Request;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let clerk = FakeClerk::new();
    /// let token = clerk.token("user_2abc").issue();
    /// let request = Request::get(format!("{}/oauth/userinfo", clerk.url()))
    ///     .header("authorization", format!("Bearer {token}"))
    ///     .body(Bytes::new())?;
    /// let answer = clerk.transport().exchange(request).await?;
    /// assert_eq!(answer.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers for the client's secret.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a transport that carries requests to this fake without a socket.
    ///
    /// With the feature `test-util` of `tower-clerk`, it goes into `ClerkConfigBuilder::transport`.
    ///
    /// Requests pass the same handlers and faults as requests over sockets, and are counted and recorded,
    /// too. [`Fault::delay`](super::Fault::delay) uses the Tokio clock of the caller, also if it is paused.
    /// [`Fault::reset`](super::Fault::reset) is a [`ConnectionReset`]. The host of a request is ignored, so
    /// `https://api.clerk.com` is the fake's Backend API. Headers that an HTTP client adds (`host`,
    /// `user-agent`) are absent.
    ///
    /// It works for every fake, also for a fake that listens.
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
    /// Sends one request to the fake and returns its answer.
    ///
    /// # Errors
    ///
    /// If [`Fault::reset`](super::Fault::reset) is set for the endpoint.
    pub async fn exchange(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, ConnectionReset> {
        let is_head = request.method() == Method::HEAD;
        let (head, body) = exchange(&self.0, request.map(Full::new))
            .await?
            .into_parts();
        // An HTTP server does not send a body with these responses.
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

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess")
            .field("url", &self.0.url)
            .finish_non_exhaustive()
    }
}

/// Returns an address for a fake without a socket. It is a loopback address, so that plain http is accepted.
/// It differs for each fake of the process, so that the issuers differ. No server listens on its port.
pub(super) fn placeholder_addr() -> SocketAddr {
    // Beyond 127.0.0.0/16, so that it is not mistaken for the address that servers use.
    static NEXT: AtomicU32 = AtomicU32::new(1 << 16);
    let [_, high, middle, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    SocketAddr::from(([127, high, middle, low], 1))
}
