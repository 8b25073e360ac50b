use std::{mem::offset_of, sync::atomic::AtomicU32, time::Duration};

use super::{Entry, Lifetimes, NegativeEntry};
use crate::token::digest::{TokenDigest, TokenHasher};
use crate::{
    AuthError, AuthErrorKind,
    claims::Claims,
    clock::{Deadline, Now},
    verify::Verified,
};

/// The moment at which everything here is made: half a second past a full one.
const START: Now = Now {
    mono: 1_000_000,
    wall: 1_700_000_000_500,
};
const START_SECONDS: i64 = 1_700_000_000;

/// So many milliseconds later, on both clocks.
fn later(millis: u64) -> Now {
    Now {
        mono: START.mono.saturating_add(millis),
        wall: START.wall.saturating_add(millis),
    }
}

/// So many milliseconds later on the monotonic clock, while the wall clock was set back.
fn later_mono(millis: u64) -> Now {
    Now {
        wall: START.wall - 3_600_000,
        ..later(millis)
    }
}

/// So many milliseconds later on the wall clock, while the host was suspended.
fn later_wall(millis: u64) -> Now {
    Now {
        mono: START.mono,
        ..later(millis)
    }
}

/// A key that cuts off so many thousandths.
fn key(per_mille: u64) -> TokenDigest {
    let hasher = TokenHasher::new([7; 32], &[]);
    (0..)
        .map(|number: u32| hasher.key(number.to_string()))
        .find(|key| key.prefix() % 101 == per_mille)
        .unwrap()
}

impl Entry {
    /// What is good for nothing but its claims, for the tests of those.
    pub(crate) fn assertion(claims: Claims) -> Self {
        Self { claims, ..usual() }
    }
}

#[test]
fn what_a_hit_reads_lies_together() {
    // Behind the two counts of owners, and together with them within the 128 bytes that are fetched at once.
    let counts = 2 * size_of::<usize>();
    let ends = [
        offset_of!(Entry, key) + size_of::<TokenDigest>(),
        offset_of!(Entry, epoch) + size_of::<u64>(),
        offset_of!(Entry, refresh_from) + size_of::<u64>(),
        offset_of!(Entry, fresh) + size_of::<Deadline>(),
        offset_of!(Entry, last_touch) + size_of::<AtomicU32>(),
    ];
    assert!(ends.iter().all(|end| counts + end <= 128), "{ends:?}");
}

fn lifetimes(ttl: u64, stale_if_error: u64) -> Lifetimes {
    Lifetimes::new(
        Duration::from_millis(ttl),
        Duration::from_millis(stale_if_error),
    )
    .with_self_contained()
}

fn entry(ttl: u64, stale_if_error: u64, per_mille: u64, verified: Verified) -> Entry {
    Entry::new(
        verified,
        key(per_mille),
        0,
        lifetimes(ttl, stale_if_error),
        START,
    )
}

fn verified(cacheable_until: Option<i64>) -> Verified {
    Verified::assertion("user_1", None, cacheable_until, true)
}

fn usual() -> Entry {
    entry(30_000, 0, 0, verified(None))
}

/// Checks that something holds until so many milliseconds have passed, on whichever clock.
#[track_caller]
fn ends_after(name: &str, millis: u64, holds: impl Fn(Now) -> bool) {
    assert!(!holds(later(millis)), "{name}: at the end");
    assert!(!holds(later_mono(millis)), "{name}: at the end, monotonic");
    assert!(!holds(later_wall(millis)), "{name}: at the end, wall");
    assert!(!holds(later(millis + 1)), "{name}: past the end");
    if millis > 0 {
        assert!(holds(later(millis - 1)), "{name}: before the end");
        assert!(
            holds(later_mono(millis - 1)),
            "{name}: before the end, monotonic"
        );
        assert!(
            holds(later_wall(millis - 1)),
            "{name}: before the end, wall"
        );
    }
}

struct Case {
    name: &'static str,
    /// TTL, stale time, jitter in thousandths, and what was verified.
    input: (u64, u64, u64, Verified),
    /// For how long it is fresh, and for how long usable.
    expected: (u64, u64),
}

#[track_caller]
fn check(case: Case) {
    let (ttl, stale_if_error, per_mille, verified) = case.input;
    let entry = entry(ttl, stale_if_error, per_mille, verified);
    let (fresh, usable) = case.expected;
    ends_after(case.name, fresh, |now| entry.is_fresh(now));
    ends_after(case.name, usable, |now| entry.is_usable(now));
}

#[test]
fn entry_lives_as_long_as_its_shortest_bound() {
    let incomplete = || Verified::assertion("user_1", None, None, false);
    let until = |seconds: i64| verified(Some(START_SECONDS + seconds));
    let cases = [
        (
            "the whole time",
            (30_000, 0, 0, verified(None)),
            (30_000, 30_000),
        ),
        (
            "a thousandth less",
            (30_000, 0, 1, verified(None)),
            (29_970, 29_970),
        ),
        (
            "half the jitter",
            (30_000, 0, 50, verified(None)),
            (28_500, 28_500),
        ),
        (
            "the largest jitter",
            (30_000, 0, 100, verified(None)),
            (27_000, 27_000),
        ),
        (
            "too short for jitter",
            (999, 0, 100, verified(None)),
            (999, 999),
        ),
        (
            "just long enough for jitter",
            (1_000, 0, 100, verified(None)),
            (900, 900),
        ),
        ("one millisecond", (1, 0, 100, verified(None)), (1, 1)),
        ("incomplete", (30_000, 0, 0, incomplete()), (5_000, 5_000)),
        (
            "incomplete, with jitter",
            (30_000, 0, 100, incomplete()),
            (4_500, 4_500),
        ),
        (
            "incomplete, of a short life",
            (3_000, 0, 0, incomplete()),
            (3_000, 3_000),
        ),
        (
            "incomplete and stale",
            (30_000, 60_000, 0, incomplete()),
            (5_000, 65_000),
        ),
        // B24
        (
            "to the end of the token",
            (30_000, 0, 0, until(10)),
            (9_500, 9_500),
        ),
        (
            "jitter does not add up",
            (30_000, 0, 100, until(10)),
            (9_500, 9_500),
        ),
        (
            "the token outlives it",
            (30_000, 0, 0, until(31)),
            (30_000, 30_000),
        ),
        (
            "half a second short",
            (30_000, 0, 0, until(30)),
            (29_500, 29_500),
        ),
        (
            "the token's last half second",
            (30_000, 60_000, 0, until(1)),
            (500, 500),
        ),
        // C056
        ("the token ends now", (30_000, 60_000, 0, until(0)), (0, 0)),
        ("the token ended", (30_000, 60_000, 0, until(-1)), (0, 0)),
        // C057 B33
        (
            "the token ended in 1970",
            (30_000, 60_000, 0, verified(Some(0))),
            (0, 0),
        ),
        (
            "before 1970",
            (30_000, 60_000, 0, verified(Some(-1))),
            (0, 0),
        ),
        (
            "before everything",
            (30_000, 60_000, 0, verified(Some(i64::MIN))),
            (0, 0),
        ),
        // C060 B38
        (
            "after everything",
            (30_000, 0, 0, verified(Some(i64::MAX))),
            (30_000, 30_000),
        ),
        (
            "in milliseconds",
            (30_000, 0, 0, verified(Some(1_700_000_000_000))),
            (30_000, 30_000),
        ),
        (
            "stale time is added",
            (30_000, 60_000, 0, verified(None)),
            (30_000, 90_000),
        ),
        (
            "jitter shortens both",
            (30_000, 60_000, 100, verified(None)),
            (27_000, 87_000),
        ),
        (
            "self-contained: a minute, without jitter",
            (30_000, 0, 100, until(61).self_contained()),
            (60_000, 60_000),
        ),
        (
            "self-contained: to the end of the token",
            (30_000, 60_000, 100, until(60).self_contained()),
            (59_500, 59_500),
        ),
        (
            "self-contained: a shorter TTL",
            (1, 0, 0, verified(None).self_contained()),
            (60_000, 60_000),
        ),
        (
            "self-contained: a longer TTL",
            (300_000, 0, 0, verified(None).self_contained()),
            (60_000, 60_000),
        ),
        (
            "self-contained: stale until the token ends",
            (30_000, 60_000, 0, until(90).self_contained()),
            (60_000, 89_500),
        ),
        (
            "self-contained: the token ends now",
            (30_000, 60_000, 0, until(0).self_contained()),
            (0, 0),
        ),
        (
            "self-contained: the cache is off",
            (0, 0, 0, verified(None).self_contained()),
            (0, 0),
        ),
        // C110
        (
            "stale until the token ends",
            (30_000, 60_000, 0, until(40)),
            (30_000, 39_500),
        ),
    ];
    for (name, input, expected) in cases {
        check(Case {
            name,
            input,
            expected,
        });
    }
}

#[test]
fn endless_times_saturate() {
    // B38
    let endless = Lifetimes::new(Duration::MAX, Duration::MAX);
    for per_mille in [0, 100] {
        let entry = Entry::new(verified(Some(i64::MAX)), key(per_mille), 0, endless, START);
        assert!(entry.is_fresh(later(u64::MAX / 2)));
        assert!(entry.is_usable(later(u64::MAX - u64::MAX / 8)));
        assert!(!entry.claim_refresh(START));
    }
    let end = Now {
        mono: u64::MAX,
        wall: u64::MAX,
    };
    let entry = Entry::new(verified(None), key(0), 0, lifetimes(30_000, 30_000), end);
    assert!(!entry.is_fresh(end));
    assert!(!entry.is_usable(end));
    entry.back_off(&AuthErrorKind::UpstreamUnavailable.into(), end);
    assert!(!entry.is_bridging(end));
}

#[test]
fn entry_keeps_what_it_was_given() {
    let entry = Entry::new(verified(None), key(0), 42, lifetimes(1, 0), START);
    assert_eq!(entry.epoch(), 42);
    assert_eq!(&*entry.claims().subject, "user_1");
}

#[test]
fn token_is_over_at_its_second() {
    let wall = |wall| Now { wall, ..START };
    let full = 1_700_000_000_000;
    for (name, expires, now, expected) in [
        ("no end", None, wall(u64::MAX), false),
        ("a second to go", Some(START_SECONDS + 1), wall(full), false),
        (
            "a millisecond to go",
            Some(START_SECONDS + 1),
            wall(full + 999),
            false,
        ),
        // C056
        ("now", Some(START_SECONDS), wall(full), true),
        ("now and some", Some(START_SECONDS), wall(full + 1), true),
        (
            "a millisecond before now",
            Some(START_SECONDS),
            wall(full - 1),
            false,
        ),
        ("a second ago", Some(START_SECONDS - 1), wall(full), true),
        // C057
        ("zero", Some(0), START, true),
        ("negative", Some(-1), START, true),
        ("least", Some(i64::MIN), START, true),
        // C060
        ("greatest", Some(i64::MAX), START, false),
    ] {
        let verified = Verified::assertion("user_1", expires, None, true);
        let entry = entry(30_000, 0, 0, verified);
        assert_eq!(entry.has_expired(now), expected, "{name}");
    }
}

#[test]
fn refresh_is_due_in_the_last_fifth_once() {
    for (name, verified, from) in [
        ("of the whole life", verified(None), 24_000),
        (
            "of a life cut short",
            verified(Some(START_SECONDS + 10)),
            7_600,
        ),
    ] {
        let entry = entry(30_000, 60_000, 0, verified);
        assert!(!entry.claim_refresh(START), "{name}: at once");
        assert!(!entry.claim_refresh(later(from - 1)), "{name}: before");
        assert!(entry.claim_refresh(later(from)), "{name}: at");
        assert!(!entry.claim_refresh(later(from)), "{name}: twice");
        assert!(
            !entry.claim_refresh(later(from + 999)),
            "{name}: within the pause"
        );
        assert!(
            entry.claim_refresh(later(from + 1_000)),
            "{name}: after the pause"
        );
        assert!(
            !entry.claim_refresh(later(from + 1_999)),
            "{name}: within the next pause"
        );
        assert!(
            !entry.is_bridging(later(from + 1_001)),
            "{name}: nothing has failed"
        );
    }
}

#[test]
fn refresh_of_a_self_contained_result_is_never_due() {
    for end in [None, Some(START_SECONDS + 50)] {
        let entry = entry(30_000, 60_000, 0, verified(end).self_contained());
        let life = end.map_or(60_000, |_| 49_500);
        assert!(entry.is_young(later(life - 1)));
        assert!(!entry.claim_refresh(later(life - 1)));
        assert!(!entry.is_fresh(later(life)));
    }
}

#[test]
fn refresh_is_for_one_of_many_hits() {
    let entry = usual();
    let claims = std::thread::scope(|scope| {
        let hits: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| entry.claim_refresh(later(25_000))))
            .collect();
        hits.into_iter()
            .filter_map(|hit| hit.join().ok())
            .filter(|claimed| *claimed)
            .count()
    });
    assert_eq!(claims, 1);
}

#[test]
fn pauses_double_up_to_half_a_minute() {
    let entry = usual();
    let mut at = 25_000;
    for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000] {
        assert!(!entry.is_bridging(later(at)), "{pause}: before");
        entry.back_off(&AuthErrorKind::UpstreamUnavailable.into(), later(at));
        assert!(entry.is_bridging(later(at)), "{pause}: at once");
        assert!(
            entry.is_bridging(later(at + pause - 1)),
            "{pause}: to the end"
        );
        assert!(
            !entry.claim_refresh(later(at + pause - 1)),
            "{pause}: no refresh"
        );
        at += pause;
        assert!(!entry.is_bridging(later(at)), "{pause}: over");
    }
    assert!(entry.claim_refresh(later(at)));
}

#[test]
fn weight_is_counted_in_started_kibibytes() {
    let of_length = |length: usize| {
        let verified = Verified::assertion(&"a".repeat(length), None, None, true);
        entry(30_000, 0, 0, verified)
    };
    let empty = of_length(0).claims().size();
    for (name, size, expected) in [
        ("as little as can be", empty, 1),
        ("a KiB", 1024, 1),
        ("a byte more", 1025, 2),
        ("two KiB", 2048, 2),
        ("64 KiB", 65_536, 64),
    ] {
        let entry = of_length(size - empty);
        assert_eq!(entry.claims().size(), size, "{name}");
        assert_eq!(entry.weight(), expected, "{name}");
    }
}

#[test]
fn rejection_holds_for_five_seconds() {
    // C106
    for (kind, life) in [
        (AuthErrorKind::Inactive, 5_000),
        (AuthErrorKind::Expired, 5_000),
        (AuthErrorKind::InsufficientScope, 5_000),
        // C062
        (AuthErrorKind::NotYetValid, 1_000),
    ] {
        let rejection = NegativeEntry::new(&kind.into(), 3, START).unwrap();
        assert_eq!(rejection.error.kind(), kind);
        assert_eq!(rejection.epoch, 3);
        ends_after(&format!("{kind:?}"), life, |now| {
            rejection.error(now).is_some()
        });
    }
}

#[test]
fn provoked_error_is_remembered_for_its_delay() {
    // fault B1
    let error = |delay: Option<u64>| {
        let error = AuthError::new(AuthErrorKind::InvalidUpstreamResponse).into_token_provoked();
        match delay {
            Some(delay) => error.with_retry_after(Duration::from_millis(delay)),
            None => error,
        }
    };
    for (name, delay, life) in [
        ("as usual", Some(3_456), 3_456),
        ("at least a second", Some(10), 1_000),
        ("at most five", Some(60_000), 5_000),
    ] {
        let rejection = NegativeEntry::new(&error(delay), 3, START).unwrap();
        ends_after(name, life, |now| rejection.error(now).is_some());
        let error = rejection.error(later(400)).unwrap();
        assert_eq!(error.kind(), AuthErrorKind::InvalidUpstreamResponse);
        assert!(error.is_token_provoked());
        let left = delay.map(|_| Duration::from_millis(life - 400));
        assert_eq!(error.retry_after(), left, "{name}");
    }
    for error in [
        AuthError::new(AuthErrorKind::InvalidUpstreamResponse),
        AuthError::new(AuthErrorKind::UpstreamUnavailable),
        AuthError::new(AuthErrorKind::RateLimited).into_not_called(),
        AuthError::new(AuthErrorKind::Overloaded).into_not_called(),
    ] {
        assert!(NegativeEntry::new(&error, 3, START).is_none(), "{error:?}");
    }
}

#[test]
fn call_that_was_not_made_pauses_for_a_second_however_often() {
    // fault B9
    let entry = entry(30, 0, 0, verified(None));
    let not_called = AuthError::new(AuthErrorKind::RateLimited).into_not_called();
    assert!(entry.claim_refresh(later(28_000)));
    for at in [28_000, 29_000, 30_000, 31_000] {
        entry.back_off(&not_called, later(at));
        assert!(!entry.claim_refresh(later(at + 999)), "{at}");
        assert!(entry.claim_refresh(later(at + 1_000)), "{at}");
    }
    // A call that fails backs off from the beginning.
    entry.back_off(&AuthErrorKind::UpstreamUnavailable.into(), later(32_000));
    assert!(entry.claim_refresh(later(33_000)));
}

#[test]
fn lifetimes_are_off_at_zero_alone() {
    for (name, ttl, expected) in [
        ("zero", Duration::ZERO, true),
        ("less than is counted", Duration::from_micros(999), true),
        ("a millisecond", Duration::from_millis(1), false),
        ("endless", Duration::MAX, false),
    ] {
        assert_eq!(
            Lifetimes::new(ttl, Duration::ZERO).is_off(),
            expected,
            "{name}"
        );
    }
}

#[test]
fn longest_life_covers_rejections_too() {
    for (name, ttl, stale_if_error, expected) in [
        ("nothing", 0, 0, 5_000),
        ("less than a rejection", 4_998, 1, 5_000),
        ("more than a rejection", 5_000, 1, 5_001),
        ("both", 30_000, 60_000, 90_000),
        ("saturated", u64::MAX, 1, u64::MAX),
    ] {
        let ms = Duration::from_millis;
        let without = Lifetimes::new(ms(ttl), ms(stale_if_error));
        assert_eq!(without.longest(), ms(expected), "{name}");
        let least = if ttl == 0 {
            0
        } else {
            60_000_u64.saturating_add(stale_if_error)
        };
        let with = without.with_self_contained().longest();
        assert_eq!(with, ms(expected.max(least)), "{name}, self-contained");
    }
}

#[test]
fn what_is_no_outage_is_not_bridged() {
    let entry = usual();
    entry.back_off(
        &AuthErrorKind::InvalidUpstreamResponse.into(),
        later(25_000),
    );
    assert!(!entry.is_bridging(later(25_001)));
    assert!(
        !entry.claim_refresh(later(25_999)),
        "it pauses all the same"
    );
    entry.back_off(&AuthErrorKind::UpstreamUnavailable.into(), later(26_000));
    assert!(entry.is_bridging(later(26_001)));
    // The latest failure counts.
    entry.back_off(
        &AuthErrorKind::InvalidUpstreamResponse.into(),
        later(26_002),
    );
    assert!(!entry.is_bridging(later(26_003)));
}
