//! What all tests start from: a Clerk, a clock, and a service behind the layer that counts its calls.

use std::{
    convert::Infallible,
    env,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use tower::{Layer, ServiceExt, service_fn};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, ClerkClaims, ClerkConfig, ClerkConfigBuilder,
    TokenKind,
    fake_clerk::{Endpoint, FakeClerk},
    kinds::{AcceptedKind, ApiKeys, MachineTokens, OAuthTokens, SessionTokens},
    testing::ManualClock,
};

use crate::redaction::let_every_subscriber_be_asked;

/// Reports a test that needs a program which is not installed. Fails if the list `CI_REQUIRE` names the program.
pub fn skip(program: &str, reason: &str) {
    let required = env::var("CI_REQUIRE").unwrap_or_default();
    let is_required = required.split([',', ' ']).any(|name| name == program);
    assert!(!is_required, "{reason}");
    // Unlike the output of `eprintln`, this line is shown although the test passes.
    let line = format!("SKIPPED: {reason}\n");
    io::stderr().write_all(line.as_bytes()).unwrap();
}

/// A Clerk and a clock that does not move by itself.
pub struct World {
    pub clerk: FakeClerk,
    pub clock: ManualClock,
}

impl World {
    /// A world without sockets.
    pub fn new() -> Self {
        Self::of(FakeClerk::new())
    }

    /// A world whose Clerk listens, for tests of the way to it; see [`socket_config`](Self::socket_config).
    pub fn over_sockets() -> Self {
        Self::of(FakeClerk::start().expect("loopback has a free port"))
    }

    fn of(clerk: FakeClerk) -> Self {
        // Before any log statement is come upon.
        let_every_subscriber_be_asked();
        Self {
            clerk,
            clock: ManualClock::new(),
        }
    }

    /// A configuration for this Clerk, with nothing but what is mandatory, that reaches it in process.
    pub fn config(&self) -> ClerkConfigBuilder {
        self.accepting(self.oauth())
    }

    /// The same with the default transport, for a Clerk that listens.
    pub fn socket_config(&self) -> ClerkConfigBuilder {
        self.accepting_over_sockets(self.oauth())
    }

    /// A configuration that accepts this kind alone.
    pub fn accepting(&self, kind: impl AcceptedKind) -> ClerkConfigBuilder {
        self.nothing().accept(kind)
    }

    /// The same with the default transport, for a Clerk that listens.
    pub fn accepting_over_sockets(&self, kind: impl AcceptedKind) -> ClerkConfigBuilder {
        self.nothing_over_sockets().accept(kind)
    }

    /// A configuration that accepts nothing yet.
    pub fn nothing(&self) -> ClerkConfigBuilder {
        self.nothing_over_sockets()
            .transport(self.clerk.transport())
    }

    /// The same with the default transport, for a Clerk that listens.
    pub fn nothing_over_sockets(&self) -> ClerkConfigBuilder {
        ClerkConfig::builder(self.clerk.url()).clock(self.clock.clone())
    }

    /// OAuth tokens by introspection, with the client of this Clerk.
    pub fn oauth(&self) -> OAuthTokens {
        OAuthTokens::introspection(self.clerk.client_id(), self.clerk.client_secret())
    }

    /// The options of every kind, for tests of several kinds.
    pub fn kinds(&self) -> Kinds {
        Kinds::of(self.oauth())
    }

    pub fn app(&self) -> App {
        App::new(self.config())
    }

    /// Calls to introspection and to userinfo, so far.
    pub fn calls(&self) -> (usize, usize) {
        (
            self.clerk.calls(Endpoint::Introspection),
            self.clerk.calls(Endpoint::Userinfo),
        )
    }
}

/// The options of every kind, of which a test accepts some.
#[derive(Clone)]
pub struct Kinds {
    pub oauth: OAuthTokens,
    pub session: SessionTokens,
    pub api_key: ApiKeys,
    pub machine: MachineTokens,
}

impl Kinds {
    /// Machine tokens are those for `mch_us`, JWTs included.
    pub fn of(oauth: OAuthTokens) -> Self {
        Self {
            oauth,
            session: SessionTokens::new(),
            api_key: ApiKeys::new(),
            machine: MachineTokens::addressed_to(["mch_us"]).jwts(),
        }
    }

    /// Accepts these kinds.
    pub fn accept(
        self,
        config: ClerkConfigBuilder,
        kinds: impl IntoIterator<Item = TokenKind>,
    ) -> ClerkConfigBuilder {
        kinds.into_iter().fold(config, |config, kind| match kind {
            TokenKind::OAuth => config.accept(self.oauth.clone()),
            TokenKind::Session => config.accept(self.session.clone()),
            TokenKind::ApiKey => config.accept(self.api_key.clone()),
            TokenKind::Machine => config.accept(self.machine.clone()),
            _ => unreachable!("there are four kinds"),
        })
    }
}

/// A layer, and a service behind it.
#[derive(Clone)]
pub struct App {
    pub layer: ClerkAuthLayer,
    inner_calls: Arc<AtomicUsize>,
}

impl App {
    pub fn new(config: ClerkConfigBuilder) -> Self {
        let config = config.build().expect("the configuration is valid");
        Self::of(ClerkAuthLayer::new(config))
    }

    pub fn of(layer: ClerkAuthLayer) -> Self {
        Self {
            layer,
            inner_calls: Arc::default(),
        }
    }

    /// How often the service behind the layer was called.
    pub fn inner_calls(&self) -> usize {
        self.inner_calls.load(Ordering::SeqCst)
    }

    pub async fn bearer(&self, token: &str) -> Answer {
        self.send(&[("authorization", &format!("Bearer {token}"))])
            .await
    }

    pub async fn grpc(&self, token: &str) -> Answer {
        self.send_grpc(&[("authorization", &format!("Bearer {token}"))])
            .await
    }

    pub async fn send(&self, headers: &[(&str, &str)]) -> Answer {
        self.request(with_headers(&bytes_of(headers))).await
    }

    pub async fn send_grpc(&self, headers: &[(&str, &str)]) -> Answer {
        self.request(as_grpc(with_headers(&bytes_of(headers))))
            .await
    }

    pub async fn send_bytes(&self, headers: &[(&str, &[u8])]) -> Answer {
        self.request(with_headers(headers)).await
    }

    pub async fn request(&self, request: Request<()>) -> Answer {
        let calls = Arc::clone(&self.inner_calls);
        let service = self.layer.layer(service_fn(move |request: Request<()>| {
            calls.fetch_add(1, Ordering::SeqCst);
            let mut response = Response::<()>::default();
            if let Some(claims) = request.extensions().get::<ClerkClaims>() {
                response.extensions_mut().insert(claims.clone());
            }
            std::future::ready(Ok::<_, Infallible>(response))
        }));
        let Ok(response) = service.oneshot(request).await;
        Answer(response)
    }
}

fn bytes_of<'a>(headers: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a [u8])> {
    let bytes = |(name, value): &(&'a str, &'a str)| (*name, value.as_bytes());
    headers.iter().map(bytes).collect()
}

fn with_headers(headers: &[(&str, &[u8])]) -> Request<()> {
    let mut request = Request::new(());
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        let value = HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().append(name, value);
    }
    request
}

/// Returns the time of a number of seconds since the Unix epoch.
pub fn unix(seconds: u64) -> SystemTime {
    UNIX_EPOCH + std::time::Duration::from_secs(seconds)
}

/// Returns a time in whole seconds since the Unix epoch.
pub fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Makes a request one that can be nothing but gRPC.
pub fn as_grpc<B>(mut request: Request<B>) -> Request<B> {
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    for (name, value) in GRPC {
        let value = HeaderValue::from_static(value);
        request.headers_mut().insert(name, value);
    }
    request
}

/// The headers of every client of gRPC.
pub const GRPC: [(&str, &str); 2] = [
    ("content-type", "application/grpc+proto"),
    ("te", "trailers"),
];

/// What came back.
#[derive(Debug)]
pub struct Answer(Response<()>);

impl Answer {
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.0
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap())
    }

    pub fn challenge(&self) -> Option<&str> {
        self.header("www-authenticate")
    }

    /// The claims that the inner service was given.
    pub fn claims(&self) -> &ClerkClaims {
        self.0
            .extensions()
            .get()
            .expect("the request was let through")
    }

    /// The error in the response's extensions.
    pub fn error(&self) -> &AuthError {
        self.0.extensions().get().expect("the request was rejected")
    }

    /// Why the request was rejected.
    pub fn kind(&self) -> Option<AuthErrorKind> {
        self.0.extensions().get::<AuthError>().map(AuthError::kind)
    }

    #[track_caller]
    pub fn assert_accepted(&self) {
        assert_eq!(self.status(), 200, "{self:?}");
        assert_eq!(self.kind(), None);
    }

    #[track_caller]
    pub fn assert_rejected(&self, status: u16, kind: AuthErrorKind) {
        assert_eq!(self.kind(), Some(kind), "{self:?}");
        assert_eq!(self.status(), status, "{self:?}");
    }
}

/// Waits until no verification is under way.
pub async fn settled(app: &App) {
    while app.layer.authenticator().stats().in_flight > 0 {
        tokio::task::yield_now().await;
    }
}

/// A request with a bearer token.
pub fn request(token: &str) -> Request<()> {
    Request::builder()
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .unwrap()
}

/// A runtime on one thread.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}
