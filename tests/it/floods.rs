//! Floods of tokens: what is remembered stays within its bounds, and what is in use stays remembered.
//!
//! `FLOOD` sets how many tokens come; for the ten million of the goal, run it in release:
//! `FLOOD=10000000 cargo test --release --test it floods -- --nocapture`.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use allocation_counter::measure;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tower::{Layer, Service, service_fn};
use tower_clerk::{
    AuthError, ClerkAuthLayer,
    observe::Stats,
    testing::ManualClock,
    verify::{TokenInfo, Verify, VerifyRequest},
};

use crate::{
    schedules::{config, number},
    support::request,
};

#[test]
fn bad_tokens_take_nothing_from_good_ones() {
    // C101, C105, B39, E9
    let flood = Flood::new(CAPACITY);
    let hits = flood.drown("oat_bad", number("FLOOD", 30_000));
    assert_eq!(hits.lost, 0, "of {}", hits.asked);
    let stats = flood.layer.authenticator().stats();
    assert_eq!(stats.entries, HOT);
    assert!(stats.negative_entries <= CAPACITY / 10, "{stats:?}");
    assert_eq!(stats.in_flight, 0);
}

#[test]
fn good_tokens_that_come_once_do_not_displace_those_in_use() {
    // C101, C104, B40, E9
    let flood = Flood::new(CAPACITY);
    let hits = flood.drown("oat_once", number("FLOOD", 30_000));
    let kept = 1.0 - f64::from(hits.lost) / f64::from(hits.asked);
    println!("hot tokens: {:.4} % kept of {}", kept * 100.0, hits.asked);
    assert!(kept >= 0.999, "{hits:?}");
    let stats = flood.layer.authenticator().stats();
    assert!(stats.entries <= CAPACITY, "{stats:?}");
    assert!(stats.entries >= CAPACITY * 9 / 10, "it is full: {stats:?}");
}

#[test]
fn malformed_tokens_cost_no_call_and_are_not_remembered() {
    // E10
    let flood = Flood::new(CAPACITY);
    let asked = flood.asked();
    for n in 0..number("FLOOD", 30_000) {
        let token = match n % 4 {
            0 => format!("sess_{n}"),
            1 => format!("{n} {n}"),
            2 => format!("a.b{n}"),
            _ => format!("oat_{n}\u{7f}"),
        };
        let mut request = Request::new(());
        if let Ok(value) = format!("Bearer {token}").parse() {
            request.headers_mut().insert("authorization", value);
        }
        let response = flood.call(request);
        assert!(!response.status().is_success(), "{token}");
    }
    assert_eq!(flood.asked(), asked);
    let stats = flood.layer.authenticator().stats();
    assert_eq!((stats.entries, stats.negative_entries), (HOT, 0));
}

#[test]
fn one_token_is_one_entry_however_it_is_written() {
    // C102
    let flood = Flood::new(CAPACITY);
    let asked = flood.asked();
    for scheme in ["Bearer", "bearer", "BEARER", "beAReR"] {
        for spaces in 1..100 {
            let mut request = Request::new(());
            let value = format!("{scheme}{}{}", " ".repeat(spaces), hot(0));
            request
                .headers_mut()
                .insert("authorization", value.parse().unwrap());
            flood.call(request);
        }
    }
    assert_eq!(flood.asked(), asked);
    assert_eq!(flood.layer.authenticator().stats().entries, HOT);
}

#[test]
fn an_entry_takes_no_more_memory_than_documented() {
    // E9: what the documentation says of the memory that the default capacity takes.
    const ENTRIES: u64 = 50_000;

    let mut kept = None;
    let memory = measure(|| {
        let flood = Flood::new(ENTRIES * 2);
        for n in 0..ENTRIES {
            flood.ask(&format!("oat_once_{n}"));
        }
        kept = Some(flood);
    });
    let entries = kept.unwrap().layer.authenticator().stats().entries;
    assert_eq!(entries, ENTRIES + HOT);
    let entries = i64::try_from(entries).unwrap();
    let (live, most) = (
        memory.bytes_current / entries,
        i64::try_from(memory.bytes_max).unwrap() / entries,
    );
    println!(
        "{live} bytes per entry, {most} at the most, answers of {} bytes",
        PADDED.len()
    );
    assert!(live < 1100, "{memory:?}");
}

#[test]
fn a_flood_does_not_grow_the_process() {
    // C101, B39, E9
    let flood = Flood::new(CAPACITY);
    flood.drown("oat_once_first", CAPACITY * 2);
    // Of the process, since memory that is freed later may be freed by another thread. Other tests run
    // in it too: the bound is far above theirs, and far below what ten million tokens would take.
    let before = resident();
    flood.drown("oat_once", number("FLOOD", 30_000));
    flood.drown("oat_bad", number("FLOOD", 30_000));
    flood.assert_bounded(flood.layer.authenticator().stats());
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("resident: {} MiB, then {} MiB", before >> 20, after >> 20);
        assert!(after.saturating_sub(before) < 256 << 20);
    }
}

/// A layer with hot tokens in its cache, and a Clerk in memory.
struct Flood {
    layer: ClerkAuthLayer,
    asked: Arc<AtomicUsize>,
    runtime: tokio::runtime::Runtime,
}

#[derive(Debug, Default)]
struct Hits {
    asked: u32,
    lost: u32,
}

impl Flood {
    fn new(capacity: u64) -> Self {
        let asked = Arc::default();
        let verifier = Prefixed(Arc::clone(&asked));
        let config = config(&ManualClock::new(), verifier)
            .cache_capacity(capacity)
            // No flood takes longer than this in the cache's own time.
            .cache_ttl(Duration::from_secs(300))
            .stale_if_error(Duration::from_secs(600))
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let flood = Self {
            layer: ClerkAuthLayer::new(config),
            asked,
            runtime,
        };
        for _ in 0..4 {
            (0..HOT).for_each(|n| flood.ask(&hot(n)));
        }
        flood
    }

    /// So many tokens that nobody has seen, and as many requests with hot ones in between.
    fn drown(&self, prefix: &str, tokens: u64) -> Hits {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut hits = Hits::default();
        for n in 0..tokens {
            self.ask(&format!("{prefix}_{n}_{}", rng.u64(..)));
            let before = self.asked();
            self.ask(&hot(rng.u64(..HOT)));
            hits.asked += 1;
            hits.lost += u32::from(self.asked() > before);
            // Every so often, as somebody who watches the counts would.
            if n % 10_000 == 0 {
                self.assert_bounded(self.layer.authenticator().stats());
            }
        }
        hits
    }

    fn assert_bounded(&self, stats: Stats) {
        assert!(stats.negative_entries <= CAPACITY / 10, "{stats:?}");
        assert!(stats.entries <= CAPACITY.max(HOT), "{stats:?}");
    }

    fn ask(&self, token: &str) {
        self.call(request(token));
    }

    fn call(&self, request: Request<()>) -> Response<()> {
        let mut service = self.layer.layer(service_fn(leaf));
        let Ok(response) = self.runtime.block_on(service.call(request));
        response
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn leaf(_: Request<()>) -> Result<Response<()>, Infallible> {
    Ok(Response::new(()))
}

/// Knows from its first letters what a token is.
struct Prefixed(Arc<AtomicUsize>);

impl Verify for Prefixed {
    fn verify<'a>(
        &'a self,
        verification: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let is_bad = verification.token().expose().starts_with("oat_bad");
        let answer = if is_bad {
            r#"{"active":false}"#
        } else {
            PADDED
        };
        Box::pin(async { TokenInfo::from_introspection(answer.as_bytes()) })
    }
}

fn hot(n: u64) -> String {
    format!("oat_hot_{n}")
}

/// What of the process is in memory, where the system says so. A page is taken to be 4 KiB.
fn resident() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<u64>().ok()? * 4096)
}

const HOT: u64 = 1000;
const CAPACITY: u64 = 10_000;

/// An answer of about 500 bytes.
const PADDED: &str = r#"{"active":true,"client_id":"me","sub":"user_2abcdefghijklmnopqrstuvwxyz",
"scope":"openid profile email offline_access files:read files:write","token_type":"Bearer",
"sid":"sess_2abcdefghijklmnopqrstuvwxyz","jti":"oat_0123456789abcdef0123456789abcdef",
"roles":["admin","editor","viewer","billing","support"],"plan":"enterprise","region":"eu-central-1",
"tenant":"01234567-89ab-cdef-0123-456789abcdef","features":["one","two","three","four","five","six"],
"note":"the rest of what a customised token of an instance may say of the person who bears it"}"#;
