//! The HTTP client. Only this file names reqwest.

use std::{
    error::Error,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::{Client, redirect, retry};
use tokio::runtime::{Handle, Id};

use crate::BoxFuture;

/// Sends requests to Clerk. Implement it to use another HTTP client, a proxy or a client certificate, and pass it to
/// [`ClerkConfigBuilder::transport`](crate::ClerkConfigBuilder::transport).
///
/// The layer applies its deadlines, its retry and its limits around the transport. An implementation must not follow
/// redirects, because the token would follow them. It must verify TLS. It should stop reading a response beyond
/// 256 KiB (decoded). In any case, the layer rejects responses beyond 64 KiB, or beyond 256 KiB for a user of the
/// Backend API.
///
/// # Cancel safety
///
/// The future may be dropped at any time. The layer drops it when a deadline passes.
pub trait Transport: Send + Sync + 'static {
    /// Sends one request and reads the whole response. The URI is absolute.
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>>;
}

/// The reason why a request got no response. It appears in logs, so the source must not hold a token or a secret.
#[derive(Debug)]
pub struct TransportError {
    kind: TransportErrorKind,
    source: Box<dyn Error + Send + Sync>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TransportErrorKind {
    Unreachable,
    TooLarge,
}

impl TransportError {
    /// Creates the error for a server that is unreachable, or a connection that broke before the response was complete.
    pub fn unreachable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: TransportErrorKind::Unreachable,
            source: source.into(),
        }
    }

    /// Creates the error for a response that is too large.
    pub fn too_large() -> Self {
        Self {
            kind: TransportErrorKind::TooLarge,
            source: "a response beyond the size limit".into(),
        }
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.kind == TransportErrorKind::TooLarge
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportErrorKind::Unreachable => "no response",
            TransportErrorKind::TooLarge => "the response is too large",
        })
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// The maximum size of a response, as an extension of the requests that the layer sends.
#[derive(Clone, Copy, Debug)]
pub(super) struct MaxAnswer(pub(super) usize);

/// The default transport of a layer: one pooled client per runtime.
///
/// Tasks of the runtime that opened a connection drive it. If runtimes shared a pool, a parked runtime would stall
/// the calls of every other runtime that takes one of its connections.
pub(crate) struct HttpClient {
    uses_https: bool,
    https_only: bool,
    connect_timeout: Duration,
    /// In order of use: the most recently used client is the last.
    clients: Mutex<Vec<(Option<Id>, Client)>>,
}

impl HttpClient {
    /// `uses_https`: certificates are needed. `connect_timeout` bounds the making of a connection, name resolution and TLS included.
    ///
    /// # Errors
    ///
    /// Returns the reason why no client can be created. The first client is created here, to show the error early.
    pub(crate) fn new(
        uses_https: bool,
        https_only: bool,
        connect_timeout: Duration,
    ) -> Result<Self, reqwest::Error> {
        let first = client(uses_https, https_only, connect_timeout)?;
        Ok(Self {
            uses_https,
            https_only,
            connect_timeout,
            clients: Mutex::new(vec![(None, first)]),
        })
    }

    /// Returns the client of the current runtime.
    fn client(&self) -> Result<Client, TransportError> {
        let id = Handle::try_current()
            .map_err(TransportError::unreachable)?
            .id();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let find = |wanted| clients.iter().position(|(owner, _)| *owner == wanted);
        let found = find(Some(id)).or_else(|| find(None));
        let client = match found.map(|place| clients.remove(place)) {
            Some((_, client)) => client,
            None => client(self.uses_https, self.https_only, self.connect_timeout)
                .map_err(TransportError::unreachable)?,
        };
        if clients.len() >= MAX_RUNTIMES {
            clients.remove(0);
        }
        clients.push((Some(id), client.clone()));
        Ok(client)
    }

    async fn exchange(
        &self,
        mut request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let unreachable = |error: reqwest::Error| TransportError::unreachable(error.without_url());
        let max_answer = request.extensions_mut().remove::<MaxAnswer>();
        let max_answer = max_answer.map_or(LARGEST_ANSWER, |MaxAnswer(bytes)| bytes);
        let request = reqwest::Request::try_from(request).map_err(unreachable)?;
        let mut answer = self.client()?.execute(request).await.map_err(unreachable)?;
        let declared = answer.content_length().unwrap_or(0);
        if usize::try_from(declared).map_or(true, |length| length > max_answer) {
            return Err(TransportError::too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            if body.len().saturating_add(chunk.len()) > max_answer {
                return Err(TransportError::too_large());
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

/// Creates a client.
fn client(
    uses_https: bool,
    https_only: bool,
    connect_timeout: Duration,
) -> Result<Client, reqwest::Error> {
    #[expect(clippy::disallowed_methods, reason = "this is where clients are made")]
    let builder = Client::builder();
    // The set of trusted certificates stays the same if another crate of the build enables `native-tls`.
    #[cfg(feature = "rustls")]
    let builder = builder.tls_backend_rustls();
    // Without https, the certificates of the platform are not read, and may be missing.
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    let builder = match uses_https {
        true => builder,
        false => builder.tls_certs_only([]),
    };
    #[cfg(not(any(feature = "rustls", feature = "native-tls")))]
    let _ = uses_https;
    builder
        .https_only(https_only)
        // The token must go only to the configured server.
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(connect_timeout)
        // The stack around the transport retries, within a budget and visible to the circuit breaker.
        .retry(retry::never())
        // Without keep-alive, a connection with a dead peer would be used for all further calls. Pings are needed
        // while the connection is idle, too: a dropped call leaves it idle.
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .http2_keep_alive_while_idle(true)
        .tcp_nodelay(true)
        .pool_idle_timeout(POOL_IDLE)
        .user_agent(concat!("tower-clerk/", env!("CARGO_PKG_VERSION")))
        .build()
}

impl Transport for HttpClient {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

/// The maximum size of a response of any endpoint.
pub(super) const LARGEST_ANSWER: usize = 256 * 1024;

/// The maximum number of runtimes with a client. Beyond it, the least recently used client is dropped.
const MAX_RUNTIMES: usize = 16;

/// The interval of pings on an HTTP/2 connection, and the time limit for a reply.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Less than the 60 s after which common proxies close an idle connection.
const POOL_IDLE: Duration = Duration::from_secs(50);
