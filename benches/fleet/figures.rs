//! The figures on the paused clock.

use std::{fmt, time::Duration};

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};
use tower_clerk::{Tokens, fleet::Fault};

use crate::{
    replicas::{Replicas, paused, quantile, token},
    tampering,
};

/// One figure, with the most that it may be.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) measured: f64,
    pub(crate) target: f64,
    pub(crate) unit: &'static str,
    /// Whether it was measured in real time, and depends on the machine.
    pub(crate) is_real_time: bool,
}

impl Figure {
    pub(crate) fn is_good(&self) -> bool {
        self.measured <= self.target
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let note = match (self.is_good(), self.is_real_time) {
            (true, false) => "",
            (true, true) => "real time",
            (false, false) => "**missed**",
            (false, true) => "**missed**, real time",
        };
        let Self {
            name,
            measured,
            target,
            unit,
            ..
        } = self;
        write!(
            f,
            "| {name} | {measured:.3}{unit} | {target}{unit} | {note} |"
        )
    }
}

pub(crate) fn all() -> Vec<Figure> {
    let mut all = Vec::from(burst());
    all.push(revocation());
    all.extend(hanging());
    all.push(rejected());
    all.push(tampering::figure());
    all
}

pub(crate) fn exact(
    name: impl Into<String>,
    measured: f64,
    target: f64,
    unit: &'static str,
) -> Figure {
    Figure {
        name: name.into(),
        measured,
        target,
        unit,
        is_real_time: false,
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// A hundred new tokens, each at ten replicas at once. Clerk needs 100 ms.
fn burst() -> [Figure; 2] {
    paused(async {
        let replicas = Replicas::new(10, Duration::from_millis(100), true).await;
        let tokens: Vec<_> = (0..100).map(token).collect();
        let requests = tokens.iter().flat_map(|token| {
            replicas.all.iter().map(move |replica| async move {
                let start = Instant::now();
                replica.verify(token).await.expect("Clerk accepts it");
                start.elapsed()
            })
        });
        let times = join_all(requests).await;
        let calls = replicas.clerk.calls() as f64;
        let p99 = millis(quantile(times, 0.99));
        [
            exact(
                "calls: 100 new tokens, 10 replicas at once",
                calls,
                100.0,
                "",
            ),
            exact(
                "the same: p99 of a request, Clerk needs 100 ms",
                p99,
                158.0,
                " ms",
            ),
        ]
    })
}

/// The time until a token is rejected at the last of ten replicas: p99 of 200 revocations.
fn revocation() -> Figure {
    paused(async {
        let replicas = Replicas::new(10, Duration::from_millis(1), true).await;
        let mut times = Vec::new();
        for round in 0..200 {
            let token = token(round);
            for replica in &replicas.all {
                replica.verify(&token).await.expect("Clerk accepts it");
            }
            // The exchanges of the replicas are spread over their 200 ms.
            sleep(Duration::from_millis(fastrand::u64(..200))).await;
            let calls = replicas.clerk.calls();
            replicas.all[0].revoke(Tokens::one(&token));
            let start = Instant::now();
            let mut left: Vec<_> = replicas.all.iter().skip(1).collect();
            let mut seen = calls;
            while !left.is_empty() {
                sleep(Duration::from_millis(1)).await;
                // A replica that has applied it verifies the token again, by Clerk or by new evidence.
                let mut waiting = Vec::new();
                for replica in left {
                    let misses = replica.stats().misses;
                    replica.verify(&token).await.expect("Clerk accepts it");
                    if replica.stats().misses == misses {
                        waiting.push(replica);
                    }
                }
                left = waiting;
                seen = seen.max(replicas.clerk.calls());
            }
            times.push(start.elapsed());
        }
        let p99 = millis(quantile(times, 0.99));
        exact(
            "a revocation on the last of 10 replicas, p99",
            p99,
            300.0,
            " ms",
        )
    })
}

/// What a store that hangs costs the misses that begin in the first 450 ms, and those after. Clerk needs 50 ms.
fn hanging() -> [Figure; 2] {
    const LATENCY: Duration = Duration::from_millis(50);
    paused(async {
        let (mut early, mut late) = (Vec::new(), Vec::new());
        for round in 0..20 {
            let replicas = Replicas::new(1, LATENCY, true).await;
            let replica = &replicas.all[0];
            sleep(Duration::from_millis(fastrand::u64(..200))).await;
            replicas.store.inject(Fault::Frozen);
            let hangs = Instant::now();
            let requests = (0..100).map(|number| async move {
                sleep(Duration::from_millis(number * 10)).await;
                let (began, token) = (hangs.elapsed(), token(round * 100 + number as usize));
                let start = Instant::now();
                replica.verify(&token).await.expect("Clerk accepts it");
                (began, start.elapsed().saturating_sub(LATENCY))
            });
            for (began, time) in join_all(requests).await {
                match began < Duration::from_millis(450) {
                    true => early.push(time),
                    false => late.push(time),
                }
            }
        }
        let (early, late) = (quantile(early, 0.99), quantile(late, 1.0));
        [
            exact(
                "a miss while the store hangs, in the first 450 ms: p99 over healthy",
                millis(early),
                540.0,
                " ms",
            ),
            exact(
                "a miss after that: the most over healthy",
                millis(late),
                0.0,
                " ms",
            ),
        ]
    })
}

/// Requests with good tokens that are rejected, under each fault of the store.
fn rejected() -> Figure {
    let faults = [
        Fault::Unreachable,
        Fault::Frozen,
        Fault::Delayed(Duration::from_millis(15)),
        Fault::Delayed(Duration::from_millis(120)),
        Fault::ReadOnly,
        Fault::Full,
        Fault::Lossy,
        Fault::Repeating,
        Fault::Reordering,
        Fault::Altering(99),
        Fault::Swapping,
        Fault::Replaying,
        Fault::Renumbering(5_000),
        Fault::HidingFrom(1),
        Fault::Split,
        Fault::WrongTime(-700),
    ];
    let (mut requests, mut rejected) = (0_u32, 0_u32);
    for fault in faults {
        paused(async {
            let replicas = Replicas::new(10, Duration::from_millis(50), true).await;
            for round in 0..20 {
                if round == 5 {
                    replicas.store.inject(fault);
                }
                let tokens: Vec<_> = (round * 4..round * 4 + 10).map(token).collect();
                let all = tokens
                    .iter()
                    .flat_map(|token| replicas.all.iter().map(|it| it.verify(token)));
                for outcome in join_all(all).await {
                    requests += 1;
                    rejected += u32::from(outcome.is_err());
                }
                sleep(Duration::from_millis(150)).await;
            }
        });
    }
    let name = format!("requests rejected because of the store, of {requests} under 16 faults");
    exact(name, rejected.into(), 0.0, "")
}
