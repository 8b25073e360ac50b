//! What the Backend API can answer that lets nobody in, and whose fault that is.

use std::time::Duration;

use serde_json::{Value, json};
use tower_clerk::{
    AuthErrorKind, TokenKind,
    fake_clerk::{Endpoint, Fault},
    observe::BreakerState,
};

use super::{KINDS, app, config, endpoint, good};
use crate::{
    redaction::Log,
    support::{App, World},
};

fn expired(world: &World, kind: TokenKind) -> String {
    match kind {
        TokenKind::OAuth => world.clerk.token("user_1").expired().issue(),
        TokenKind::Machine => {
            let token = world.clerk.machine_token("mch_them");
            token.scopes(["mch_us"]).expired().issue()
        }
        _ => world.clerk.api_key("user_1").expired().issue(),
    }
}

fn unknown(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::OAuth => "oat_unknown",
        TokenKind::Machine => "mt_unknown",
        _ => "ak_unknown/with+signs==",
    }
}

/// Rejected, and the second time from the cache. So it is by every layer.
async fn assert_bad(world: &World, kind: TokenKind, token: &str, name: &str) {
    for _ in 0..2 {
        let app = app(world, kind);
        let before = world.clerk.total_calls();
        for _ in 0..2 {
            let answer = app.bearer(token).await;
            assert_eq!(
                answer.kind(),
                Some(AuthErrorKind::Inactive),
                "{kind:?}, {name}"
            );
            assert_eq!(answer.status(), 401, "{kind:?}, {name}");
        }
        assert_eq!(world.clerk.total_calls() - before, 1, "{kind:?}, {name}");
        assert_eq!(app.inner_calls(), 0);
    }
}

#[tokio::test]
async fn token_that_is_no_good_is_rejected_in_every_way_to_say_so() {
    for kind in KINDS {
        let world = World::new();
        let revoked = good(&world, kind);
        world.clerk.revoke(&revoked);
        let expired = expired(&world, kind);
        for hides in [false, true] {
            world.clerk.hide_inactive_tokens(hides);
            assert_bad(&world, kind, &revoked, "revoked").await;
            assert_bad(&world, kind, &expired, "expired").await;
        }
        assert_bad(&world, kind, unknown(kind), "unknown").await;
        let token = good(&world, kind);
        for (name, fault) in [
            ("400", Fault::status(400)),
            ("404", Fault::status(404)),
            ("the second shape", json_of(json!({ "active": false }))),
        ] {
            world.clerk.fail(endpoint(kind), fault);
            assert_bad(&world, kind, &token, name).await;
            world.clerk.heal_all();
        }
    }
}

#[tokio::test]
async fn oauth_jwt_that_is_no_good_is_called_inactive() {
    let world = World::new();
    let good = world.clerk.token("user_1").jwt().issue();
    app(&world, TokenKind::OAuth)
        .bearer(&good)
        .await
        .assert_accepted();
    world.clerk.revoke(&good);
    assert_bad(&world, TokenKind::OAuth, &good, "revoked JWT").await;
}

fn json_of(body: Value) -> Fault {
    Fault::answer(200, "application/json", body.to_string())
}

#[tokio::test]
async fn what_is_no_answer_is_an_outage_and_not_remembered() {
    let good = |object: &str| {
        json!({
            "object": object, "id": "x_1", "client_id": "client_1", "subject": "user_1",
            "scopes": [], "revoked": false, "expired": false, "expiration": null,
            "created_at": 1_700_000_000,
        })
    };
    let with = |name: &str, value: Value| {
        let mut body = good("api_key");
        body[name] = value;
        json_of(body)
    };
    let without = |name: &str| {
        let mut body = good("api_key");
        body.as_object_mut().unwrap().remove(name);
        json_of(body)
    };
    let text = |body: &'static str| Fault::answer(200, "application/json", body);
    use AuthErrorKind::{
        CredentialsRejected, InvalidUpstreamResponse, RateLimited, UpstreamUnavailable,
    };
    for (name, fault, kind) in [
        ("401", Fault::status(401), CredentialsRejected),
        ("403", Fault::status(403), CredentialsRejected),
        ("422", Fault::status(422), InvalidUpstreamResponse),
        ("302", Fault::status(302), InvalidUpstreamResponse),
        ("429", Fault::status(429), RateLimited),
        ("500", Fault::status(500), UpstreamUnavailable),
        ("503", Fault::status(503), UpstreamUnavailable),
        ("reset", Fault::reset(), UpstreamUnavailable),
        ("hang", Fault::hang(), UpstreamUnavailable),
        ("malformed", Fault::malformed(), InvalidUpstreamResponse),
        (
            "oversized",
            Fault::oversized(70_000),
            InvalidUpstreamResponse,
        ),
        (
            "404 of a proxy",
            Fault::answer(404, "text/html", "<html>"),
            InvalidUpstreamResponse,
        ),
        (
            "no JSON",
            Fault::answer(200, "text/plain", good("api_key").to_string()),
            InvalidUpstreamResponse,
        ),
        ("array", text("[]"), InvalidUpstreamResponse),
        ("empty object", text("{}"), InvalidUpstreamResponse),
        (
            "active alone",
            text(r#"{"active":true}"#),
            InvalidUpstreamResponse,
        ),
        (
            "another object",
            json_of(good("machine_to_machine_token")),
            InvalidUpstreamResponse,
        ),
        (
            "without revoked",
            without("revoked"),
            InvalidUpstreamResponse,
        ),
        (
            "without expired",
            without("expired"),
            InvalidUpstreamResponse,
        ),
        (
            "without subject",
            without("subject"),
            InvalidUpstreamResponse,
        ),
        (
            "revoked is a text",
            with("revoked", json!("false")),
            InvalidUpstreamResponse,
        ),
        (
            "expired is null",
            with("expired", json!(null)),
            InvalidUpstreamResponse,
        ),
        (
            "end is a text",
            with("expiration", json!("never")),
            InvalidUpstreamResponse,
        ),
        (
            "active is a text",
            with("active", json!("true")),
            InvalidUpstreamResponse,
        ),
        (
            "revoked twice",
            text(r#"{"subject":"user_1","revoked":true,"revoked":false,"expired":false}"#),
            InvalidUpstreamResponse,
        ),
    ] {
        let world = World::new();
        let key = world.clerk.api_key("user_1").issue();
        world.clerk.fail(Endpoint::ApiKeyVerification, fault);
        let config = || {
            config(&world, TokenKind::ApiKey)
                .timeout(Duration::from_millis(400))
                .attempt_timeout(Duration::from_millis(200))
        };
        let apps = [App::new(config()), App::new(config())];
        for app in &apps {
            for _ in 0..2 {
                let answer = app.bearer(&key).await;
                assert_eq!(answer.kind(), Some(kind), "{name}");
                assert_eq!(answer.status(), 503, "{name}");
                assert_eq!(answer.challenge(), None, "{name}");
            }
            assert_eq!(app.inner_calls(), 0, "{name}");
        }
        world.clerk.heal_all();
        // What a token provokes is remembered for it (fault B1).
        world.clock.advance(Duration::from_secs(5));
        for app in &apps {
            app.bearer(&key).await.assert_accepted();
        }
    }
}

#[tokio::test]
async fn answer_that_was_good_but_for_one_member() {
    // That the answers above are rejected for what is wrong in them.
    let world = World::new();
    let key = world.clerk.api_key("user_1").issue();
    let body = json!({
        "object": "api_key", "id": "x_1", "subject": "user_1", "scopes": [], "revoked": false,
        "expired": false, "expiration": null, "created_at": 1_700_000_000,
    });
    world
        .clerk
        .fail(Endpoint::ApiKeyVerification, json_of(body));
    app(&world, TokenKind::ApiKey)
        .bearer(&key)
        .await
        .assert_accepted();
}

#[tokio::test]
async fn nobody_opens_the_breaker_with_bad_tokens() {
    for kind in KINDS {
        for fault in [None, Some(400), Some(404), Some(422), Some(413)] {
            let world = World::new();
            let app = app(&world, kind);
            if let Some(status) = fault {
                world.clerk.fail(endpoint(kind), Fault::status(status));
            }
            for number in 0..30 {
                let token = format!("{}{number}", unknown(kind).trim_end_matches('='));
                app.bearer(&token).await;
            }
            assert_eq!(world.clerk.calls(endpoint(kind)), 30);
            assert_eq!(
                app.layer.authenticator().health().backend_api,
                BreakerState::Closed
            );
            world.clerk.heal_all();
            app.bearer(&good(&world, kind)).await.assert_accepted();
        }
    }
}

#[tokio::test]
async fn outage_opens_the_breaker() {
    let world = World::new();
    world
        .clerk
        .fail(Endpoint::ApiKeyVerification, Fault::status(500));
    let app = app(&world, TokenKind::ApiKey);
    for number in 0..30 {
        app.bearer(&format!("ak_{number}")).await;
    }
    assert_eq!(
        app.layer.authenticator().health().backend_api,
        BreakerState::Open
    );
    assert_eq!(world.clerk.calls(Endpoint::ApiKeyVerification), 10);
}

#[tokio::test]
async fn wrong_secret_key_is_our_fault_and_logged_as_an_error() {
    for kind in KINDS {
        let world = World::new();
        let log = Log::default();
        let guard = log.subscribe();
        let app = App::new(config(&world, kind).secret_key("sk_test_canary"));
        let token = good(&world, kind);
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_rejected(503, AuthErrorKind::CredentialsRejected);
            assert_eq!(answer.challenge(), None);
        }
        drop(guard);
        assert!(app.layer.authenticator().health().credentials_rejected);
        assert_eq!(
            app.layer.authenticator().health().backend_api,
            BreakerState::Closed
        );
        let text = log.text();
        let errors: Vec<_> = text.lines().filter(|line| line.contains("ERROR")).collect();
        assert_eq!(errors.len(), 2, "{text}");
        for error in errors {
            assert!(error.contains("CLERK_SECRET_KEY"), "{error}");
            assert!(!error.contains("CLERK_OAUTH_CLIENT"), "{error}");
        }
        assert!(!text.contains("canary") && !text.contains(&token), "{text}");
    }
}
