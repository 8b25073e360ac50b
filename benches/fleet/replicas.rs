//! Replicas that share a store, a Clerk that counts, and a clock that goes along with the paused one of Tokio.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tower_clerk::{
    AuthError, Authenticator, ClerkConfig, ClerkConfigBuilder,
    fleet::{Fleet, MemoryStore},
    kinds::{Enrichment, OAuthTokens},
    testing::ManualClock,
    transport::{Transport, TransportError},
    verify::{TokenInfo, Verify, VerifyRequest},
};

pub(crate) const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A Clerk that accepts each token, after a constant time. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Clerk {
    latency: Duration,
    calls: Arc<AtomicU64>,
    /// Whether it rejects all tokens.
    rejects: bool,
}

impl Clerk {
    pub(crate) fn new(latency: Duration) -> Self {
        Self {
            latency,
            calls: Arc::default(),
            rejects: false,
        }
    }

    pub(crate) fn that_rejects() -> Self {
        Self {
            rejects: true,
            ..Self::new(Duration::ZERO)
        }
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Verify for Clerk {
    fn verify<'a>(&'a self, _: VerifyRequest<'a>) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            if !self.latency.is_zero() {
                tokio::time::sleep(self.latency).await;
            }
            let active = !self.rejects;
            let answer = format!(r#"{{"active":{active},"client_id":"me","sub":"user_1"}}"#);
            TokenInfo::from_introspection(answer.as_bytes())
        })
    }

    fn shared_as(&self) -> Option<&str> {
        Some("bench")
    }
}

/// The configuration of one replica.
pub(crate) fn config(clerk: &Clerk) -> ClerkConfigBuilder {
    let oauth = OAuthTokens::verified_by(clerk.clone()).allow_clients(["me"]);
    ClerkConfig::builder("clerk.example.com")
        .accept(oauth.userinfo(Enrichment::Off))
        .transport(Nowhere)
}

pub(crate) fn start(config: ClerkConfigBuilder) -> Authenticator {
    Authenticator::new(config.build().expect("the configuration is valid"))
}

/// Replicas on the paused clock.
pub(crate) struct Replicas {
    pub(crate) all: Vec<Authenticator>,
    pub(crate) store: MemoryStore,
    pub(crate) clerk: Clerk,
}

impl Replicas {
    /// `is_fleet`: whether they share the store. Returns when all of them may use it.
    pub(crate) async fn new(count: usize, latency: Duration, is_fleet: bool) -> Self {
        let clock = ManualClock::new();
        tokio::spawn(run(clock.clone()));
        let store = MemoryStore::new(clock.clone());
        let clerk = Clerk::new(latency);
        let all = (0..count).map(|number| {
            let config = config(&clerk).clock(clock.clone());
            start(match is_fleet {
                true => config.fleet(Fleet::store(store.replica(number), SECRET)),
                false => config,
            })
        });
        let all: Vec<_> = all.collect();
        for replica in &all {
            replica.warm_up().await.expect("there is nothing to fetch");
        }
        Self { all, store, clerk }
    }
}

/// Runs on the paused clock.
pub(crate) fn paused<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime can be made").block_on(future)
}

pub(crate) fn token(number: usize) -> String {
    format!("oat_{number:032}")
}

/// Returns the value below which this share of all lies.
pub(crate) fn quantile(mut all: Vec<Duration>, share: f64) -> Duration {
    all.sort_unstable();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss
    )]
    let at = (all.len() as f64 * share) as usize;
    all[at.min(all.len() - 1)]
}

/// Advances the clock by a millisecond, the resolution of Tokio's timers, whenever one has passed.
async fn run(clock: ManualClock) {
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    ticks.tick().await;
    loop {
        ticks.tick().await;
        clock.advance(Duration::from_millis(1));
    }
}

/// A transport that is never used.
struct Nowhere;

impl Transport for Nowhere {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async { Err(TransportError::unreachable("there is no network")) })
    }
}
