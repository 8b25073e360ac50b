//! One key signs tokens of all kinds: what is good as one must not pass as another.

use serde_json::{Value, json};
use tower_clerk::{
    AuthErrorKind::{self, NotAccessToken, NotSessionToken, UnsupportedToken},
    TokenKind,
    kinds::MachineTokens,
};

use super::{accepting, accepting_with, parts, signed, with, world};
use crate::support::{App, World};

/// A layer that accepts JWTs of every kind, and takes any client.
fn everything(world: &World) -> App {
    let kinds = [TokenKind::OAuth, TokenKind::Session, TokenKind::Machine];
    let config = accepting_with(world, kinds, |options| {
        options.machine = MachineTokens::addressed_to_any().jwts();
    });
    App::new(config)
}

async fn check(world: &World, name: &str, token: &str, expected: Option<AuthErrorKind>) {
    for _ in 0..2 {
        let app = everything(world);
        for turn in 0..2 {
            let kind = app.bearer(token).await.kind();
            assert_eq!(kind, expected, "{name}, {turn}");
        }
        let passed = if expected.is_none() { 2 } else { 0 };
        assert_eq!(app.inner_calls(), passed, "{name}");
    }
}

#[tokio::test]
async fn no_kind_passes_where_another_is_accepted() {
    let world = world();
    let clerk = &world.clerk;
    let tokens = [
        (TokenKind::OAuth, clerk.token("user_1").jwt().issue()),
        (TokenKind::Session, clerk.session("user_1").issue()),
        (
            TokenKind::Machine,
            clerk
                .machine_token("mch_1")
                .scopes(["mch_us"])
                .jwt()
                .issue(),
        ),
    ];
    for (kind, token) in &tokens {
        for (other, _) in &tokens {
            let config = accepting(&world, [*other]);
            let app = App::new(config);
            for _ in 0..2 {
                let rejection = app.bearer(token).await.kind();
                let expected = (kind != other).then_some(UnsupportedToken);
                assert_eq!(rejection, expected, "{kind:?} as {other:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_the_header_says_must_fit() {
    let world = world();
    let clerk = &world.clerk;
    let session = clerk.session("user_1").issue();
    let access = clerk.token("user_1").jwt().issue();
    let machine = clerk.machine_token("mch_1").jwt().issue();
    let (typ, cat) = ("typ", "cat");
    let cases = [
        ("a session", &session, typ, json!("JWT"), None),
        ("a session without a type", &session, typ, json!(null), None),
        (
            "a session in small letters",
            &session,
            typ,
            json!("jwt"),
            None,
        ),
        (
            "a session of another type",
            &session,
            typ,
            json!("JOSE"),
            Some(NotSessionToken),
        ),
        (
            "a session as a logout token",
            &session,
            typ,
            json!("logout+jwt"),
            Some(NotSessionToken),
        ),
        (
            "a session as an access token",
            &session,
            typ,
            json!("at+jwt"),
            Some(NotAccessToken),
        ),
        (
            "a session as a template",
            &session,
            cat,
            json!("cl_B7d4PD222AAA"),
            Some(NotSessionToken),
        ),
        (
            "a session as a machine",
            &session,
            cat,
            json!("cl_B7d4PD333AAA"),
            Some(NotSessionToken),
        ),
        (
            "a session of a class to come",
            &session,
            cat,
            json!("cl_X"),
            Some(NotSessionToken),
        ),
        (
            "a session of no class",
            &session,
            cat,
            json!("cl_I7d4PD111III"),
            None,
        ),
        (
            "a session before there were classes",
            &session,
            cat,
            json!(null),
            None,
        ),
        (
            "an access token",
            &access,
            typ,
            json!("application/at+jwt"),
            None,
        ),
        // Without its type it is taken for a session, which it is not.
        (
            "an access token without a type",
            &access,
            typ,
            json!(null),
            Some(NotSessionToken),
        ),
        (
            "an access token as a session",
            &access,
            typ,
            json!("JWT"),
            Some(NotSessionToken),
        ),
        (
            "an access token in capitals",
            &access,
            typ,
            json!("AT+JWT"),
            Some(NotSessionToken),
        ),
        (
            "an access token of the class of sessions",
            &access,
            cat,
            json!("cl_B7d4PD111AAA"),
            Some(NotAccessToken),
        ),
        (
            "an access token of the class of templates",
            &access,
            cat,
            json!("cl_B7d4PD222AAA"),
            Some(NotAccessToken),
        ),
        (
            "an access token of no class",
            &access,
            cat,
            json!("cl_I7d4PD111III"),
            None,
        ),
        ("a machine", &machine, typ, json!("JWT"), None),
        ("a machine without a type", &machine, typ, json!(null), None),
        (
            "a machine as an access token",
            &machine,
            typ,
            json!("at+jwt"),
            Some(NotAccessToken),
        ),
        (
            "a machine as a session",
            &machine,
            cat,
            json!("cl_B7d4PD111AAA"),
            Some(NotAccessToken),
        ),
        (
            "a machine as a template",
            &machine,
            cat,
            json!("cl_B7d4PD222AAA"),
            Some(NotAccessToken),
        ),
        (
            "a machine of no class",
            &machine,
            cat,
            json!("cl_I7d4PD111III"),
            None,
        ),
        (
            "a machine before there were classes",
            &machine,
            cat,
            json!(null),
            None,
        ),
    ];
    for (name, token, member, value, expected) in cases {
        let [header, payload] = parts(token);
        let token = signed(clerk, with(&header, member, value), payload);
        check(&world, name, &token, expected).await;
    }
}

#[tokio::test]
async fn what_is_no_session_does_not_pass_as_one() {
    let world = world();
    let clerk = &world.clerk;
    let [header, payload] = parts(&clerk.session("user_1").issue());
    let id_token = json!({
        "iss": clerk.url(), "sub": "user_1", "aud": clerk.client_id(), "exp": payload["exp"],
        "iat": payload["iat"], "jti": "1",
    });
    let body = |name: &str, value: Value| signed(clerk, &header, with(&payload, name, value));
    for (name, token, expected) in [
        (
            "a template",
            clerk.session("user_1").template().issue(),
            NotSessionToken,
        ),
        (
            "an ID token",
            signed(clerk, with(&header, "cat", ()), &id_token),
            NotSessionToken,
        ),
        ("no session", body("sid", json!(null)), NotSessionToken),
        ("an empty session", body("sid", json!("")), NotSessionToken),
        (
            "a list of sessions",
            body("sid", json!(["sess_1"])),
            AuthErrorKind::MalformedToken,
        ),
        // By its subject it is a machine's.
        (
            "a machine with a session",
            body("sub", json!("mch_1")),
            NotAccessToken,
        ),
        (
            "a pending session",
            clerk.session("user_1").pending().issue(),
            AuthErrorKind::PendingSession,
        ),
    ] {
        check(&world, name, &token, Some(expected)).await;
    }
}
