//! Session tokens: what they must show, and what a handler learns from them.

use serde_json::{Value, json};
use tower_clerk::{
    AuthErrorKind::{
        self, Expired, MalformedToken, MissingSubject, NotSessionToken, PendingSession,
        UnauthorizedParty, UnsupportedToken, WrongAudience, WrongIssuer,
    },
    ClerkConfigBuilder, TokenKind,
    fake_clerk::{Category, SessionBuilder},
    kinds::SessionTokens,
};

use crate::support::{App, World};

const ORIGIN: &str = "https://app.example.com";

/// A configuration that accepts session tokens alone.
pub fn sessions(world: &World) -> ClerkConfigBuilder {
    world.accepting(SessionTokens::new())
}

/// A token is accepted, or rejected with a 401; at first, from the cache, and by gRPC.
#[track_caller]
fn check(name: &str, answers: &[crate::support::Answer; 3], expected: Option<AuthErrorKind>) {
    let [first, second, grpc] = answers;
    match expected {
        None => {
            first.assert_accepted();
            second.assert_accepted();
            grpc.assert_accepted();
        }
        Some(kind) => {
            for answer in [first, second] {
                assert_eq!(answer.kind(), Some(kind), "{name}");
                assert_eq!(answer.status(), 401, "{name}");
            }
            assert_eq!(grpc.kind(), Some(kind), "{name}");
            assert_eq!(grpc.header("grpc-status"), Some("16"), "{name}");
        }
    }
}

async fn ask(app: &App, token: &str) -> [crate::support::Answer; 3] {
    [
        app.bearer(token).await,
        app.bearer(token).await,
        app.grpc(token).await,
    ]
}

#[tokio::test]
async fn both_versions_tell_who_and_of_which_session() {
    let world = World::new();
    let app = App::new(sessions(&world));
    let session = || world.clerk.session("user_1").session_id("sess_1");
    for token in [session().issue(), session().v1().issue()] {
        for answer in ask(&app, &token).await {
            answer.assert_accepted();
            let claims = answer.claims();
            assert_eq!(claims.subject(), "user_1");
            assert_eq!(claims.kind(), TokenKind::Session);
            assert_eq!(claims.session_id(), Some("sess_1"));
            assert_eq!(claims.issuer(), Some(&*world.clerk.url()));
            assert!(claims.expires_at().is_some());
            assert!(claims.organization().is_none() && claims.org_id().is_none());
            assert!(claims.actor().is_none() && claims.profile().is_none());
            assert_eq!((claims.client_id(), claims.scopes().count()), (None, 0));
        }
    }
    // Two tokens, a first request each.
    assert_eq!(app.layer.authenticator().stats().hits, 4);
}

#[tokio::test]
async fn what_is_no_session_token_is_rejected_though_it_is_signed() {
    let world = World::new();
    let app = App::new(sessions(&world));
    let session = || world.clerk.session("user_1");
    let cases: Vec<(&str, SessionBuilder<'_>, Option<AuthErrorKind>)> = vec![
        ("as it should be", session(), None),
        (
            "of no stated category",
            session().category(Category::Absent),
            None,
        ),
        (
            "of a category that says nothing",
            session().category(Category::Unclassified),
            None,
        ),
        ("of a template", session().template(), Some(NotSessionToken)),
        (
            "of a template that names a session",
            session().template().claim("sid", "sess_1"),
            Some(NotSessionToken),
        ),
        (
            "of a template, of no stated category",
            session().template().category(Category::Absent),
            Some(NotSessionToken),
        ),
        (
            "of a machine's category",
            session().category(Category::Machine),
            Some(NotSessionToken),
        ),
        (
            "an ID token",
            session()
                .category(Category::Absent)
                .claim("sid", Value::Null)
                .claim("sts", Value::Null)
                .claim("aud", world.clerk.client_id()),
            Some(NotSessionToken),
        ),
        (
            "without a session",
            session().claim("sid", Value::Null),
            Some(NotSessionToken),
        ),
        (
            "of another id",
            session().session_id("user_1"),
            Some(NotSessionToken),
        ),
        (
            "of a list of sessions",
            session().claim("sid", json!(["sess_1"])),
            Some(MalformedToken),
        ),
        (
            "of an organization",
            session().claim("sub", "org_1"),
            Some(MissingSubject),
        ),
        (
            "of nobody",
            session().claim("sub", Value::Null),
            Some(MissingSubject),
        ),
        (
            "of another issuer",
            session().claim("iss", "https://clerk.evil.example"),
            Some(WrongIssuer),
        ),
        (
            "for somebody else",
            session().claim("aud", "https://other.example"),
            Some(WrongAudience),
        ),
        ("expired", session().expired(), Some(Expired)),
        // fault E14
        ("of a version to come", session().claim("v", 3), None),
        (
            "of no version",
            session().claim("v", "3"),
            Some(MalformedToken),
        ),
        (
            "of an organization that is a text",
            session().claim("o", "org_1"),
            Some(MalformedToken),
        ),
        (
            "of an actor that is a text",
            session().claim("act", "user_2"),
            Some(MalformedToken),
        ),
        (
            "of an actor who is nobody",
            session().claim("act", json!({})),
            Some(MalformedToken),
        ),
    ];
    for (name, token, expected) in cases {
        check(name, &ask(&app, &token.issue()).await, expected);
    }
}

#[tokio::test]
async fn pending_sessions_are_rejected_unless_they_are_allowed() {
    let world = World::new();
    let strict = App::new(sessions(&world));
    let lenient = App::new(world.accepting(SessionTokens::new().allow_pending()));
    let session = || world.clerk.session("user_1");
    for (name, token, by_strict, by_lenient) in [
        ("active", session(), None, None),
        ("pending", session().pending(), Some(PendingSession), None),
        (
            "of no status",
            session().claim("sts", Value::Null),
            None,
            None,
        ),
        (
            "of another status",
            session().claim("sts", "ended"),
            Some(PendingSession),
            Some(PendingSession),
        ),
    ] {
        let token = token.issue();
        check(name, &ask(&strict, &token).await, by_strict);
        check(name, &ask(&lenient, &token).await, by_lenient);
    }
}

#[tokio::test]
async fn the_authorized_party_counts_where_some_are_named() {
    let world = World::new();
    let any = App::new(sessions(&world));
    let parties = SessionTokens::new().authorized_parties(["https://x.example", ORIGIN]);
    let some = App::new(world.accepting(parties));
    let session = || world.clerk.session("user_1");
    for (name, token, by_some) in [
        ("that one", session().authorized_party(ORIGIN), None),
        (
            "another",
            session().authorized_party("https://evil.example"),
            Some(UnauthorizedParty),
        ),
        (
            "a path",
            session().authorized_party(format!("{ORIGIN}/")),
            Some(UnauthorizedParty),
        ),
        ("none", session(), Some(UnauthorizedParty)),
        (
            "empty",
            session().authorized_party(""),
            Some(UnauthorizedParty),
        ),
    ] {
        let token = token.issue();
        check(name, &ask(&any, &token).await, None);
        check(name, &ask(&some, &token).await, by_some);
    }
    let list = session().claim("azp", json!([ORIGIN])).issue();
    for app in [&any, &some] {
        check("a list", &ask(app, &list).await, Some(MalformedToken));
    }
}

#[tokio::test]
async fn who_acts_in_the_subjects_place_is_told() {
    let world = World::new();
    let app = App::new(sessions(&world));
    let token = world.clerk.session("user_1").actor("user_2").issue();
    for answer in ask(&app, &token).await {
        let claims = answer.claims();
        assert_eq!(claims.subject(), "user_1");
        let actor = claims.actor().unwrap();
        assert_eq!(actor.subject(), "user_2");
        assert_eq!(actor.issuer(), Some("https://dashboard.clerk.com"));
        assert!(actor.session_id().unwrap().starts_with("sess_"));
        assert_eq!(actor.kind(), None);
    }
    let agent = json!({ "sub": "agent_1", "type": "agent" });
    let token = world.clerk.session("user_1").claim("act", agent).issue();
    let answer = app.bearer(&token).await;
    assert_eq!(answer.claims().actor().unwrap().kind(), Some("agent"));
}

#[tokio::test]
async fn claims_as_has_every_claim_of_the_token() {
    let world = World::new();
    let app = App::new(sessions(&world));
    let token = world
        .clerk
        .session("user_1")
        .session_id("sess_1")
        .organization("org_1", "acme", "admin")
        .authorized_party(ORIGIN)
        .claim("plan", json!({ "name": "gold" }))
        // A name that other kinds of tokens have something by.
        .claim("scope", "admin")
        .claim("client_id", world.clerk.client_id())
        .issue();
    for answer in ask(&app, &token).await {
        let claims = answer.claims();
        assert!(!claims.has_scope("admin") && claims.client_id().is_none());
        let all: Value = claims.claims_as().unwrap();
        for (name, expected) in [
            ("sub", json!("user_1")),
            ("sid", json!("sess_1")),
            ("azp", json!(ORIGIN)),
            ("sts", json!("active")),
            ("v", json!(2)),
            ("o", json!({ "id": "org_1", "slg": "acme", "rol": "admin" })),
            ("org_id", json!("org_1")),
            ("plan", json!({ "name": "gold" })),
            ("scope", json!("admin")),
            ("client_id", json!(world.clerk.client_id())),
        ] {
            assert_eq!(all[name], expected, "{name}");
        }
        assert!(!format!("{claims:?}").contains("sess_1"));
    }
}

#[tokio::test]
async fn layers_that_accept_other_kinds_share_nothing() {
    let world = World::new();
    let only_sessions = App::new(sessions(&world));
    let only_oauth = world.app();
    let both = App::new(world.config().accept(SessionTokens::new()));
    let session = world.clerk.session("user_1").issue();
    let opaque = world.clerk.token("user_1").issue();
    let jwt = world.clerk.token("user_1").jwt().issue();
    // The layer that accepts both comes first, so that the others could find it in a cache.
    for app in [&both, &only_sessions, &only_oauth] {
        for (token, kind) in [
            (&session, TokenKind::Session),
            (&opaque, TokenKind::OAuth),
            (&jwt, TokenKind::OAuth),
        ] {
            let is_sessions = std::ptr::eq(app, &only_sessions);
            let is_accepted =
                std::ptr::eq(app, &both) || is_sessions == (kind == TokenKind::Session);
            let expected = (!is_accepted).then_some(UnsupportedToken);
            let calls = world.clerk.total_calls();
            let answers = ask(app, token).await;
            check(&format!("{kind:?}"), &answers, expected);
            if is_accepted {
                assert_eq!(answers[0].claims().kind(), kind);
            } else {
                assert_eq!(world.clerk.total_calls(), calls, "nobody is asked");
            }
        }
    }
}
