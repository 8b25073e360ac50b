//! What callers notice when Clerk does not work: seven faults, the same requests in each.
//!
//! Of a hundred requests seventy have a token that is known to the cache, twenty-five a good one that
//! was never seen before, and five one that was revoked. They come at a steady pace, whatever becomes
//! of them.

#![expect(clippy::as_conversions, reason = "for people, not for machines")]
#![expect(clippy::disallowed_methods, reason = "time is what is measured")]

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use tokio::{sync::Semaphore, task::JoinSet, time};
use tower::{Layer, Service, service_fn};
use tower_clerk::{
    ClerkAuthLayer, ClerkConfig,
    fake_clerk::{Endpoint, FakeClerk, Fault},
    kinds::OAuthTokens,
};

const REQUESTS: usize = 2_000;
const PER_TICK: usize = 5;
const TICK: Duration = Duration::from_millis(10);
const AT_A_TIME: usize = 256;
const WARM: usize = 50;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    println!(
        "{REQUESTS} requests per scenario, {} a second, {AT_A_TIME} at a time at the most. \
         The configuration is the default one, but: no rate limit, 500 ms for an attempt and 1 s in \
         all (default: 1 s and 2 s). Times are what the layer adds.\n",
        PER_TICK * 1000 / TICK.as_millis() as usize
    );
    println!(
        "| Clerk | 200 | 401 | 503 | known: p50 | p99 | never seen: p50 | p99 | calls to Clerk |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for (name, fault) in SCENARIOS {
        runtime.block_on(play(name, *fault));
    }
}

#[derive(Clone, Copy)]
enum Weather {
    Fair,
    Slow,
    Failing,
    Hanging,
    Rejecting,
    Flapping,
    Recovering,
}

const SCENARIOS: &[(&str, Weather)] = &[
    ("healthy", Weather::Fair),
    ("slow: 300 ms", Weather::Slow),
    ("status 500", Weather::Failing),
    ("hanging", Weather::Hanging),
    ("rejecting connections", Weather::Rejecting),
    ("flapping: every other call fails", Weather::Flapping),
    ("recovering: 500 for half of the time", Weather::Recovering),
];

impl Weather {
    fn begin(self, clerk: &FakeClerk) {
        for endpoint in [Endpoint::Introspection, Endpoint::Userinfo] {
            match self {
                Self::Fair | Self::Rejecting => {}
                Self::Slow => clerk.fail(endpoint, Fault::delay(Duration::from_millis(300))),
                Self::Failing | Self::Recovering => clerk.fail(endpoint, Fault::status(500)),
                Self::Hanging => clerk.fail(endpoint, Fault::hang()),
                Self::Flapping => {
                    let mut rng = fastrand::Rng::with_seed(1);
                    for _ in 0..REQUESTS {
                        let fault = if rng.bool() {
                            Fault::status(500)
                        } else {
                            Fault::delay(Duration::ZERO)
                        };
                        clerk.fail(endpoint, fault.times(1));
                    }
                }
            }
        }
    }
}

/// Plays one scenario and prints its line.
async fn play(name: &str, weather: Weather) {
    let mut clerk = Some(FakeClerk::start().expect("loopback has a free port"));
    let fake = clerk.as_ref().expect("it was started a line above");
    let config = ClerkConfig::builder(fake.url())
        .accept(OAuthTokens::introspection(
            fake.client_id(),
            fake.client_secret(),
        ))
        .rate_limit(0)
        .attempt_timeout(Duration::from_millis(500))
        .timeout(Duration::from_secs(1))
        .build()
        .expect("the configuration is valid");
    let layer = ClerkAuthLayer::new(config);
    let warm: Vec<_> = (0..WARM).map(|_| fake.token("user_1").issue()).collect();
    for token in &warm {
        _ = call(&layer, token).await;
    }
    let tokens: Vec<_> = (0..REQUESTS)
        .map(|n| match n % 20 {
            0..14 => (true, warm[n % WARM].clone()),
            14 => {
                let token = fake.token("user_1").issue();
                fake.revoke(&token);
                (false, token)
            }
            _ => (false, fake.token("user_1").issue()),
        })
        .collect();
    fake.reset_calls();
    weather.begin(fake);
    if matches!(weather, Weather::Rejecting) {
        clerk = None;
    }

    let room = Arc::new(Semaphore::new(AT_A_TIME));
    let mut requests = JoinSet::new();
    let mut ticks = time::interval(TICK);
    for (n, (is_known, token)) in tokens.into_iter().enumerate() {
        if n % PER_TICK == 0 {
            ticks.tick().await;
        }
        if n == REQUESTS / 2
            && matches!(weather, Weather::Recovering)
            && let Some(clerk) = &clerk
        {
            clerk.heal_all();
        }
        let permit = Arc::clone(&room).acquire_owned().await;
        let layer = layer.clone();
        requests.spawn(async move {
            let (status, elapsed) = call(&layer, &token).await;
            drop(permit);
            (is_known, status, elapsed)
        });
    }
    let outcomes = requests.join_all().await;
    let calls = clerk.map_or_else(|| "-".into(), |clerk| clerk.total_calls().to_string());
    print_line(name, &outcomes, &calls);
}

fn print_line(name: &str, outcomes: &[(bool, StatusCode, Duration)], calls: &str) {
    let count = |status: u16| {
        let has_status = |outcome: &&(bool, StatusCode, Duration)| outcome.1 == status;
        outcomes.iter().filter(has_status).count()
    };
    let times = |known: bool| {
        let mut times: Vec<_> = outcomes
            .iter()
            .filter(|(is_known, ..)| *is_known == known)
            .map(|(.., elapsed)| *elapsed)
            .collect();
        times.sort();
        let at = |percent: usize| show(times[(times.len() - 1) * percent / 100]);
        format!("{} | {}", at(50), at(99))
    };
    println!(
        "| {name} | {} | {} | {} | {} | {} | {calls} |",
        count(200),
        count(401),
        count(503),
        times(true),
        times(false),
    );
}

async fn call(layer: &ClerkAuthLayer, token: &str) -> (StatusCode, Duration) {
    let request = Request::builder()
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(())
        .expect("the parts are valid");
    let mut service = layer.layer(service_fn(|_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(())))
    }));
    let start = Instant::now();
    let Ok(response) = service.call(request).await;
    (response.status(), start.elapsed())
}

fn show(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    if micros < 1000.0 {
        format!("{micros:.1} µs")
    } else {
        format!("{:.1} ms", micros / 1000.0)
    }
}
