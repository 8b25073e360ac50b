//! What a request costs in the layer, as a ratio to the same request through a layer that does nothing.
//!
//! The machine that measures is rarely alone: all variants run in turn, in short rounds, and what is
//! printed is the median of the rounds and its ratio to the floor of the same run. Allocations are
//! exact.

#![expect(clippy::as_conversions, reason = "for people, not for machines")]
#![expect(clippy::disallowed_methods, reason = "time is what is measured")]

use std::{
    convert::Infallible,
    hint::black_box,
    time::{Duration, Instant},
};

use allocation_counter::measure;
use futures_util::FutureExt;
use http::{Request, Response, header::AUTHORIZATION};
use tower::{Layer, Service, layer::util::Identity, service_fn};
use tower_clerk::{
    ClerkAuthLayer, ClerkConfig,
    fake_clerk::{Endpoint, FakeClerk, Fault},
};

const ROUNDS: usize = 31;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(run());
}

async fn run() {
    let clerk = FakeClerk::start().expect("loopback has a free port");
    let config = |ttl| {
        ClerkConfig::builder(clerk.url())
            .client_credentials(clerk.client_id(), clerk.client_secret())
            .cache_ttl(ttl)
            .rate_limit(0)
            .build()
            .expect("the configuration is valid")
    };
    let layer = ClerkAuthLayer::new(config(Duration::from_secs(300)));
    let uncached = ClerkAuthLayer::new(config(Duration::ZERO));
    let opaque = clerk.token("user_1").issue();
    let jwt = clerk.token("user_1").jwt().issue();
    let tokens: Vec<_> = (0..1000).map(|_| clerk.token("user_1").issue()).collect();
    for token in tokens
        .iter()
        .chain([&opaque, &jwt, &"oat_unknown".to_owned()])
    {
        _ = call(&mut layer.layer(leaf()), request(token)).await;
    }

    println!(
        "{:<34}{:>12}{:>12}{:>14}",
        "", "ns", "x floor", "allocations"
    );
    let mut floor = Identity::new().layer(leaf());
    let mut ours = layer.layer(leaf());
    let mut row = Table::default();
    row.add("no-op layer (the floor)", &mut floor, 1000, |_| {
        request(&opaque)
    })
    .await;
    row.add("hit, one opaque token", &mut ours, 1000, |_| {
        request(&opaque)
    })
    .await;
    row.add("hit, 1000 opaque tokens", &mut ours, 1000, |n| {
        request(&tokens[n])
    })
    .await;
    row.add("hit, a JWT of 500 bytes", &mut ours, 1000, |_| {
        request(&jwt)
    })
    .await;
    row.add("refused: no credentials", &mut ours, 1000, |_| {
        Request::new(())
    })
    .await;
    row.add("refused: malformed", &mut ours, 1000, |_| request("a b"))
        .await;
    row.add("refused: known to be bad", &mut ours, 1000, |_| {
        request("oat_unknown")
    })
    .await;

    let mut cold = uncached.layer(leaf());
    row.add("miss: two calls over loopback", &mut cold, 20, |_| {
        request(&opaque)
    })
    .await;
    clerk.fail(Endpoint::Introspection, Fault::status(500));
    row.add("refused: Clerk is down", &mut cold, 20, |_| {
        request(&opaque)
    })
    .await;
}

fn leaf() -> impl Service<
    Request<()>,
    Response = Response<()>,
    Error = Infallible,
    Future = std::future::Ready<Result<Response<()>, Infallible>>,
> + Clone {
    service_fn(|request: Request<()>| {
        drop(black_box(request));
        std::future::ready(Ok(Response::new(())))
    })
}

fn request(token: &str) -> Request<()> {
    Request::builder()
        .header("host", "api.example.com")
        .header("user-agent", "bench")
        .header("accept", "*/*")
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(())
        .expect("the parts are valid")
}

async fn call<S>(service: &mut S, request: Request<()>) -> Response<()>
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let Ok(response) = service.call(request).await;
    response
}

#[derive(Default)]
struct Table {
    floor: Option<f64>,
}

impl Table {
    /// Measures one way of a request and prints its line.
    async fn add<S>(
        &mut self,
        name: &str,
        service: &mut S,
        batch: usize,
        request: impl Fn(usize) -> Request<()>,
    ) where
        S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
    {
        let mut samples = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let requests: Vec<_> = (0..batch).map(&request).collect();
            let start = Instant::now();
            for request in requests {
                black_box(call(service, request).await);
            }
            samples.push(start.elapsed().as_nanos() as f64 / batch as f64);
        }
        samples.sort_by(f64::total_cmp);
        let median = samples[ROUNDS / 2];
        let floor = *self.floor.get_or_insert(median);
        let request = request(0);
        // A miss is counted up to where it begins to wait.
        let allocations = measure(|| drop(call(service, request).now_or_never()));
        println!(
            "{name:<34}{median:>12.0}{:>12.2}{:>14}",
            median / floor,
            allocations.count_total
        );
    }
}
