//! No token, no key, no cookie and nothing that says who a person is in logs, `Debug` texts, errors, metrics or
//! answers.

use std::{convert::Infallible, error::Error, fmt::Write, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use metrics_exporter_prometheus::PrometheusBuilder;
use tower::{Layer, ServiceExt, service_fn};
use tower_clerk::{
    AuthError, ClerkClaims, ClerkConfig, TokenKind, Tokens,
    config::JwtKeys,
    fake_clerk::{FakeClerk, Fault},
    kinds::{Enrichment, OAuthTokens},
    reject::{JsonBody, ProblemJson},
    testing::ManualClock,
};

use super::{Cookie, KINDS, Kind, LONG};
use crate::{
    jwt::synchronise,
    redaction::{Log, assert_clean},
    support::{App, World},
};

/// What must not be shown has this in it, in whatever case.
const CANARY: &str = "canary";

/// A Clerk whose secrets and users say that they must not be shown.
fn clerk() -> FakeClerk {
    let clerk = FakeClerk::builder()
        .client("me", "CanaryClientSecret")
        .secret_key("sk_test_CanarySecretKey")
        .start()
        .unwrap();
    let user = clerk.user("user_canary").email("canary@example.com");
    user.name("Canary Bird").given_name("Canary").save();
    let _ = clerk.public_key_pem();
    clerk
}

/// With a clock of its own.
fn world(clerk: &FakeClerk) -> World {
    let world = World {
        clerk: clerk.clone(),
        clock: ManualClock::new(),
    };
    synchronise(&world);
    world
}

/// Tokens that are good, expired and nobody's.
fn tokens(kind: Kind, world: &World) -> Vec<String> {
    let clerk = &world.clerk;
    let marked = match kind.token_kind() {
        TokenKind::Session => clerk.session("user_canary").claim("x", CANARY).issue(),
        TokenKind::Machine if kind.is_jwt() => clerk
            .machine_token("mch_canary")
            .scopes(["mch_us"])
            .claim("x", CANARY)
            .jwt()
            .issue(),
        TokenKind::ApiKey => clerk.api_key("user_canary").name("canary").issue(),
        _ => kind.issue(world, LONG),
    };
    let mut tokens = vec![marked, kind.issue(world, 0), kind.good(world)];
    tokens.extend(kind.bad(world, 1));
    tokens
}

/// What must not be found of a token: itself, and of a JWT each part that is its own.
fn traces(token: &str) -> Vec<&str> {
    let parts = token.split('.').skip(1);
    std::iter::once(token).chain(parts).collect()
}

/// What Clerk may answer in place of a verdict; some say a person's name, or where to go.
fn faults() -> [Fault; 8] {
    let json = |status, body: &'static str| Fault::answer(status, "application/json", body);
    [
        Fault::status(500),
        Fault::status(401),
        Fault::malformed(),
        Fault::hang(),
        Fault::reset(),
        json(
            200,
            r#"{"keys":"canary@example.com","active":"canary@example.com"}"#,
        ),
        json(422, r#"{"errors":[{"code":"canary"}]}"#),
        Fault::status(302).header("location", "http://127.0.0.1:1/canary"),
    ]
}

/// Everything that can be printed of a request through a layer.
async fn shown(kind: Kind, app: &App, token: &str) -> String {
    let answer = kind.send(app, token).await;
    let mut text = format!("{answer:#?}");
    if answer.status().is_success() {
        write!(text, "{:#?}", answer.claims()).unwrap();
        write!(text, "{:#?}", answer.claims().user()).unwrap();
    } else {
        let error: &AuthError = answer.error();
        let mut next: Option<&dyn Error> = Some(error);
        while let Some(error) = next {
            write!(text, " {error} {error:?}").unwrap();
            next = error.source();
        }
    }
    let grpc = kind.send_grpc(app, token).await;
    write!(text, "{grpc:#?}").unwrap();
    for is_problem in [true, false] {
        let inner = service_fn(async |request: Request<()>| {
            assert!(
                request
                    .headers()
                    .values()
                    .all(http::HeaderValue::is_sensitive)
            );
            assert!(request.extensions().get::<ClerkClaims>().is_some());
            let shown = format!("{request:?}");
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(shown))))
        });
        let (name, value) = kind.header(token);
        let request = Request::builder().header(name, value).body(()).unwrap();
        let layer = app.layer.clone();
        let response = if is_problem {
            layer
                .reject_with(ProblemJson)
                .layer(inner)
                .oneshot(request)
                .await
        } else {
            layer
                .reject_with(JsonBody)
                .layer(inner)
                .oneshot(request)
                .await
        };
        let Ok(response) = response;
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        write!(text, "{head:?} {}", String::from_utf8_lossy(&body)).unwrap();
    }
    text
}

#[tokio::test]
async fn nothing_that_is_secret_is_shown() {
    let log = Log::default();
    let guard = log.subscribe();
    let clerk = clerk();
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let (mut texts, mut secrets) = (String::new(), Vec::new());
    for kind in KINDS {
        let world = world(&clerk);
        let config = || {
            let mut options = kind.options(&world);
            options.oauth = options.oauth.userinfo(Enrichment::BestEffort);
            kind.config_with_tls(&world, options)
                .attempt_timeout(Duration::from_millis(300))
                .timeout(Duration::from_millis(600))
        };
        write!(texts, "{:#?} {:#?}", config(), config().build().unwrap()).unwrap();
        let app = |config| metrics::with_local_recorder(&recorder, || App::new(config));
        let tokens = tokens(kind, &world);
        for users in [Enrichment::Off, Enrichment::BestEffort] {
            let app = app(config().users(users));
            for token in &tokens {
                texts += &shown(kind, &app, token).await;
                app.layer.authenticator().invalidate(Tokens::one(token));
                app.layer
                    .authenticator()
                    .invalidate(Tokens::of_subject(kind.subject()));
            }
            write!(
                texts,
                "{:#?} {:?}",
                app.layer,
                app.layer.authenticator().stats()
            )
            .unwrap();
            write!(texts, "{:?}", app.layer.authenticator().health()).unwrap();
        }
        for endpoint in kind.endpoints() {
            let app = app(config());
            for fault in faults() {
                world.clerk.fail(*endpoint, fault);
                let answer = kind.send(&app, &tokens[0]).await;
                assert_eq!(answer.status(), 503, "{kind:?}, {answer:?}");
                texts += &format!("{answer:?} {:?}", answer.error().source());
                world.clerk.heal_all();
                // Whatever pause there is, it is over.
                world.clock.advance(Duration::from_secs(2));
            }
        }
        secrets.extend(tokens);
    }
    drop(guard);
    let log = log.text();
    let metrics = metrics.render();
    assert!(log.contains("request to Clerk failed"), "{log}");
    assert!(metrics.contains("clerk_auth_requests_total"), "{metrics}");
    for (name, text) in [
        ("the log", &log),
        ("a text", &texts),
        ("a metric", &metrics),
    ] {
        for secret in &secrets {
            assert_clean(name, text, &traces(secret));
        }
        assert_clean(name, &text.to_lowercase(), &[CANARY]);
    }
}

#[test]
fn keys_of_the_configuration_are_not_shown() {
    let world = world(&clerk());
    let pem = world.clerk.public_key_pem();
    let bare = || Cookie.config_with_tls(&world, Cookie.options(&world));
    let config = || bare().jwt_keys(JwtKeys::pem(&pem));
    let with = |pem: &str| JwtKeys::pem(pem);
    let layer = tower_clerk::ClerkAuthLayer::new(config().build().unwrap());
    let texts = format!(
        "{:#?} {:#?} {layer:#?}",
        config(),
        config().build().unwrap()
    );
    let lines: Vec<_> = pem.lines().collect();
    assert!(lines.len() > 2);
    assert_clean("a configuration", &texts, &lines);
    assert_clean("a configuration", &texts.to_lowercase(), &[CANARY]);
    // What somebody took for the public key may be the private one.
    let error = |config: tower_clerk::ClerkConfigBuilder| {
        let error = config.build().unwrap_err();
        format!("{error} {error:?}").to_lowercase()
    };
    for wrong in [
        config().jwt_keys(with(
            "-----BEGIN PRIVATE KEY-----\nCanary\n-----END PRIVATE KEY-----",
        )),
        config().jwt_keys(with("canary")),
        config().secret_key("sk_test_canary\n"),
        config().secret_key("canary key"),
        config().accept(OAuthTokens::introspection("me", "canary\u{7f}")),
        ClerkConfig::builder("clerk.example.com").jwt_keys(with("canary")),
    ] {
        assert_clean("an error", &error(wrong), &[CANARY]);
    }
}
