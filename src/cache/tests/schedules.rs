//! Invalidation and verifications under way, in random interleavings of threads:
//!
//! ```sh
//! RUSTFLAGS='--cfg shuttle' cargo test --lib --target-dir target/shuttle shuttle
//! ```

use std::sync::Arc;

use shuttle::{
    check_random,
    future::block_on,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use super::{START, bad, cache, good, token};
use crate::{
    AuthErrorKind,
    cache::{Boarding, Cache, Lookup},
};

const SCHEDULES: usize = 2_000;

/// A Clerk that knows one token.
#[derive(Default)]
struct Clerk {
    is_revoked: AtomicBool,
    asked: AtomicUsize,
    at_a_time: AtomicUsize,
}

/// What a request does: looks the token up, and has it verified where nothing is known. Whether it was
/// let through.
fn request(cache: &Arc<Cache>, clerk: &Arc<Clerk>, token: &str) -> bool {
    let key = cache.key(token);
    let known = || match cache.get_good(&key, START) {
        Lookup::Good { .. } | Lookup::Stale { .. } => Some(true),
        Lookup::Unknown { .. } => cache.get_bad(key, START).map(|_| false),
    };
    if let Some(known) = known() {
        return known;
    }
    // As often as a request starts anew when it is invalidated meanwhile.
    for _ in 0..3 {
        let epoch = cache.epoch();
        let flight = {
            let (cache, clerk) = (Arc::clone(cache), Arc::clone(clerk));
            move || async move {
                let epoch = cache.epoch();
                let others = clerk.at_a_time.fetch_add(1, Ordering::SeqCst);
                assert_eq!(others, 0, "one verification at a time");
                clerk.asked.fetch_add(1, Ordering::SeqCst);
                let result = if clerk.is_revoked.load(Ordering::SeqCst) {
                    bad(AuthErrorKind::Inactive)
                } else {
                    good("user_1")
                };
                // The answer is on its way.
                thread::yield_now();
                let outcome = cache.settle(key, epoch, result, START);
                clerk.at_a_time.fetch_sub(1, Ordering::SeqCst);
                outcome
            }
        };
        match cache.flights.board(key, epoch, known, flight).unwrap() {
            Boarding::Landed(verdict) => return verdict,
            Boarding::Seat(seat) => {
                let epoch = seat.epoch;
                match block_on(seat.outcome()) {
                    Ok(entry) if cache.is_void(key, &entry) => {}
                    Err(_) if cache.is_void_since(key, epoch) => {}
                    outcome => return outcome.is_ok(),
                }
            }
        }
    }
    false
}

#[test]
fn shuttle_concurrent_requests_are_one_verification() {
    // C115, C132
    check_random(
        || {
            let cache = Arc::new(cache(30, 0, 10));
            let clerk = Arc::new(Clerk::default());
            let token = token(&cache);
            let requests: Vec<_> = (0..3)
                .map(|_| {
                    let (cache, clerk, token) =
                        (Arc::clone(&cache), Arc::clone(&clerk), token.clone());
                    thread::spawn(move || assert!(request(&cache, &clerk, &token)))
                })
                .collect();
            for request in requests {
                request.join().unwrap();
            }
            assert_eq!(clerk.asked.load(Ordering::SeqCst), 1);
            assert_eq!(cache.flights.len(), 0);
        },
        SCHEDULES,
    );
}

/// The ways to invalidate a token.
type Invalidate = fn(&Cache, &str);

const WAYS: [Invalidate; 3] = [
    |cache, token| cache.invalidate(token, START),
    |cache, _| cache.invalidate_subject("user_1", START),
    |cache, _| cache.clear(START),
];

#[test]
fn shuttle_an_invalidation_wins_over_a_verification_under_way() {
    // C111, C132
    for invalidate in WAYS {
        check_random(
            move || {
                let cache = Arc::new(cache(30, 0, 10));
                let clerk = Arc::new(Clerk::default());
                let token = token(&cache);
                let requests: Vec<_> = (0..2)
                    .map(|_| {
                        let (cache, clerk, token) =
                            (Arc::clone(&cache), Arc::clone(&clerk), token.clone());
                        thread::spawn(move || request(&cache, &clerk, &token))
                    })
                    .collect();
                clerk.is_revoked.store(true, Ordering::SeqCst);
                invalidate(&cache, &token);
                // Revoked and invalidated: from here on, nobody gets in.
                assert!(!request(&cache, &clerk, &token));
                for request in requests {
                    request.join().unwrap();
                }
                assert!(!request(&cache, &clerk, &token));
            },
            SCHEDULES,
        );
    }
}
