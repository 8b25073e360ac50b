use std::sync::atomic::Ordering;

use super::{Dropped, Invalidations, MANY, Made, Many, Properties, Scope};
use crate::{
    clock::Now,
    observe::Effect,
    sync::AtomicU64,
    token::digest::{TokenDigest, TokenHasher},
};

const NOW: Now = Now {
    mono: 1_000_000,
    wall: 1_700_000_000_000,
};

/// Whether a verdict is invalid, be it in the cache or under way.
#[track_caller]
fn is_invalid(
    invalidations: &Invalidations,
    epoch: u64,
    key: TokenDigest,
    subject: Option<&str>,
) -> bool {
    let token = properties(key, subject);
    let cached = invalidations.is_cached_invalid(epoch, token);
    assert_eq!(invalidations.is_invalid(epoch, token), cached);
    cached
}

fn properties(token: TokenDigest, subject: Option<&str>) -> Properties<'_> {
    Properties {
        subject,
        ..Properties::of_token(token)
    }
}

fn new() -> Invalidations {
    Invalidations::new(0)
}

fn key(token: &str) -> TokenDigest {
    TokenHasher::new([7; 32], &[]).key(token)
}

fn token(invalidations: &Invalidations, token: &str) {
    assert_eq!(invalidations.again(Scope::Token(key(token))), Many(false));
}

fn subject(invalidations: &Invalidations, subject: &str) {
    assert_eq!(invalidations.again(Scope::Subject(subject)), Many(false));
}

fn all(invalidations: &Invalidations) {
    assert_eq!(invalidations.again(Scope::All), Many(false));
}

#[test]
fn nothing_is_invalid_at_first() {
    let invalidations = new();
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
        let invalidations = new();
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
            input: all,
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
    let invalidations = new();
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
    let invalidations = new();
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
    let invalidations = new();
    all(&invalidations);
    let epoch = invalidations.epoch();
    token(&invalidations, "a");
    assert!(is_invalid(&invalidations, epoch, key("a"), None));
    assert!(!is_invalid(&invalidations, epoch, key("b"), None));
    all(&invalidations);
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
    let invalidations = new();
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
        let counts = invalidations.counts(called, arrived, properties(key("a"), Some("user_1")));
        assert_eq!(counts, expected, "{name}");
    }
}

#[test]
fn marks_are_many_beyond_ten_thousand() {
    let invalidations = new();
    for number in 0..MANY {
        subject(&invalidations, &number.to_string());
    }
    // The same again is no more.
    subject(&invalidations, "0");
    assert_eq!(invalidations.again(Scope::Token(key("a"))), Many(true));
}

#[test]
fn floor_that_replaces_the_marks_concerns_verifications_under_way_alone() {
    // fault B10
    let invalidations = new();
    token(&invalidations, "a");
    subject(&invalidations, "user_1");
    let before = invalidations.epoch();
    invalidations.replace_marks(|| {
        // The marks are there while the cache is swept.
        assert!(invalidations.is_cached_invalid(0, properties(key("a"), None)));
        assert!(invalidations.is_cached_invalid(0, properties(key("b"), Some("user_1"))));
        // And those that are set meanwhile stay.
        token(&invalidations, "b");
    });
    assert!(!invalidations.is_cached_invalid(0, properties(key("a"), Some("user_1"))));
    assert!(!invalidations.is_cached_invalid(0, properties(key("c"), Some("user_2"))));
    assert!(invalidations.is_cached_invalid(before, properties(key("b"), None)));
    for token in ["a", "c"] {
        assert!(invalidations.is_invalid(before - 1, properties(key(token), None)));
        assert!(!invalidations.is_invalid(before, properties(key(token), None)));
        assert!(!invalidations.counts(before - 1, before, properties(key(token), None)));
        assert!(invalidations.counts(before - 1, before - 1, properties(key(token), None)));
    }
    let marks = invalidations.marks.read().unwrap();
    assert_eq!(
        (marks.floor, marks.under_way_floor, marks.latest.len()),
        (0, before, 1)
    );
}

#[test]
fn scope_concerns_the_tokens_that_it_names() {
    const SUBJECT: &str = "user_1";
    let of_user = Properties {
        token: key("a"),
        session: Some("sess_1"),
        subject: Some(SUBJECT),
        organization: Some("org_1"),
    };
    // The key of an organization, which acts in no other one.
    let of_organization = Properties {
        session: None,
        subject: Some("org_1"),
        organization: None,
        ..of_user
    };
    let member = |subject, organization| Scope::Member {
        subject,
        organization,
    };
    for (scope, expected) in [
        (Scope::Token(key("a")), [true, true]),
        (Scope::Token(key("b")), [false, false]),
        (Scope::Session("sess_1"), [true, false]),
        (Scope::Session(SUBJECT), [false, false]),
        (Scope::Subject(SUBJECT), [true, false]),
        (Scope::Subject("sess_1"), [false, false]),
        (Scope::Subject("org_1"), [false, true]),
        (Scope::Organization("org_1"), [true, true]),
        (Scope::Organization(SUBJECT), [false, false]),
        (member(SUBJECT, "org_1"), [true, false]),
        (member("org_1", SUBJECT), [false, false]),
        (member("user_2", "org_1"), [false, false]),
        (member(SUBJECT, "org_2"), [false, false]),
        (Scope::All, [true, true]),
    ] {
        for (token, expected) in [of_user, of_organization].into_iter().zip(expected) {
            let (again, end) = (new(), new());
            assert_eq!(again.again(scope), Many(false));
            assert_eq!(
                end.apply(scope, Effect::End, Made::here(NOW)),
                (Many(false), Dropped(false))
            );
            for invalidations in [&again, &end] {
                assert_eq!(invalidations.is_invalid(0, token), expected, "{scope:?}");
                assert!(!invalidations.is_invalid(1, token), "{scope:?}");
            }
            assert!(!again.is_ended(token, None), "{scope:?}");
            assert_eq!(end.is_ended(token, None), expected, "{scope:?}");
        }
    }
}

#[test]
fn examined_result_moves_to_the_latest_epoch() {
    let invalidations = new();
    let token = properties(key("a"), Some("user_1"));
    let epoch = AtomicU64::new(0);
    subject(&invalidations, "user_2");
    assert_eq!(
        invalidations
            .apply(Scope::Session("sess_2"), Effect::End, Made::here(NOW))
            .0,
        Many(false)
    );
    assert!(!invalidations.examine(&epoch, token));
    assert_eq!(epoch.load(Ordering::Relaxed), 2);
    subject(&invalidations, "user_1");
    for _ in 0..2 {
        assert!(invalidations.examine(&epoch, token));
        assert_eq!(epoch.load(Ordering::Relaxed), 2);
    }
}

#[test]
fn revocation_since_the_call_rejects_the_result_for_all_requests() {
    for (scope, effect, expected) in [
        (Scope::Subject("user_1"), "end", [false, true]),
        (Scope::Token(key("a")), "end", [false, true]),
        (Scope::All, "end", [false, true]),
        (Scope::Subject("user_2"), "end", [true, true]),
        (Scope::Subject("user_1"), "again", [true, true]),
    ] {
        let invalidations = new();
        match effect {
            "end" => _ = invalidations.apply(scope, Effect::End, Made::here(NOW)),
            _ => _ = invalidations.again(scope),
        }
        let token = properties(key("a"), Some("user_1"));
        for (called, expected) in [0, 1].into_iter().zip(expected) {
            let counts = invalidations.counts(called, 0, token);
            assert_eq!(
                counts, expected,
                "{effect} of {scope:?}, called in {called}"
            );
        }
    }
}

#[cfg(feature = "fleet")]
#[test]
fn evidence_of_another_replica_is_compared_with_the_times() {
    let token = properties(key("a"), Some("user_1"));
    let at = |wall| Now { wall, ..NOW };
    let without = new();
    assert_eq!(without.again(Scope::All), Many(false));
    assert!(
        !without.rejects_evidence(token, 0, &[]),
        "no evidence comes"
    );
    for effect in [Effect::Again, Effect::End] {
        let invalidations = new().with_times();
        let id = [1; 16];
        // Made ten seconds ago, and published five seconds ago.
        let made = Made::elsewhere(id, NOW.wall - 10_000, NOW.wall - 5_000, NOW);
        let result = invalidations.apply(Scope::Subject("user_1"), effect, made);
        assert_eq!(result, (Many(false), Dropped(false)));
        assert!(invalidations.rejects_evidence(token, NOW.wall - 4_000, &[]));
        assert!(!invalidations.rejects_evidence(token, NOW.wall - 3_999, &[]));
        assert!(!invalidations.rejects_evidence(token, NOW.wall - 4_999, &[id]));
        let ended = effect == Effect::End;
        let issued = |before: u64| Some(i64::try_from(NOW.wall / 1000 - before).unwrap());
        assert_eq!(invalidations.is_ended(token, issued(10)), ended);
        assert!(!invalidations.is_ended(token, issued(8)));
        // The same message again, later in the log.
        let made = Made::elsewhere(id, NOW.wall - 10_000, NOW.wall - 2_000, NOW);
        invalidations.repeat(Scope::Subject("user_1"), made);
        assert_eq!(invalidations.epoch(), 1);
        assert!(invalidations.rejects_evidence(token, NOW.wall - 1_000, &[]));
        assert_eq!(invalidations.applied(token, 1, NOW), [id]);
        assert_eq!(invalidations.applied(token, 0, NOW), [[0; 16]; 0]);
        assert!(invalidations.applied(token, 1, at(NOW.wall + 1)).is_empty());
    }
}

#[cfg(feature = "fleet")]
#[test]
fn time_in_the_future_counts_as_now() {
    let invalidations = new().with_times();
    let token = properties(key("a"), Some("user_1"));
    let made = Made::elsewhere([1; 16], u64::MAX, u64::MAX, NOW);
    let result = invalidations.apply(Scope::Subject("user_1"), Effect::End, made);
    assert_eq!(result, (Many(false), Dropped(false)));
    let seconds = i64::try_from(NOW.wall / 1000).unwrap();
    assert!(invalidations.is_ended(token, Some(seconds + 1)));
    assert!(!invalidations.is_ended(token, Some(seconds + 2)));
    assert!(!invalidations.rejects_evidence(token, NOW.wall + 1_001, &[]));
}
