use std::{future, sync::Arc};

use super::{Cache, Entry, START, bad, cache, check, conclude, good, settle};
use crate::{
    AuthErrorKind,
    cache::{Made, Outcome, Scope},
    observe::Effect,
    sync::single_flight::Join,
};

#[test]
fn invalidation_reaches_good_and_bad() {
    // B41
    type Act = fn(&Cache);
    let cases: [(&str, Act, [&str; 4]); 3] = [
        (
            "a token",
            |cache| {
                invalidate_token(cache, "a");
                invalidate_token(cache, "d");
            },
            ["unknown", "good: user_1", "good: user_2", "unknown"],
        ),
        (
            "a subject",
            |cache| invalidate_subject(cache, "user_1"),
            ["unknown", "unknown", "good: user_2", "bad: Inactive"],
        ),
        ("everything", invalidate_all, ["unknown"; 4]),
    ];
    for (name, act, expected) in cases {
        let cache = cache(30, 0, 100);
        settle(&cache, "a", good("user_1"), START);
        settle(&cache, "b", good("user_1"), START);
        settle(&cache, "c", good("user_2"), START);
        settle(&cache, "d", bad(AuthErrorKind::Inactive), START);
        act(&cache);
        for (token, expected) in ["a", "b", "c", "d"].into_iter().zip(expected) {
            check(&format!("{name}: {token}"), &cache, token, START, expected);
        }
        settle(&cache, "a", good("user_1"), START);
        check(
            &format!("{name}: verified anew"),
            &cache,
            "a",
            START,
            "good: user_1",
        );
    }
}

#[test]
fn what_is_invalidated_frees_its_memory() {
    let cache = cache(30, 0, 100);
    settle(&cache, "a", good("user_1"), START);
    settle(&cache, "b", bad(AuthErrorKind::Inactive), START);
    invalidate_token(&cache, "a");
    invalidate_token(&cache, "b");
    assert_eq!(cache.len(), (0, 0));
    settle(&cache, "a", good("user_1"), START);
    settle(&cache, "b", bad(AuthErrorKind::Inactive), START);
    invalidate_all(&cache);
    assert_eq!(cache.len(), (0, 0));
}

fn invalidate_token(cache: &Cache, token: &str) {
    cache.invalidate(
        Scope::Token(cache.key(token)),
        Effect::Again,
        Made::here(START),
    );
}

fn invalidate_subject(cache: &Cache, subject: &str) {
    cache.invalidate(Scope::Subject(subject), Effect::Again, Made::here(START));
}

fn invalidate_all(cache: &Cache) {
    cache.invalidate(Scope::All, Effect::Again, Made::here(START));
}

/// Has a verification of a token under way.
fn begin(cache: &Cache, token: &str) -> u64 {
    let join = cache.flights.join(
        cache.key(token),
        |_| true,
        || None::<()>,
        || cache.epoch(),
        |_| (future::pending(), |_, _: &Outcome| {}),
    );
    match join.unwrap() {
        Join::Pending(waiter) => waiter.epoch,
        Join::Ready(()) => unreachable!("nothing is known"),
    }
}

#[tokio::test]
async fn verification_that_was_overtaken_does_not_count() {
    // C111
    type Act = fn(&Cache);
    let acts: [(&str, Act); 3] = [
        ("a token", |cache| invalidate_token(cache, "tok")),
        ("a subject", |cache| invalidate_subject(cache, "user_1")),
        ("everything", invalidate_all),
    ];
    for (name, act) in acts {
        let cache = cache(30, 60, 100);
        let epoch = begin(&cache, "tok");
        act(&cache);
        let entry: Arc<Entry> = conclude(&cache, "tok", epoch, good("user_1"), START).unwrap();
        assert!(cache.is_invalid(&entry), "{name}");
        check(name, &cache, "tok", START, "unknown");
        let entry = conclude(&cache, "tok", cache.epoch(), good("user_1"), START).unwrap();
        assert!(!cache.is_invalid(&entry), "{name}, anew");
    }
}

#[tokio::test]
async fn rejection_that_was_overtaken_does_not_count() {
    // C111
    let cache = cache(30, 0, 100);
    let epoch = begin(&cache, "tok");
    invalidate_token(&cache, "tok");
    let outcome = conclude(&cache, "tok", epoch, bad(AuthErrorKind::Inactive), START);
    assert!(outcome.is_err());
    check("overtaken", &cache, "tok", START, "unknown");
}

#[test]
fn token_that_is_not_in_use_leaves_no_mark() {
    // fault B10
    let cache = cache(30, 0, 100);
    settle(&cache, "a", good("user_1"), START);
    settle(&cache, "b", bad(AuthErrorKind::Inactive), START);
    for token in ["a", "b", "c"] {
        invalidate_token(&cache, token);
    }
    assert_eq!(cache.epoch(), 0);
    for token in ["a", "b", "c"] {
        check(token, &cache, token, START, "unknown");
    }
}

#[test]
fn burst_of_invalidations_leaves_the_entries_of_others() {
    // fault B10
    type Act = fn(&Cache, usize);
    let acts: [(&str, Act); 2] = [
        ("tokens", |cache, number| {
            invalidate_token(cache, &format!("unknown {number}"));
        }),
        ("subjects", |cache, number| {
            invalidate_subject(cache, &format!("unknown {number}"));
        }),
    ];
    for (name, act) in acts {
        let cache = cache(30, 0, 10_000);
        settle(&cache, "a", good("user_a"), START);
        settle(&cache, "b", good("user_b"), START);
        settle(&cache, "c", bad(AuthErrorKind::Inactive), START);
        invalidate_subject(&cache, "user_b");
        for number in 0..25_000 {
            act(&cache, number);
        }
        check(name, &cache, "a", START, "good: user_a");
        check(name, &cache, "b", START, "unknown");
        check(name, &cache, "c", START, "bad: Inactive");
    }
}

#[test]
fn what_was_swept_frees_its_memory() {
    // fault B10
    let cache = cache(30, 0, 10_000);
    for number in 0..100 {
        let subject = format!("user_{}", number % 2);
        settle(&cache, &number.to_string(), good(&subject), START);
    }
    invalidate_subject(&cache, "user_1");
    assert_eq!(cache.len().0, 100);
    for number in 0..10_000 {
        invalidate_subject(&cache, &format!("unknown {number}"));
    }
    assert_eq!(cache.len().0, 50);
}

#[test]
fn verification_from_before_a_burst_is_not_remembered() {
    // fault B10
    let cache = cache(30, 0, 100);
    let epoch = cache.epoch();
    invalidate_subject(&cache, "user_1");
    for number in 0..10_000 {
        invalidate_subject(&cache, &format!("unknown {number}"));
    }
    for subject in ["user_1", "user_2"] {
        conclude(&cache, subject, epoch, good(subject), START).unwrap();
        check(subject, &cache, subject, START, "unknown");
    }
    settle(&cache, "anew", good("user_1"), START);
    check("anew", &cache, "anew", START, "good: user_1");
}

#[test]
fn invalidation_and_rejection_end_what_is_remembered_of_a_valid_token() {
    // fault B3
    type Act = fn(&Cache);
    let acts: [(&str, Act, bool); 6] = [
        ("nothing", |_| {}, true),
        ("its token", |cache| invalidate_token(cache, "tok"), false),
        (
            "its subject",
            |cache| invalidate_subject(cache, "user_1"),
            false,
        ),
        ("everything", invalidate_all, false),
        (
            "an authoritative rejection",
            |cache| settle(cache, "tok", bad(AuthErrorKind::Inactive), START),
            false,
        ),
        (
            "an outage",
            |cache| settle(cache, "tok", bad(AuthErrorKind::UpstreamUnavailable), START),
            true,
        ),
    ];
    for (name, act, expected) in acts {
        for ttl in [0, 30] {
            let cache = cache(ttl, 0, 100);
            let is_returning = || cache.is_returning(cache.key("tok"), START);
            assert!(!is_returning(), "{name}");
            settle(&cache, "tok", good("user_1"), START);
            assert!(is_returning(), "{name}");
            act(&cache);
            assert_eq!(is_returning(), expected, "{name}");
        }
    }
}
