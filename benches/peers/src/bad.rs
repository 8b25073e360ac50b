//! Tokens that are not good, each of them twice.

use std::collections::BTreeMap;

use http::StatusCode;
use tokio::task::JoinSet;

use crate::{
    peers::{PEERS, Peer, send, warm},
    provider,
    stampede::Calls,
};

/// How many different tokens there are.
pub const TOKENS: usize = 1_000;
const AT_A_TIME: usize = 16;

/// What one peer did with one kind of token.
#[derive(Clone, Debug)]
pub struct Bad {
    /// Who rejected.
    pub peer: Peer,
    /// What the tokens are like.
    pub tokens: &'static str,
    /// What the server was asked for all of them.
    pub calls: Calls,
    /// The answers, and how often each was given.
    pub answers: BTreeMap<StatusCode, usize>,
}

/// Sends both kinds to all peers.
pub async fn measure() -> Vec<Bad> {
    let stranger = provider::start();
    let kinds = [
        (
            "opaque, made up",
            (0..TOKENS).map(|_| provider::opaque(&stranger)).collect(),
        ),
        (
            "JWT, signed by a stranger",
            (0..TOKENS)
                .map(|_| provider::jwt(&stranger))
                .collect::<Vec<_>>(),
        ),
    ];
    let mut rows = Vec::new();
    for peer in PEERS {
        for (name, tokens) in &kinds {
            rows.push(reject(peer, name, tokens).await);
        }
    }
    rows
}

async fn reject(peer: Peer, name: &'static str, tokens: &[String]) -> Bad {
    let clerk = provider::start();
    let guard = (peer.start)(provider::target(&clerk)).await;
    let app = guard.expect("the server answers").app();
    // With its keys known, a peer asks nothing that is not about these tokens.
    warm(&app, &provider::jwt(&clerk)).await;
    clerk.reset_calls();
    let mut answers = BTreeMap::new();
    for _ in 0..2 {
        for chunk in tokens.chunks(AT_A_TIME) {
            let mut requests = JoinSet::new();
            for token in chunk {
                let (app, token) = (app.clone(), token.clone());
                requests.spawn(async move { send(&app, &token).await });
            }
            for status in requests.join_all().await {
                *answers.entry(status).or_default() += 1;
            }
        }
    }
    Bad {
        peer,
        tokens: name,
        calls: Calls::of(&clerk),
        answers,
    }
}
