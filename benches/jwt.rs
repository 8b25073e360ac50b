//! The cost of the first request with a JWT that is verified by its signature: in ratio to the bare check of the same
//! tokens' signatures by aws-lc-rs, and to a hit. How often keys are fetched for good and for forged tokens.
//!
//! Every first request has a token that nobody has seen. As in the bench `hit`, all take turns in short rounds, a
//! ratio is made within its round, and the median of them is printed. All run on one thread, the task included in
//! which a token is verified.

#![expect(clippy::as_conversions, reason = "for people, not for machines")]
#![expect(clippy::disallowed_methods, reason = "time is what is measured")]

mod support;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use http::Request;
use tokio::task::JoinSet;
use tower::Layer;
use tower_clerk::{
    ClerkAuthLayer, ClerkConfig, ClerkConfigBuilder,
    config::JwtKeys,
    fake_clerk::{Endpoint, FakeClerk, Fault},
    kinds::SessionTokens,
};

use crate::support::{Leaf, kinds::session_token, median, pass, reject, request};

const ROUNDS: usize = 201;
const BATCH: usize = 8;
/// Less than the share of the waiters that tokens never seen have.
const CROWD: usize = 500;
const FORGED: usize = 500;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(async {
        one_at_a_time().await;
        all_at_once().await;
    });
}

fn sessions(clerk: &FakeClerk) -> ClerkConfigBuilder {
    ClerkConfig::builder(clerk.url()).accept(SessionTokens::new())
}

fn layer(config: ClerkConfigBuilder) -> ClerkAuthLayer {
    ClerkAuthLayer::new(config.build().expect("the configuration is valid"))
}

async fn one_at_a_time() {
    let clerk = FakeClerk::start().expect("loopback has a free port");
    let tokens: Vec<_> = (0..=ROUNDS * BATCH)
        .map(|number| session_token(&clerk, number))
        .collect();
    let (known, tokens) = tokens.split_first().expect("there are some");
    let bare = Bare::new(&clerk);
    let mut by_set = layer(sessions(&clerk)).layer(Leaf);
    let mut by_key =
        layer(sessions(&clerk).jwt_keys(JwtKeys::pem(clerk.public_key_pem()))).layer(Leaf);
    // Twice: of the first hit, the store is told.
    for _ in 0..3 {
        pass(&mut by_set, request(known)).await;
        pass(&mut by_key, request(known)).await;
    }
    let fetches = clerk.calls(Endpoint::Jwks);

    let mut rows: [(&str, Vec<f64>); 5] = [
        "signature alone, by a key that was read before",
        "signature alone, the key read each time",
        "first request, keys of the instance's set",
        "first request, a key of the configuration",
        "hit",
    ]
    .map(|name| (name, Vec::new()));
    for batch in tokens.chunks(BATCH) {
        let signed: Vec<_> = batch.iter().map(|token| Signed::read(token)).collect();
        let requests = |tokens: &[String]| tokens.iter().map(|it| request(it)).collect();
        let nanos = [
            time(signed.iter(), async |signed| bare.check(signed)).await,
            time(signed.iter(), async |signed| bare.read_and_check(signed)).await,
            time::<Requests>(requests(batch), async |it| pass(&mut by_set, it).await).await,
            time::<Requests>(requests(batch), async |it| pass(&mut by_key, it).await).await,
            time::<Requests>(requests(batch), async |it| pass(&mut by_set, it).await).await,
        ];
        for ((_, column), nanos) in rows.iter_mut().zip(nanos) {
            column.push(nanos);
        }
    }
    print(&rows, known.len());
    assert_eq!(
        clerk.calls(Endpoint::Jwks),
        fetches,
        "no token causes a fetch"
    );
    let start = Instant::now();
    let mut requests = JoinSet::new();
    for n in 0..FORGED {
        let (mut service, token) = (by_set.clone(), forge(tokens, n));
        requests.spawn(async move { reject(&mut service, request(&token)).await });
    }
    requests.join_all().await;
    println!(
        "The key set was fetched {fetches} time for {} good tokens, and {} more for {FORGED} forged ones at once, which \
         were rejected after {} ms.\n",
        tokens.len(),
        clerk.calls(Endpoint::Jwks) - fetches,
        start.elapsed().as_millis(),
    );
}

type Requests = Vec<Request<()>>;

fn print(rows: &[(&str, Vec<f64>)], len: usize) {
    let (floor, hit) = (&rows[0].1, &rows[4].1);
    println!(
        "Session tokens of {len} bytes, RS256, RSA of 2048 bits; the floor is {:.1} µs:\n",
        median(&mut floor.clone()) / 1000.0
    );
    println!("| | of the signature alone | of a hit |\n|---|--:|--:|");
    for (name, nanos) in rows {
        let of = |those: &[f64]| {
            let ratios = nanos.iter().zip(those).map(|(this, that)| this / that);
            median(&mut ratios.collect::<Vec<_>>())
        };
        println!("| {name} | {:.2} | {:.1} |", of(floor), of(hit));
    }
    println!();
}

/// The nanoseconds for one of some.
async fn time<I: IntoIterator>(these: I, mut what: impl AsyncFnMut(I::Item)) -> f64 {
    let start = Instant::now();
    for this in these {
        what(this).await;
    }
    start.elapsed().as_nanos() as f64 / BATCH as f64
}

/// What one token says, with the signature of another: all that can be told without the key is as it should be.
fn forge(tokens: &[String], n: usize) -> String {
    let (message, _) = split(&tokens[n]);
    let (_, signature) = split(&tokens[(n + 1) % tokens.len()]);
    format!("{message}.{signature}")
}

fn split(token: &str) -> (&str, &str) {
    token.rsplit_once('.').expect("a JWT has dots")
}

/// What is signed, and the signature, as it is given to a library of cryptography.
struct Signed<'a> {
    message: &'a [u8],
    signature: Vec<u8>,
}

impl<'a> Signed<'a> {
    fn read(token: &'a str) -> Self {
        let (message, signature) = split(token);
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature);
        Self {
            message: message.as_bytes(),
            signature: signature.expect("it is base64url"),
        }
    }
}

/// The public key, and nothing that reads tokens.
struct Bare {
    der: Vec<u8>,
    key: ParsedPublicKey,
}

impl Bare {
    fn new(clerk: &FakeClerk) -> Self {
        let pem = clerk.public_key_pem();
        let lines = pem.lines().filter(|line| !line.starts_with('-'));
        let der = BASE64_STANDARD.decode(lines.collect::<String>());
        let der = der.expect("a PEM is base64");
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der);
        Self {
            der,
            key: key.expect("it is an RSA key"),
        }
    }

    fn check(&self, signed: &Signed<'_>) {
        let result = self.key.verify_sig(signed.message, &signed.signature);
        black_box(result).expect("it is good");
    }

    fn read_and_check(&self, signed: &Signed<'_>) {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.der);
        let result = key.verify(signed.message, &signed.signature);
        black_box(result).expect("it is good");
    }
}

/// The first requests of a process, all with tokens of their own.
async fn all_at_once() {
    println!(
        "The first requests of a process, at once, each with a token of its own; the key set takes 20 ms:\n"
    );
    println!(
        "| at once | key sets fetched | other calls | all answered after |\n|--:|--:|--:|--:|"
    );
    for crowd in [1, CROWD] {
        let clerk = FakeClerk::start().expect("loopback has a free port");
        clerk.fail(Endpoint::Jwks, Fault::delay(Duration::from_millis(20)));
        let tokens: Vec<_> = (0..crowd).map(|n| session_token(&clerk, n)).collect();
        let service = layer(sessions(&clerk)).layer(Leaf);
        let start = Instant::now();
        let mut requests = JoinSet::new();
        for token in tokens {
            let mut service = service.clone();
            requests.spawn(async move { pass(&mut service, request(&token)).await });
        }
        requests.join_all().await;
        let keys = clerk.calls(Endpoint::Jwks);
        println!(
            "| {crowd} | {keys} | {} | {} ms |",
            clerk.total_calls() - keys,
            start.elapsed().as_millis()
        );
    }
}
