mod bounds;
mod invalidation;
#[cfg(shuttle)]
mod schedules;

use std::time::Duration;

use super::{Cache, Lookup, Outcome};
use crate::{AuthError, AuthErrorKind, clock::Now, verify::Verified};
use crate::{
    claims::entry::{Entry, Lifetimes},
    token::digest::TokenHasher,
};

const START: Now = Now {
    mono: 1_000_000,
    wall: 1_700_000_000_000,
};
const START_SECONDS: i64 = 1_700_000_000;

fn later(millis: u64) -> Now {
    Now {
        mono: START.mono + millis,
        wall: START.wall + millis,
    }
}

/// A cache with a TTL and a stale time, in seconds.
fn cache(ttl: u64, stale_if_error: u64, capacity: u64) -> Cache {
    Cache::new(
        TokenHasher::new([7; 32], &["realm"]),
        Lifetimes::new(
            Duration::from_secs(ttl),
            Duration::from_secs(stale_if_error),
        ),
        capacity,
        Duration::from_secs(2),
    )
}

/// A token whose entry lives for the whole time.
fn token(cache: &Cache) -> String {
    (0..)
        .map(|number: u32| number.to_string())
        .find(|token| cache.key(token).prefix().is_multiple_of(101))
        .unwrap()
}

fn good(subject: &str) -> Result<Verified, AuthError> {
    Ok(Verified::assertion(subject, None, None, true))
}

fn bad(kind: AuthErrorKind) -> Result<Verified, AuthError> {
    Err(kind.into())
}

/// Remembers an outcome as a verification that begins and ends now.
fn settle(cache: &Cache, token: &str, result: Result<Verified, AuthError>, now: Now) {
    let _ = conclude(cache, token, cache.epoch(), result, now);
}

/// Remembers the outcome of a verification of this epoch.
fn conclude(
    cache: &Cache,
    token: &str,
    epoch: u64,
    result: Result<Verified, AuthError>,
    now: Now,
) -> Outcome {
    let key = cache.key(token);
    let outcome = cache.conclude(key, epoch, result, now);
    cache.remember(key, epoch, &outcome, true, now);
    outcome
}

/// A lookup in one word.
fn look(cache: &Cache, token: &str, now: Now) -> String {
    let key = cache.key(token);
    match cache.get_positive(&key, now) {
        Lookup::Hit {
            claims, refresh, ..
        } => {
            assert!(!claims.is_stale());
            let refresh = if refresh { ", refresh" } else { "" };
            format!("good: {}{refresh}", claims.subject())
        }
        Lookup::Stale { claims } => {
            assert!(claims.is_stale());
            format!("stale: {}", claims.subject())
        }
        Lookup::Unknown { .. } => match (cache.get_negative(key, now), cache.bridge(&key, now)) {
            (Some(error), _) => format!("bad: {:?}", error.kind()),
            (None, Some(claims)) => format!("last: {}", claims.subject()),
            (None, None) => "unknown".to_owned(),
        },
    }
}

#[track_caller]
fn check(name: &str, cache: &Cache, token: &str, now: Now, expected: &str) {
    assert_eq!(look(cache, token, now), expected, "{name}");
}

#[test]
fn good_token_is_known_until_its_time_is_over() {
    let cache = cache(30, 0, 100);
    let token = token(&cache);
    check("never seen", &cache, &token, START, "unknown");
    settle(&cache, &token, good("user_1"), START);
    check("at once", &cache, &token, START, "good: user_1");
    check(
        "before the last fifth",
        &cache,
        &token,
        later(23_999),
        "good: user_1",
    );
    check(
        "in the last fifth",
        &cache,
        &token,
        later(24_000),
        "good: user_1, refresh",
    );
    check(
        "refreshed by another",
        &cache,
        &token,
        later(24_000),
        "good: user_1",
    );
    check(
        "to the end",
        &cache,
        &token,
        later(29_999),
        "good: user_1, refresh",
    );
    check("at the end", &cache, &token, later(30_000), "unknown");
    assert_eq!(cache.len(), (0, 0), "what is of no use is removed");
}

#[test]
fn clock_set_back_prolongs_nothing() {
    // C108
    let cache = cache(30, 0, 100);
    let token = token(&cache);
    for (name, mono, wall) in [
        ("set back", 30_000, START.wall - 3_600_000),
        ("set ahead", 1, START.wall + 30_000),
        ("suspended", 0, START.wall + 3_600_000),
    ] {
        settle(&cache, &token, good("user_1"), START);
        let now = Now {
            mono: START.mono + mono,
            wall,
        };
        check(name, &cache, &token, now, "unknown");
    }
}

#[test]
fn verdict_ends_with_its_token() {
    // B24
    let cache = cache(60, 60, 100);
    let end = START_SECONDS + 2;
    let verified = || Ok(Verified::assertion("user_1", Some(end), Some(end), true));
    settle(&cache, "tok", verified(), START);
    check(
        "a second before",
        &cache,
        "tok",
        later(1_000),
        "good: user_1",
    );
    settle(
        &cache,
        "tok",
        bad(AuthErrorKind::UpstreamUnavailable),
        later(1_900),
    );
    check("just before", &cache, "tok", later(1_999), "good: user_1");
    check(
        "at the end, though stale is on",
        &cache,
        "tok",
        later(2_000),
        "unknown",
    );
    let outcome = conclude(&cache, "tok", 0, verified(), later(2_000));
    assert!(outcome.unwrap().has_expired(later(2_000)));
    assert_eq!(cache.len(), (0, 0), "what is over is not remembered");
}

#[test]
fn verdict_that_is_over_replaces_the_one_before() {
    let cache = cache(60, 0, 100);
    settle(&cache, "tok", good("user_1"), START);
    let over = Verified::assertion("user_1", None, Some(START_SECONDS), true);
    settle(&cache, "tok", Ok(over), START);
    check("not remembered", &cache, "tok", START, "unknown");
}

#[test]
fn rejection_is_remembered_where_it_is_authoritative() {
    // C107 C038 C039
    use AuthErrorKind as Kind;
    for (kind, is_remembered) in [
        (Kind::CredentialsRejected, false),
        (Kind::Expired, true),
        (Kind::Inactive, true),
        (Kind::InsufficientScope, true),
        (Kind::MalformedCredentials, false),
        (Kind::MissingCredentials, false),
        (Kind::MissingSubject, true),
        (Kind::NotAccessToken, true),
        (Kind::NotYetValid, true),
        (Kind::ProfileUnavailable, false),
        (Kind::RateLimited, false),
        (Kind::SenderConstrained, true),
        (Kind::MultipleCredentials, false),
        (Kind::Overloaded, false),
        (Kind::TokenTooLong, false),
        (Kind::UnsupportedToken, false),
        (Kind::InvalidUpstreamResponse, false),
        (Kind::UpstreamUnavailable, false),
        (Kind::WrongAudience, true),
        (Kind::WrongClient, true),
        (Kind::WrongIssuer, true),
        (Kind::WrongMachine, true),
    ] {
        let cache = cache(30, 0, 100);
        let outcome = conclude(&cache, "tok", cache.epoch(), bad(kind), START);
        assert_eq!(outcome.unwrap_err().kind(), kind);
        // B07
        let expected = if is_remembered {
            format!("bad: {kind:?}")
        } else {
            "unknown".to_owned()
        };
        check("first", &cache, "tok", START, &expected);
        check("again", &cache, "tok", START, &expected);
        assert_eq!(cache.len(), (0, u64::from(is_remembered)), "{kind:?}");
    }
}

#[test]
fn rejection_is_forgotten_after_five_seconds() {
    // C106
    let cache = cache(1, 0, 100);
    settle(&cache, "tok", bad(AuthErrorKind::Inactive), START);
    check("to the end", &cache, "tok", later(4_999), "bad: Inactive");
    check("at the end", &cache, "tok", later(5_000), "unknown");
}

#[test]
fn latest_answer_counts() {
    // C109
    let cache = cache(30, 60, 100);
    settle(&cache, "tok", good("user_1"), START);
    settle(&cache, "tok", bad(AuthErrorKind::Inactive), later(1));
    check("revoked", &cache, "tok", later(1), "bad: Inactive");
    assert_eq!(cache.len(), (0, 1));
    settle(&cache, "tok", good("user_1"), later(2));
    check("good again", &cache, "tok", later(2), "good: user_1");
    assert_eq!(cache.len(), (1, 0));
    // B42
    settle(&cache, "tok", good("user_2"), later(3));
    check(
        "replaced as a whole",
        &cache,
        "tok",
        later(3),
        "good: user_2",
    );
}

#[test]
fn failed_refresh_leaves_the_verdict_and_waits() {
    let cache = cache(30, 0, 100);
    let token = token(&cache);
    settle(&cache, &token, good("user_1"), START);
    check(
        "due",
        &cache,
        &token,
        later(24_000),
        "good: user_1, refresh",
    );
    settle(
        &cache,
        &token,
        bad(AuthErrorKind::UpstreamUnavailable),
        later(24_500),
    );
    check(
        "in the pause",
        &cache,
        &token,
        later(25_499),
        "good: user_1",
    );
    check(
        "after the pause",
        &cache,
        &token,
        later(25_500),
        "good: user_1, refresh",
    );
    settle(
        &cache,
        &token,
        bad(AuthErrorKind::RateLimited),
        later(25_600),
    );
    check(
        "in the longer pause",
        &cache,
        &token,
        later(27_599),
        "good: user_1",
    );
    check(
        "after the longer pause",
        &cache,
        &token,
        later(27_600),
        "good: user_1, refresh",
    );
    check(
        "the end stays the end",
        &cache,
        &token,
        later(30_000),
        "unknown",
    );
}

#[test]
fn stale_verdict_is_for_an_outage_alone() {
    // C110
    let cache = cache(30, 60, 100);
    let token = token(&cache);
    settle(&cache, &token, good("user_1"), START);
    check(
        "nobody was asked yet",
        &cache,
        &token,
        later(30_000),
        "last: user_1",
    );
    settle(
        &cache,
        &token,
        bad(AuthErrorKind::UpstreamUnavailable),
        later(30_000),
    );
    check(
        "in the pause",
        &cache,
        &token,
        later(30_999),
        "stale: user_1",
    );
    check(
        "after the pause",
        &cache,
        &token,
        later(31_000),
        "last: user_1",
    );
    for at in [31_000, 33_000, 37_000, 45_000, 61_000] {
        settle(
            &cache,
            &token,
            bad(AuthErrorKind::UpstreamUnavailable),
            later(at),
        );
    }
    check("to the end", &cache, &token, later(89_999), "stale: user_1");
    check("at the end", &cache, &token, later(90_000), "unknown");
}

#[test]
fn first_answer_ends_the_stale_time() {
    // C110
    let cache = cache(30, 60, 100);
    let token = token(&cache);
    for (name, answer, expected) in [
        ("revoked", bad(AuthErrorKind::Inactive), "bad: Inactive"),
        ("good", good("user_1"), "good: user_1"),
    ] {
        settle(&cache, &token, good("user_1"), START);
        settle(
            &cache,
            &token,
            bad(AuthErrorKind::UpstreamUnavailable),
            later(30_000),
        );
        check(name, &cache, &token, later(30_500), "stale: user_1");
        settle(&cache, &token, answer, later(30_500));
        check(name, &cache, &token, later(30_501), expected);
    }
}

#[test]
fn outage_with_nothing_known_is_not_remembered() {
    let cache = cache(30, 60, 100);
    settle(
        &cache,
        "tok",
        bad(AuthErrorKind::UpstreamUnavailable),
        START,
    );
    check("an outage", &cache, "tok", START, "unknown");
    assert_eq!(cache.len(), (0, 0));
}

#[test]
fn cache_that_is_off_remembers_nothing() {
    let cache = cache(0, 60, 100);
    let outcome = conclude(&cache, "tok", cache.epoch(), good("user_1"), START);
    assert_eq!(&*outcome.unwrap().claims().subject, "user_1");
    check("good", &cache, "tok", START, "unknown");
    settle(&cache, "tok", bad(AuthErrorKind::Inactive), START);
    check("bad", &cache, "tok", START, "unknown");
    assert_eq!(cache.len(), (0, 0));
}
