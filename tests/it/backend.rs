//! The Backend API: OAuth tokens, machine tokens and API keys that are asked about with the secret key.

mod rejections;

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tower_clerk::{
    AuthErrorKind, ClerkConfigBuilder, TokenKind,
    fake_clerk::{Endpoint, Fault, TimeUnit},
    kinds::{Enrichment, MachineTokens, OAuthTokens},
};

use crate::{
    audiences::warnings,
    redaction::Log,
    support::{App, Kinds, World, unix_seconds},
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
    let oauth = oauth().allow_clients([world.clerk.client_id()]);
    with_key(Kinds::of(oauth).accept(world.nothing(), [kind]), world)
}

/// OAuth tokens by the Backend API.
fn oauth() -> OAuthTokens {
    OAuthTokens::backend_api().userinfo(Enrichment::Off)
}

fn with_key(config: ClerkConfigBuilder, world: &World) -> ClerkConfigBuilder {
    config
        .secret_key(world.clerk.secret_key())
        .backend_api_url(world.clerk.url())
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

#[tokio::test]
async fn good_token_is_asked_about_once() {
    for kind in KINDS {
        let world = World::new();
        let app = app(&world, kind);
        let token = good(&world, kind);
        let answers = join_all((0..20).map(|_| app.bearer(&token))).await;
        for answer in answers {
            answer.assert_accepted();
            assert_eq!(answer.claims().kind(), kind);
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
    let seconds = |time| i64::try_from(unix_seconds(time)).unwrap();
    assert!((now - 5..=now).contains(&seconds(claims.issued_at().unwrap())));
    assert!(seconds(claims.expires_at().unwrap()) > now);

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
            .assert_rejected(401, AuthErrorKind::Inactive);
    }
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
            let now = i64::try_from(crate::support::unix_seconds(world.clock.now())).unwrap();
            let seconds = |time| i64::try_from(unix_seconds(time)).unwrap();
            let left = seconds(answer.claims().expires_at().unwrap()) - now;
            assert!((15..=21).contains(&left), "{kind:?}, {unit:?}: {left}");
            let age = now - seconds(answer.claims().issued_at().unwrap());
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
        .assert_rejected(401, AuthErrorKind::Inactive);
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
                answer.assert_rejected(401, AuthErrorKind::UnsupportedToken);
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
                .assert_rejected(401, AuthErrorKind::WrongClient);
        }
    }
    App::new(with_key(
        world.accepting(oauth().allow_any_client()),
        &world,
    ))
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
    let us = || MachineTokens::addressed_to(["mch_us"]);
    let config = |machine| with_key(world.accepting(machine), &world);
    let machine_key = world.clerk.machine_secret_key("mch_us");
    // With the key of the instance, it is we who look; with that of a machine, Clerk does.
    for (machine, kind) in [
        (us(), AuthErrorKind::WrongMachine),
        (
            us().machine_secret_key(&machine_key),
            AuthErrorKind::Inactive,
        ),
    ] {
        let app = App::new(config(machine));
        app.bearer(&ours).await.assert_accepted();
        for token in [&others, &nobodys] {
            for _ in 0..2 {
                app.bearer(token).await.assert_rejected(401, kind);
            }
        }
    }
    let app = App::new(config(MachineTokens::addressed_to_any()));
    app.bearer(&others).await.assert_accepted();
    // Clerk looks, and so do we: its machine is not the one that we say we are.
    let app = {
        let other = MachineTokens::addressed_to(["mch_other"]);
        App::new(config(other.machine_secret_key(machine_key)))
    };
    app.bearer(&ours)
        .await
        .assert_rejected(401, AuthErrorKind::WrongMachine);
}

#[tokio::test]
async fn a_machine_token_for_another_machine_is_warned_of_with_the_option() {
    // fault H5
    let world = World::new();
    let opaque = world.clerk.machine_token("mch_them").scopes(["mch_other"]);
    let jwt = world
        .clerk
        .machine_token("mch_them")
        .scopes(["mch_other"])
        .jwt();
    for token in [opaque.issue(), jwt.issue()] {
        let log = Log::default();
        let guard = log.subscribe();
        let machines = MachineTokens::addressed_to(["mch_us"]).jwts();
        let app = App::new(with_key(world.accepting(machines), &world));
        for _ in 0..2 {
            app.bearer(&token)
                .await
                .assert_rejected(401, AuthErrorKind::WrongMachine);
        }
        let warnings = warnings(&log);
        let [warning] = &*warnings else {
            panic!("{warnings:?}");
        };
        for part in [
            "WrongMachine",
            "mch_other",
            "mch_us",
            "`addressed_to`",
            "CLERK_MACHINES",
        ] {
            assert!(warning.contains(part), "{part}: {warning}");
        }
        drop(guard);
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
    let config = |oauth| with_key(world.accepting(oauth), &world);
    App::new(config(world.oauth().userinfo(Enrichment::Off)))
        .bearer(&token)
        .await
        .assert_accepted();
    let counts = || {
        (
            world.clerk.calls(Endpoint::Introspection),
            world.clerk.calls(Endpoint::OAuthVerification),
        )
    };
    assert_eq!(counts(), (1, 0), "a secret key changes nothing by itself");
    let app = App::new(config(oauth().allow_clients([world.clerk.client_id()])));
    app.bearer(&token).await.assert_accepted();
    assert_eq!(counts(), (1, 1));
}
