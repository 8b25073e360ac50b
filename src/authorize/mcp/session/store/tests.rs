use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use super::{Principal, Sessions};
use crate::{
    ClerkClaims, TokenKind,
    claims::Claims,
    clock::{Clock, Now},
    verify::{ConfiguredRules, Rules},
};

/// Milliseconds on both clocks.
#[derive(Default)]
struct Moved(AtomicU64);

impl Clock for Moved {
    fn now(&self) -> Now {
        let millis = self.0.load(Ordering::SeqCst);
        Now {
            mono: millis,
            wall: millis,
        }
    }
}

fn sessions(capacity: u64) -> (Sessions, Arc<Moved>) {
    let clock = Arc::new(Moved::default());
    let idle = Duration::from_millis(1000);
    let shared: Arc<dyn Clock> = clock.clone();
    (Sessions::new(capacity, capacity, idle, shared), clock)
}

fn claims(issuer: &str, client: Option<&str>, subject: &str) -> Principal {
    let mut rules = Rules::usual();
    rules.issuer = issuer.to_owned();
    Principal::Token(ClerkClaims::new(Claims {
        client_id: client.map(Into::into),
        rules: Arc::new(ConfiguredRules::of(rules)),
        ..Claims::bare(subject)
    }))
}

fn user(subject: &str) -> Principal {
    claims("https://a.example", Some("client_1"), subject)
}

#[test]
fn issuer_kind_client_and_subject_make_the_owner() {
    let (sessions, _) = sessions(10);
    let owner = user("user_1");
    let key = sessions.key("s1");
    assert!(!sessions.is_owned(&key, &owner), "it is unknown yet");
    assert!(sessions.bind(key, &owner));
    for (name, other, expected) in [
        ("the same", user("user_1"), true),
        ("another user", user("user_2"), false),
        (
            "another client",
            claims("https://a.example", Some("client_2"), "user_1"),
            false,
        ),
        (
            "no client",
            claims("https://a.example", None, "user_1"),
            false,
        ),
        (
            "another kind of token",
            Principal::Token(ClerkClaims::new(Claims {
                kind: TokenKind::ApiKey,
                ..user("user_1").claims().unwrap().shared().clone()
            })),
            false,
        ),
        ("no token", Principal::Anonymous, false),
        (
            "another issuer",
            claims("https://b.example", Some("client_1"), "user_1"),
            false,
        ),
    ] {
        for _ in 0..2 {
            assert_eq!(sessions.is_owned(&key, &other), expected, "{name}");
            assert_eq!(sessions.bind(key, &other), expected, "{name}");
        }
    }
    assert!(sessions.is_owned(&key, &owner));
    assert!(
        !sessions.is_owned(&sessions.key("s"), &owner),
        "a beginning"
    );
    assert!(
        !sessions.is_owned(&sessions.key("S1"), &owner),
        "case matters"
    );
}

#[test]
fn a_session_without_a_token_serves_callers_without_a_token() {
    let (sessions, _) = sessions(10);
    let key = sessions.key("s1");
    assert!(sessions.bind(key, &Principal::Anonymous));
    for _ in 0..2 {
        assert!(sessions.is_owned(&key, &Principal::Anonymous));
        assert!(!sessions.is_owned(&key, &user("user_1")));
        assert!(!sessions.bind(key, &user("user_1")));
    }
}

#[test]
fn callers_without_a_token_take_no_session_of_a_user() {
    let (sessions, _) = sessions(4);
    let key = sessions.key("s1");
    assert!(sessions.bind(key, &user("user_1")));
    for number in 0..100 {
        let other = sessions.key(&format!("anonymous {number}"));
        assert!(sessions.bind(other, &Principal::Anonymous));
    }
    assert!(sessions.is_owned(&key, &user("user_1")));
    assert_eq!(sessions.len(), 4);
}

#[test]
fn idle_sessions_are_forgotten() {
    let (sessions, clock) = sessions(10);
    let (owner, other) = (user("user_1"), user("user_2"));
    let key = sessions.key("s1");
    assert!(sessions.bind(key, &owner));
    for now in [999, 1998] {
        clock.0.store(now, Ordering::SeqCst);
        assert!(sessions.is_owned(&key, &owner), "used at {now}");
    }
    clock.0.store(2500, Ordering::SeqCst);
    assert!(!sessions.is_owned(&key, &other), "that is no use of it");
    clock.0.store(2998, Ordering::SeqCst);
    assert!(!sessions.is_owned(&key, &owner));
    assert!(!sessions.is_owned(&key, &owner));
    assert_eq!(sessions.len(), 0);
}

#[test]
fn what_the_server_names_again_is_in_use() {
    let (sessions, clock) = sessions(10);
    let owner = user("user_1");
    let key = sessions.key("s1");
    assert!(sessions.bind(key, &owner));
    clock.0.store(900, Ordering::SeqCst);
    assert!(sessions.bind(key, &owner));
    clock.0.store(1800, Ordering::SeqCst);
    assert!(sessions.is_owned(&key, &owner));
}

#[test]
fn as_many_are_kept_as_may_be_and_the_longest_unused_go() {
    let (sessions, _) = sessions(4);
    let owner = user("user_1");
    let key = |n: u32| sessions.key(&n.to_string());
    for n in 0..4 {
        assert!(sessions.bind(key(n), &owner));
        assert_eq!(sessions.len(), u64::from(n) + 1);
    }
    assert!(sessions.is_owned(&key(0), &owner));
    for n in 4..6 {
        assert!(sessions.bind(key(n), &owner));
        assert_eq!(sessions.len(), 4);
    }
    let left: Vec<_> = (0..6)
        .filter(|n| sessions.is_owned(&key(*n), &owner))
        .collect();
    assert_eq!(left, [0, 3, 4, 5]);
}

#[test]
fn of_many_who_are_given_one_id_one_has_it() {
    let (sessions, _) = sessions(10);
    let key = sessions.key("s1");
    let owners = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let sessions = &sessions;
                scope.spawn(move || sessions.bind(key, &user(&format!("user_{n}"))))
            })
            .collect();
        let owned = threads.into_iter().map(|thread| thread.join().unwrap());
        owned.filter(|is_owned| *is_owned).count()
    });
    assert_eq!(owners, 1);
}

#[test]
fn what_is_over_is_unknown() {
    let (sessions, _) = sessions(10);
    let owner = user("user_1");
    let key = sessions.key("s1");
    assert!(sessions.bind(key, &owner));
    sessions.end(&key);
    assert!(!sessions.is_owned(&key, &owner));
}

/// As many sessions as these of one owner are left.
fn left(sessions: &Sessions, owner: &Principal, ids: impl Iterator<Item = String>) -> Vec<String> {
    ids.filter(|id| sessions.is_owned(&sessions.key(id), owner))
        .collect()
}

#[test]
fn a_subject_has_a_share_whichever_clients_it_uses() {
    // fault B8
    let clock: Arc<dyn Clock> = Arc::new(Moved::default());
    let sessions = Sessions::new(100, 4, Duration::from_secs(1), clock);
    let other = user("user_2");
    assert!(sessions.bind(sessions.key("other"), &other));
    let id = |n: u32| format!("s{n}");
    let client = |n: u32| {
        let client = format!("client_{}", n % 7);
        claims("https://a.example", Some(&client), "user_1")
    };
    for n in 0..1000 {
        assert!(sessions.bind(sessions.key(&id(n)), &client(n)));
        assert_eq!(sessions.len(), u64::from(n.min(3)) + 2);
        // The first is in use all the time.
        assert!(sessions.is_owned(&sessions.key(&id(0)), &client(0)));
    }
    let owned: Vec<_> = (0..1000)
        .filter(|n| sessions.is_owned(&sessions.key(&id(*n)), &client(*n)))
        .collect();
    assert_eq!(owned, [0, 997, 998, 999]);
    assert!(sessions.is_owned(&sessions.key("other"), &other));
    // The same subject of another issuer is another holder.
    let elsewhere = claims("https://b.example", Some("client_1"), "user_1");
    assert!(sessions.bind(sessions.key("elsewhere"), &elsewhere));
    assert_eq!(sessions.len(), 6);
    // What ends makes room.
    sessions.end(&sessions.key(&id(0)));
    assert!(sessions.bind(sessions.key("more"), &client(0)));
    let kept = left(&sessions, &client(0), ["more".to_owned()].into_iter());
    assert_eq!((kept.len(), sessions.len()), (1, 6));
}

#[test]
fn who_holds_more_than_an_equal_part_of_a_full_store_makes_room() {
    // fault B8
    let (sessions, _) = sessions(8);
    let (owner, flooder, newcomer) = (user("user_1"), user("user_2"), user("user_3"));
    let ids = |prefix: &'static str, count: u32| (0..count).map(move |n| format!("{prefix}{n}"));
    for id in ids("a", 3) {
        assert!(sessions.bind(sessions.key(&id), &owner));
    }
    for id in ids("b", 100) {
        assert!(sessions.bind(sessions.key(&id), &flooder));
    }
    assert_eq!(sessions.len(), 8);
    assert_eq!(left(&sessions, &owner, ids("a", 3)).len(), 3);
    // Others begin nevertheless, and the one that was unused for longest goes.
    assert!(sessions.bind(sessions.key("c"), &newcomer));
    assert_eq!(sessions.len(), 8);
    assert_eq!(
        left(&sessions, &flooder, ids("b", 100)),
        ["b96", "b97", "b98", "b99"]
    );
    assert_eq!(left(&sessions, &owner, ids("a", 3)).len(), 3);
}

#[test]
fn nothing_is_kept_of_holders_without_sessions() {
    let (sessions, clock) = sessions(10);
    for n in 0..1000_u32 {
        let owner = user(&format!("user_{n}"));
        assert!(sessions.bind(sessions.key(&n.to_string()), &owner));
    }
    let table = sessions.lock();
    assert_eq!(
        (table.sessions.len(), table.uses.len(), table.holders.len()),
        (10, 10, 10)
    );
    drop(table);
    clock.0.store(1000, Ordering::SeqCst);
    assert_eq!(sessions.len(), 0);
    let table = sessions.lock();
    assert!(table.uses.is_empty() && table.holders.is_empty());
}
