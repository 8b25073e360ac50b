use super::{START, bad, cache, check, good, later, settle, token};
use crate::AuthErrorKind;

#[test]
fn two_caches_keep_their_own_times() {
    // B32
    let (short, long) = (cache(10, 0, 100), cache(30, 0, 100));
    let token = token(&short);
    for cache in [&short, &long] {
        settle(cache, &token, good("user_1"), START);
    }
    check("short", &short, &token, later(10_000), "unknown");
    check("long", &long, &token, later(10_000), "good: user_1");
}

#[test]
fn flood_of_bad_tokens_evicts_no_good_one() {
    // C105 B39
    let cache = cache(300, 0, 100);
    let good_tokens: Vec<_> = (0..100).map(|number| format!("good {number}")).collect();
    for token in &good_tokens {
        settle(&cache, token, good("user_1"), START);
    }
    assert_eq!(cache.len(), (100, 0));
    for number in 0..1_000 {
        settle(
            &cache,
            &format!("bad {number}"),
            bad(AuthErrorKind::Inactive),
            START,
        );
    }
    for token in &good_tokens {
        check(token, &cache, token, START, "good: user_1");
    }
    let (good, bad) = cache.len();
    assert_eq!(good, 100);
    assert!((1..=10).contains(&bad), "{bad}");
}

#[test]
fn capacity_bounds_both_stores() {
    // C101 B40
    for (capacity, most_bad) in [(10, 1), (9, 1), (1, 1), (25, 2)] {
        let cache = cache(300, 0, capacity);
        for number in 0..200 {
            settle(&cache, &format!("good {number}"), good("user_1"), START);
            settle(
                &cache,
                &format!("bad {number}"),
                bad(AuthErrorKind::Inactive),
                START,
            );
        }
        let (good, bad) = cache.len();
        assert_eq!(good, capacity);
        assert_eq!(bad, most_bad, "of {capacity}");
    }
}

#[test]
fn heavy_claims_count_for_several() {
    let cache = cache(300, 0, 10);
    for number in 0..50 {
        // Between three and four KiB each.
        settle(&cache, &number.to_string(), good(&"a".repeat(3_072)), START);
    }
    assert_eq!(cache.len().0, 2);
}
