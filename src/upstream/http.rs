//! The HTTP client: the only file that names reqwest.

use std::{
    error::Error,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use http::{Request, Response};
use reqwest::{Client, redirect, retry};
use tokio::runtime::{Handle, Id};

/// Carries requests to Clerk. Bring your own to use another HTTP client, a proxy or a client
/// certificate: [`ClerkConfigBuilder::transport`](crate::ClerkConfigBuilder::transport).
///
/// The layer puts its deadlines, its retry and its limits around it. An implementation must not follow
/// redirects (the token would follow them), must verify TLS, and should stop reading an answer beyond 256 KiB
/// (decoded). The layer rejects answers beyond 64 KiB, or 256 KiB for a user of the Backend API, in any case.
///
/// # Cancel safety
///
/// The future may be dropped at any time, and is when a deadline passes.
pub trait Transport: Send + Sync + 'static {
    /// Sends one request and reads the whole answer. The URI is absolute.
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>>;
}

/// Why a request got no answer. It is shown in logs: the source must not hold a token or a secret.
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
    /// The server could not be reached, or the connection broke before the answer was complete.
    pub fn unreachable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind: TransportErrorKind::Unreachable,
            source: source.into(),
        }
    }

    /// The answer was too large.
    pub fn too_large() -> Self {
        Self {
            kind: TransportErrorKind::TooLarge,
            source: "an answer beyond the limit".into(),
        }
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.kind == TransportErrorKind::TooLarge
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            TransportErrorKind::Unreachable => "no answer came",
            TransportErrorKind::TooLarge => "the answer is too large",
        })
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// How large an answer may be: an extension of the requests that the layer sends.
#[derive(Clone, Copy, Debug)]
pub(super) struct MaxAnswer(pub(super) usize);

/// The transport that a layer has unless it is given another: a pooled client for each runtime.
///
/// The connections of a pool are driven by tasks of the runtime that opened them. A runtime that is parked
/// would stall the calls of every other one that takes a connection from the same pool.
pub(crate) struct HttpClient {
    uses_https: bool,
    https_only: bool,
    connect_timeout: Duration,
    /// The one used last comes last.
    clients: Mutex<Vec<(Option<Id>, Client)>>,
}

impl HttpClient {
    /// `uses_https`: certificates are needed. `connect_timeout` bounds the making of a connection, name resolution and TLS included.
    ///
    /// # Errors
    ///
    /// Why no client can be made. The first one is made here, so that this shows early.
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

    /// The client of this runtime.
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

/// Makes a client.
fn client(
    uses_https: bool,
    https_only: bool,
    connect_timeout: Duration,
) -> Result<Client, reqwest::Error> {
    #[expect(clippy::disallowed_methods, reason = "this is where clients are made")]
    let builder = Client::builder();
    // Another crate of the build that switches `native-tls` on does not change which certificates count.
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
        // The token must go where the configuration says, and nowhere else.
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(connect_timeout)
        // The stack around this retries, within a budget and seen by the breaker.
        .retry(retry::never())
        // A connection whose peer has gone without a word would else be used for every call to
        // come. While idle, too: a call that was given up leaves it so.
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

/// The size of the largest answer of any endpoint.
pub(super) const LARGEST_ANSWER: usize = 256 * 1024;

/// How many runtimes have a client. Beyond it, the one that was not used for the longest time loses its own.
const MAX_RUNTIMES: usize = 16;

/// How often a connection of HTTP/2 is asked whether it is alive, and how long it may take to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Below the 60 s after which common proxies close an idle connection themselves.
const POOL_IDLE: Duration = Duration::from_secs(50);
