use std::time::Duration;

use super::{
    super::{Key, Keyer},
    MANY, Voids,
};
use crate::clock::Now;

const LONGEST: Duration = Duration::from_secs(10);

fn at(mono: u64) -> Now {
    Now {
        mono,
        wall: 1_700_000_000_000 + mono,
    }
}

fn key(token: &str) -> Key {
    Keyer::new([7; 32], &[]).key(token)
}

fn voids() -> Voids {
    Voids::new(LONGEST)
}

#[test]
fn nothing_is_void_at_first() {
    let voids = voids();
    assert_eq!(voids.epoch(), 0);
    assert!(!voids.is_void(0, key("a"), Some("user_1")));
}

#[test]
fn invalidation_reaches_what_it_names_and_is_older() {
    type Act = fn(&Voids);
    struct Case {
        name: &'static str,
        input: Act,
        /// Whether token `a` and token `b`, each of user 1, user 2 and of nobody known, are void.
        expected: [[bool; 3]; 2],
    }

    #[track_caller]
    fn check(case: &Case) {
        let voids = voids();
        let before = voids.epoch();
        (case.input)(&voids);
        let after = voids.epoch();
        assert_eq!(after, before + 1, "{}", case.name);
        for (token, expected) in ["a", "b"].into_iter().zip(case.expected) {
            for (subject, expected) in [Some("user_1"), Some("user_2"), None]
                .into_iter()
                .zip(expected)
            {
                let what = format!("{}: {token} of {subject:?}", case.name);
                let key = key(token);
                assert_eq!(voids.is_void(before, key, subject), expected, "{what}");
                assert!(!voids.is_void(after, key, subject), "{what}, begun later");
            }
        }
    }

    let cases = [
        Case {
            name: "a token",
            input: |voids| voids.void_token(key("a"), at(1_000)),
            expected: [[true; 3], [false; 3]],
        },
        Case {
            name: "a subject",
            input: |voids| voids.void_subject("user_1", at(1_000)),
            expected: [[true, false, false]; 2],
        },
        Case {
            name: "everything",
            input: |voids| voids.void_all(at(1_000)),
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
    let voids = voids();
    let under_way = voids.epoch();
    voids.void_token(key("a"), at(1_000));
    assert!(voids.is_void(under_way, key("a"), None));
    let anew = voids.epoch();
    assert!(!voids.is_void(anew, key("a"), None));
    voids.void_token(key("a"), at(1_001));
    assert!(voids.is_void(anew, key("a"), None), "and again");
}

#[test]
fn later_invalidation_of_another_leaves_a_verdict_alone() {
    let voids = voids();
    voids.void_token(key("a"), at(1_000));
    voids.void_subject("user_1", at(1_000));
    let epoch = voids.epoch();
    voids.void_token(key("b"), at(1_000));
    voids.void_subject("user_2", at(1_000));
    assert!(!voids.is_void(epoch, key("a"), Some("user_1")));
    assert!(voids.is_void(epoch, key("b"), Some("user_1")));
    assert!(voids.is_void(epoch, key("a"), Some("user_2")));
}

#[test]
fn marks_outlast_an_invalidation_of_everything() {
    let voids = voids();
    voids.void_all(at(1_000));
    let epoch = voids.epoch();
    voids.void_token(key("a"), at(1_000));
    assert!(voids.is_void(epoch, key("a"), None));
    assert!(!voids.is_void(epoch, key("b"), None));
    voids.void_all(at(1_000));
    assert!(voids.is_void(epoch, key("b"), None));
}

/// Sets so many marks of tokens at one moment.
fn mark(voids: &Voids, count: usize, now: Now) {
    let keyer = Keyer::new([7; 32], &[]);
    for number in 0..count {
        voids.void_token(keyer.key(number.to_string()), now);
    }
}

#[test]
fn marks_are_kept_while_they_are_not_many() {
    let voids = voids();
    mark(&voids, MANY, at(1_000));
    assert!(voids.is_void(0, key("0"), None));
    assert!(!voids.is_void(0, key("another"), None));
    let marks = voids.marks.read().unwrap();
    assert_eq!((marks.floor, marks.len()), (0, MANY));
}

#[test]
fn old_marks_are_kept_while_there_is_room() {
    let voids = voids();
    mark(&voids, MANY - 1, at(1_000));
    voids.void_token(key("new"), at(11_000));
    assert!(voids.is_void(0, key("0"), None));
    assert!(voids.is_void(0, key("new"), None));
    assert_eq!(voids.marks.read().unwrap().len(), MANY);
}

#[test]
fn marks_that_nothing_is_older_than_are_forgotten() {
    let voids = voids();
    mark(&voids, MANY - 1, at(1_000));
    voids.void_subject("user_1", at(1_000));
    voids.void_token(key("new"), at(11_000));
    assert!(!voids.is_void(0, key("0"), None));
    assert!(!voids.is_void(0, key("another"), Some("user_1")));
    assert!(voids.is_void(0, key("new"), None));
    let marks = voids.marks.read().unwrap();
    assert_eq!((marks.floor, marks.len()), (0, 1));
}

#[test]
fn marks_within_the_longest_life_are_not_forgotten() {
    let voids = voids();
    voids.void_token(key("new"), at(1_001));
    mark(&voids, MANY - 1, at(1_000));
    voids.void_subject("user_1", at(11_000));
    assert!(voids.is_void(0, key("new"), None));
    assert!(!voids.is_void(0, key("another"), None));
    let marks = voids.marks.read().unwrap();
    assert_eq!((marks.floor, marks.len()), (0, 2));
}

#[test]
fn too_many_marks_void_everything() {
    type Act = fn(&Voids);
    let acts: [(&str, Act); 2] = [
        ("a token", |voids| {
            voids.void_token(key("new"), at(10_999));
        }),
        ("a subject", |voids| {
            voids.void_subject("user_1", at(10_999));
        }),
    ];
    for (name, act) in acts {
        let voids = voids();
        mark(&voids, MANY, at(1_000));
        let before = voids.epoch();
        assert!(!voids.is_void(before, key("another"), None), "{name}");
        act(&voids);
        assert!(voids.is_void(before, key("another"), None), "{name}");
        let after = voids.epoch();
        assert!(!voids.is_void(after, key("new"), Some("user_1")), "{name}");
        let marks = voids.marks.read().unwrap();
        assert_eq!((marks.floor, marks.len()), (after, 0), "{name}");
    }
}

#[test]
fn endless_life_forgets_no_mark() {
    let voids = Voids::new(Duration::MAX);
    mark(&voids, MANY, at(1));
    let before = voids.epoch();
    voids.void_subject("user_1", at(u64::MAX - 1_700_000_000_000));
    assert!(
        voids.is_void(before, key("another"), None),
        "rather everything than one too few"
    );
}

#[test]
fn marks_set_at_the_beginning_of_time_are_kept() {
    let voids = voids();
    for number in 0..=MANY {
        voids.void_token(key(&number.to_string()), at(0));
    }
    for number in 0..=MANY {
        assert!(voids.is_void(0, key(&number.to_string()), None), "{number}");
    }
}

#[test]
fn marks_are_forgotten_when_nothing_can_be_older() {
    // At the very end of the longest life, and so without making everything void.
    type Mark = fn(&Voids, String, Now);
    let ways: [Mark; 2] = [
        |voids, name, now| voids.void_subject(&name, now),
        |voids, name, now| voids.void_token(key(&name), now),
    ];
    for mark in ways {
        let voids = voids();
        for number in 0..MANY {
            mark(&voids, number.to_string(), at(5));
        }
        mark(&voids, "last".to_owned(), at(5 + 10_000));
        assert!(!voids.is_void(0, key("another"), Some("another")));
    }
}

#[test]
fn as_many_marks_as_are_kept_make_nothing_else_void() {
    let voids = voids();
    voids.void_subject("old", at(5));
    for number in 0..MANY {
        voids.void_subject(&number.to_string(), at(5 + 10_000));
    }
    assert!(!voids.is_void(0, key("another"), Some("another")));
    voids.void_subject("one more", at(5 + 10_000));
    assert!(voids.is_void(0, key("another"), Some("another")));
}
