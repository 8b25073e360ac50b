use std::sync::Arc;

use super::{Cache, Entry, START, bad, cache, check, good, settle};
use crate::AuthErrorKind;

#[test]
fn invalidation_reaches_good_and_bad() {
    // B41
    type Act = fn(&Cache);
    let cases: [(&str, Act, [&str; 4]); 3] = [
        (
            "a token",
            |cache| {
                cache.invalidate("a", START);
                cache.invalidate("d", START);
            },
            ["unknown", "good: user_1", "good: user_2", "unknown"],
        ),
        (
            "a subject",
            |cache| cache.invalidate_subject("user_1", START),
            ["unknown", "unknown", "good: user_2", "bad: Inactive"],
        ),
        ("everything", |cache| cache.clear(START), ["unknown"; 4]),
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
    cache.invalidate("a", START);
    cache.invalidate("b", START);
    assert_eq!(cache.len(), (0, 0));
    settle(&cache, "a", good("user_1"), START);
    settle(&cache, "b", bad(AuthErrorKind::Inactive), START);
    cache.clear(START);
    assert_eq!(cache.len(), (0, 0));
}

#[test]
fn verification_that_was_overtaken_does_not_count() {
    // C111
    type Act = fn(&Cache);
    let acts: [(&str, Act); 3] = [
        ("a token", |cache| cache.invalidate("tok", START)),
        ("a subject", |cache| {
            cache.invalidate_subject("user_1", START)
        }),
        ("everything", |cache| cache.clear(START)),
    ];
    for (name, act) in acts {
        let cache = cache(30, 60, 100);
        let key = cache.key("tok");
        let epoch = cache.epoch();
        act(&cache);
        let entry: Arc<Entry> = cache.settle(key, epoch, good("user_1"), START).unwrap();
        assert!(cache.is_void(key, &entry), "{name}");
        check(name, &cache, "tok", START, "unknown");
        let entry = cache
            .settle(key, cache.epoch(), good("user_1"), START)
            .unwrap();
        assert!(!cache.is_void(key, &entry), "{name}, anew");
    }
}

#[test]
fn refusal_that_was_overtaken_does_not_count() {
    // C111
    let cache = cache(30, 0, 100);
    let epoch = cache.epoch();
    cache.invalidate("tok", START);
    let outcome = cache.settle(cache.key("tok"), epoch, bad(AuthErrorKind::Inactive), START);
    assert!(outcome.is_err());
    check("overtaken", &cache, "tok", START, "unknown");
}
