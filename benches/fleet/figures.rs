//! The figures on the paused clock.

use std::{env, fmt, time::Duration};

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use tokio::time::{Instant, sleep};
use tower_clerk::{
    Tokens,
    fleet::{Claim, Fault, Fleet, MemoryStore, Page, Position, SharedStore, StoreError},
    testing::ManualClock,
};

use crate::replicas::{Clerk, Replicas, SECRET, config, paused, quantile, start, token};

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
    all.push(altered());
    all
}

fn exact(name: impl Into<String>, measured: f64, target: f64, unit: &'static str) -> Figure {
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

/// Records that were altered, swapped, or kept beyond the TTL, and that a replica accepts. `RECORDS` sets how many.
fn altered() -> Figure {
    let records = env::var("RECORDS").map_or(100_000, |it| it.parse().expect("a number"));
    let clock = ManualClock::new();
    let store = Tampering(MemoryStore::new(clock.clone()));
    let accepted = paused(async {
        let writer = start(
            config(&Clerk::new(Duration::ZERO))
                .clock(clock.clone())
                .fleet(Fleet::store(store.0.clone(), SECRET)),
        );
        let reader = || {
            let config = config(&Clerk::that_rejects()).clock(clock.clone());
            start(config.fleet(Fleet::store(store.clone(), SECRET)))
        };
        let mut readers = reader();
        let mut accepted = 0_u32;
        for number in 0..records {
            if number % 10_000 == 0 {
                readers = reader();
                _ = readers.warm_up().await;
                _ = writer.warm_up().await;
            }
            if number % 100 == 0 {
                // The links read again.
                clock.advance(Duration::from_millis(200));
                sleep(Duration::from_millis(200)).await;
            }
            let token = token(number);
            writer.verify(&token).await.expect("Clerk accepts it");
            tokio::task::yield_now().await;
            accepted += u32::from(readers.verify(&token).await.is_ok());
        }
        accepted
    });
    let name = format!("accepted of {records} altered, swapped or old records");
    exact(name, accepted.into(), 0.0, "")
}

/// A store that returns no record as it was stored.
#[derive(Clone)]
struct Tampering(MemoryStore);

impl Tampering {
    async fn tampered(&self, name: &str, record: Option<Bytes>) -> Option<Bytes> {
        let mut bytes = record?.to_vec();
        match fastrand::u32(..4) {
            0 | 1 => {
                let bit = fastrand::usize(..bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            2 => bytes.truncate(fastrand::usize(..bytes.len())),
            _ => {
                // Each record is read under the name of another one.
                let other = MemoryStore::clone(&self.0);
                other.inject(Fault::Swapping);
                let swapped = other.get(name).await.ok().flatten();
                other.heal();
                return swapped;
            }
        }
        Some(bytes.into())
    }
}

impl SharedStore for Tampering {
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        Box::pin(async move {
            let record = self.0.get(name).await?;
            Ok(self.tampered(name, record).await)
        })
    }

    fn claim<'a>(
        &'a self,
        name: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        Box::pin(async move {
            let mut claim = self.0.claim(name, lease).await?;
            claim.record = self.tampered(name, claim.record.take()).await;
            Ok(claim)
        })
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        record: Option<(Bytes, Duration)>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.release(name, record)
    }

    fn exchange<'a>(
        &'a self,
        log: &'a str,
        publish: &'a [Bytes],
        from: Position,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        self.0.exchange(log, publish, from)
    }

    fn count<'a>(
        &'a self,
        counter: &'a str,
        window: u64,
    ) -> BoxFuture<'a, Result<(u64, u64), StoreError>> {
        self.0.count(counter, window)
    }
}
