//! Runs two replicas for minutes under mixed traffic, faults and restarts. Memory, connections, tasks and latencies must
//! stay flat.
//!
//! ```text
//! cargo bench --bench soak -- --minutes 10
//! ```
//!
//! The replicas are axum servers in a process of their own, so that its memory is theirs alone. This process has the fake
//! Clerk, the clients, and the Redis server that the replicas share. Without `redis-server`, there is no fleet.
//!
//! | second of each minute | event |
//! |---|---|
//! | 5 to 15 | Clerk fails: another fault each minute |
//! | 25 to 33 | Redis is stopped, or killed and started again without its content |
//! | 45 | one replica is replaced by a new one on another port |
//!
//! Ten invalidations a second concern subjects without tokens. The process fails if a token that is not valid is accepted,
//! if a valid token gets another answer than a 200 or a 503, or if memory, connections or tasks grow.

#![expect(clippy::as_conversions, reason = "the figures are for people")]
#![expect(clippy::disallowed_methods, reason = "this bench measures time")]

#[cfg(target_os = "linux")]
mod replicas;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod store;
#[cfg(target_os = "linux")]
mod traffic;

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the soak runs on Linux only");
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    if std::env::var_os(replicas::CHILD).is_some() {
        runtime.block_on(replicas::run());
        return std::process::ExitCode::SUCCESS;
    }
    let minutes = minutes();
    runtime.block_on(schedule::run(minutes))
}

/// Reads the number of minutes. One by default, so that `cargo bench` ends soon.
#[cfg(target_os = "linux")]
fn minutes() -> u64 {
    let mut args = std::env::args().skip_while(|arg| arg != "--minutes");
    let minutes = args.nth(1).map(|minutes| minutes.parse());
    minutes.map_or(1, |minutes| minutes.expect("`--minutes` has a number"))
}

#[cfg(target_os = "linux")]
mod schedule {
    use std::{process::ExitCode, sync::Arc, time::Duration};

    use tokio::time::{Instant, sleep_until};
    use tower_clerk::fake_clerk::{Endpoint, FakeClerk, Fault};

    use crate::{replicas::Replicas, report::Report, store::Redis, traffic::Traffic};

    /// The endpoints that the replicas call.
    const ENDPOINTS: [Endpoint; 5] = [
        Endpoint::Introspection,
        Endpoint::Userinfo,
        Endpoint::Jwks,
        Endpoint::ApiKeyVerification,
        Endpoint::MachineTokenVerification,
    ];

    /// A fault with its name in the table.
    type Named = (&'static str, fn() -> Fault);

    /// The faults of Clerk, one each minute.
    const FAULTS: [Named; 6] = [
        ("status 500", || Fault::status(500)),
        ("hangs", Fault::hang),
        ("slow: 400 ms", || Fault::delay(Duration::from_millis(400))),
        ("malformed", Fault::malformed),
        ("resets", Fault::reset),
        ("status 429", || Fault::status(429)),
    ];

    pub(crate) async fn run(minutes: u64) -> ExitCode {
        let clerk = Arc::new(FakeClerk::start().expect("loopback has a free port"));
        let mut redis = Redis::start().await;
        if redis.is_none() {
            println!("no redis-server: the replicas are no fleet\n");
        }
        let mut replicas = Replicas::start(&clerk, redis.as_ref().map(Redis::url));
        let traffic = Traffic::start(&clerk, replicas.addresses());
        let mut report = Report::default();
        let start = Instant::now();
        for minute in 0..minutes {
            let at = |second: u64| sleep_until(start + Duration::from_secs(minute * 60 + second));
            let which = usize::try_from(minute).expect("there are few minutes");
            let (name, fault) = FAULTS[which % FAULTS.len()];
            at(5).await;
            for endpoint in ENDPOINTS {
                clerk.fail(endpoint, fault());
            }
            at(15).await;
            clerk.heal_all();
            at(25).await;
            if let Some(redis) = &mut redis {
                redis.fail(which);
                at(33).await;
                redis.heal().await;
            }
            at(45).await;
            replicas.restart(which % 2);
            at(60).await;
            // The fake records each request.
            clerk.reset_calls();
            report.add(name, replicas.sample(), traffic.take());
        }
        report.end()
    }
}
