use super::{Invalidations, MANY, Many};
use crate::token::digest::{TokenDigest, TokenHasher};

/// Whether a verdict is invalid, be it in the cache or under way.
#[track_caller]
fn is_invalid(
    invalidations: &Invalidations,
    epoch: u64,
    key: TokenDigest,
    subject: Option<&str>,
) -> bool {
    let cached = invalidations.is_cached_invalid(epoch, key, subject);
    assert_eq!(invalidations.is_invalid(epoch, key, subject), cached);
    cached
}

fn key(token: &str) -> TokenDigest {
    TokenHasher::new([7; 32], &[]).key(token)
}

fn token(invalidations: &Invalidations, token: &str) {
    assert_eq!(invalidations.invalidate_token(key(token)), Many(false));
}

fn subject(invalidations: &Invalidations, subject: &str) {
    assert_eq!(invalidations.invalidate_subject(subject), Many(false));
}

#[test]
fn nothing_is_invalid_at_first() {
    let invalidations = Invalidations::default();
    assert_eq!(invalidations.epoch(), 0);
    assert!(!is_invalid(&invalidations, 0, key("a"), Some("user_1")));
}

#[test]
fn invalidation_reaches_what_it_names_and_is_older() {
    type Act = fn(&Invalidations);
    struct Case {
        name: &'static str,
        input: Act,
        /// Whether token `a` and token `b`, each of user 1, user 2 and of nobody known, are invalid.
        expected: [[bool; 3]; 2],
    }

    #[track_caller]
    fn check(case: &Case) {
        let invalidations = Invalidations::default();
        let before = invalidations.epoch();
        (case.input)(&invalidations);
        let after = invalidations.epoch();
        assert_eq!(after, before + 1, "{}", case.name);
        for (token, expected) in ["a", "b"].into_iter().zip(case.expected) {
            for (subject, expected) in [Some("user_1"), Some("user_2"), None]
                .into_iter()
                .zip(expected)
            {
                let what = format!("{}: {token} of {subject:?}", case.name);
                let key = key(token);
                assert_eq!(
                    is_invalid(&invalidations, before, key, subject),
                    expected,
                    "{what}"
                );
                assert!(
                    !is_invalid(&invalidations, after, key, subject),
                    "{what}, begun later"
                );
            }
        }
    }

    let cases = [
        Case {
            name: "a token",
            input: |it| token(it, "a"),
            expected: [[true; 3], [false; 3]],
        },
        Case {
            name: "a subject",
            input: |it| subject(it, "user_1"),
            expected: [[true, false, false]; 2],
        },
        Case {
            name: "everything",
            input: Invalidations::invalidate_all,
            expected: [[true; 3]; 2],
        },
    ];
    for case in &cases {
        check(case);
    }
}

#[test]
fn invalidation_wins_over_a_verification_under_way() {
    // C111
    let invalidations = Invalidations::default();
    let under_way = invalidations.epoch();
    token(&invalidations, "a");
    assert!(is_invalid(&invalidations, under_way, key("a"), None));
    let anew = invalidations.epoch();
    assert!(!is_invalid(&invalidations, anew, key("a"), None));
    token(&invalidations, "a");
    assert!(
        is_invalid(&invalidations, anew, key("a"), None),
        "and again"
    );
}

#[test]
fn later_invalidation_of_another_leaves_a_verdict_alone() {
    let invalidations = Invalidations::default();
    token(&invalidations, "a");
    subject(&invalidations, "user_1");
    let epoch = invalidations.epoch();
    token(&invalidations, "b");
    subject(&invalidations, "user_2");
    assert!(!is_invalid(&invalidations, epoch, key("a"), Some("user_1")));
    assert!(is_invalid(&invalidations, epoch, key("b"), Some("user_1")));
    assert!(is_invalid(&invalidations, epoch, key("a"), Some("user_2")));
}

#[test]
fn marks_outlast_an_invalidation_of_everything() {
    let invalidations = Invalidations::default();
    invalidations.invalidate_all();
    let epoch = invalidations.epoch();
    token(&invalidations, "a");
    assert!(is_invalid(&invalidations, epoch, key("a"), None));
    assert!(!is_invalid(&invalidations, epoch, key("b"), None));
    invalidations.invalidate_all();
    assert!(is_invalid(&invalidations, epoch, key("b"), None));
}

#[test]
fn verdict_counts_for_requests_that_arrived_before_what_overtook_it() {
    // fault C3
    struct Case {
        name: &'static str,
        called: u64,
        arrived: u64,
        expected: bool,
    }
    let invalidations = Invalidations::default();
    // 1, 2 and 3.
    token(&invalidations, "a");
    subject(&invalidations, "user_1");
    token(&invalidations, "other");
    for Case {
        name,
        called,
        arrived,
        expected,
    } in [
        Case {
            name: "called and arrived before all",
            called: 0,
            arrived: 0,
            expected: true,
        },
        Case {
            name: "arrived after the first, called before it",
            called: 0,
            arrived: 1,
            expected: false,
        },
        Case {
            name: "called when it arrived",
            called: 1,
            arrived: 1,
            expected: true,
        },
        Case {
            name: "called later than it arrived",
            called: 2,
            arrived: 1,
            expected: true,
        },
        Case {
            name: "another token was invalidated in between",
            called: 2,
            arrived: 3,
            expected: true,
        },
        Case {
            name: "called after all",
            called: 3,
            arrived: 3,
            expected: true,
        },
        Case {
            name: "the subject was invalidated in between",
            called: 1,
            arrived: 3,
            expected: false,
        },
    ] {
        let counts = invalidations.counts(called, arrived, key("a"), Some("user_1"));
        assert_eq!(counts, expected, "{name}");
    }
}

#[test]
fn marks_are_many_beyond_ten_thousand() {
    let invalidations = Invalidations::default();
    for number in 0..MANY {
        subject(&invalidations, &number.to_string());
    }
    // The same again is no more.
    subject(&invalidations, "0");
    assert_eq!(invalidations.invalidate_token(key("a")), Many(true));
}

#[test]
fn floor_that_replaces_the_marks_concerns_verifications_under_way_alone() {
    // fault B10
    let invalidations = Invalidations::default();
    token(&invalidations, "a");
    subject(&invalidations, "user_1");
    let before = invalidations.epoch();
    invalidations.replace_marks(|| {
        // The marks are there while the cache is swept.
        assert!(invalidations.is_cached_invalid(0, key("a"), None));
        assert!(invalidations.is_cached_invalid(0, key("b"), Some("user_1")));
        // And those that are set meanwhile stay.
        token(&invalidations, "b");
    });
    assert!(!invalidations.is_cached_invalid(0, key("a"), Some("user_1")));
    assert!(!invalidations.is_cached_invalid(0, key("c"), Some("user_2")));
    assert!(invalidations.is_cached_invalid(before, key("b"), None));
    for token in ["a", "c"] {
        assert!(invalidations.is_invalid(before - 1, key(token), None));
        assert!(!invalidations.is_invalid(before, key(token), None));
        assert!(!invalidations.counts(before - 1, before, key(token), None));
        assert!(invalidations.counts(before - 1, before - 1, key(token), None));
    }
    let marks = invalidations.marks.read().unwrap();
    assert_eq!(
        (marks.floor, marks.under_way_floor, marks.len()),
        (0, before, 1)
    );
}
