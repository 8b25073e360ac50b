use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use super::Sessions;
use crate::{
    ClerkClaims, TokenKind,
    claims::Claims,
    clock::{Clock, Now},
    verify::Rules,
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
    (Sessions::new(capacity, idle, shared), clock)
}

fn claims(issuer: &str, client: Option<&str>, subject: &str) -> ClerkClaims {
    let mut rules = Rules::usual();
    rules.issuer = issuer.to_owned();
    ClerkClaims::new(Claims {
        client_id: client.map(Into::into),
        rules: Arc::new(rules),
        ..Claims::bare(subject)
    })
}

fn user(subject: &str) -> ClerkClaims {
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
            ClerkClaims::new(Claims {
                kind: TokenKind::ApiKey,
                ..user("user_1").shared().clone()
            }),
            false,
        ),
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
