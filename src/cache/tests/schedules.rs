//! Invalidation and verifications under way, in random interleavings of threads:
//!
//! ```sh
//! RUSTFLAGS='--cfg shuttle' cargo test --lib --target-dir target/shuttle shuttle
//! ```

use std::{future::Future, sync::Arc, time::Duration};

use shuttle::{
    check_random,
    future::block_on,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use tokio::time::Instant;

use super::{START, bad, cache, good, settle, token};
use crate::{
    AuthErrorKind,
    cache::{Arrival, Cache, Lookup, Made, Outcome, Scope},
    observe::Effect,
    sync::single_flight::{self, Landed, SingleFlight, wait},
    token::digest::TokenDigest,
};

const SCHEDULES: usize = 2_000;

/// A Clerk that knows one token.
#[derive(Default)]
struct Clerk {
    is_revoked: AtomicBool,
    asked: AtomicUsize,
}

/// What a request does: looks the token up, and has it verified if nothing is known. Whether it was
/// let through.
fn request(cache: &Arc<Cache>, clerk: &Arc<Clerk>, token: &str) -> bool {
    let key = cache.key(token);
    let known = || match cache.get_positive(&key, START) {
        Lookup::Hit { .. } | Lookup::Stale { .. } => Some(true),
        Lookup::Unknown { .. } => cache.get_negative(key, START).map(|_| false),
    };
    if let Some(known) = known() {
        return known;
    }
    let arrival = Arrival {
        epoch: cache.epoch(),
        deadline: Instant::now() + Duration::from_secs(3_600),
    };
    for again in [false, true] {
        let join = || {
            cache.flights.join(
                key,
                |epoch| cache.may_join(key, epoch, arrival, again),
                known,
                || cache.epoch(),
                |_| verification(Arc::clone(cache), Arc::clone(clerk), key),
            )
        };
        match block_on(wait(arrival.deadline, join)).unwrap() {
            Landed::Known(verdict) => return verdict,
            Landed::Flight { epoch, outcome } => {
                if cache.counts(key, epoch, arrival, &outcome) {
                    return outcome.is_ok();
                }
            }
        }
    }
    unreachable!("the second verdict counts")
}

fn verification(
    cache: Arc<Cache>,
    clerk: Arc<Clerk>,
    key: TokenDigest,
) -> (
    impl Future<Output = (u64, Outcome)> + Send,
    impl FnOnce(u64, &Outcome) + Send,
) {
    let remembering = Arc::clone(&cache);
    let verification = async move {
        let epoch = cache.epoch();
        clerk.asked.fetch_add(1, Ordering::SeqCst);
        let result = if clerk.is_revoked.load(Ordering::SeqCst) {
            bad(AuthErrorKind::Inactive)
        } else {
            good("user_1")
        };
        // The answer is on its way.
        thread::yield_now();
        (epoch, cache.conclude(key, epoch, result, START))
    };
    let remember =
        move |epoch, outcome: &Outcome| remembering.remember(key, epoch, outcome, true, START);
    (verification, remember)
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

const WAYS: [Invalidate; 6] = [
    |cache, token| invalidate(cache, Scope::Token(cache.key(token)), Effect::Again),
    |cache, _| invalidate(cache, Scope::Subject("user_1"), Effect::Again),
    |cache, _| invalidate(cache, Scope::All, Effect::Again),
    |cache, token| invalidate(cache, Scope::Token(cache.key(token)), Effect::End),
    |cache, _| invalidate(cache, Scope::Subject("user_1"), Effect::End),
    |cache, _| invalidate(cache, Scope::All, Effect::End),
];

fn invalidate(cache: &Cache, scope: Scope<&str>, effect: Effect) {
    cache.invalidate(scope, effect, Made::here(START));
}

#[test]
fn shuttle_an_invalidation_wins_over_a_verification_under_way() {
    // C111, C132
    for way in WAYS {
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
                way(&cache, &token);
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

#[test]
fn shuttle_an_entry_whose_epoch_moves_is_still_invalidated() {
    for way in WAYS {
        check_random(
            move || {
                let cache = Arc::new(cache(30, 0, 10));
                let token = token(&cache);
                settle(&cache, &token, good("user_1"), START);
                let others: Vec<_> = (0..2)
                    .map(|number| {
                        let (cache, token) = (Arc::clone(&cache), token.clone());
                        thread::spawn(move || {
                            // Concerns other tokens: the hits move the epoch of the entry.
                            let subject = format!("user_other_{number}");
                            invalidate(&cache, Scope::Subject(&subject), Effect::Again);
                            drop(cache.get_positive(&cache.key(&token), START));
                        })
                    })
                    .collect();
                way(&cache, &token);
                let lookup = cache.get_positive(&cache.key(&token), START);
                assert!(matches!(lookup, Lookup::Unknown { .. }), "{lookup:?}");
                for other in others {
                    other.join().unwrap();
                }
                let lookup = cache.get_positive(&cache.key(&token), START);
                assert!(matches!(lookup, Lookup::Unknown { .. }), "{lookup:?}");
            },
            SCHEDULES,
        );
    }
}

#[test]
fn shuttle_a_superseded_verification_never_overwrites_a_newer_one() {
    // fault C1, fault C3
    check_random(
        || {
            let flights = SingleFlight::<TokenDigest, u64>::new(Duration::from_secs(3_600));
            let key = cache(30, 0, 10).key("a");
            let latest = Arc::new(AtomicUsize::new(0));
            let remembered = Arc::new(AtomicUsize::new(0));
            let requests: Vec<_> = (0..3)
                .map(|_| {
                    let (flights, latest) = (Arc::clone(&flights), Arc::clone(&latest));
                    let remembered = Arc::clone(&remembered);
                    thread::spawn(move || {
                        // Something is invalidated, and a request arrives.
                        let arrived = latest.fetch_add(1, Ordering::SeqCst) + 1;
                        let arrived = u64::try_from(arrived).unwrap();
                        let join = || {
                            let remembered = Arc::clone(&remembered);
                            flights.join(
                                key,
                                |epoch| epoch >= arrived,
                                || None::<()>,
                                || u64::try_from(latest.load(Ordering::SeqCst)).unwrap(),
                                |epoch| {
                                    let run = async move {
                                        thread::yield_now();
                                        (epoch, Ok(epoch))
                                    };
                                    let remember =
                                        move |_, outcome: &single_flight::Outcome<u64>| {
                                            let new = usize::try_from(*outcome.as_ref().unwrap());
                                            let new = new.unwrap();
                                            let old = remembered.swap(new, Ordering::SeqCst);
                                            assert!(old <= new, "{old} was newer than {new}");
                                        };
                                    (run, remember)
                                },
                            )
                        };
                        let deadline = Instant::now() + Duration::from_secs(3_600);
                        let landed = block_on(wait(deadline, join)).unwrap();
                        let Landed::Flight { epoch, outcome } = landed else {
                            unreachable!("nothing is known")
                        };
                        assert_eq!(outcome.unwrap(), epoch);
                        assert!(epoch >= arrived);
                    })
                })
                .collect();
            for request in requests {
                request.join().unwrap();
            }
        },
        SCHEDULES,
    );
}
