use super::{Ends, LIFE};
use crate::{
    cache::invalidation::{
        by_scope::{Age, Dropped, MAX_OTHERS, MAX_TOKENS},
        scope::Scope,
    },
    token::digest::{TokenDigest, TokenHasher},
};

fn digest(token: &str) -> TokenDigest {
    TokenHasher::new([7; 32], &[]).key(token)
}

/// Adds a revocation at a number of milliseconds on both clocks, with that number as its epoch.
fn add(ends: &mut Ends, scope: Scope<&str>, name: u64, at: u64) -> Dropped {
    let age = Age { epoch: at, set: at };
    ends.add(scope, name, age, at, LIFE)
}

#[test]
fn revocation_rejects_what_it_concerns() {
    struct Case {
        name: &'static str,
        scope: Scope<&'static str>,
        /// Unix seconds.
        issued_at: Option<i64>,
        expected: bool,
    }
    // Revoked at 100.000 s.
    const AT: u64 = 100_000;
    let token = Scope::Token(digest("a"));
    let member = Scope::Member {
        subject: "user_1",
        organization: "org_1",
    };
    let case = |name, scope, issued_at, expected| Case {
        name,
        scope,
        issued_at,
        expected,
    };
    let mut cases = vec![
        case("a token, issued before", token, Some(1), true),
        case("a token, issued after", token, Some(200), true),
        case(
            "a session, issued after",
            Scope::Session("sess_1"),
            Some(200),
            true,
        ),
    ];
    for scope in [
        Scope::Subject("user_1"),
        member,
        Scope::Organization("org_1"),
        Scope::All,
    ] {
        cases.extend([
            case("without a time", scope, None, true),
            case("before 1970", scope, Some(-1), true),
            case("issued before", scope, Some(99), true),
            case(
                "issued in the second of the revocation",
                scope,
                Some(100),
                true,
            ),
            case("issued one second later", scope, Some(101), true),
            case("issued two seconds later", scope, Some(102), false),
            case("issued in the far future", scope, Some(i64::MAX), false),
        ]);
    }
    for Case {
        name,
        scope,
        issued_at,
        expected,
    } in cases
    {
        let mut ends = Ends::default();
        let of_the_token = || [(scope, 7)].into_iter().filter(|it| it.0 != Scope::All);
        assert!(!ends.reject(of_the_token(), issued_at), "{name}, at first");
        assert_eq!(add(&mut ends, scope, 7, AT), Dropped(false));
        let rejects = ends.reject(of_the_token(), issued_at);
        assert_eq!(rejects, expected, "{name}: {scope:?}");
        // Other tokens are concerned by the revocation of all tokens only.
        let rejects = ends.reject([(scope, 8)].into_iter(), issued_at);
        assert_eq!(
            rejects,
            expected && scope == Scope::All,
            "{name}: {scope:?}"
        );
        let is_later = |epoch| ends.is_later(epoch, of_the_token());
        assert!(is_later(AT - 1) && !is_later(AT), "{name}");
    }
}

#[test]
fn later_revocation_never_shortens_an_earlier_one() {
    // The wall clock was set back between the two.
    for scope in [Scope::Subject("user_1"), Scope::All] {
        let mut ends = Ends::default();
        let times = [(1, 200_000, 0), (2, 100_000, 10)];
        for (epoch, at, set) in times {
            assert_eq!(
                ends.add(scope, 7, Age { epoch, set }, at, LIFE),
                Dropped(false)
            );
        }
        let scopes = || [(scope, 7)].into_iter();
        assert!(ends.reject(scopes(), Some(201)));
        assert!(!ends.reject(scopes(), Some(202)));
        assert!(ends.is_later(1, scopes()));
    }
}

#[test]
fn revocation_is_kept_for_its_life() {
    for (scope, is_kept) in [
        (Scope::Token(digest("a")), false),
        (Scope::Session("sess_1"), false),
        (Scope::Subject("user_1"), false),
        (Scope::All, true),
    ] {
        let mut ends = Ends::default();
        assert_eq!(add(&mut ends, scope, 7, 1), Dropped(false));
        let rejects = |ends: &Ends| ends.reject([(scope, 7)].into_iter(), None);
        assert_eq!(
            add(&mut ends, Scope::Session("other"), 8, LIFE + 1),
            Dropped(false)
        );
        assert!(rejects(&ends), "{scope:?}");
        assert_eq!(
            add(&mut ends, Scope::Session("other"), 8, LIFE + 2),
            Dropped(false)
        );
        assert_eq!(rejects(&ends), is_kept, "{scope:?}");
    }
}

#[test]
fn repeated_revocation_takes_no_more_memory() {
    let mut ends = Ends::default();
    for at in 1..=1000 {
        assert_eq!(
            add(&mut ends, Scope::Subject("user_1"), 7, at),
            Dropped(false)
        );
        assert_eq!(
            add(&mut ends, Scope::Token(digest("a")), 7, at),
            Dropped(false)
        );
    }
    assert_eq!(ends.0.len(), (1, 1));
}

#[test]
fn oldest_single_token_is_dropped_beyond_the_bound() {
    let mut ends = Ends::default();
    let token = Scope::Token(digest("a"));
    let bound = u64::try_from(MAX_TOKENS).unwrap();
    for name in 1..=bound {
        assert_eq!(add(&mut ends, token, name, name), Dropped(false));
    }
    // Again: it is now the latest one.
    assert_eq!(add(&mut ends, token, 1, bound + 1), Dropped(false));
    assert_eq!(add(&mut ends, token, bound + 1, bound + 2), Dropped(true));
    for (name, expected) in [(1, true), (2, false), (3, true), (bound + 1, true)] {
        assert_eq!(
            ends.reject([(token, name)].into_iter(), None),
            expected,
            "{name}"
        );
    }
    // A later token of which nothing is known stays valid.
    assert!(!ends.reject([(token, 0)].into_iter(), Some(0)));
}

#[test]
fn others_beyond_the_bound_become_a_revocation_of_all() {
    let mut ends = Ends::default();
    let bound = u64::try_from(MAX_OTHERS).unwrap();
    assert_eq!(
        add(&mut ends, Scope::Token(digest("a")), 0, 1),
        Dropped(false)
    );
    for name in 1..=bound {
        assert_eq!(
            add(&mut ends, Scope::Session("a"), name, name),
            Dropped(false)
        );
    }
    assert!(!ends.reject([(Scope::Session("b"), 0)].into_iter(), Some(0)));
    assert_eq!(
        add(&mut ends, Scope::Session("a"), 0, 60_000),
        Dropped(false)
    );
    for issued_at in [0, 60, 61] {
        assert!(ends.reject([(Scope::Session("b"), 1)].into_iter(), Some(issued_at)));
    }
    assert!(!ends.reject([(Scope::Session("b"), 1)].into_iter(), Some(62)));
    // A single token stays revoked.
    assert!(ends.reject([(Scope::Token(digest("a")), 0)].into_iter(), Some(62)));
}
