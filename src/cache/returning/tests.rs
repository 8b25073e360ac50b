use super::{CAPACITY, LIFE, PER_SUBJECT, Returning};
use crate::{
    clock::Now,
    token::digest::{TokenDigest, TokenHasher},
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

fn key(token: &str) -> TokenDigest {
    TokenHasher::new([7; 32], &[]).key(token)
}

fn insert(set: &Returning, token: &str, subject: &str) {
    set.insert(key(token), subject, None, START);
}

fn contains(set: &Returning, token: &str) -> bool {
    set.contains(key(token), START)
}

#[test]
fn digest_is_remembered_for_a_day_and_not_beyond_the_end_of_its_token() {
    // fault B3
    let seconds = |seconds: i64| Some(START_SECONDS + seconds);
    for (name, expires, life) in [
        ("a token without an end", None, LIFE),
        ("one that lives longer", seconds(1_000_000), LIFE),
        ("one that ends before", seconds(60), 60_000),
        ("one that is over", seconds(0), 0),
        ("one that was over long ago", seconds(-60), 0),
        ("an impossible end", Some(i64::MIN), 0),
        ("a very late end", Some(i64::MAX), LIFE),
    ] {
        let set = Returning::new();
        set.insert(key("a"), "user_1", expires, START);
        if let Some(last) = life.checked_sub(1) {
            assert!(set.contains(key("a"), later(last)), "{name}");
        }
        assert!(!set.contains(key("a"), later(life)), "{name}");
        // The next verdict counts from its own time.
        set.insert(key("a"), "user_1", None, later(life));
        assert!(set.contains(key("a"), later(life + LIFE - 1)), "{name}");
    }
}

#[test]
fn each_clock_ends_the_memory() {
    // fault B3
    let set = Returning::new();
    insert(&set, "a", "user_1");
    for now in [
        Now {
            mono: START.mono,
            wall: START.wall + LIFE,
        },
        Now {
            mono: START.mono + LIFE,
            wall: START.wall,
        },
    ] {
        assert!(!set.contains(key("a"), now), "{now:?}");
    }
}

#[test]
fn invalidation_removes_digests() {
    // fault B3
    type Act = fn(&Returning);
    let acts: [(&str, Act, [bool; 3]); 4] = [
        ("a token", |set| set.remove(key("a")), [false, true, true]),
        (
            "a subject",
            |set| set.remove_subject("user_1"),
            [false, false, true],
        ),
        ("all", Returning::clear, [false; 3]),
        (
            "others",
            |set| {
                set.remove(key("d"));
                set.remove_subject("user_3");
            },
            [true; 3],
        ),
    ];
    for (name, act, expected) in acts {
        let set = Returning::new();
        insert(&set, "a", "user_1");
        insert(&set, "b", "user_1");
        insert(&set, "c", "user_2");
        act(&set);
        assert_eq!(
            ["a", "b", "c"].map(|it| contains(&set, it)),
            expected,
            "{name}"
        );
        insert(&set, "a", "user_1");
        assert!(contains(&set, "a"), "{name}");
    }
}

#[test]
fn subject_keeps_its_eight_latest_tokens_and_costs_others_nothing() {
    // fault B3
    let set = Returning::new();
    insert(&set, "other", "user_2");
    for number in 0..1_000 {
        insert(&set, &number.to_string(), "user_1");
        // A token that is verified again is the latest.
        insert(&set, "0", "user_1");
    }
    let of_user = (0..1_000).filter(|number: &u32| contains(&set, &number.to_string()));
    let expected: Vec<_> = [0].into_iter().chain(993..1_000).collect();
    assert_eq!(of_user.collect::<Vec<_>>(), expected);
    assert_eq!(expected.len(), PER_SUBJECT);
    assert!(contains(&set, "other"));
}

#[test]
fn token_that_changes_its_subject_counts_for_the_new_one() {
    let set = Returning::new();
    insert(&set, "a", "user_1");
    insert(&set, "a", "user_2");
    set.remove_subject("user_1");
    assert!(contains(&set, "a"));
    set.remove_subject("user_2");
    assert!(!contains(&set, "a"));
    assert!(set.with(|set| set.by_verdict.is_empty() && set.by_subject.is_empty()));
}

#[test]
fn token_that_was_verified_longest_ago_makes_room() {
    // fault B3
    let set = Returning::with_capacity(3);
    for token in ["a", "b", "c", "a", "d"] {
        insert(&set, token, token);
    }
    assert_eq!(
        ["a", "b", "c", "d"].map(|it| contains(&set, it)),
        [true, false, true, true]
    );
}

#[test]
fn full_set_takes_less_than_ten_mebibytes() {
    // fault B3
    let set = Returning::new();
    for number in 0..CAPACITY + 1_000 {
        insert(&set, &number.to_string(), &number.to_string());
    }
    let bytes = set.with(|set| {
        assert_eq!(set.tokens.len(), CAPACITY);
        assert_eq!(
            (set.by_verdict.len(), set.by_subject.len()),
            (CAPACITY, CAPACITY)
        );
        // A table has a power of two of buckets, of which it fills seven eighths, and a byte for each. The nodes
        // of a tree have eleven places, and are at least half full, with 16 bytes beside.
        let buckets = (set.tokens.capacity() * 8).div_ceil(7).next_power_of_two();
        let table = buckets * (size_of::<(u64, super::Token)>() + 1);
        let nodes = CAPACITY.div_ceil(6);
        table + nodes * (11 * 16 + 16) + nodes * (11 * 16 + 16)
    });
    assert!(bytes < 10 << 20, "{bytes}");
}
