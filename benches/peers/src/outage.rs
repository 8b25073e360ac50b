//! What callers get when the server does not work.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use http::StatusCode;
use tokio::{task::JoinSet, time};
use tower_clerk::fake_clerk::{FakeClerk, Fault};

use crate::{
    peers::{App, Means, PEERS, Peer, send, warm},
    provider::{self, ENDPOINTS},
};

/// How many requests there are for each line of the table.
pub const REQUESTS: usize = 64;
/// How many of them at a time.
pub const AT_A_TIME: usize = 16;
/// How long a caller waits.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What is wrong with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It answers 500.
    Failing,
    /// It takes requests and never answers.
    Hanging,
    /// Its port is closed.
    Rejecting,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Failing, Self::Hanging, Self::Rejecting];

    /// For tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Failing => "answers 500",
            Self::Hanging => "hangs",
            Self::Rejecting => "rejects connections",
        }
    }
}

/// What one peer did in one kind of trouble.
#[derive(Clone, Debug)]
pub struct Outage {
    /// Who was asked.
    pub peer: Peer,
    /// What was wrong.
    pub trouble: Trouble,
    /// For a token that was accepted before.
    pub known: Answers,
    /// For good tokens that were never seen, in a process that worked before.
    pub unknown: Answers,
    /// For good tokens in a process that was started after the trouble; the error if it does not start.
    pub restarted: Result<Answers, String>,
}

/// The answers to some requests.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    /// How often which status was given; `None` is no answer in [`PATIENCE`].
    pub statuses: BTreeMap<Option<StatusCode>, usize>,
    /// Half of the callers waited at most so long.
    pub median: Duration,
    /// No caller waited longer.
    pub max: Duration,
}

/// Brings all trouble over all peers.
pub async fn measure() -> Vec<Outage> {
    let mut rows = Vec::new();
    for trouble in Trouble::ALL {
        for peer in PEERS {
            rows.push(suffer(peer, trouble).await);
        }
    }
    rows
}

async fn suffer(peer: Peer, trouble: Trouble) -> Outage {
    let clerk = provider::start();
    let target = provider::target(&clerk);
    let guard = (peer.start)(target.clone()).await;
    let app = guard.expect("the server answers").app();
    let tokens: Vec<_> = (0..=REQUESTS).map(|_| token(&clerk, peer.means)).collect();
    let (known, unknown) = tokens.split_first().expect("there is at least one");
    warm(&app, known).await;

    let clerk = begin(trouble, clerk);
    let known = vec![known.clone(); REQUESTS];
    let known = ask(&app, &known).await;
    let unknown_answers = ask(&app, unknown).await;
    let restarted = match time::timeout(PATIENCE, (peer.start)(target)).await {
        Ok(Ok(guard)) => Ok(ask(&guard.app(), unknown).await),
        Ok(Err(error)) => Err(format!("does not start: {error}")),
        Err(_) => Err(format!("has not started in {} s", PATIENCE.as_secs())),
    };
    drop(clerk);
    Outage {
        peer,
        trouble,
        known,
        unknown: unknown_answers,
        restarted,
    }
}

fn token(clerk: &FakeClerk, means: Means) -> String {
    match means {
        Means::CachedIntrospection => provider::opaque(clerk),
        Means::CachedSignature | Means::Signature => provider::jwt(clerk),
    }
}

/// The server, unless its trouble is that it is gone.
fn begin(trouble: Trouble, clerk: FakeClerk) -> Option<FakeClerk> {
    let fault = match trouble {
        Trouble::Failing => Fault::status(500),
        Trouble::Hanging => Fault::hang(),
        Trouble::Rejecting => return None,
    };
    for endpoint in ENDPOINTS {
        clerk.fail(endpoint, fault.clone());
    }
    Some(clerk)
}

async fn ask(app: &App, tokens: &[String]) -> Answers {
    let mut answers = Answers::default();
    let mut times = Vec::with_capacity(tokens.len());
    for chunk in tokens.chunks(AT_A_TIME) {
        let mut requests = JoinSet::new();
        for token in chunk {
            let (app, token) = (app.clone(), token.clone());
            requests.spawn(async move {
                let start = Instant::now();
                let answer = time::timeout(PATIENCE, send(&app, &token)).await;
                (answer.ok(), start.elapsed())
            });
        }
        for (status, elapsed) in requests.join_all().await {
            *answers.statuses.entry(status).or_default() += 1;
            times.push(elapsed);
        }
    }
    times.sort();
    answers.median = times[(times.len() - 1) / 2];
    answers.max = times[times.len() - 1];
    answers
}
