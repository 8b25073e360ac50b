//! What the benches compare: a request, a service that does nothing, and the ways to protect it.

#![allow(
    unreachable_pub,
    dead_code,
    clippy::as_conversions,
    clippy::disallowed_methods,
    reason = "each bench takes what it needs, and time is what they measure"
)]

pub mod kinds;
pub mod load;

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::black_box,
    pin::Pin,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::future::BoxFuture;
use http::{
    HeaderMap, Request, Response, StatusCode,
    header::{AUTHORIZATION, COOKIE},
};
use sha2::{Digest, Sha256};
use tower::Service;
use tower_clerk::{
    AuthError, ClerkAuthLayer, ClerkConfig, ClerkConfigBuilder,
    fake_clerk::FakeClerk,
    fleet::{Fleet, MemoryStore},
    kinds::{ApiKeys, Enrichment, MachineTokens, OAuthTokens, SessionTokens},
    verify::{TokenInfo, Verify, VerifyRequest},
};

/// The service behind all layers: it drops the request and answers.
#[derive(Clone, Copy, Debug)]
pub struct Leaf;

impl<B> Service<Request<B>> for Leaf {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        drop(black_box(request));
        ready(Ok(Response::new(())))
    }
}

/// A layer that does nothing: the floor.
#[derive(Clone, Copy, Debug)]
pub struct Noop<S>(pub S);

impl<S: Service<R>, R> Service<R> for Noop<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.0.call(request)
    }
}

/// A layer that puts claims into every request, and looks at nothing: what no layer can go below.
#[derive(Clone, Debug)]
pub struct InsertOnly<S>(pub S, pub Arc<str>);

impl<S: Service<Request<B>>, B> Service<Request<B>> for InsertOnly<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(Arc::clone(&self.1));
        self.0.call(request)
    }
}

/// What one writes in an afternoon: an async block in a box, and moka's cache of futures.
#[derive(Clone, Debug)]
pub struct Boxed<S> {
    pub inner: S,
    pub cache: moka::future::Cache<[u8; 32], Arc<str>>,
}

impl<S> Boxed<S> {
    pub fn new(inner: S) -> Self {
        let cache = moka::future::Cache::builder()
            .max_capacity(200_000)
            .time_to_live(Duration::from_secs(300))
            .build();
        Self { inner, cache }
    }
}

impl<S, B> Service<Request<B>> for Boxed<S>
where
    S: Service<Request<B>, Response = Response<()>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<()>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let cache = self.cache.clone();
        Box::pin(async move {
            let Some(token) = bearer(request.headers()) else {
                let mut response = Response::new(());
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                return Ok(response);
            };
            let key: [u8; 32] = Sha256::digest(token).into();
            let claims = cache.get_with(key, async { Arc::from("user_1") }).await;
            request.extensions_mut().insert(claims);
            inner.call(request).await
        })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

/// Says of every OAuth token but the bad ones that it is good: what is measured is not the verification.
#[derive(Debug)]
pub struct Says;

impl Verify for Says {
    fn verify<'a>(
        &'a self,
        verification: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        let is_bad = verification.token().expose().starts_with(BAD_TOKEN);
        let answer = if is_bad {
            r#"{"active":false}"#
        } else {
            ANSWER
        };
        Box::pin(async { TokenInfo::from_introspection(answer.as_bytes()) })
    }
}

/// A bad token, and the beginning of others. The underscore at its end is in no token of [`tokens`].
pub const BAD_TOKEN: &str = "oat_bad_";

/// The server that issues tokens of the other kinds. It is asked while they get to be known, and never about a
/// hit.
pub fn clerk() -> &'static FakeClerk {
    static CLERK: LazyLock<FakeClerk> =
        LazyLock::new(|| FakeClerk::start().expect("loopback has a free port"));
    &CLERK
}

/// Our layer, which accepts every kind, over a verifier that answers at once about OAuth tokens.
pub fn ours(capacity: u64) -> ClerkAuthLayer {
    layer(configured(capacity))
}

/// The same layer as a replica of a fleet.
pub fn replica(store: &MemoryStore) -> ClerkAuthLayer {
    let secret = BASE64_STANDARD.encode([7; 32]);
    layer(configured(1000).fleet(Fleet::store(store.clone(), secret)))
}

fn layer(config: ClerkConfigBuilder) -> ClerkAuthLayer {
    ClerkAuthLayer::new(config.build().expect("the configuration is valid"))
}

fn configured(capacity: u64) -> ClerkConfigBuilder {
    let clerk = clerk();
    ClerkConfig::builder(clerk.url())
        .accept(
            OAuthTokens::verified_by(Says)
                .allow_clients(["client_1"])
                .audiences(["client_1"])
                .userinfo(Enrichment::Off),
        )
        .accept(SessionTokens::new().cookie())
        .accept(ApiKeys::new())
        .accept(MachineTokens::addressed_to([kinds::MACHINE]).jwts())
        .secret_key(clerk.secret_key())
        .backend_api_url(clerk.url())
        // As before an instance of Clerk's in production.
        .rate_limit(1_000)
        .cache_ttl(Duration::from_secs(300))
        .cache_capacity(capacity)
}

/// As many opaque tokens of 36 bytes.
pub fn tokens(count: usize) -> Vec<String> {
    let mut rng = fastrand::Rng::with_seed(7);
    (0..count)
        .map(|_| {
            let random: String = std::iter::repeat_with(|| rng.alphanumeric())
                .take(32)
                .collect();
            format!("oat_{random}")
        })
        .collect()
}

/// An opaque token that is as long as a JWT, or as long as anything.
pub fn long_token(len: usize) -> String {
    let mut rng = fastrand::Rng::with_seed(8);
    let random = std::iter::repeat_with(|| rng.alphanumeric());
    "oat_".chars().chain(random).take(len).collect()
}

/// A request as it comes from a client: three headers and the credentials.
pub fn request(token: &str) -> Request<()> {
    bare()
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(())
        .expect("the parts are valid")
}

/// The same with the token in Clerk's cookie, behind two others as browsers have them.
pub fn in_cookie(token: &str) -> Request<()> {
    let cookies = format!("__client_uat=1764000000; theme=dark; __session={token}");
    bare()
        .header(COOKIE, cookies)
        .body(())
        .expect("the parts are valid")
}

/// The same without credentials.
pub fn bare() -> http::request::Builder {
    Request::builder()
        .header("host", "api.example.com")
        .header("user-agent", "bench")
        .header("accept", "*/*")
}

/// The one in the middle.
pub fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Drives a call that needs nobody else to its end.
pub fn finish<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    match Pin::as_mut(&mut future).poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// Sends each token once, so that it is known afterwards: all are good.
pub async fn warm<S>(service: &mut S, tokens: &[String])
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    for token in tokens {
        pass(service, request(token)).await;
    }
}

/// Sends a request that has to be let through.
pub async fn pass<S>(service: &mut S, request: Request<()>)
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let Ok(response) = service.call(request).await;
    assert!(response.status().is_success(), "{response:?}");
}

/// Sends a request that has to be rejected.
pub async fn reject<S>(service: &mut S, request: Request<()>)
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let Ok(response) = service.call(request).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}

/// An answer of introspection with what Clerk documents.
const ANSWER: &str = r#"{"active":true,"client_id":"client_1","sub":"user_2abcdefghijklmnopqrstuvwxyz",
"scope":"openid profile email","token_type":"Bearer"}"#;
