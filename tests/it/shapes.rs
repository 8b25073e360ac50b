//! Rejections of every shape over real HTTP: whatever makes the body, what the caller must be told is told,
//! once, and layers above learn why.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, routing::get};
use http::{Response, header};
use serde_json::Value;
use tower::util::MapResponseLayer;
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer,
    fake_clerk::{Endpoint, Fault},
    reject::{EmptyBody, JsonBody, ProblemJson, RejectResponse, Rejection},
};

use crate::{
    support::{World, as_grpc},
    wire::{one, send, send_grpc, serve},
};

/// What the layer above the layer was told.
type Told = Arc<Mutex<Vec<AuthErrorKind>>>;

/// A service whose rejections are shaped, and a logging layer above.
async fn start<R>(world: &World, reject: R) -> (SocketAddr, Told)
where
    R: RejectResponse<Body> + Clone + Send + Sync + 'static,
{
    let config = world
        .accepting(world.oauth().required_scopes(["email", "admin"]))
        .build()
        .unwrap();
    let told = Told::default();
    let log = Arc::clone(&told);
    let app = Router::new()
        .route("/", get(async || "inner"))
        .layer(ClerkAuthLayer::new(config).reject_with(reject))
        .layer(MapResponseLayer::new(move |response: Response<Body>| {
            let error = response.extensions().get::<AuthError>();
            log.lock().unwrap().extend(error.map(AuthError::kind));
            response
        }));
    (serve(app).await, told)
}

struct Case {
    authorization: String,
    status: u16,
    grpc: &'static str,
    challenge: Option<&'static str>,
    kind: AuthErrorKind,
}

/// One of each status. The last needs an outage.
fn cases(world: &World) -> [Case; 5] {
    let narrow = world.clerk.token("user_1").scopes(["email"]).issue();
    [
        Case {
            authorization: String::new(),
            status: 401,
            grpc: "16",
            challenge: Some("Bearer scope=\"email admin\""),
            kind: AuthErrorKind::MissingCredentials,
        },
        Case {
            authorization: "Bearer".to_owned(),
            status: 400,
            grpc: "16",
            challenge: Some(
                "Bearer error=\"invalid_request\", \
                 error_description=\"the credentials are malformed\"",
            ),
            kind: AuthErrorKind::MalformedCredentials,
        },
        Case {
            authorization: "Bearer oat_unknown".to_owned(),
            status: 401,
            grpc: "16",
            challenge: Some(
                "Bearer error=\"invalid_token\", error_description=\"the access token is not valid\"",
            ),
            kind: AuthErrorKind::Inactive,
        },
        Case {
            authorization: format!("Bearer {narrow}"),
            status: 403,
            grpc: "7",
            challenge: Some(
                "Bearer error=\"insufficient_scope\", \
                 error_description=\"the access token lacks a required permission\", \
                 scope=\"email admin\"",
            ),
            kind: AuthErrorKind::InsufficientScope,
        },
        Case {
            authorization: "Bearer oat_in_an_outage".to_owned(),
            status: 503,
            grpc: "14",
            challenge: None,
            kind: AuthErrorKind::UpstreamUnavailable,
        },
    ]
}

/// Checks what no shape may change, twice, for HTTP and gRPC, and gives the answers to HTTP.
async fn check<R>(reject: R) -> Vec<Response<String>>
where
    R: RejectResponse<Body> + Clone + Send + Sync + 'static,
{
    let world = World::new();
    let (address, told) = start(&world, reject).await;
    let mut answers = Vec::new();
    for _ in 0..2 {
        for case in cases(&world) {
            if case.status == 503 {
                world
                    .clerk
                    .fail(Endpoint::Introspection, Fault::status(500));
            }
            let authorization = ("authorization", &*case.authorization);
            let answer = send(address, "GET", "/", &[authorization]).await;
            assert_eq!(answer.status(), case.status);
            let headers = answer.headers();
            assert_eq!(one(headers, "www-authenticate"), case.challenge);
            assert_eq!(one(headers, "cache-control"), Some("no-store"));
            assert_eq!(one(headers, "grpc-status"), None);
            let delay = one(headers, "retry-after").map(|delay| delay.parse::<u64>().unwrap());
            let is_due = delay.is_some_and(|delay| (1..=5).contains(&delay));
            assert_eq!(is_due, case.status == 503, "{delay:?}");
            assert_eq!(delay.is_some(), case.status == 503, "{delay:?}");
            answers.push(answer);

            let answer = send_grpc(address, "/", &[authorization]).await;
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.body(), "", "trailers only");
            let headers = answer.headers();
            assert_eq!(one(headers, "content-type"), Some("application/grpc"));
            assert_eq!(one(headers, "grpc-status"), Some(case.grpc));
            assert_eq!(one(headers, "www-authenticate"), case.challenge);
            assert_eq!(one(headers, "cache-control"), Some("no-store"));
            // fault E13
            let delay = one(headers, "retry-after").map(|delay| delay.parse::<u64>().unwrap());
            let is_due = delay.is_some_and(|delay| (1..=5).contains(&delay));
            assert_eq!(is_due, case.status == 503, "{delay:?}");
            assert_eq!(delay.is_some(), case.status == 503, "{delay:?}");
            let millis = delay.map(|delay| (1_000 * delay).to_string());
            assert_eq!(one(headers, "grpc-retry-pushback-ms"), millis.as_deref());

            let told = std::mem::take(&mut *told.lock().unwrap());
            assert_eq!(told, [case.kind, case.kind]);
            world.clerk.heal_all();
        }
    }
    answers
}

fn json(answer: &Response<String>) -> Value {
    serde_json::from_str(answer.body()).unwrap()
}

#[tokio::test]
async fn headers_only_are_without_a_body() {
    for answer in check(EmptyBody).await {
        assert_eq!(answer.body(), "");
        assert_eq!(one(answer.headers(), "content-type"), None);
    }
}

#[tokio::test]
async fn json_bodies_repeat_the_challenge() {
    let answers = check(JsonBody).await;
    for answer in &answers {
        let content_type = one(answer.headers(), "content-type");
        assert_eq!(content_type, Some("application/json"));
    }
    let errors: Vec<_> = answers
        .iter()
        .map(|answer| json(answer)["error"].clone())
        .collect();
    // fault H7: there is always one.
    let expected = [
        "missing_credentials",
        "invalid_request",
        "invalid_token",
        "insufficient_scope",
        "temporarily_unavailable",
    ];
    assert_eq!(errors, [expected, expected].concat());
}

#[tokio::test]
async fn problems_say_their_status_and_error() {
    let answers = check(ProblemJson).await;
    for answer in &answers {
        let content_type = one(answer.headers(), "content-type");
        assert_eq!(content_type, Some("application/problem+json"));
        let problem = json(answer);
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(problem["status"], answer.status().as_u16());
        assert_eq!(
            problem["title"],
            answer.status().canonical_reason().unwrap()
        );
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
    let problem = json(&answers[3]);
    assert_eq!(problem["error"], "insufficient_scope");
    assert_eq!(problem["scope"], "email admin");
}

#[tokio::test]
async fn closures_shape_the_body_and_nothing_that_counts() {
    // One that would let the rejected pass and have it cached, and one that says nothing at all.
    let contrary = |rejection: &Rejection| {
        Response::builder()
            .status(200)
            .header(header::WWW_AUTHENTICATE, "Basic")
            .header(header::WWW_AUTHENTICATE, "Bearer realm=\"mine\"")
            .header(header::CACHE_CONTROL, "public")
            .header(header::CACHE_CONTROL, "max-age=60")
            .header(header::RETRY_AFTER, "0")
            .header(header::RETRY_AFTER, "3600")
            .header("grpc-message", "mine")
            .header("x-mine", rejection.status().as_str())
            .body(Body::from("mine"))
            .unwrap()
    };
    for answer in check(contrary).await {
        assert_eq!(answer.body(), "mine");
        let status = one(answer.headers(), "x-mine");
        assert_eq!(status, Some(answer.status().as_str()));
    }
    let silent = |_: &Rejection| {
        let mut response = Response::new(Body::empty());
        response.headers_mut().clear();
        response
    };
    for answer in check(silent).await {
        assert_eq!(answer.body(), "");
    }
}

#[tokio::test]
async fn extensions_of_a_shape_do_not_hide_the_error() {
    use tower::{Layer, ServiceExt, service_fn};

    let world = World::new();
    let layer = ClerkAuthLayer::new(world.config().build().unwrap());
    // The shape brings an error of its own.
    let shaped = layer.reject_with(|_: &Rejection| {
        let mut response = Response::new(());
        let error = AuthError::new(AuthErrorKind::Overloaded);
        response.extensions_mut().insert(error);
        response
    });
    let inner = service_fn(async |_: http::Request<()>| Ok::<_, Infallible>(Response::new(())));
    for is_grpc in [false, true] {
        let mut request = http::Request::new(());
        if is_grpc {
            request = as_grpc(request);
        }
        let response = shaped.layer(inner).oneshot(request).await.unwrap();
        let error = response.extensions().get::<AuthError>().unwrap();
        assert_eq!(error.kind(), AuthErrorKind::MissingCredentials);
    }
}
