//! The calls per second of replicas behind one load balancer, as the number of replicas grows.
//!
//! 10,000 tokens by Zipf's law with an exponent of 0.9, 20,000 requests a second over all replicas, a TTL of 30 s, and a
//! Clerk that needs 100 ms. The first minute fills the caches, the second one counts.

use std::{fmt, time::Duration};

use futures_util::FutureExt;
use tokio::time::sleep;

use crate::replicas::{Replicas, paused, token};

pub(crate) const HEAD: &str = "| replicas | calls/s without a fleet | ratio | calls/s with a fleet | ratio |\n|--:|--:|--:|--:|--:|";

pub(crate) struct Row {
    pub(crate) replicas: usize,
    /// Calls per second, without a fleet and with one.
    pub(crate) calls: [f64; 2],
    ratios: [f64; 2],
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            replicas,
            calls: [without, with],
            ratios: [more, as_many],
        } = self;
        write!(
            f,
            "| {replicas} | {without:.0} | {more:.1} | {with:.0} | {as_many:.3} |"
        )
    }
}

/// `first`: the row of one replica.
pub(crate) fn row(replicas: usize, first: Option<&Row>) -> Row {
    let calls = [false, true].map(|is_fleet| paused(calls_per_second(replicas, is_fleet)));
    let base = first.map_or(calls, |first| first.calls);
    Row {
        replicas,
        calls,
        ratios: [calls[0] / base[0], calls[1] / base[1]],
    }
}

async fn calls_per_second(count: usize, is_fleet: bool) -> f64 {
    let replicas = Replicas::new(count, Duration::from_millis(100), is_fleet).await;
    let tokens: Vec<_> = (0..TOKENS).map(token).collect();
    let ranks = Zipf::new(TOKENS, 0.9);
    let mut rng = fastrand::Rng::with_seed(1);
    let mut before = 0;
    for ms in 0..2 * MINUTE {
        if ms == MINUTE {
            before = replicas.clerk.calls();
        }
        for _ in 0..REQUESTS_PER_MS {
            let token = &tokens[ranks.draw(&mut rng)];
            let replica = &replicas.all[rng.usize(..count)];
            // A hit is ready at once. A miss goes on in its own task, and the caller is not needed for it.
            drop(replica.verify(token).now_or_never());
        }
        sleep(Duration::from_millis(1)).await;
    }
    let calls = (replicas.clerk.calls() - before) as f64;
    calls * 1000.0 / f64::from(MINUTE)
}

/// Draws ranks by Zipf's law.
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(count: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=count).map(|rank| {
            sum += (rank as f64).powf(-exponent);
            sum
        });
        Self(sums.collect())
    }

    fn draw(&self, rng: &mut fastrand::Rng) -> usize {
        let most = self.0.last().copied().unwrap_or_default();
        let at = rng.f64() * most;
        self.0
            .partition_point(|sum| *sum < at)
            .min(self.0.len() - 1)
    }
}

const TOKENS: usize = 10_000;

const REQUESTS_PER_MS: usize = 20;

/// In milliseconds.
const MINUTE: u32 = 60_000;
