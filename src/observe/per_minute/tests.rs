use super::{MAX_NAMES, PerMinute};
use crate::clock::Now;

fn at(seconds: u64) -> Now {
    Now {
        mono: seconds * 1000,
        wall: 0,
    }
}

#[test]
fn each_name_has_one_line_a_minute() {
    let lines = PerMinute::default();
    for (name, seconds, expected) in [
        ("a", 100, true),
        ("a", 100, false),
        ("b", 110, true),
        ("a", 159, false),
        // It was read before the first.
        ("a", 99, false),
        ("a", 160, true),
        ("b", 169, false),
        ("b", 170, true),
        ("a", 219, false),
        ("a", 220, true),
    ] {
        assert_eq!(
            lines.allows(name, at(seconds)),
            expected,
            "{name} at {seconds}"
        );
    }
}

#[test]
fn names_beyond_the_bound_share_a_line() {
    let lines = PerMinute::default();
    let allowed = |names: std::ops::Range<usize>, seconds| {
        names.filter(|name| lines.allows(name, at(seconds))).count()
    };
    assert_eq!(allowed(0..10_000, 0), MAX_NAMES + 1);
    assert_eq!(allowed(0..10_000, 59), 0);
    // What had the shared line late has no other within a minute, though there is room by then.
    assert_eq!(allowed(0..MAX_NAMES, 60), MAX_NAMES);
    assert_eq!(allowed(100..101, 61), 1);
    assert_eq!(allowed(101..102, 62), 0);
    assert_eq!(allowed(100..101, 120), 0);
    assert_eq!(allowed(100..101, 121), 1);
    let held = lines.recent.lock().unwrap().lines.len();
    assert!(held <= MAX_NAMES, "{held}");
}
