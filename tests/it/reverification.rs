//! The ages of factors, and the rule about them.

use std::time::Duration;

use axum::{Router, body::Body, response::IntoResponse, routing::get};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, RequireLayer,
    authorize::Reverification,
    claims::{FactorAge, SessionStatus},
    fake_clerk::SessionBuilder,
    kinds::{ApiKeys, SessionTokens},
    reject::{JsonBody, ProblemJson, RejectResponse, Rejection},
};

use crate::{
    rules::{ask, text},
    support::{App, World, as_grpc, request, unix, unix_seconds},
    wire::{send, serve},
};

const MINUTE: Duration = Duration::from_secs(60);

/// A world whose clock is on a whole second.
fn world() -> World {
    let world = World::new();
    world.clock.set(unix(world.clerk.now()));
    world
}

/// A session token that is issued at the time of the world's clock.
fn session(world: &World) -> SessionBuilder<'_> {
    let session = world.clerk.session("user_1").lifetime(10 * MINUTE);
    session.claim("iat", unix_seconds(world.clock.now()))
}

#[tokio::test]
async fn an_age_is_that_at_the_time_of_the_request() {
    let world = world();
    let app = App::new(world.accepting(SessionTokens::new()));
    let token = session(&world).factor_age([3, -1]).issue();
    let mut earlier = None;
    for (step, expected) in [(0, 180), (1, 181), (29, 210), (30, 240)] {
        world.clock.advance(Duration::from_secs(step));
        let answer = app.bearer(&token).await;
        answer.assert_accepted();
        let FactorAge { first, second, .. } = answer.claims().factor_age().unwrap();
        assert_eq!(first, Some(Duration::from_secs(expected)));
        assert_eq!(second, None);
        earlier.get_or_insert_with(|| answer.claims().clone());
    }
    assert!(app.layer.authenticator().stats().hits > 0);
    // Claims that a handler keeps grow older, too.
    let age = earlier.and_then(|claims| claims.factor_age()?.first);
    assert_eq!(age, Some(4 * MINUTE));
}

#[tokio::test]
async fn an_age_that_is_not_clerks_is_unknown() {
    type Case = (
        &'static str,
        for<'a> fn(SessionBuilder<'a>) -> SessionBuilder<'a>,
        bool,
    );
    let cases: [Case; 7] = [
        ("version 2", |it| it, true),
        ("version 1", |it| it.v1(), true),
        ("absent", |it| it.claim("fva", Value::Null), false),
        ("one number", |it| it.claim("fva", json!([1])), false),
        ("a fraction", |it| it.claim("fva", json!([0.5, 1])), false),
        ("no time of issue", |it| it.claim("iat", Value::Null), false),
        ("a later version", |it| it.claim("v", 3), false),
    ];
    let world = world();
    let layer = ClerkAuthLayer::new(world.accepting(SessionTokens::new()).build().unwrap());
    let app = App::of(layer.clone());
    let route = get(async || "in").layer(RequireLayer::reverification(Reverification::lax()));
    let router = Router::new().route("/", route).layer(layer);
    for (name, change, is_known) in cases {
        let token = change(session(&world)).issue();
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_accepted();
            assert_eq!(answer.claims().factor_age().is_some(), is_known, "{name}");
            let bearer = format!("Bearer {token}");
            let response = ask(&router, "/", &[("authorization", &bearer)]).await;
            let expected = if is_known { 200 } else { 403 };
            assert_eq!(response.status(), expected, "{name}");
        }
    }
}

#[tokio::test]
async fn a_session_has_a_status() {
    let world = world();
    let app = App::new(world.accepting(SessionTokens::new().allow_pending()));
    let session = || world.clerk.session("user_1");
    for (token, expected) in [
        (session().issue(), Some(SessionStatus::Active)),
        (session().pending().issue(), Some(SessionStatus::Pending)),
        (session().v1().claim("sts", Value::Null).issue(), None),
    ] {
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            assert_eq!(answer.claims().session_status(), expected);
        }
    }
    let oauth = world.app();
    let answer = oauth.bearer(&world.clerk.token("user_1").issue()).await;
    assert_eq!(answer.claims().session_status(), None);
    assert_eq!(answer.claims().factor_age(), None);
}

fn routes() -> Router {
    let rule = |level| get(async || "in").layer(RequireLayer::reverification(level));
    Router::new()
        .route("/strict-mfa", rule(Reverification::strict_mfa()))
        .route("/strict", rule(Reverification::strict()))
        .route("/moderate", rule(Reverification::moderate()))
        .route("/lax", rule(Reverification::lax()))
        .route("/first", rule(Reverification::first_factor(5 * MINUTE)))
        .route("/second", rule(Reverification::second_factor(5 * MINUTE)))
        .route("/multi", rule(Reverification::multi_factor(5 * MINUTE)))
}

fn needed() -> [(&'static str, Value); 7] {
    let custom = |level: &str| json!({ "level": level, "afterMinutes": 5 });
    [
        ("/strict-mfa", json!("strict_mfa")),
        ("/strict", json!("strict")),
        ("/moderate", json!("moderate")),
        ("/lax", json!("lax")),
        ("/first", custom("first_factor")),
        ("/second", custom("second_factor")),
        ("/multi", custom("multi_factor")),
    ]
}

fn body(needed: &Value) -> Value {
    json!({
        "clerk_error": {
            "type": "forbidden",
            "reason": "reverification-error",
            "metadata": { "reverification": needed },
        },
    })
}

#[tokio::test]
async fn a_rule_requires_recent_factors() {
    let world = world();
    let config = world.accepting(SessionTokens::new()).build().unwrap();
    let app = routes().layer(ClerkAuthLayer::new(config));
    for (ages, expected) in [
        // strict_mfa, strict, moderate, lax, and each level within five minutes.
        ([0, 0], [200, 200, 200, 200, 200, 200, 200]),
        ([4, 6], [200, 200, 200, 200, 200, 403, 403]),
        ([6, 4], [200, 200, 200, 200, 403, 200, 403]),
        ([0, 10], [403, 403, 200, 200, 200, 403, 403]),
        ([0, 60], [403, 403, 403, 200, 200, 403, 403]),
        ([0, 1440], [403, 403, 403, 403, 200, 403, 403]),
        ([0, -1], [200, 200, 200, 200, 200, 200, 200]),
        ([30, -1], [403, 403, 200, 200, 403, 403, 403]),
        ([-1, 0], [403, 200, 200, 200, 403, 200, 403]),
        ([-1, -1], [403, 403, 403, 403, 403, 403, 403]),
    ] {
        let token = session(&world).factor_age(ages).issue();
        let bearer = format!("Bearer {token}");
        for _ in 0..2 {
            for ((path, needed), expected) in needed().into_iter().zip(expected) {
                let response = ask(&app, path, &[("authorization", &bearer)]).await;
                assert_eq!(response.status(), expected, "{ages:?}, {path}");
                if expected == 200 {
                    continue;
                }
                let headers = response.headers();
                assert_eq!(headers["content-type"], "application/json");
                assert_eq!(headers["www-authenticate"], "Bearer");
                assert_eq!(headers["cache-control"], "no-store");
                let error = response.extensions().get::<AuthError>().unwrap();
                assert_eq!(error.kind(), AuthErrorKind::ReverificationRequired);
                let found: Value = serde_json::from_str(&text(response).await).unwrap();
                assert_eq!(found, body(&needed), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_that_was_young_enough_grows_too_old() {
    let world = world();
    let config = world.accepting(SessionTokens::new()).build().unwrap();
    let app = routes().layer(ClerkAuthLayer::new(config));
    let token = session(&world).factor_age([4, 4]).issue();
    let bearer = format!("Bearer {token}");
    for (step, expected) in [(0, 200), (59, 200), (1, 403), (0, 403)] {
        world.clock.advance(Duration::from_secs(step));
        let response = ask(&app, "/multi", &[("authorization", &bearer)]).await;
        assert_eq!(response.status(), expected, "after another {step} s");
    }
}

#[tokio::test]
async fn the_body_does_not_depend_on_the_layers_body() {
    async fn check<R>(layer: ClerkAuthLayer<R>, token: &str)
    where
        R: RejectResponse<Body> + Clone + Send + Sync + 'static,
    {
        let bearer = format!("Bearer {token}");
        // On the wire: the length of the body is right, too.
        let address = serve(routes().layer(layer)).await;
        for _ in 0..2 {
            let answer = send(address, "GET", "/strict", &[("authorization", &bearer)]).await;
            assert_eq!(answer.status(), 403);
            let found: Value = serde_json::from_str(answer.body()).unwrap();
            assert_eq!(found, body(&json!("strict")));
        }
    }

    let world = world();
    let config = world.accepting(SessionTokens::new()).build().unwrap();
    let layer = ClerkAuthLayer::new(config);
    let token = session(&world).factor_age([20, 20]).issue();
    check(layer.clone(), &token).await;
    check(layer.clone().reject_with(JsonBody), &token).await;
    check(layer.clone().reject_with(ProblemJson), &token).await;
    let page = |_: &Rejection| "a page".into_response();
    check(layer.reject_with(page), &token).await;
}

/// Sends a request to the rule before a service with this body, without axum.
async fn plain<B, R>(layer: ClerkAuthLayer<R>, token: &str) -> Response<B>
where
    B: Default + 'static,
    R: RejectResponse<B> + Clone,
{
    let inner = service_fn(|_: Request<()>| {
        std::future::ready(Ok::<_, std::convert::Infallible>(Response::new(
            B::default(),
        )))
    });
    let rule = RequireLayer::reverification(Reverification::strict());
    let mut service = layer.layer(rule.layer(inner));
    let Ok(service) = service.ready().await;
    let Ok(response) = service.call(request(token)).await;
    response
}

#[tokio::test]
async fn services_without_axum_have_the_same_body() {
    let world = world();
    let config = world.accepting(SessionTokens::new()).build().unwrap();
    let layer = ClerkAuthLayer::new(config);
    let token = session(&world).factor_age([20, 20]).issue();
    for _ in 0..2 {
        // The body of hyper.
        let response: Response<Full<Bytes>> = plain(layer.clone(), &token).await;
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers()["content-type"], "application/json");
        let found = response.into_body().collect().await.unwrap().to_bytes();
        let found: Value = serde_json::from_slice(&found).unwrap();
        assert_eq!(found, body(&json!("strict")));

        // A body that the crate does not know: an empty answer, even if the layer has a body for others.
        let page = |_: &Rejection| Response::new(BoxBody::new(Full::from("a page")));
        let response: Response<BoxBody<Bytes, _>> =
            plain(layer.clone().reject_with(page), &token).await;
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        let found = response.into_body().collect().await.unwrap().to_bytes();
        assert!(found.is_empty());
    }
}

#[tokio::test]
async fn a_grpc_client_gets_the_status_alone() {
    let world = world();
    let config = world.accepting(SessionTokens::new()).build().unwrap();
    let layer = ClerkAuthLayer::new(config);
    let token = session(&world).factor_age([20, 20]).issue();
    let request = || {
        let request = Request::get("/strict").header("authorization", format!("Bearer {token}"));
        as_grpc(request.body(Body::empty()).unwrap())
    };
    for _ in 0..2 {
        let app = routes().layer(layer.clone().reject_with(JsonBody));
        let response = app.oneshot(request()).await.unwrap();
        assert_eq!(
            (
                response.status().as_u16(),
                response.headers()["grpc-status"].as_bytes()
            ),
            (200, &b"7"[..])
        );
        assert_eq!(text(response).await, "");

        let app = routes().layer(layer.clone().http_status_only());
        let response = app.oneshot(request()).await.unwrap();
        assert_eq!(response.status(), 403);
        assert!(text(response).await.contains("reverification-error"));
    }
}

#[tokio::test]
async fn tokens_of_other_kinds_get_a_plain_403() {
    let world = world();
    let config = world
        .accepting(ApiKeys::new())
        .accept(world.oauth())
        .secret_key(world.clerk.secret_key());
    let layer = ClerkAuthLayer::new(config.build().unwrap());
    let app = routes().layer(layer.clone().optional());
    let oauth = world.clerk.token("user_1").claim("fva", json!([0, 0]));
    for token in [oauth.issue(), world.clerk.api_key("user_1").issue()] {
        let bearer = format!("Bearer {token}");
        for _ in 0..2 {
            let response = ask(&app, "/lax", &[("authorization", &bearer)]).await;
            assert_eq!(response.status(), 403);
            let error = response.extensions().get::<AuthError>().unwrap();
            assert_eq!(error.kind(), AuthErrorKind::Forbidden);
            assert_eq!(text(response).await, "");
        }
    }
    // Without credentials, it is a 401 as for every rule.
    let response = ask(&app, "/lax", &[]).await;
    assert_eq!(response.status(), 401);
    assert_eq!(text(response).await, "");
}
