//! Whom a token is for: how it is compared with what we are, and what those learn who run the service.

use std::time::Duration;

use serde_json::{Value, json};
use tower_clerk::{
    AuthErrorKind::{self, NotAccessToken, NotSessionToken, WrongAudience},
    Authenticator,
    fake_clerk::{Endpoint, Fault},
    kinds::{ApiKeys, Enrichment, JwtVerification, SessionTokens},
    testing::ManualClock,
};

use crate::{
    by_jti::{ByJti, edited},
    jwt::{parts, signed, with, world},
    redaction::Log,
    support::App,
};

#[tokio::test]
async fn a_resource_has_several_spellings_and_an_audience_has_one() {
    // fault E1
    let resources = [
        ("a slash", "https://h.example", "https://h.example/", true),
        (
            "a slash too many",
            "https://h.example/mcp",
            "https://h.example/mcp/",
            true,
        ),
        (
            "a slash too few",
            "https://h.example/mcp/",
            "https://h.example/mcp",
            true,
        ),
        (
            "the usual port",
            "https://h.example",
            "https://h.example:443",
            true,
        ),
        ("capitals", "https://h.example", "HTTPS://H.EXAMPLE", true),
        (
            "two slashes",
            "https://h.example/mcp",
            "https://h.example/mcp//",
            false,
        ),
        (
            "another scheme",
            "https://h.example",
            "http://h.example",
            false,
        ),
        (
            "another path",
            "https://h.example/mcp",
            "https://h.example/MCP",
            false,
        ),
        (
            "user info",
            "https://h.example",
            "https://h.example@evil.example",
            false,
        ),
        (
            "a fragment",
            "https://h.example",
            "https://h.example#",
            false,
        ),
    ];
    for (name, ours, named, expected) in resources {
        let told = json!({ "active": true, "client_id": "me", "sub": "user_1", "aud": named });
        let opaque = ("oat_1".to_owned(), ByJti::answering(told));
        let jwt = (edited("aud", named), ByJti::new());
        for (token, clerk) in [opaque, jwt] {
            let named = ByJti::introspection().audiences([ours]);
            for (config, expected) in [
                (
                    clerk.config(ByJti::introspection()).resource(ours),
                    expected,
                ),
                (clerk.config(named), false),
            ] {
                let app = App::new(config);
                for _ in 0..2 {
                    let answer = app.bearer(&token).await;
                    let expected = (!expected).then_some(WrongAudience);
                    assert_eq!(answer.kind(), expected, "{name}: {token}");
                }
            }
        }
        // The document has it as it was written.
        let config = ByJti::new().config(ByJti::introspection()).resource(ours);
        let authenticator = Authenticator::new(config.build().unwrap());
        let metadata = authenticator.resource_metadata().unwrap();
        let document: Value = serde_json::from_slice(metadata.json()).unwrap();
        assert_eq!(document["resource"], ours, "{name}");
    }
}

#[tokio::test]
async fn a_client_that_is_not_named_is_replaced_byte_for_byte() {
    // fault E1
    for (name, audience, expected) in [
        ("byte for byte", "https://c.example/client", None),
        (
            "a slash more",
            "https://c.example/client/",
            Some(AuthErrorKind::WrongClient),
        ),
        (
            "a capital",
            "https://C.example/client",
            Some(AuthErrorKind::WrongClient),
        ),
    ] {
        let clerk = ByJti::answering(json!({ "active": true, "sub": "user_1", "aud": audience }));
        let oauth = ByJti::introspection().allow_clients(["https://c.example/client"]);
        let config = clerk.config(oauth).resource("https://c.example/client");
        let app = App::new(config);
        for _ in 0..2 {
            assert_eq!(app.bearer("oat_1").await.kind(), expected, "{name}");
        }
    }
}

#[tokio::test]
async fn our_client_is_an_audience_of_oauth_tokens_alone_and_an_id_token_is_no_session() {
    // fault A5
    let world = world();
    let clerk = &world.clerk;
    let us = clerk.client_id();
    let [header, payload] = parts(&clerk.session("user_1").issue());
    let unclassified = with(&header, "cat", ());
    let cases: [(&str, Value, Option<AuthErrorKind>); 12] = [
        ("no audience", json!({}), None),
        ("our resource", json!({ "aud": "https://h.example/" }), None),
        ("a configured audience", json!({ "aud": ["urn:us"] }), None),
        ("our client", json!({ "aud": us }), Some(WrongAudience)),
        (
            "our client in a list",
            json!({ "aud": [us] }),
            Some(WrongAudience),
        ),
        (
            "an ID token",
            json!({ "aud": us, "nonce": "n", "at_hash": "h" }),
            Some(NotSessionToken),
        ),
        (
            "a nonce",
            json!({ "aud": us, "nonce": "n" }),
            Some(NotSessionToken),
        ),
        (
            "a hash",
            json!({ "aud": "urn:us", "at_hash": "h" }),
            Some(NotSessionToken),
        ),
        (
            "another hash",
            json!({ "aud": ["urn:us"], "c_hash": "h" }),
            Some(NotSessionToken),
        ),
        (
            "a nonce of another type",
            json!({ "aud": "urn:us", "nonce": 1 }),
            Some(NotSessionToken),
        ),
        // A claim of the application's own.
        ("a nonce, and no audience", json!({ "nonce": "n" }), None),
        ("no nonce", json!({ "aud": "urn:us", "nonce": null }), None),
    ];
    for (name, members, expected) in cases {
        let mut payload = payload.clone();
        for (name, value) in members.as_object().unwrap() {
            payload[name] = value.clone();
        }
        for header in [&header, &unclassified] {
            let token = signed(clerk, header, &payload);
            for _ in 0..2 {
                let config = world
                    .accepting(world.oauth().audiences(["urn:us"]))
                    .accept(SessionTokens::new().audiences(["urn:us"]))
                    .resource("https://h.example");
                let app = App::new(config);
                for _ in 0..2 {
                    assert_eq!(app.bearer(&token).await.kind(), expected, "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_access_token_that_is_verified_here_is_no_id_token() {
    // fault A5
    let world = world();
    let us = world.clerk.client_id();
    let [header, payload] = parts(&world.clerk.token("user_1").jwt().issue());
    for (name, members, expected) in [
        ("our client", json!({ "aud": us }), None),
        (
            "a nonce",
            json!({ "aud": us, "nonce": "n" }),
            Some(NotAccessToken),
        ),
        (
            "a hash",
            json!({ "aud": us, "at_hash": "h" }),
            Some(NotAccessToken),
        ),
    ] {
        let mut payload = payload.clone();
        for (name, value) in members.as_object().unwrap() {
            payload[name] = value.clone();
        }
        let token = signed(&world.clerk, &header, payload);
        for mode in [JwtVerification::Local, JwtVerification::LocalThenIntrospect] {
            let app = App::new(world.accepting(world.oauth().jwts(mode)));
            for _ in 0..2 {
                let kind = app.bearer(&token).await.kind();
                // Introspection does not know what is signed by hand.
                let unknown = (mode != JwtVerification::Local).then_some(AuthErrorKind::Inactive);
                assert_eq!(kind, expected.or(unknown), "{name}, {mode:?}");
            }
        }
    }
}

#[tokio::test]
async fn api_keys_are_not_for_our_client() {
    // fault A5
    let world = world();
    let key = world.clerk.api_key("user_1").issue();
    let config = || {
        let config = world.config().accept(ApiKeys::new()).resource("urn:us");
        config
            .secret_key(world.clerk.secret_key())
            .backend_api_url(format!("{}/v1", world.clerk.url()))
    };
    for (name, audience, expected) in [
        ("none", json!(null), None),
        ("a configured audience", json!("urn:us"), None),
        (
            "our client",
            json!(world.clerk.client_id()),
            Some(WrongAudience),
        ),
    ] {
        let body = json!({
            "object": "api_key", "subject": "user_1", "revoked": false, "expired": false,
            "scopes": [], "aud": audience,
        });
        let fault = Fault::answer(200, "application/json", body.to_string());
        world.clerk.fail(Endpoint::ApiKeyVerification, fault);
        let app = App::new(config());
        for _ in 0..2 {
            assert_eq!(app.bearer(&key).await.kind(), expected, "{name}");
        }
    }
}

#[tokio::test]
async fn an_audience_does_not_show_that_an_unprefixed_token_is_an_access_token() {
    // fault A4
    let world = world();
    let refresh_token = world.clerk.refresh_token("user_1");
    for (name, members, expected) in [
        (
            "our resource",
            json!({ "aud": "https://h.example" }),
            Some(NotAccessToken),
        ),
        (
            "our client",
            json!({ "aud": [world.clerk.client_id()] }),
            Some(NotAccessToken),
        ),
        (
            "a use",
            json!({ "token_use": "access_token" }),
            Some(NotAccessToken),
        ),
        (
            "a type",
            json!({ "aud": "https://h.example", "token_type": "Bearer" }),
            None,
        ),
    ] {
        let mut answer = json!({
            "active": true, "client_id": world.clerk.client_id(), "sub": "user_1", "scope": "email",
        });
        for (name, value) in members.as_object().unwrap() {
            answer[name] = value.clone();
        }
        let fault = Fault::answer(200, "application/json", answer.to_string());
        world.clerk.fail(Endpoint::Introspection, fault);
        for enrichment in [Enrichment::BestEffort, Enrichment::Off] {
            let before = world.clerk.calls(Endpoint::Userinfo);
            let config = world
                .accepting(world.oauth().userinfo(enrichment).unprefixed())
                .resource("https://h.example");
            let app = App::new(config);
            for _ in 0..2 {
                assert_eq!(app.bearer(&refresh_token).await.kind(), expected, "{name}");
            }
            if expected.is_some() {
                assert_eq!(world.clerk.calls(Endpoint::Userinfo), before + 1, "{name}");
            }
        }
    }
}

/// The warnings of this crate in a log.
pub fn warnings(log: &Log) -> Vec<String> {
    let text = log.text();
    let ours = text
        .lines()
        .filter(|line| line.contains(" WARN tower_clerk::"));
    ours.map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn a_token_for_others_is_warned_of_once_a_minute_for_each_client() {
    // fault E2
    let clock = ManualClock::new();
    let clerk = ByJti::new();
    let oauth = ByJti::introspection()
        .audiences(["urn:us"])
        .allow_any_client();
    let config = clerk
        .config(oauth)
        .resource("https://h.example/mcp")
        .clock(clock.clone());
    let app = App::new(config);
    let log = Log::default();
    let guard = log.subscribe();
    for number in 0..100 {
        let token = edited(
            "aud",
            json!([format!("https://{number}.example/\n\"x"), "\u{1b}[31m"]),
        );
        app.bearer(&token).await.assert_rejected(401, WrongAudience);
    }
    let told = warnings(&log);
    assert_eq!(told.len(), 1, "{told:#?}");
    let line = &told[0];
    for part in [
        r#"auth.client_id="me""#,
        r#"auth.audience="https://0.example/\n\"x", "\u{1b}[31m""#,
        "https://h.example/mcp",
        "urn:us",
        "`resource`",
        "`audiences`",
        r#"auth.token_kind="oauth_token""#,
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    clock.advance(Duration::from_secs(59));
    let later = |number: u64| edited("aud", format!("https://later-{number}.example"));
    app.bearer(&later(1))
        .await
        .assert_rejected(401, WrongAudience);
    assert_eq!(warnings(&log).len(), 1);
    clock.advance(Duration::from_secs(1));
    app.bearer(&later(2))
        .await
        .assert_rejected(401, WrongAudience);
    assert_eq!(warnings(&log).len(), 2);
    drop(guard);
}

#[tokio::test]
async fn a_token_that_nobody_vouches_for_causes_no_warning() {
    // fault E2
    let world = world();
    let theirs = world
        .clerk
        .token("user_1")
        .resource("https://b.example")
        .jwt()
        .issue();
    let (said, signature) = theirs.rsplit_once('.').unwrap();
    let forged = format!("{said}.{}", signature.replace(|_| true, "A"));
    let log = Log::default();
    let guard = log.subscribe();
    for mode in [
        JwtVerification::Introspect,
        JwtVerification::LocalThenIntrospect,
    ] {
        let app = App::new(
            world
                .accepting(world.oauth().jwts(mode))
                .resource("https://h.example"),
        );
        for _ in 0..2 {
            assert_eq!(app.bearer(&forged).await.status(), 401);
        }
    }
    assert_eq!(warnings(&log), [""; 0]);
    // What was signed does.
    let config = world.accepting(world.oauth().jwts(JwtVerification::LocalThenIntrospect));
    let app = App::new(config.resource("https://h.example"));
    app.bearer(&theirs)
        .await
        .assert_rejected(401, WrongAudience);
    assert_eq!(warnings(&log).len(), 1);
    drop(guard);
}
