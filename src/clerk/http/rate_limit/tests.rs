#[cfg(shuttle)]
mod schedules;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use tokio::time::Instant;

use super::*;
use crate::clerk::http::Priority;

const FIRST_SEEN: fn() -> Purpose = || Purpose::needed(Priority::FirstSeen);
const REFRESH: fn() -> Purpose = || Purpose::needed(Priority::Refresh);
const DOCUMENT: fn() -> Purpose = || Purpose::needed(Priority::Document);

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Starts calls until none may start any more.
fn start_all(limiter: &RateLimiter, purpose: Purpose, now: Duration) -> usize {
    (0..10_000)
        .take_while(|_| {
            let reservation = limiter.reserve(purpose, now);
            reservation.map(|it| it.start(now)).is_ok()
        })
        .count()
}

#[test]
fn each_priority_has_its_share_of_the_window() {
    let limiter = RateLimiter::new(Some(100));
    for (priority, expected) in [
        (Priority::FirstSeen, 65),
        (Priority::Returning, 20),
        (Priority::Refresh, 10),
        (Priority::Document, 5),
    ] {
        let started = start_all(&limiter, Purpose::needed(priority), at(5));
        assert_eq!(started, expected, "{priority:?}");
    }
}

#[test]
fn optional_calls_take_none_that_a_verification_needs() {
    // fault B11
    let limiter = RateLimiter::new(Some(100));
    let optional = Purpose::optional(Priority::FirstSeen, Instant::now());
    assert_eq!(start_all(&limiter, FIRST_SEEN(), at(0)), 65);
    assert_eq!(start_all(&limiter, optional, at(0)), 0);

    // Nor of those that come later, but for what is reserved for higher priorities.
    let limiter = RateLimiter::new(Some(100));
    for _ in 0..20 {
        for purpose in [FIRST_SEEN(), optional] {
            limiter.reserve(purpose, at(0)).ok().unwrap().start(at(0));
        }
    }
    assert_eq!(start_all(&limiter, optional, at(0)), 5);
    assert_eq!(start_all(&limiter, FIRST_SEEN(), at(0)), 40);
    assert_eq!(
        start_all(&limiter, Purpose::needed(Priority::Returning), at(0)),
        10
    );
    assert_eq!(start_all(&limiter, REFRESH(), at(0)), 5);
    assert_eq!(start_all(&limiter, DOCUMENT(), at(0)), 0);
}

#[test]
fn slot_is_free_ten_seconds_after_its_call_and_not_before() {
    // fault B9
    let limiter = RateLimiter::new(Some(10));
    for second in 0..10 {
        assert_eq!(
            limiter
                .reserve(DOCUMENT(), at(second))
                .map(|it| it.start(at(second))),
            Ok(())
        );
    }
    let wait = |millis| Some(at(millis));
    assert_eq!(limiter.reserve(DOCUMENT(), at(9)).err(), wait(9_991));
    assert_eq!(limiter.reserve(DOCUMENT(), at(9_999)).err(), wait(1));
    assert_eq!(start_all(&limiter, DOCUMENT(), at(10_000)), 1);
    assert_eq!(start_all(&limiter, DOCUMENT(), at(10_001)), 1);
    assert_eq!(start_all(&limiter, DOCUMENT(), at(1_000_000)), 10);
    let just_before = at(1_010_000) - Duration::from_nanos(1);
    assert_eq!(limiter.reserve(DOCUMENT(), just_before).err(), wait(1));
    assert_eq!(start_all(&limiter, DOCUMENT(), Duration::MAX), 10);
    assert!(limiter.reserve(DOCUMENT(), Duration::MAX).is_err());
}

#[test]
fn clock_that_goes_back_gives_nothing() {
    // fault B9
    let limiter = RateLimiter::new(Some(10));
    assert_eq!(start_all(&limiter, DOCUMENT(), at(50_000)), 10);
    assert_eq!(limiter.reserve(DOCUMENT(), at(0)).err(), Some(at(10_000)));
    assert_eq!(start_all(&limiter, DOCUMENT(), at(59_999)), 0);
    assert_eq!(start_all(&limiter, DOCUMENT(), at(60_000)), 10);
}

#[test]
fn reserved_slot_counts_until_it_is_given_back() {
    let limiter = RateLimiter::new(Some(10));
    let mut reservations: Vec<_> = (0..6)
        .map(|_| limiter.reserve(FIRST_SEEN(), at(0)).ok())
        .collect();
    assert!(reservations.iter().all(Option::is_some));
    assert_eq!(limiter.reserve(FIRST_SEEN(), at(0)).err(), Some(at(1)));
    reservations.pop();
    assert!(limiter.reserve(FIRST_SEEN(), at(0)).is_ok());
    // It is counted from when it starts.
    let reservation = limiter.reserve(FIRST_SEEN(), at(0)).ok().unwrap();
    drop(reservations);
    reservation.start(at(5_000));
    assert_eq!(start_all(&limiter, FIRST_SEEN(), at(14_999)), 5);
    assert_eq!(start_all(&limiter, FIRST_SEEN(), at(15_000)), 1);
}

#[test]
fn flood_leaves_their_rate_to_tokens_in_use() {
    // A minute, every 10 ms a hundred tokens never seen, and one in use.
    let limiter = RateLimiter::new(Some(1_000));
    let mut rejected = 0;
    for now in (0..60_000).step_by(10) {
        for _ in 0..100 {
            _ = limiter
                .reserve(FIRST_SEEN(), at(now))
                .map(|it| it.start(at(now)));
        }
        // 250 of them in ten seconds.
        if now % 40 == 0 {
            let started = limiter
                .reserve(REFRESH(), at(now))
                .map(|it| it.start(at(now)));
            rejected += usize::from(started.is_err());
        }
    }
    assert_eq!(rejected, 0);
}

#[test]
fn without_a_limit_nothing_is_rejected() {
    let limiter = RateLimiter::new(None);
    assert_eq!(start_all(&limiter, FIRST_SEEN(), at(0)), 10_000);
}

/// Whether any window of ten seconds has more starts than the limit.
fn assert_windows(starts: &[Duration], limit: usize, name: &str) {
    let mut starts = starts.to_vec();
    starts.sort();
    for window in starts.windows(limit + 1) {
        let span = *window.last().unwrap() - *window.first().unwrap();
        assert!(span >= WINDOW, "{name}: {} starts in {span:?}", limit + 1);
    }
}

#[test]
fn no_window_has_more_starts_than_the_limit() {
    // fault B9: random reservations, starts and drops, with clock readings out of order.
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let limit = rng.u32(1..40);
        let bound = usize::try_from(limit).unwrap();
        let limiter = RateLimiter::new(Some(limit));
        let (mut now, mut latest) = (0_u64, 0_u64);
        let mut reserved: Vec<Reservation> = Vec::new();
        // When, and whether it was optional.
        let mut starts: Vec<(Duration, bool)> = Vec::new();
        for _ in 0..1_000 {
            now += if rng.bool() { 0 } else { rng.u64(..1_500) };
            // What a thread has read some time ago.
            let reading = now.saturating_sub(if rng.bool() { 0 } else { rng.u64(..12_000) });
            match rng.u8(..3) {
                0 => {
                    latest = latest.max(reading);
                    let priority = Priority::ALL[rng.usize(..4)];
                    let is_optional = rng.u8(..4) == 0;
                    let purpose = if is_optional {
                        Purpose::optional(priority, Instant::now())
                    } else {
                        Purpose::needed(priority)
                    };
                    let used = |counts: fn(bool) -> bool| {
                        let in_window = |(start, is_optional): &&(Duration, bool)| {
                            *start + WINDOW > at(latest) && counts(*is_optional)
                        };
                        let reserved = reserved.iter().filter(|it| counts(it.is_optional));
                        starts.iter().filter(in_window).count() + reserved.count()
                    };
                    let own = used(if is_optional { |it| it } else { |it| !it });
                    let expected =
                        used(|_| true) < purpose.ceiling(bound) && own < purpose.own_limit(bound);
                    let found = limiter.reserve(purpose, at(reading));
                    assert_eq!(found.is_ok(), expected, "seed {seed}, {purpose:?}");
                    reserved.extend(found);
                }
                1 if !reserved.is_empty() => {
                    let reservation = reserved.swap_remove(rng.usize(..reserved.len()));
                    latest = latest.max(reading);
                    starts.push((at(latest), reservation.is_optional));
                    reservation.start(at(reading));
                }
                _ if !reserved.is_empty() && rng.u8(..4) == 0 => {
                    drop(reserved.swap_remove(rng.usize(..reserved.len())));
                }
                _ => {}
            }
        }
        let starts: Vec<_> = starts.into_iter().map(|(start, _)| start).collect();
        assert_windows(&starts, bound, &format!("seed {seed}"));
    }
}

#[test]
fn threads_that_read_the_clock_out_of_order_start_no_more_than_the_limit() {
    // fault B9
    const LIMIT: u32 = 100;
    let limiter = RateLimiter::new(Some(LIMIT));
    let clock = AtomicU64::new(0);
    let mut starts: Vec<Duration> = thread::scope(|scope| {
        let threads: Vec<_> = (0..16)
            .map(|seed| {
                let (limiter, clock) = (&limiter, &clock);
                scope.spawn(move || {
                    let mut rng = fastrand::Rng::with_seed(seed);
                    let mut starts = Vec::new();
                    for _ in 0..2_000 {
                        let reading = clock.fetch_add(rng.u64(..5), Ordering::Relaxed);
                        if rng.u8(..) < 64 {
                            thread::yield_now();
                        }
                        let Ok(reservation) = limiter.reserve(DOCUMENT(), at(reading)) else {
                            continue;
                        };
                        if rng.u8(..) < 32 {
                            continue;
                        }
                        let reading = clock.load(Ordering::Relaxed);
                        // The clock of the limiter is at this reading or a later one.
                        reservation.start(at(reading));
                        starts.push(at(reading));
                    }
                    starts
                })
            })
            .collect();
        let starts = threads.into_iter().map(|thread| thread.join().unwrap());
        starts.flatten().collect()
    });
    starts.sort();
    let ring = limiter.ring.as_ref().unwrap();
    let ring = lock(ring);
    assert!(starts.len() > 500, "{}", starts.len());
    for starts in [&ring.all, &ring.needed, &ring.optional] {
        assert_eq!(starts.reserved, 0);
        assert!(starts.times.iter().is_sorted());
        assert!(starts.times.len() <= usize::try_from(LIMIT).unwrap());
    }
    // Of each window, the calls that the limiter itself counted.
    let span = starts.last().unwrap().as_millis() / WINDOW.as_millis() + 1;
    assert!(u128::try_from(starts.len()).unwrap() <= u128::from(LIMIT) * (span + 1));
}
