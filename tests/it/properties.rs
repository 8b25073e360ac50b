//! Many thousand inputs, made at random from a grammar, against oracles that were written apart from
//! the code: whatever is let through, the oracle lets through, and the other way round.
//!
//! A failure names its seed. `PROPERTY_SEED` begins there, `PROPERTY_CASES` says how many cases of each
//! property are tried; without them a run is always the same.

mod bodies;
mod calls;
mod configuration;
mod forms;
mod grammar;
mod headers;
mod json;
mod jwt;
mod messages;
mod mutate;
mod order;
mod places;
mod rules;
mod userinfo;

use bytes::Bytes;
use fastrand::Rng;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tower_clerk::transport::{Transport, TransportError};

/// Tries a property, each case with a random source of its own.
pub fn for_each_case(cases: u64, mut property: impl FnMut(&mut Rng)) {
    let first = setting("PROPERTY_SEED").unwrap_or(1);
    for seed in (first..).take(count(cases)) {
        let _named = NamedOnPanic(seed);
        property(&mut Rng::with_seed(seed));
    }
}

/// How many cases to try instead of `cases`.
fn count(cases: u64) -> usize {
    let cases = setting("PROPERTY_CASES").unwrap_or(cases);
    usize::try_from(cases).expect("so many cases can be counted")
}

fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

struct NamedOnPanic(u64);

impl Drop for NamedOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to try it again: PROPERTY_SEED={} PROPERTY_CASES=1", self.0);
        }
    }
}

/// One of several.
fn pick<'a, T: ?Sized>(random: &mut Rng, from: &[&'a T]) -> &'a T {
    from[random.usize(..from.len())]
}

/// A transport to nowhere.
struct Nowhere;

impl Transport for Nowhere {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async { Err(TransportError::unreachable("there is no network")) })
    }
}

/// A runtime for one thread: nothing waits for a network.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime needs nothing")
}
