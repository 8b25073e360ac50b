use std::{panic, time::Duration};

use serde_json::{Value, json};

use super::Reverification;
use crate::claims::FactorAge;

const MINUTE: Duration = Duration::from_secs(60);

/// Checks ages in seconds; -1 for never.
fn is_satisfied(needed: Reverification, [first, second]: [i64; 2]) -> bool {
    let age = |seconds: i64| u64::try_from(seconds).ok().map(Duration::from_secs);
    needed.is_satisfied(FactorAge {
        first: age(first),
        second: age(second),
    })
}

#[test]
fn factors_must_be_younger_than_the_limit() {
    let within = 10 * MINUTE;
    let first = Reverification::first_factor(within);
    let second = Reverification::second_factor(within);
    let multi = Reverification::multi_factor(within);
    for (name, ages, expected) in [
        // First, second, multi-factor.
        ("both new", [0, 0], [true, true, true]),
        ("both young", [599, 599], [true, true, true]),
        ("both at the limit", [600, 600], [false, false, false]),
        ("the first old", [600, 599], [false, true, false]),
        ("the second old", [599, 600], [true, false, false]),
        ("no second, the first young", [599, -1], [true, true, true]),
        ("no second, the first old", [600, -1], [false, false, false]),
        (
            "no first, the second young",
            [-1, 599],
            [false, true, false],
        ),
        ("no first, the second old", [-1, 600], [false, false, false]),
        ("neither", [-1, -1], [false, false, false]),
    ] {
        let found = [first, second, multi].map(|needed| is_satisfied(needed, ages));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn presets_are_those_of_clerk() {
    for (preset, custom, name) in [
        (
            Reverification::strict_mfa(),
            Reverification::multi_factor(10 * MINUTE),
            "strict_mfa",
        ),
        (
            Reverification::strict(),
            Reverification::second_factor(10 * MINUTE),
            "strict",
        ),
        (
            Reverification::moderate(),
            Reverification::second_factor(60 * MINUTE),
            "moderate",
        ),
        (
            Reverification::lax(),
            Reverification::second_factor(1_440 * MINUTE),
            "lax",
        ),
    ] {
        assert_eq!((preset.level, preset.within), (custom.level, custom.within));
        assert_eq!(preset.name, Some(name));
    }
}

#[test]
fn the_body_names_what_is_needed() {
    for (needed, expected) in [
        (Reverification::strict_mfa(), json!("strict_mfa")),
        (
            Reverification::first_factor(MINUTE),
            json!({ "level": "first_factor", "afterMinutes": 1 }),
        ),
        (
            Reverification::second_factor(60 * MINUTE),
            json!({ "level": "second_factor", "afterMinutes": 60 }),
        ),
        (
            Reverification::multi_factor(5 * MINUTE),
            json!({ "level": "multi_factor", "afterMinutes": 5 }),
        ),
    ] {
        let body: Value = serde_json::from_slice(&needed.to_json()).unwrap();
        assert_eq!(
            body,
            json!({
                "clerk_error": {
                    "type": "forbidden",
                    "reason": "reverification-error",
                    "metadata": { "reverification": expected },
                },
            })
        );
    }
}

#[test]
fn a_limit_is_a_whole_number_of_minutes() {
    for within in [
        Duration::ZERO,
        Duration::from_secs(59),
        Duration::from_secs(61),
        Duration::from_millis(60_001),
    ] {
        for make in [
            Reverification::first_factor,
            Reverification::second_factor,
            Reverification::multi_factor,
        ] {
            assert!(panic::catch_unwind(|| make(within)).is_err(), "{within:?}");
        }
    }
}
