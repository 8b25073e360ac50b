//! The clients, their tokens, and what they get.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Client, header};
use tower_clerk::fake_clerk::FakeClerk;

/// The number of clients. Each sends a request, and then waits for 50 ms.
const CLIENTS: usize = 12;

/// More tokens than are sent within the life of a cache entry.
const TOKENS: usize = 3_000;

/// A day: longer than the soak.
const LIFE: Duration = Duration::from_secs(86_400);

/// A class of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Tokens in use, which are in the cache.
    InUse,
    /// Tokens that Clerk is called about: OAuth tokens, API keys, machine tokens.
    Called,
    /// JWTs that their signature verifies, in the header and in the cookie.
    Local,
    /// Credentials that are absent, malformed, unknown, forged or revoked.
    Rejected,
}

impl Class {
    pub(crate) const ALL: [Self; 4] = [Self::InUse, Self::Called, Self::Local, Self::Rejected];
}

/// The answer to one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) class: Class,
    /// `None` if the connection broke, as it can when a replica stops.
    pub(crate) status: Option<u16>,
    pub(crate) elapsed: Duration,
}

/// The answers since the last look.
pub(crate) struct Traffic(Arc<Mutex<Vec<Answer>>>);

impl Traffic {
    pub(crate) fn start(clerk: &FakeClerk, replicas: Arc<Mutex<[SocketAddr; 2]>>) -> Self {
        let answers = Arc::new(Mutex::new(Vec::new()));
        let tokens = Arc::new(Credentials::new(clerk));
        // Idle connections end before a replica that stops waits for them.
        let client = Client::builder()
            .pool_idle_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(10))
            .build()
            .expect("a client can be built");
        for number in 0..CLIENTS {
            let (answers, tokens) = (Arc::clone(&answers), Arc::clone(&tokens));
            let (client, replicas) = (client.clone(), Arc::clone(&replicas));
            let mut random = fastrand::Rng::with_seed(number as u64);
            tokio::spawn(async move {
                loop {
                    let class = match random.u8(0..10) {
                        0..5 => Class::InUse,
                        5..7 => Class::Called,
                        7..9 => Class::Local,
                        _ => Class::Rejected,
                    };
                    let credentials = tokens.next(class, &mut random);
                    let address = replicas.lock().expect("no panic")[random.usize(0..2)];
                    let request = client.get(format!("http://{address}/"));
                    let request = match credentials {
                        Some((name, value)) => request.header(name, value),
                        None => request,
                    };
                    let start = Instant::now();
                    let status = request.send().await.ok().map(|it| it.status().as_u16());
                    let elapsed = start.elapsed();
                    answers.lock().expect("no panic").push(Answer {
                        class,
                        status,
                        elapsed,
                    });
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        }
        Self(answers)
    }

    /// Takes the answers since the last call.
    pub(crate) fn take(&self) -> Vec<Answer> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }
}

/// The credentials of the clients. All tokens are issued before the soak.
struct Credentials {
    in_use: Vec<String>,
    called: Vec<String>,
    local: Vec<String>,
    revoked: Vec<String>,
    next: AtomicUsize,
}

impl Credentials {
    fn new(clerk: &FakeClerk) -> Self {
        let many = |count: usize, issue: &dyn Fn(usize) -> String| (0..count).map(issue).collect();
        let oauth = |n: usize| clerk.token(format!("user_{n}")).lifetime(LIFE);
        let machine = || {
            clerk
                .machine_token("mch_1")
                .scopes(["mch_2"])
                .lifetime(LIFE)
        };
        let session = |n: usize| clerk.session(format!("user_{n}")).lifetime(LIFE).issue();
        let revoked: Vec<String> = many(100, &|n| oauth(n).issue());
        revoked.iter().for_each(|token| clerk.revoke(token));
        Self {
            in_use: many(100, &|n| match n % 4 {
                0 => session(n),
                1 => machine().issue(),
                _ => oauth(n).issue(),
            }),
            called: many(TOKENS, &|n| match n % 4 {
                0 => oauth(n).jwt().issue(),
                1 => clerk.api_key(format!("user_{n}")).lifetime(LIFE).issue(),
                2 => machine().issue(),
                _ => oauth(n).issue(),
            }),
            local: many(TOKENS, &|n| match n % 4 {
                0 => machine().jwt().issue(),
                _ => session(n),
            }),
            revoked,
            next: AtomicUsize::new(0),
        }
    }

    /// Returns the header of the next request. `None` for a request without credentials.
    fn next(
        &self,
        class: Class,
        random: &mut fastrand::Rng,
    ) -> Option<(header::HeaderName, String)> {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let bearer = |token: &str| Some((header::AUTHORIZATION, format!("Bearer {token}")));
        let in_turn = |tokens: &[String]| tokens[n % tokens.len()].clone();
        match class {
            Class::InUse => bearer(&in_turn(&self.in_use)),
            Class::Called => bearer(&in_turn(&self.called)),
            Class::Local => {
                let token = in_turn(&self.local);
                // Only a session token is accepted from a cookie.
                let is_session = !(n % self.local.len()).is_multiple_of(4);
                if is_session && random.bool() {
                    return Some((header::COOKIE, format!("__session={token}")));
                }
                bearer(&token)
            }
            Class::Rejected => match random.u8(0..5) {
                0 => None,
                1 => bearer("a b"),
                2 => bearer(&format!("oat_{:032x}", random.u128(..))),
                3 => bearer(&forged(&in_turn(&self.local), random)),
                _ => bearer(&in_turn(&self.revoked)),
            },
        }
    }
}

/// Replaces the signature of a token.
fn forged(token: &str, random: &mut fastrand::Rng) -> String {
    let (signed, signature) = token.rsplit_once('.').expect("a JWT has dots");
    // The last character has unused bits, which must be zero.
    let other: String = (1..signature.len())
        .map(|_| random.alphanumeric())
        .collect();
    format!("{signed}.{other}A")
}
