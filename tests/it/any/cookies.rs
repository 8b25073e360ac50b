//! The session cookies of two instances in one request.

use tower_clerk::{
    AuthErrorKind::{
        self, Expired, InvalidSignature, MissingCredentials, MultipleCredentials, UnsupportedToken,
        WrongIssuer,
    },
    ClerkConfig,
    fake_clerk::FakeClerk,
    kinds::SessionTokens,
};

use super::{Pair, app, authenticator};
use crate::{
    jwt::{message, parts, synchronise, with},
    support::World,
};

#[tokio::test]
async fn each_instance_reads_its_own_cookie() {
    let pair = Pair::new();
    let app = app([0, 1].map(|place| {
        authenticator(pair.config_with(place, |kinds| {
            kinds.session = kinds.session.clone().cookie();
        }))
    }));
    let [a, b] = [0, 1].map(|place| &pair.worlds[place].clerk);
    let of_a = a.session("user_a").issue();
    let of_b = b.session("user_b").issue();
    let expired = b.session("user_b").expired().issue();
    let forged = {
        let [header, payload] = parts(&of_b);
        let signature = of_b.rsplit('.').next().unwrap();
        format!(
            "{}.{signature}",
            message(header, with(&payload, "sub", "user_c"))
        )
    };
    let oauth = b.token("user_b").issue();
    app.bearer(&oauth).await.assert_accepted();
    let cookie = |value: &str| ("cookie", format!("__session={value}"));
    let cases: Vec<(&str, Vec<_>, Result<&str, AuthErrorKind>)> = vec![
        ("of A", vec![cookie(&of_a)], Ok("user_a")),
        ("of B", vec![cookie(&of_b)], Ok("user_b")),
        ("of B, expired", vec![cookie(&expired)], Err(Expired)),
        ("of B, forged", vec![cookie(&forged)], Err(InvalidSignature)),
        ("none", vec![], Err(MissingCredentials)),
        ("empty", vec![cookie("")], Err(MissingCredentials)),
        (
            "no session token",
            vec![cookie("a.b")],
            Err(UnsupportedToken),
        ),
        // It is accepted in a header, and cached.
        (
            "an OAuth token",
            vec![cookie(&oauth)],
            Err(UnsupportedToken),
        ),
        (
            "two of one name",
            vec![cookie(&of_a), cookie(&of_b)],
            Err(MultipleCredentials),
        ),
        (
            "a header beside it",
            vec![cookie(&of_a), ("authorization", format!("Bearer {of_b}"))],
            Ok("user_b"),
        ),
        (
            "an unknown token in a header beside it",
            vec![
                cookie(&of_a),
                ("authorization", "Bearer oat_unknown".to_owned()),
            ],
            Err(AuthErrorKind::Inactive),
        ),
    ];
    for (name, headers, expected) in cases {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        for time in ["first", "second"] {
            let answer = app.send(&headers).await;
            match expected {
                Ok(subject) => {
                    assert_eq!(answer.kind(), None, "{name}, {time}");
                    assert_eq!(answer.claims().subject(), subject, "{name}, {time}");
                }
                Err(kind) => assert_eq!(answer.kind(), Some(kind), "{name}, {time}"),
            }
        }
    }
}

#[tokio::test]
async fn cookie_of_an_instance_that_reads_none_is_not_accepted_by_the_other() {
    let pair = Pair::new();
    let without = authenticator(pair.config(1));
    let with = authenticator(pair.config_with(0, |kinds| {
        kinds.session = kinds.session.clone().cookie();
    }));
    let app = app([with, without]);
    let token = pair.worlds[1].clerk.session("user_1").issue();
    pair.forget_calls();
    for _ in 0..2 {
        let answer = app.send(&[("cookie", &format!("__session={token}"))]).await;
        answer.assert_rejected(401, WrongIssuer);
        // In a header it is accepted, which puts it into the cache.
        app.bearer(&token).await.assert_accepted();
    }
    assert_eq!(pair.calls()[0], 0);
}

#[tokio::test]
async fn the_user_of_two_cookies_does_not_depend_on_the_caches() {
    // A key of `clerk.example.com`, and the name of its cookie.
    const KEY: &str = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k";
    const SUFFIXED: &str = "__session_l2OS3d9k";
    let pair = Pair::new();
    let clock = &pair.worlds[0].clock;
    let a = FakeClerk::builder()
        .issuer("https://clerk.example.com")
        .build();
    let b = &pair.worlds[1].clerk;
    let config = ClerkConfig::builder(KEY)
        .accept(SessionTokens::new().cookie())
        .transport(a.transport())
        .clock(clock.clone());
    let app = app([
        authenticator(config),
        authenticator(pair.config_with(1, |kinds| {
            kinds.session = kinds.session.clone().cookie();
        })),
    ]);
    let (of_a, of_b) = (a.session("user_a").issue(), b.session("user_b").issue());
    synchronise(&World {
        clerk: a.clone(),
        clock: clock.clone(),
    });
    let expired = a.session("user_a").expired().issue();
    // The second instance has its token in the cache, the first one has not.
    app.bearer(&of_b).await.assert_accepted();
    for _ in 0..2 {
        for (name, cookies, expected) in [
            (
                "both",
                format!("{SUFFIXED}={of_a}; __session={of_b}"),
                "user_a",
            ),
            (
                "both, in another order",
                format!("__session={of_b}; {SUFFIXED}={of_a}"),
                "user_a",
            ),
            (
                "the first has expired",
                format!("{SUFFIXED}={expired}; __session={of_b}"),
                "user_b",
            ),
        ] {
            let answer = app.send(&[("cookie", &cookies)]).await;
            assert_eq!(answer.claims().subject(), expected, "{name}");
        }
    }
}
