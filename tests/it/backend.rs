//! The Backend API: OAuth tokens, machine tokens and API keys that are asked about with the secret key.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tower_clerk::{
    AuthErrorKind, BreakerState, ClerkConfig, ClerkConfigBuilder, Enrichment, OAuthEndpoint,
    TokenKind,
    fake_clerk::{Endpoint, Fault, TimeUnit},
};

use crate::{
    redaction::Log,
    support::{App, World},
};

/// The kinds of tokens that the Backend API is asked about.
const KINDS: [TokenKind; 3] = [TokenKind::OAuth, TokenKind::Machine, TokenKind::ApiKey];

fn endpoint(kind: TokenKind) -> Endpoint {
    match kind {
        TokenKind::OAuth => Endpoint::OAuthVerification,
        TokenKind::Machine => Endpoint::MachineTokenVerification,
        _ => Endpoint::ApiKeyVerification,
    }
}

/// A configuration for tokens of one kind, without credentials of a client.
fn config(world: &World, kind: TokenKind) -> ClerkConfigBuilder {
    ClerkConfig::builder(world.clerk.url())
        .clock(world.clock.clone())
        .accept([kind])
        .oauth_endpoint(OAuthEndpoint::BackendApi)
        .allow_clients([world.clerk.client_id()])
        .machines(["mch_us"])
        .secret_key(world.clerk.secret_key())
        .backend_api_url(world.clerk.url())
        .enrichment(Enrichment::Off)
}

fn app(world: &World, kind: TokenKind) -> App {
    App::new(config(world, kind))
}

fn good(world: &World, kind: TokenKind) -> String {
    match kind {
        TokenKind::OAuth => world.clerk.token("user_1").issue(),
        TokenKind::Machine => {
            let token = world.clerk.machine_token("mch_them");
            token.scopes(["mch_us", "mch_other"]).issue()
        }
        _ => world.clerk.api_key("user_1").issue(),
    }
}

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

/// Refused, and the second time from the cache. So it is by every layer.
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
async fn good_token_is_asked_about_once() {
    for kind in KINDS {
        let world = World::new();
        let app = app(&world, kind);
        let token = good(&world, kind);
        let answers = join_all((0..20).map(|_| app.bearer(&token))).await;
        for answer in answers {
            answer.assert_accepted();
            assert_eq!(answer.claims().token_kind(), kind);
        }
        app.bearer(&token).await.assert_accepted();
        assert_eq!(world.clerk.calls(endpoint(kind)), 1, "{kind:?}");
        assert_eq!(
            world.clerk.total_calls(),
            1,
            "{kind:?}: nobody else was asked"
        );
    }
}

#[tokio::test]
async fn claims_are_those_of_the_answer() {
    let world = World::new();
    let token = world
        .clerk
        .token("user_1")
        .scopes(["email", "profile"])
        .issue();
    let answer = app(&world, TokenKind::OAuth).bearer(&token).await;
    let claims = answer.claims();
    assert_eq!(claims.subject(), "user_1");
    assert_eq!(claims.client_id(), Some(&*world.clerk.client_id()));
    assert!(claims.has_scope("email") && claims.has_scope("profile"));
    let now = i64::try_from(world.clerk.now()).unwrap();
    assert!((now - 5..=now).contains(&claims.issued_at().unwrap()));
    assert!(claims.expires_at().unwrap() > now);

    let machine = world.clerk.machine_token("mch_them").scopes(["mch_us"]);
    let token = machine.claim("tenant", "t1").issue();
    let answer = app(&world, TokenKind::Machine).bearer(&token).await;
    #[derive(serde::Deserialize)]
    struct Mine {
        sub: String,
        scope: String,
        claims: Value,
    }
    let mine: Mine = answer.claims().claims_as().unwrap();
    assert_eq!((&*mine.sub, &*mine.scope), ("mch_them", "mch_us"));
    assert_eq!(mine.claims, json!({"tenant": "t1"}));

    for subject in ["user_1", "org_1", "mch_1"] {
        let key = world.clerk.api_key(subject).scopes(["read"]).issue();
        let answer = app(&world, TokenKind::ApiKey).bearer(&key).await;
        assert_eq!(answer.claims().subject(), subject);
        assert!(answer.claims().has_scope("read"));
        assert_eq!(answer.claims().expires_at(), None);
    }
}

#[tokio::test]
async fn request_is_the_documented_one() {
    for (kind, member, path) in [
        (
            TokenKind::OAuth,
            "access_token",
            "/v1/oauth_applications/access_tokens/verify",
        ),
        (TokenKind::Machine, "token", "/v1/m2m_tokens/verify"),
        (TokenKind::ApiKey, "secret", "/v1/api_keys/verify"),
    ] {
        let world = World::new();
        let token = good(&world, kind);
        let app = App::new(config(&world, kind).backend_api_version("2025-11-10"));
        let authorization = format!("Bearer {token}");
        let headers = [
            ("authorization", &*authorization),
            ("origin", "https://canary.example"),
            ("cookie", "canary"),
            ("x-forwarded-for", "canary"),
            ("clerk-api-version", "canary"),
        ];
        app.send(&headers).await.assert_accepted();
        let requests = world.clerk.requests();
        let [request] = &requests[..] else {
            panic!("there is one request")
        };
        assert_eq!(request.method, "POST");
        assert_eq!(request.path, path);
        assert_eq!(request.query, None);
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(sent, json!({ member: token }));
        let header = |name: &str| {
            request
                .headers
                .get(name)
                .map(|value| value.to_str().unwrap())
        };
        assert_eq!(
            header("authorization"),
            Some(&*format!("Bearer {}", world.clerk.secret_key()))
        );
        assert_eq!(header("clerk-api-version"), Some("2025-11-10"));
        assert_eq!(header("content-type"), Some("application/json"));
        let others = format!("{:?}", request.headers);
        assert!(!others.contains("canary"), "{others}");
    }
}

#[tokio::test]
async fn api_keys_have_slashes_and_padding() {
    let world = World::new();
    let app = app(&world, TokenKind::ApiKey);
    let key = world.clerk.api_key("user_1").issue();
    assert!(key.contains('/') && key.ends_with('='), "{key}");
    app.bearer(&key).await.assert_accepted();
    // Neither is cut off.
    for other in [key.trim_end_matches('=').to_owned(), format!("{key}=")] {
        app.bearer(&other)
            .await
            .assert_refused(401, AuthErrorKind::Inactive);
    }
}

#[tokio::test]
async fn token_that_is_no_good_is_refused_in_every_way_to_say_so() {
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
    use AuthErrorKind::{CredentialsRejected, RateLimited, UpstreamProtocol, UpstreamUnavailable};
    for (name, fault, kind) in [
        ("401", Fault::status(401), CredentialsRejected),
        ("403", Fault::status(403), CredentialsRejected),
        ("422", Fault::status(422), UpstreamProtocol),
        ("302", Fault::status(302), UpstreamProtocol),
        ("429", Fault::status(429), RateLimited),
        ("500", Fault::status(500), UpstreamUnavailable),
        ("503", Fault::status(503), UpstreamUnavailable),
        ("reset", Fault::reset(), UpstreamUnavailable),
        ("hang", Fault::hang(), UpstreamUnavailable),
        ("malformed", Fault::malformed(), UpstreamProtocol),
        ("oversized", Fault::oversized(70_000), UpstreamProtocol),
        (
            "404 of a proxy",
            Fault::answer(404, "text/html", "<html>"),
            UpstreamProtocol,
        ),
        (
            "no JSON",
            Fault::answer(200, "text/plain", good("api_key").to_string()),
            UpstreamProtocol,
        ),
        ("array", text("[]"), UpstreamProtocol),
        ("empty object", text("{}"), UpstreamProtocol),
        ("active alone", text(r#"{"active":true}"#), UpstreamProtocol),
        (
            "another object",
            json_of(good("machine_to_machine_token")),
            UpstreamProtocol,
        ),
        ("without revoked", without("revoked"), UpstreamProtocol),
        ("without expired", without("expired"), UpstreamProtocol),
        ("without subject", without("subject"), UpstreamProtocol),
        (
            "revoked is a text",
            with("revoked", json!("false")),
            UpstreamProtocol,
        ),
        (
            "expired is null",
            with("expired", json!(null)),
            UpstreamProtocol,
        ),
        (
            "end is a text",
            with("expiration", json!("never")),
            UpstreamProtocol,
        ),
        (
            "active is a text",
            with("active", json!("true")),
            UpstreamProtocol,
        ),
        (
            "revoked twice",
            text(r#"{"subject":"user_1","revoked":true,"revoked":false,"expired":false}"#),
            UpstreamProtocol,
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
        world.clock.advance(Duration::from_secs(2));
        for app in &apps {
            app.bearer(&key).await.assert_accepted();
        }
    }
}

#[tokio::test]
async fn answer_that_was_good_but_for_one_member() {
    // That the answers above are refused for what is wrong in them.
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
            assert_eq!(app.layer.health().backend_api, BreakerState::Closed);
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
    assert_eq!(app.layer.health().backend_api, BreakerState::Open);
    assert_eq!(world.clerk.calls(Endpoint::ApiKeyVerification), 10);
}

#[tokio::test]
async fn end_of_a_token_counts_in_either_unit() {
    for unit in [TimeUnit::Seconds, TimeUnit::Milliseconds] {
        let world = World::new();
        world.clerk.backend_times_in(unit);
        let lifetime = Duration::from_secs(20);
        let tokens = [
            (
                TokenKind::OAuth,
                world.clerk.token("user_1").lifetime(lifetime).issue(),
            ),
            (
                TokenKind::Machine,
                world
                    .clerk
                    .machine_token("mch_1")
                    .scopes(["mch_us"])
                    .lifetime(lifetime)
                    .issue(),
            ),
            (
                TokenKind::ApiKey,
                world.clerk.api_key("user_1").lifetime(lifetime).issue(),
            ),
        ];
        for (kind, token) in tokens {
            let world = World {
                clerk: world.clerk.clone(),
                clock: world.clock.clone(),
            };
            let app = app(&world, kind);
            let answer = app.bearer(&token).await;
            let now = i64::try_from(world.clock.unix_seconds()).unwrap();
            let left = answer.claims().expires_at().unwrap() - now;
            assert!((15..=21).contains(&left), "{kind:?}, {unit:?}: {left}");
            let age = now - answer.claims().issued_at().unwrap();
            assert!((-1..5).contains(&age), "{kind:?}, {unit:?}: {age}");
        }
        // From the cache, and before its TTL.
        let app = app(&world, TokenKind::ApiKey);
        let key = world.clerk.api_key("user_1").lifetime(lifetime).issue();
        app.bearer(&key).await.assert_accepted();
        world.clerk.advance(Duration::from_secs(22));
        world.clock.advance(Duration::from_secs(22));
        assert_eq!(app.bearer(&key).await.status(), 401, "{unit:?}");
    }
}

#[tokio::test]
async fn token_that_never_ends_is_good_for_the_ttl() {
    let world = World::new();
    let key = world.clerk.api_key("user_1").issue();
    let app = app(&world, TokenKind::ApiKey);
    // An API key is older than a day without being suspect for it.
    world.clerk.advance(Duration::from_secs(10 * 86_400));
    world.clock.advance(Duration::from_secs(10 * 86_400));
    app.bearer(&key).await.assert_accepted();
    world.clock.advance(Duration::from_secs(15));
    app.bearer(&key).await.assert_accepted();
    assert_eq!(world.clerk.calls(Endpoint::ApiKeyVerification), 1);
    world.clerk.revoke(&key);
    world.clock.advance(Duration::from_secs(16));
    app.bearer(&key)
        .await
        .assert_refused(401, AuthErrorKind::Inactive);
}

#[tokio::test]
async fn no_kind_passes_for_another() {
    let world = World::new();
    for accepted in KINDS {
        let app = app(&world, accepted);
        for kind in KINDS {
            if kind == accepted {
                continue;
            }
            let before = world.clerk.total_calls();
            for _ in 0..2 {
                let answer = app.bearer(&good(&world, kind)).await;
                answer.assert_refused(401, AuthErrorKind::UnsupportedToken);
            }
            assert_eq!(world.clerk.total_calls(), before, "{accepted:?}, {kind:?}");
        }
    }
}

#[tokio::test]
async fn oauth_token_is_of_an_allowed_client() {
    let world = World::new();
    world.clerk.register_client("another", "secret");
    let token = world.clerk.token("user_1").client_id("another").issue();
    let config = || config(&world, TokenKind::OAuth);
    for _ in 0..2 {
        let app = App::new(config());
        for _ in 0..2 {
            app.bearer(&token)
                .await
                .assert_refused(401, AuthErrorKind::WrongClient);
        }
    }
    App::new(config().allow_any_client())
        .bearer(&token)
        .await
        .assert_accepted();
}

#[tokio::test]
async fn machine_token_is_addressed_to_us() {
    let world = World::new();
    let of = |scopes: &[&str]| {
        let token = world.clerk.machine_token("mch_them");
        token.scopes(scopes.iter().copied()).issue()
    };
    let ours = of(&["mch_us"]);
    let others = of(&["mch_other"]);
    let nobodys = of(&[]);
    let config = || config(&world, TokenKind::Machine);
    let machine_key = world.clerk.machine_secret_key("mch_us");
    // With the key of the instance, it is we who look; with that of a machine, Clerk does.
    for (key, kind) in [
        (world.clerk.secret_key(), AuthErrorKind::WrongAudience),
        (machine_key.clone(), AuthErrorKind::Inactive),
    ] {
        let app = App::new(config().secret_key(key));
        app.bearer(&ours).await.assert_accepted();
        for token in [&others, &nobodys] {
            for _ in 0..2 {
                app.bearer(token).await.assert_refused(401, kind);
            }
        }
    }
    let app = App::new(config().allow_any_machine());
    app.bearer(&others).await.assert_accepted();
    // Clerk looks, and so do we: its machine is not the one that we say we are.
    let app = App::new(config().machines(["mch_other"]).secret_key(machine_key));
    app.bearer(&ours)
        .await
        .assert_refused(401, AuthErrorKind::WrongAudience);
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
            answer.assert_refused(503, AuthErrorKind::CredentialsRejected);
            assert_eq!(answer.challenge(), None);
        }
        drop(guard);
        assert!(app.layer.health().credentials_rejected);
        assert_eq!(app.layer.health().backend_api, BreakerState::Closed);
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

#[tokio::test]
async fn nothing_secret_is_shown() {
    let world = World::new();
    let log = Log::default();
    let guard = log.subscribe();
    let mut texts = String::new();
    let mut secrets = vec![world.clerk.secret_key()];
    for kind in KINDS {
        let token = good(&world, kind);
        for fault in [
            None,
            Some(Fault::status(500)),
            Some(Fault::malformed()),
            Some(Fault::status(404)),
        ] {
            if let Some(fault) = fault {
                world.clerk.fail(endpoint(kind), fault);
            }
            let app = app(&world, kind);
            let answer = app.bearer(&token).await;
            texts += &format!("{answer:#?} {:#?}", app.layer);
            world.clerk.heal_all();
        }
        texts += &format!("{:#?}", config(&world, kind).build().unwrap());
        secrets.push(token);
    }
    drop(guard);
    texts += &log.text();
    for secret in secrets {
        assert!(!texts.contains(&secret), "{secret}");
    }
    assert!(
        texts.contains("backend_api_keys"),
        "the endpoints are named"
    );
}

#[tokio::test]
async fn oauth_tokens_are_asked_about_where_the_configuration_says() {
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let config = || {
        world
            .config()
            .enrichment(Enrichment::Off)
            .secret_key(world.clerk.secret_key())
            .backend_api_url(world.clerk.url())
    };
    App::new(config()).bearer(&token).await.assert_accepted();
    let counts = || {
        (
            world.clerk.calls(Endpoint::Introspection),
            world.clerk.calls(Endpoint::OAuthVerification),
        )
    };
    assert_eq!(counts(), (1, 0), "a secret key changes nothing by itself");
    let app = App::new(config().oauth_endpoint(OAuthEndpoint::BackendApi));
    app.bearer(&token).await.assert_accepted();
    assert_eq!(counts(), (1, 1));
}
