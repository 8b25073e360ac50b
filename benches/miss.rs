//! What a request costs that has to ask Clerk: in ratio to a bare connection of hyper's that makes the same
//! two calls, and in calls where many ask at once.

#![expect(clippy::as_conversions, reason = "for people, not for machines")]
#![expect(clippy::disallowed_methods, reason = "time is what is measured")]

mod support;

use std::time::{Duration, Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};
use tower::Layer;
use tower_clerk::{
    ClerkAuthLayer, ClerkConfig, ClerkConfigBuilder,
    fake_clerk::{Endpoint, FakeClerk, Fault},
    kinds::OAuthTokens,
    testing::ManualClock,
};

use crate::support::{BAD_TOKEN, Leaf, median, ours, pass, reject, request, tokens, warm};

const ROUNDS: usize = 500;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(async {
        one_at_a_time().await;
        all_at_once().await;
        flood().await;
    });
}

fn config(clerk: &FakeClerk) -> ClerkConfigBuilder {
    ClerkConfig::builder(clerk.url())
        .accept(OAuthTokens::introspection(
            clerk.client_id(),
            clerk.client_secret(),
        ))
        .rate_limit(0)
}

fn layer(config: ClerkConfigBuilder) -> ClerkAuthLayer {
    ClerkAuthLayer::new(config.build().expect("the configuration is valid"))
}

async fn one_at_a_time() {
    let clerk = FakeClerk::start().expect("loopback has a free port");
    let token = clerk.token("user_1").issue();
    let mut bare = Bare::connect(&clerk).await;
    let mut unknown = layer(config(&clerk).cache_ttl(Duration::ZERO)).layer(Leaf);
    // A token in use: a hit in the last fifth of its entry's life starts a refresh.
    let clock = ManualClock::new();
    let in_use = layer(
        config(&clerk)
            .cache_ttl(Duration::from_secs(10))
            .clock(clock.clone()),
    );
    let mut hit = in_use.layer(Leaf);
    pass(&mut hit, request(&token)).await;
    let (mut floor, mut first, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floor.push(time(bare.introspect_and_userinfo(&token)).await);
        first.push(time(pass(&mut unknown, request(&token))).await);
        // Jitter shortens the life by a tenth at most.
        clock.advance(Duration::from_millis(8_500));
        again.push(time(refresh(&in_use, &mut hit, &token)).await);
    }
    let stats = in_use.authenticator().stats();
    assert_eq!((stats.misses, stats.refreshes), (1, ROUNDS as u64));
    let floor = median(&mut floor);
    println!(
        "Misses, one after the other, over loopback. The floor, two calls over one bare connection, takes {floor:.0} µs:\n"
    );
    println!("| | of the floor |\n|---|--:|");
    println!(
        "| a token never seen: introspection, then userinfo | {:.2} |",
        median(&mut first) / floor
    );
    println!(
        "| a refresh of a token in use: both at once | {:.2} |\n",
        median(&mut again) / floor
    );
}

/// Sends a hit that starts a refresh, and waits for the end of the refresh.
async fn refresh(
    layer: &ClerkAuthLayer,
    service: &mut <ClerkAuthLayer as Layer<Leaf>>::Service,
    token: &str,
) {
    pass(service, request(token)).await;
    while layer.authenticator().stats().in_flight > 0 {
        tokio::task::yield_now().await;
    }
}

async fn time(what: impl Future<Output = ()>) -> f64 {
    let start = Instant::now();
    what.await;
    start.elapsed().as_nanos() as f64 / 1000.0
}

/// One connection, and nothing that reads what comes over it.
struct Bare {
    connection: SendRequest<Full<Bytes>>,
    credentials: String,
}

impl Bare {
    async fn connect(clerk: &FakeClerk) -> Self {
        let stream = TcpStream::connect(clerk.addr()).await.expect("it listens");
        stream.set_nodelay(true).expect("a socket has the option");
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .expect("it speaks HTTP/1.1");
        tokio::spawn(connection);
        let pair = format!("{}:{}", clerk.client_id(), clerk.client_secret());
        Self {
            connection: sender,
            credentials: format!("Basic {}", BASE64_STANDARD.encode(pair)),
        }
    }

    async fn introspect_and_userinfo(&mut self, token: &str) {
        let body = format!("token={token}&token_type_hint=access_token");
        let introspection = Request::builder()
            .method(Method::POST)
            .uri("/oauth/token_info")
            .header(header::HOST, "clerk")
            .header(header::AUTHORIZATION, &self.credentials)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(body));
        let userinfo = Request::builder()
            .uri("/oauth/userinfo")
            .header(header::HOST, "clerk")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .body(Full::default());
        for request in [introspection, userinfo] {
            let request = request.expect("the parts are valid");
            self.connection.ready().await.expect("it stays open");
            let response = self
                .connection
                .send_request(request)
                .await
                .expect("it answers");
            assert!(response.status().is_success(), "{}", response.status());
            response.collect().await.expect("the body comes");
        }
    }
}

async fn all_at_once() {
    println!("Requests at once with a token never seen; each call to Clerk takes 20 ms:\n");
    println!("| at once | calls to Clerk | all answered after |\n|--:|--:|--:|");
    for waiters in [64, 10_000] {
        let clerk = FakeClerk::start().expect("loopback has a free port");
        for endpoint in [Endpoint::Introspection, Endpoint::Userinfo] {
            clerk.fail(endpoint, Fault::delay(Duration::from_millis(20)));
        }
        let token = clerk.token("user_1").issue();
        let service = layer(config(&clerk)).layer(Leaf);
        let start = Instant::now();
        let mut requests = JoinSet::new();
        for _ in 0..waiters {
            let (mut service, token) = (service.clone(), token.clone());
            requests.spawn(async move { pass(&mut service, request(&token)).await });
        }
        requests.join_all().await;
        println!(
            "| {waiters} | {} | {} ms |",
            clerk.total_calls(),
            start.elapsed().as_millis()
        );
    }
    println!();
}

/// Tokens that come once, as many bad ones as good ones, between requests with those in use.
async fn flood() {
    const HOT: usize = 1000;
    const FLOOD: usize = 200_000;
    let layer = ours(10_000);
    let mut service = layer.layer(Leaf);
    let hot = tokens(HOT);
    for _ in 0..2 {
        warm(&mut service, &hot).await;
    }
    let before = layer.authenticator().stats();
    let mut rng = fastrand::Rng::with_seed(11);
    for n in 0..FLOOD {
        let once = rng.u64(..);
        if n % 2 == 0 {
            reject(&mut service, request(&format!("{BAD_TOKEN}{n}_{once}"))).await;
        } else {
            pass(&mut service, request(&format!("oat_good_{n}_{once}"))).await;
        }
        pass(&mut service, request(&hot[rng.usize(..HOT)])).await;
    }
    let hits = layer.authenticator().stats().hits - before.hits;
    println!(
        "Flood: {FLOOD} tokens that come once, half of them bad, before a cache of 10,000: {:.3} % of the \
         requests with one of {HOT} tokens in use were hits.",
        hits as f64 / FLOOD as f64 * 100.0
    );
}
