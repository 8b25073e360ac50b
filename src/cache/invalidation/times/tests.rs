use super::{InvalidationId, Times};
use crate::{
    cache::invalidation::{
        by_scope::{Age, MAX_OTHERS, MAX_TOKENS},
        scope::Scope,
    },
    token::digest::{TokenDigest, TokenHasher},
};

const LIFE: u64 = 100_000;

fn digest() -> TokenDigest {
    TokenHasher::new([7; 32], &[]).key("a")
}

fn id(number: u8) -> InvalidationId {
    [number; 16]
}

/// An invalidation at a time on both clocks.
struct Dated {
    age: Age,
    time: u64,
    id: Option<InvalidationId>,
}

fn dated(epoch: u64, time: u64, number: u8) -> Dated {
    Dated {
        age: Age { epoch, set: time },
        time,
        id: Some(id(number)),
    }
}

fn add(times: &mut Times, scope: Scope<&str>, name: u64, dated: Dated) {
    times.add(scope, name, dated.age, (dated.time, dated.id), LIFE);
}

fn rejects(times: &Times, called_at: u64, after: &[InvalidationId], scope: Scope<&str>) -> bool {
    let scopes = [(scope, 7)].into_iter().filter(|it| it.0 != Scope::All);
    times.reject(called_at, after, scopes)
}

const SCOPES: [Scope<&'static str>; 3] = [Scope::Session("s"), Scope::Subject("u"), Scope::All];

#[test]
fn evidence_counts_if_it_is_later_by_the_margin() {
    for scope in SCOPES.into_iter().chain([Scope::Token(digest())]) {
        let mut times = Times::default();
        add(&mut times, scope, 7, dated(1, 50_000, 1));
        for (called_at, after, expected) in [
            (0, vec![], true),
            (50_000, vec![], true),
            (51_000, vec![], true),
            (51_001, vec![], false),
            (50_000, vec![id(1)], true),
            (50_001, vec![id(1)], false),
            (50_001, vec![id(2), id(1)], false),
            (50_001, vec![id(2)], true),
        ] {
            let rejects = rejects(&times, called_at, &after, scope);
            assert_eq!(rejects, expected, "{scope:?}, {called_at}, {after:?}");
        }
    }
}

#[test]
fn evidence_has_to_name_all_recent_invalidations() {
    for scope in SCOPES {
        let mut times = Times::default();
        add(&mut times, scope, 7, dated(1, 50_000, 1));
        add(&mut times, scope, 7, dated(2, 50_100, 2));
        assert!(rejects(&times, 50_200, &[id(2)], scope));
        assert!(!rejects(&times, 50_200, &[id(2), id(1)], scope));
        // The first one is no longer recent.
        add(&mut times, scope, 7, dated(3, 52_050, 3));
        assert!(!rejects(&times, 52_051, &[id(2), id(3)], scope));
        assert!(rejects(&times, 52_051, &[id(3)], scope));
        // An earlier time does not move the value back, and is named as well.
        add(&mut times, scope, 7, dated(4, 51_000, 4));
        assert!(rejects(&times, 52_050, &[id(2), id(3), id(4)], scope));
        assert!(!rejects(&times, 52_051, &[id(2), id(3), id(4)], scope));
        assert!(rejects(&times, 52_051, &[id(2), id(3)], scope));
    }
}

#[test]
fn margin_applies_if_not_all_invalidations_are_known() {
    for scope in SCOPES {
        let all: Vec<_> = (0..9).map(id).collect();
        let mut times = Times::default();
        for number in 0..5 {
            assert!(!rejects(&times, 50_001, &all, scope));
            add(
                &mut times,
                scope,
                7,
                dated(u64::from(number) + 1, 50_000, number),
            );
        }
        assert!(rejects(&times, 51_000, &all, scope), "five ids");
        add(&mut times, scope, 7, dated(6, 50_500, 6));
        assert!(rejects(&times, 51_500, &all, scope), "still");
        add(&mut times, scope, 7, dated(7, 53_000, 7));
        assert!(!rejects(&times, 53_001, &all, scope), "those are over");
        let without = Dated {
            id: None,
            ..dated(8, 53_500, 0)
        };
        add(&mut times, scope, 7, without);
        assert!(rejects(&times, 54_500, &all, scope), "one without id");
    }
}

#[test]
fn evidence_names_what_its_replica_had_applied() {
    let scopes = || [(Scope::Subject("u"), 7), (Scope::Session("s"), 8)].into_iter();
    let mut times = Times::default();
    add(&mut times, Scope::Subject("u"), 7, dated(1, 50_000, 1));
    add(&mut times, Scope::Session("s"), 8, dated(2, 50_000, 2));
    add(&mut times, Scope::All, 0, dated(3, 50_000, 3));
    add(&mut times, Scope::Subject("other"), 9, dated(4, 50_000, 4));
    let mut applied = times.applied(4, 52_000, scopes());
    applied.sort_unstable();
    assert_eq!(applied, [id(1), id(2), id(3)]);
    assert_eq!(
        times.applied(1, 52_000, scopes()),
        [id(1)],
        "later than the call"
    );
    assert_eq!(
        times.applied(4, 52_001, scopes()),
        [[0; 16]; 0],
        "no longer recent"
    );
}

#[test]
fn memory_is_bounded() {
    let mut times = Times::default();
    let token = Scope::Token(digest());
    for number in 0..=u64::try_from(MAX_TOKENS).unwrap() {
        add(&mut times, token, number, dated(number + 1, 50_000, 1));
    }
    assert_eq!(times.0.len().0, MAX_TOKENS);
    assert!(
        !times.reject(0, &[], [(token, 0)].into_iter()),
        "the oldest one"
    );
    assert!(times.reject(0, &[], [(token, 1)].into_iter()));
    for number in 0..=u64::try_from(MAX_OTHERS).unwrap() {
        let epoch = 1_000_000 + number;
        add(
            &mut times,
            Scope::Subject("u"),
            number,
            dated(epoch, 50_000, 1),
        );
    }
    assert_eq!(times.0.len().1, 0);
    // All evidence, with the margin.
    assert!(times.reject(51_000, &[id(1)], [].into_iter()));
    assert!(!times.reject(51_001, &[], [].into_iter()));
    // Values end with the evidence that they concern.
    add(
        &mut times,
        Scope::Subject("u"),
        0,
        dated(2_000_000, 150_001, 1),
    );
    assert_eq!(times.0.len(), (0, 1));
}
