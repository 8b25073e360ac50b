//! Many requests with one token that nobody has seen before, all at once.

use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::{task::JoinSet, time};
use tower_clerk::fake_clerk::{Endpoint, FakeClerk};

use crate::{
    peers::{App, Means, PEERS, Peer},
    provider::{self, ENDPOINTS},
};

/// How many requests come at once.
pub const CROWDS: [usize; 2] = [64, 10_000];
/// After so long it is not waited for the rest.
pub const LIMIT: Duration = Duration::from_secs(120);

/// What became of one crowd.
#[derive(Clone, Debug)]
pub struct Stampede {
    /// Whose guard it met.
    pub peer: Peer,
    /// How many came at once.
    pub crowd: usize,
    /// Calls to the server while the peer started.
    pub calls_at_start: usize,
    /// Calls to the server for the crowd.
    pub calls: Calls,
    /// How many were accepted.
    pub accepted: usize,
    /// How long it took until the last of them had an answer.
    pub elapsed: Duration,
}

/// What a server was asked.
#[derive(Clone, Copy, Debug)]
pub struct Calls {
    /// About a token.
    pub introspection: usize,
    /// About its user.
    pub userinfo: usize,
    /// For its keys.
    pub keys: usize,
    /// In all, metadata included.
    pub total: usize,
}

impl Calls {
    /// What a server was asked since it was last reset.
    #[must_use]
    pub fn of(clerk: &FakeClerk) -> Self {
        Self {
            introspection: clerk.calls(Endpoint::Introspection),
            userinfo: clerk.calls(Endpoint::Userinfo),
            keys: clerk.calls(Endpoint::Jwks),
            total: ENDPOINTS
                .iter()
                .map(|endpoint| clerk.calls(*endpoint))
                .sum(),
        }
    }
}

/// Lets both crowds loose on all peers.
pub async fn measure() -> Vec<Stampede> {
    let mut stampedes = Vec::new();
    for peer in PEERS {
        for crowd in CROWDS {
            stampedes.push(stampede(peer, crowd).await);
        }
    }
    stampedes
}

async fn stampede(peer: Peer, crowd: usize) -> Stampede {
    let clerk = provider::start();
    let guard = (peer.start)(provider::target(&clerk)).await;
    let app = guard.expect("the server answers").app();
    // What a peer asks in the background after it has started is not the crowd's doing.
    time::sleep(Duration::from_millis(300)).await;
    let calls_at_start = Calls::of(&clerk).total;
    clerk.reset_calls();
    provider::think(&clerk);
    let token = match peer.means {
        Means::CachedIntrospection => provider::opaque(&clerk),
        Means::CachedSignature | Means::Signature => provider::jwt(&clerk),
    };

    let start = Instant::now();
    // From a task, so that all threads of the runtime take part from the beginning.
    let run = tokio::spawn(all_at_once(app, token, crowd));
    let answers = run.await.expect("no task panics");
    let accepted = answers.iter().filter(|status| **status == StatusCode::OK);
    Stampede {
        peer,
        crowd,
        calls_at_start,
        calls: Calls::of(&clerk),
        accepted: accepted.count(),
        elapsed: start.elapsed(),
    }
}

async fn all_at_once(app: App, token: String, crowd: usize) -> Vec<StatusCode> {
    let mut requests = JoinSet::new();
    for _ in 0..crowd {
        let (app, token) = (app.clone(), token.clone());
        requests.spawn(async move { crate::peers::send(&app, &token).await });
    }
    let mut answers = Vec::with_capacity(crowd);
    _ = time::timeout(LIMIT, async {
        while let Some(answer) = requests.join_next().await {
            answers.push(answer.expect("no task panics"));
        }
    })
    .await;
    answers
}
