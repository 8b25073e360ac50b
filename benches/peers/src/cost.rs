//! What an accepted request costs where the token is known already; of session tokens, where it is not, too.
//!
//! All cases take turns in short rounds. In each round the same request through no layer is taken off:
//! what is left is the cost of the peer. Ratios are made within a round, and their median counts. That is
//! steadier than any time on a machine that others use, too.

use std::{env, io, process::Command};

use tower_clerk::{fake_clerk::FakeClerk};

use crate::{
    peers::{self, Guard, Means, OF_SESSIONS, PEERS, Peer, Shape},
    provider::{self, Kind},
};

const ROUNDS: usize = 301;
/// The median of so many batches is what a round says: whoever else uses the machine disturbs a few.
const BATCHES: usize = 9;

/// One peer with one kind of token.
pub struct Case {
    /// Who is measured.
    pub peer: Peer,
    /// How long the token is.
    pub token_len: usize,
    /// What the token is.
    pub kind: Kind,
    token: String,
    guard: Box<dyn Guard>,
}

/// What came out for one case.
#[derive(Clone, Debug)]
pub struct Cost {
    /// Who was measured.
    pub peer: Peer,
    /// How long the token is.
    pub token_len: usize,
    /// What the token is.
    pub kind: Kind,
    /// The median of the peer's time per request, without that of the handler.
    pub nanos: f64,
    /// How many times our cost for an opaque token this is: lower quartile, median, upper quartile.
    pub of_ours: [f64; 3],
    /// The same, of our cost for the token that this case has.
    pub of_ours_same_token: f64,
    /// Heap allocations per request beyond those of the handler, and their bytes.
    pub allocations: (i64, i64),
}

/// Starts the peers and makes the tokens known to them.
///
/// # Panics
///
/// If a peer does not start.
pub async fn cases(clerk: &FakeClerk) -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in Kind::ALL {
        let token = kind.issue(clerk);
        for peer in contenders(kind) {
            let guard = (peer.start)(provider::target(clerk)).await;
            let guard = guard.expect("the server answers");
            let app = guard.app();
            for _ in 0..3 {
                peers::warm(&app, &token).await;
            }
            cases.push(Case {
                peer,
                token_len: token.len(),
                kind,
                token: token.clone(),
                guard,
            });
        }
    }
    cases
}

fn contenders(kind: Kind) -> Vec<Peer> {
    let peers = PEERS.into_iter();
    match kind {
        Kind::Opaque => peers
            .filter(|peer| peer.means == Means::CachedIntrospection)
            .collect(),
        Kind::Jwt => peers.collect(),
        Kind::Session => OF_SESSIONS.to_vec(),
    }
}

/// Measures all cases.
pub async fn measure(clerk: &FakeClerk) -> io::Result<Vec<Cost>> {
    let mut cases = cases(clerk).await;
    let mut floors = [Shape::Layer, Shape::Extractor].map(peers::floor);
    let mut rounds = vec![Vec::with_capacity(ROUNDS); cases.len()];
    for round in 0..ROUNDS {
        let token = cases[0].token.clone();
        let [layer, extractor] = floors
            .each_mut()
            .map(|floor| sample(floor.as_mut(), &token, 128));
        // Nobody always comes after the same neighbour.
        for turn in 0..cases.len() {
            let index = (round + turn) % cases.len();
            let case = &mut cases[index];
            let batch = batch(case.peer.means);
            let nanos = sample(case.guard.as_mut(), &case.token, batch);
            let floor = match case.peer.shape {
                Shape::Layer => layer,
                Shape::Extractor => extractor,
            };
            rounds[index].push(nanos - floor);
        }
    }
    let allocations = allocations(cases.len())?;
    let ours = |kind| {
        let is_ours = |case: &Case| case.peer.name == PEERS[0].name && case.kind == kind;
        let index = cases.iter().position(is_ours);
        &rounds[index.expect("ours is measured with each token")]
    };
    let costs = cases.iter().zip(&rounds).zip(allocations);
    let costs = costs.map(|((case, nanos), allocations)| Cost {
        peer: case.peer,
        token_len: case.token_len,
        kind: case.kind,
        nanos: quartiles(nanos.iter().copied())[1],
        of_ours: quartiles(ratios(nanos, ours(Kind::Opaque))),
        of_ours_same_token: quartiles(ratios(nanos, ours(case.kind)))[1],
        allocations,
    });
    Ok(costs.collect())
}

fn ratios<'a>(these: &'a [f64], those: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    these.iter().zip(those).map(|(this, that)| this / that)
}

fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() - 1) * quarter / 4])
}

/// Nanoseconds per request. The requests are made outside of what is measured.
fn sample(guard: &mut dyn Guard, token: &str, batch: usize) -> f64 {
    let nanos = (0..BATCHES).map(|_| {
        let requests = (0..batch).map(|_| provider::request(token)).collect();
        guard.pass(requests).as_nanos() as f64 / batch as f64
    });
    quartiles(nanos)[1]
}

/// How many requests make a batch: few enough to stay in the processor's cache, and to be over before
/// somebody else has the processor.
fn batch(means: Means) -> usize {
    match means {
        Means::CachedIntrospection | Means::CachedSignature => 128,
        Means::Signature => 8,
    }
}

/// Counts the allocations in a program of its own. The allocator that counts slows each allocation down,
/// and would do so most to whoever makes most of them.
fn allocations(cases: usize) -> io::Result<Vec<(i64, i64)>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args([
        "run",
        "--release",
        "--quiet",
        "--bin",
        "allocations",
    ]);
    // What Cargo tells this program of itself. Build scripts look at it, and what they make would be made
    // anew with each run.
    for (name, _) in env::vars_os() {
        let told = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
            "OUT_DIR",
        ];
        let is_told = |name: &str| told.iter().any(|prefix| name.starts_with(prefix));
        if name.to_str().is_some_and(is_told) {
            cargo.env_remove(name);
        }
    }
    let output = cargo.output()?;
    let lines = String::from_utf8_lossy(&output.stdout);
    let counts: Vec<_> = lines.lines().filter_map(read_counts).collect();
    if counts.len() == cases {
        Ok(counts)
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("allocations: {said}")))
    }
}

fn read_counts(line: &str) -> Option<(i64, i64)> {
    let (count, bytes) = line.split_once(' ')?;
    Some((count.parse().ok()?, bytes.parse().ok()?))
}

impl Case {
    /// What is counted apart from time: the token, the peer, and its floor.
    pub fn parts(&mut self) -> (&str, &mut dyn Guard, Box<dyn Guard>) {
        let floor = peers::floor(self.peer.shape);
        (&self.token, self.guard.as_mut(), floor)
    }
}
