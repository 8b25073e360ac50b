//! What a flood of bad or of fresh tokens does to the callers that are there already.
//!
//! Everything is simulated: the Tokio clock is paused and Clerk is a transport in this process that answers
//! after a constant time. So several minutes pass in seconds, and every figure but the duration of the run is
//! the same at every run.
//!
//! Before the flood, twenty tokens come into use, and forty users have been there once. During the flood,
//! each of the twenty sends a request a second, each of the forty one every forty seconds (their entries in the
//! cache expire after thirty), and every two seconds a good token comes that was never seen before.
//!
//! The process fails if a request of the first two groups is not accepted, or if more calls than the rate limit
//! start in any window of ten seconds.

mod callers;
mod clerk;
mod report;

use std::{process::ExitCode, sync::Arc, time::Duration};

use tower_clerk::{
    ClerkAuthLayer, ClerkConfig,
    kinds::{OAuthTokens, SessionTokens},
};

use self::{
    callers::Callers,
    clerk::{Clerk, Time},
    report::Row,
};

/// What the flood consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flood {
    /// No flood, to compare with.
    None,
    /// Opaque tokens that Clerk does not know.
    Random,
    /// Session tokens with a signature that is not Clerk's, half of them with a `kid` that does not exist.
    Forged,
    /// Valid opaque tokens, each of them used once, all of one user.
    OneSubject,
    /// Valid opaque tokens, each of them used once, each of another user.
    ManySubjects,
}

impl Flood {
    const ALL: [Self; 5] = [
        Self::None,
        Self::Random,
        Self::Forged,
        Self::OneSubject,
        Self::ManySubjects,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Random => "random opaque tokens",
            Self::Forged => "forged JWTs",
            Self::OneSubject => "one-time tokens of one user",
            Self::ManySubjects => "one-time tokens of many users",
        }
    }
}

/// A kind of instance: its host, the calls that it allows in ten seconds, and the requests of the flood in a
/// second.
#[derive(Clone, Copy)]
pub(crate) struct Instance {
    pub(crate) host: &'static str,
    pub(crate) limit: usize,
    pub(crate) rate: u32,
}

const INSTANCES: [Instance; 2] = [
    Instance {
        host: "flooded-otter-1.clerk.accounts.dev",
        limit: 100,
        rate: 100,
    },
    Instance {
        host: "clerk.example.com",
        limit: 1_000,
        rate: 1_000,
    },
];

const LATENCIES: [u64; 3] = [50, 400, 800];

fn main() -> ExitCode {
    println!("{}", report::HEAD);
    let mut is_good = true;
    for instance in INSTANCES {
        for latency in LATENCIES {
            for flood in Flood::ALL {
                let row = simulate(instance, Duration::from_millis(latency), flood);
                println!("{row}");
                is_good &= row.is_good();
            }
        }
    }
    if is_good {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "callers that were there before the flood were rejected, or the rate limit was exceeded"
    );
    ExitCode::FAILURE
}

fn simulate(instance: Instance, latency: Duration, flood: Flood) -> Row {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime can be made");
    runtime.block_on(async {
        let time = Arc::new(Time::default());
        let clerk = Clerk::new(instance.host, latency, Arc::clone(&time));
        let config = ClerkConfig::builder(instance.host)
            .accept(OAuthTokens::introspection("client", "secret"))
            .accept(SessionTokens::new())
            .transport(clerk.clone())
            .clock(time.clock.clone())
            .build()
            .expect("the configuration is valid");
        let ticks = tokio::spawn(async move { time.run().await });
        let callers = Callers::new(ClerkAuthLayer::new(config), &clerk);
        let figures = callers.play(flood, instance.rate).await;
        ticks.abort();
        Row {
            instance,
            latency,
            flood,
            figures,
            calls: clerk.calls(),
            peak: clerk.most_calls_in(Duration::from_secs(10)),
        }
    })
}
