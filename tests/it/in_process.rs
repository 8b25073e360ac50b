//! The fake without a socket: the same answers, the same faults, and a Tokio clock that may stand still.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::time::Instant;
use tower_clerk::{
    AuthErrorKind,
    fake_clerk::{Endpoint, FakeClerk, Fault},
    transport::Transport,
};

use crate::support::{App, World};

const MILLISECOND: Duration = Duration::from_millis(1);

// fault H3
#[tokio::test(start_paused = true)]
async fn every_new_token_is_accepted_under_a_paused_clock() {
    for delay in [None, Some(900 * MILLISECOND)] {
        let world = World::new();
        let start = Instant::now();
        if let Some(delay) = delay {
            world
                .clerk
                .fail(Endpoint::Introspection, Fault::delay(delay));
        }
        let apps = [world.app(), world.app()];
        let tokens: Vec<_> = (0..8)
            .map(|n| world.clerk.token(format!("user_{n}")))
            .map(|token| token.issue())
            .collect();
        for app in &apps {
            for token in &tokens {
                for _ in 0..2 {
                    app.bearer(token).await.assert_accepted();
                }
            }
        }
        let calls = tokens.len() * apps.len();
        assert_eq!(world.calls(), (calls, calls));
        assert_eq!(world.clerk.connections(), 0);
        let expected = delay.unwrap_or_default() * u32::try_from(calls).unwrap();
        let passed = start.elapsed();
        assert!(
            (expected..expected + 100 * MILLISECOND).contains(&passed),
            "the Tokio clock shows {passed:?}"
        );
    }
}

// fault H3
#[tokio::test(start_paused = true)]
async fn faults_strike_in_process() {
    type Case = (&'static str, fn() -> Fault);
    let cases: [Case; 10] = [
        ("a delay beyond the timeout", || {
            Fault::delay(1_100 * MILLISECOND)
        }),
        ("no answer", Fault::hang),
        ("a broken connection", Fault::reset),
        ("a truncated body", Fault::malformed),
        ("a body that is too large", || Fault::oversized(70_000)),
        ("a redirect", || {
            Fault::status(302).header("location", "https://evil.example/")
        }),
        ("a server error", || Fault::status(500)),
        ("a server that is away", || Fault::status(503)),
        ("the rate limit", || {
            Fault::status(429).header("retry-after", "7")
        }),
        ("a page", || Fault::answer(200, "text/html", "<p>")),
    ];
    for (name, fault) in cases {
        let world = World::new();
        let apps = [world.app(), world.app()];
        let token = world.clerk.token("user_1").issue();
        world.clerk.fail(Endpoint::Introspection, fault());
        for app in &apps {
            for _ in 0..2 {
                let answer = app.bearer(&token).await;
                assert_eq!(answer.status(), 503, "{name}");
                assert!(answer.header("retry-after").is_some(), "{name}");
            }
            assert_eq!(app.inner_calls(), 0, "{name}");
        }
        world.clerk.heal(Endpoint::Introspection);
        world.app().bearer(&token).await.assert_accepted();
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_in_process_is_answered_when_healed() {
    let world = World::new();
    let app = world.app();
    let token = world.clerk.token("user_1").issue();
    world.clerk.fail(Endpoint::Introspection, Fault::hang());
    let heal = async {
        tokio::time::sleep(500 * MILLISECOND).await;
        world.clerk.heal(Endpoint::Introspection);
    };
    let (answer, ()) = futures_util::future::join(app.bearer(&token), heal).await;
    answer.assert_accepted();
    assert_eq!(world.calls().0, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_over_a_limited_number_of_faults_is_retried_in_process() {
    let world = World::new();
    let app = world.app();
    for fault in [Fault::reset(), Fault::status(502)] {
        world.clerk.fail(Endpoint::Introspection, fault.times(1));
        let token = world.clerk.token("user_1").issue();
        app.bearer(&token).await.assert_accepted();
    }
    assert_eq!(world.calls().0, 4);
}

/// A request to an endpoint, for both ways.
fn request(clerk: &FakeClerk, method: &Method, path: &str, body: &'static str) -> Request<Bytes> {
    let (id, secret) = (clerk.client_id(), clerk.client_secret());
    let (authorization, media_type) = match path.contains("/v1/") {
        true => (format!("Bearer {}", clerk.secret_key()), "application/json"),
        false => {
            let basic = STANDARD.encode(format!("{id}:{secret}"));
            (
                format!("Basic {basic}"),
                "application/x-www-form-urlencoded",
            )
        }
    };
    Request::builder()
        .method(method)
        .uri(format!("{}{path}", clerk.url()))
        .header("authorization", authorization)
        .header("content-type", media_type)
        .body(Bytes::from_static(body.as_bytes()))
        .unwrap()
}

async fn over_a_socket(request: Request<Bytes>) -> Response<Bytes> {
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let (head, body) = client
        .request(request.map(Full::new))
        .await
        .unwrap()
        .into_parts();
    let body = http_body_util::BodyExt::collect(body).await.unwrap();
    Response::from_parts(head, body.to_bytes())
}

#[tokio::test]
async fn answers_are_the_same_in_process_and_over_sockets() {
    let clerk = FakeClerk::start().unwrap();
    clerk.user("user_1").save();
    let (get, post, options) = (Method::GET, Method::POST, Method::OPTIONS);
    let cases = [
        (&get, "/.well-known/openid-configuration", ""),
        (&get, "/.well-known/oauth-authorization-server", ""),
        (&get, "/.well-known/jwks.json", ""),
        (&Method::HEAD, "/.well-known/jwks.json", ""),
        (&options, "/oauth/token", ""),
        (&get, "/oauth/token_info", ""),
        (&post, "/oauth/token_info", "token=oat_x"),
        (&post, "/oauth/token_info", ""),
        (&get, "/oauth/userinfo", ""),
        (&post, "/oauth/token/revoke", "token=oat_x"),
        (&post, "/oauth/token", "grant_type=password"),
        (&get, "/oauth/authorize", ""),
        (&get, "/v1/users/user_1", ""),
        (&get, "/v1/users/user_2", ""),
        (&get, "/v1/jwks", ""),
        (&post, "/v1/api_keys/verify", r#"{"secret":"x"}"#),
        (&post, "/v1/api_keys/verify", "{}"),
        (&get, "/nowhere", ""),
    ];
    for (method, path, body) in cases {
        let there = over_a_socket(request(&clerk, method, path, body)).await;
        let here = clerk.transport();
        let here = here
            .send(request(&clerk, method, path, body))
            .await
            .unwrap();
        let name = format!("{method} {path} {body}");
        assert_eq!(here.status(), there.status(), "{name}");
        assert_eq!(here.body(), there.body(), "{name}");
        let mut expected = there.headers().clone();
        // The server adds these.
        for header in ["content-length", "date"] {
            expected.remove(header);
        }
        assert_eq!(*here.headers(), expected, "{name}");
    }
    assert_eq!(clerk.total_calls(), 2 * cases.len());
    assert_eq!(clerk.requests().len(), 2 * cases.len());
}

#[tokio::test(start_paused = true)]
async fn answers_without_a_body_have_none_in_process() {
    let clerk = FakeClerk::new();
    for status in [204, 304] {
        clerk.fail(Endpoint::Jwks, Fault::status(status));
        let request = request(&clerk, &Method::GET, "/.well-known/jwks.json", "");
        let answer = clerk.transport().send(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.body().len()), (status, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn each_fake_without_a_socket_is_an_instance_of_its_own() {
    let [one, other] = [World::new(), World::new()];
    assert_ne!(one.clerk.url(), other.clerk.url());
    let token = one.clerk.token("user_1").issue();
    one.app().bearer(&token).await.assert_accepted();
    for _ in 0..2 {
        let answer = other.app().bearer(&token).await;
        answer.assert_rejected(401, AuthErrorKind::Inactive);
    }
    // Clones are the same.
    let clone = World {
        clerk: one.clerk.clone(),
        clock: one.clock.clone(),
    };
    clone.app().bearer(&token).await.assert_accepted();
}

#[tokio::test(start_paused = true)]
async fn the_default_host_of_the_backend_api_leads_to_the_fake() {
    let clerk = FakeClerk::new();
    clerk.user("user_1").save();
    let request = Request::get("https://api.clerk.com/v1/users/user_1")
        .header("authorization", format!("Bearer {}", clerk.secret_key()))
        .body(Bytes::new())
        .unwrap();
    let answer = clerk.transport().send(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let user: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(user["id"], "user_1");
}

#[tokio::test(start_paused = true)]
async fn a_crowd_is_served_in_process() {
    let world = World::new();
    let app = App::new(world.config().rate_limit(0));
    let tokens: Vec<_> = (0..64)
        .map(|n| world.clerk.token(format!("user_{n}")).issue())
        .collect();
    for answer in join_all(tokens.iter().map(|token| app.bearer(token))).await {
        answer.assert_accepted();
    }
}
