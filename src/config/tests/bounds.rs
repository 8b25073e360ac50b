//! Bounds and defaults that depend on other options.

use std::time::Duration;

use super::{builder, oauth};
use crate::ClerkConfig;

#[test]
fn an_attempt_takes_no_longer_than_the_whole() {
    // fault H9a
    let ms = Duration::from_millis;
    for (timeout, expected) in [
        (500, 500),
        (999, 999),
        (1_000, 1_000),
        (2_000, 1_000),
        (30_000, 1_000),
    ] {
        let config = builder().timeout(ms(timeout)).build().unwrap();
        assert_eq!(config.attempt_timeout, ms(expected), "{timeout}");
    }
    let config = builder().attempt_timeout(ms(200)).timeout(ms(500));
    assert_eq!(config.build().unwrap().attempt_timeout, ms(200));
}

#[test]
fn a_limit_is_shown_as_a_number() {
    // fault H9b
    for calls in [1, 5, 9, 1_000_001] {
        let error = builder().rate_limit(calls).build().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("`rate_limit` is {calls}, but must be ")),
            "{error}"
        );
    }
    for (calls, expected) in [(0, None), (10, Some(10)), (1_000_000, Some(1_000_000))] {
        let config = builder().rate_limit(calls).build().unwrap();
        assert_eq!(config.rate_limit, expected);
    }
}

#[test]
fn the_default_limit_is_that_of_the_instance() {
    // fault H4
    for (instance, expected) in [
        ("verb-noun-00.clerk.accounts.dev", Some(100)),
        ("clerk.example.com", Some(1_000)),
        ("http://127.0.0.1:4000", None),
        ("http://localhost", None),
        ("https://localhost:4000", None),
        ("http://[::1]:4000", None),
    ] {
        let config = ClerkConfig::builder(instance).accept(oauth());
        let config = config.transport(super::Silent);
        assert_eq!(
            config.clone().build().unwrap().rate_limit,
            expected,
            "{instance}"
        );
        let limited = config.rate_limit(50).build().unwrap();
        assert_eq!(limited.rate_limit, Some(50), "{instance}");
    }
}

#[test]
fn stale_entries_need_a_cache() {
    let second = Duration::from_secs(1);
    let config = builder().cache_ttl(Duration::ZERO).stale_if_error(second);
    let error = config.build().unwrap_err();
    assert_eq!(super::parts(&error), ("invalid", "stale_if_error"));
}

#[test]
fn certificates_are_read_for_https_alone() {
    // fault E5: without a certificate store, see `tests/it/options.rs`.
    let config = ClerkConfig::builder("http://127.0.0.1:4000").accept(oauth());
    assert!(config.build().is_ok());
}
