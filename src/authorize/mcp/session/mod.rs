//! [`McpSessionLayer`]: binds each MCP session to the principal that opened it.

mod future;
mod id;
mod store;

use std::{
    fmt, iter,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Method, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

pub use self::future::ResponseFuture;
use self::{future::After, id::SessionId, store::Sessions};
use super::rejection;
#[cfg(feature = "test-util")]
use crate::testing::ManualClock;
use crate::{
    ClerkClaims,
    authorize::extension::{self, PublicCall, claims_of, is_anonymous},
    clock::{Clock, SystemClock},
    observe,
    reject::{self, Rejection},
    sync::give_up_readiness,
};

/// A layer for servers of MCP's streamable HTTP. Only the principal that opened a session can use it.
///
/// The specification says that servers must not use sessions for authentication, and should bind the id of a session to
/// its user. Without that binding, a client with any valid token that learns an id can send messages, receive messages
/// and end the session in the name of the owner. This layer stores the principal of each id: the issuer,
/// [kind](crate::TokenKind), client and subject of the token. Place the layer between
/// [`McpAuthLayer`](crate::mcp::McpAuthLayer) or [`ClerkAuthLayer`](crate::ClerkAuthLayer) and the server:
///
/// 1. A response with status 2xx and `Mcp-Session-Id` binds the id to the principal of the request. A bound id is never
///    bound again: a response with an id that is bound to another principal is replaced by a 500.
/// 2. A request with that header, of any method, passes if its principal opened the session. All other principals get
///    a 404, which the specification requires for sessions that do not exist. Clients then open a new session, and do
///    not learn if the id exists. Two such headers are a 400.
/// 3. A `DELETE` by the owner that the server answers with 2xx ends the binding.
/// 4. A request without claims is rejected in the same way as by [`RequireLayer`](crate::RequireLayer), unless its call
///    is public by the rules of `McpAuthLayer`. A session that such a request opens serves only such requests: a
///    request with a token gets a 404, and its client opens a new session.
///
/// An unknown id also gets a 404: the layer fails closed. All requests of a session must therefore reach the process
/// that opened it. **With several replicas**, configure the load balancer to route by `Mcp-Session-Id`, which servers
/// that keep sessions in memory need in any case. A session ends with its process. If the server shares its sessions
/// between replicas, a client that is routed to another replica opens a new session there.
///
/// **Each subject has a share of the capacity**, by default a hundredth of it
/// ([`capacity_per_principal`](Self::capacity_per_principal)). The share covers all clients and token kinds of the
/// subject, because a user can register any number of clients. A subject that opens more sessions loses its least
/// recently used session. The sessions of other subjects stay. All callers without a token have one share together.
/// Between them, only the id protects a session.
///
/// The layer stores ids as keyed digests, because a leaked id could be tried elsewhere. Logs contain no ids. Session
/// ids in the query, as in MCP's older HTTP+SSE transport, are ignored.
///
/// ```
/// use axum::{Router, http::Method, routing::any};
/// use tower_clerk::{ClerkAuthLayer, ClerkConfig, mcp::McpSessionLayer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clerk = tower_clerk::fake_clerk::FakeClerk::start()?;
/// # let cfg: ClerkConfig = serde_json::from_value(clerk.settings())?;
/// # let (ada, eve) = (clerk.token("user_ada").issue(), clerk.token("user_eve").issue());
/// // Stands for an MCP server.
/// let mcp = any(|| async { [("mcp-session-id", "0d5ec7f1")] });
/// let app: Router = Router::new()
///     .route("/mcp", mcp)
///     .layer(McpSessionLayer::new())
///     .layer(ClerkAuthLayer::new(cfg));
///
/// # use tower::ServiceExt;
/// # let send = async |token: &str, session: Option<&str>| {
/// #     let mut request = http::Request::post("/mcp").header("authorization", format!("Bearer {token}"));
/// #     if let Some(session) = session { request = request.header("mcp-session-id", session); }
/// #     let request = request.body(axum::body::Body::empty()).unwrap();
/// #     app.clone().oneshot(request).await.unwrap().status().as_u16()
/// # };
/// assert_eq!(send(&ada, None).await, 200); // opens the session
/// assert_eq!(send(&ada, Some("0d5ec7f1")).await, 200);
/// assert_eq!(send(&eve, Some("0d5ec7f1")).await, 404);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct McpSessionLayer {
    settings: Settings,
    sessions: Arc<Sessions>,
}

/// The service that [`McpSessionLayer`] creates.
#[derive(Clone)]
pub struct McpSession<S> {
    inner: S,
    sessions: Arc<Sessions>,
}

/// The caller of a request, to which sessions are bound.
#[derive(Clone)]
enum Principal {
    /// A caller without a token, whose call is public.
    Anonymous,
    Token(ClerkClaims),
}

#[derive(Clone)]
struct Settings {
    capacity: u64,
    /// `None` for the default share of the capacity.
    share: Option<u64>,
    idle_timeout: Duration,
    clock: Arc<dyn Clock>,
}

// === impl McpSessionLayer ===

impl McpSessionLayer {
    /// Creates a layer without sessions. Its clones, and the services that they create, share the sessions.
    ///
    /// # Panics
    ///
    /// Panics if the operating system cannot provide random numbers.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Settings {
            capacity: 10_000,
            share: None,
            idle_timeout: Duration::from_secs(86_400),
            clock: Arc::new(SystemClock),
        })
    }

    /// Sets the number of sessions that the layer stores. Default: 10,000, which take about 3 MB. Minimum: one. Beyond
    /// that, the least recently used session is removed: its owner gets a 404 and opens a new session. If the owner of
    /// the new session already holds more than an equal part of all sessions, one of that owner's sessions is removed
    /// instead.
    ///
    /// Set it before the layer is used, because it removes all sessions.
    #[must_use]
    pub fn capacity(mut self, sessions: u64) -> Self {
        self.settings.capacity = sessions;
        Self::of(self.settings)
    }

    /// Sets the number of sessions that one subject may have. Default: a hundredth of the [`capacity`](Self::capacity),
    /// which is 100, but at least 16. Minimum: one. Maximum: the capacity. Beyond that, the least recently used session
    /// of the subject ends: it gets a 404, and the client opens a new one.
    ///
    /// A subject is a user, a machine or an organization (API keys), over all clients to which its tokens were issued.
    ///
    /// Set it before the layer is used, because it removes all sessions.
    #[must_use]
    pub fn capacity_per_principal(mut self, sessions: u64) -> Self {
        self.settings.share = Some(sessions);
        Self::of(self.settings)
    }

    /// Sets the time without requests after which a session is removed. Default: one day, because Clerk's access
    /// tokens expire after one day. The server should enforce a shorter time, because a session costs it more than it
    /// costs this layer. A stream that a client listens to counts only when it is opened.
    ///
    /// Set it before the layer is used, because it removes all sessions.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.settings.idle_timeout = timeout;
        Self::of(self.settings)
    }

    /// Sets a clock that tests can move.
    #[cfg(feature = "test-util")]
    #[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
    #[must_use]
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.settings.clock = Arc::new(clock);
        Self::of(self.settings)
    }

    /// Returns the current number of sessions.
    pub fn sessions(&self) -> u64 {
        self.sessions.len()
    }

    fn of(settings: Settings) -> Self {
        let Settings {
            capacity,
            share,
            idle_timeout,
            clock,
        } = settings.clone();
        // The default share lets a hundred subjects fill the store. A client with many windows opens several sessions,
        // so the share of a small store is at least 16.
        let share = share.unwrap_or_else(|| (capacity / 100).max(16));
        Self {
            settings,
            sessions: Arc::new(Sessions::new(capacity, share, idle_timeout, clock)),
        }
    }
}

impl Default for McpSessionLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for McpSessionLayer {
    type Service = McpSession<S>;

    fn layer(&self, inner: S) -> Self::Service {
        McpSession {
            inner,
            sessions: Arc::clone(&self.sessions),
        }
    }
}

impl fmt::Debug for McpSessionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpSessionLayer")
            .field("capacity", &self.settings.capacity)
            .field("idle_timeout", &self.settings.idle_timeout)
            .finish_non_exhaustive()
    }
}

// === impl McpSession ===

impl<S> McpSession<S> {
    /// Checks if a request may pass, and returns the effect that its response has on the sessions.
    fn judge<ReqBody, ResBody: Default + 'static>(
        &self,
        request: &Request<ReqBody>,
    ) -> Result<After, Response<ResBody>> {
        let principal =
            Principal::of(request).map_err(|rejection| extension::reject(*rejection, None))?;
        let key = match SessionId::of(request.headers()) {
            SessionId::Absent => None,
            SessionId::One(id) => {
                let key = self.sessions.key(id);
                if !self.sessions.is_owned(&key, &principal) {
                    observe::session_rejected();
                    return Err(rejection(StatusCode::NOT_FOUND));
                }
                Some(key)
            }
            // An invalid id is not the id of any session.
            SessionId::Malformed => return Err(rejection(StatusCode::NOT_FOUND)),
            SessionId::Several => return Err(rejection(StatusCode::BAD_REQUEST)),
        };
        let sessions = Arc::clone(&self.sessions);
        Ok(match key {
            Some(key) if request.method() == Method::DELETE => After::End { sessions, key },
            _ => After::Bind {
                sessions,
                principal,
            },
        })
    }
}

impl Principal {
    /// Returns the caller of a request.
    ///
    /// # Errors
    ///
    /// A 401 if the request has neither claims nor the mark of a public call, and a 500 if the layer is missing.
    fn of<B>(request: &Request<B>) -> Result<Self, Box<Rejection>> {
        let extensions = request.extensions();
        if is_anonymous(extensions) && extensions.get::<PublicCall>().is_some() {
            return Ok(Self::Anonymous);
        }
        let is_grpc = || reject::is_grpc(request.method(), request.version(), request.headers());
        let claims = claims_of(extensions, iter::empty(), is_grpc)?;
        Ok(Self::Token(claims.clone()))
    }

    fn claims(&self) -> Option<&ClerkClaims> {
        match self {
            Self::Anonymous => None,
            Self::Token(claims) => Some(claims),
        }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for McpSession<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ResBody: Default + 'static,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    /// Delegates to the inner service: the session lookup is synchronous.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self.judge(&request) {
            // The inner service that was polled ready.
            Ok(after) => ResponseFuture::call(self.inner.call(request), after),
            Err(response) => {
                give_up_readiness(&mut self.inner);
                ResponseFuture::reject(response)
            }
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for McpSession<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpSession")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
