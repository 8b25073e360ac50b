//! Claims as arguments of axum's handlers, and taken from tonic's requests.

use axum::{Json, Router, body::Body, routing::get};
use http::{Request, Response};
use serde_json::{Value, json};
use tonic::Code;
use tower::{ServiceExt, service_fn};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, ClerkClaims,
    axum::{Claims, ClaimsRejection},
};

use crate::{redaction::Log, support::World};

/// Who is a member of an organization.
#[derive(serde::Deserialize)]
struct Member {
    sub: String,
    org_id: String,
}

/// Whose tenant has a number.
#[derive(serde::Deserialize)]
struct Numbered {
    tenant: u64,
}

async fn numbered(Claims(numbered): Claims<Numbered>) -> String {
    numbered.tenant.to_string()
}

async fn member(Claims(member): Claims<Member>) -> String {
    format!("{} of {}", member.sub, member.org_id)
}

async fn maybe_member(member: Option<Claims<Member>>) -> String {
    member.map_or("nobody".to_owned(), |Claims(member)| member.sub)
}

async fn told(claims: Result<ClerkClaims, ClaimsRejection>) -> String {
    match claims {
        Ok(claims) => claims.subject().to_owned(),
        Err(rejection) => rejection.to_string(),
    }
}

fn routes() -> Router {
    Router::new()
        .route("/member", get(member))
        .route("/maybe", get(maybe_member))
        .route("/numbered", get(numbered))
        .route("/told", get(told))
        .route(
            "/raw",
            get(async |Claims(claims): Claims<Value>| Json(claims)),
        )
}

async fn ask(app: &Router, path: &str, token: &str) -> (u16, String, Response<()>) {
    let request = Request::get(path)
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let body = axum::body::to_bytes(body, 10_000).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    (head.status.as_u16(), body, Response::from_parts(head, ()))
}

#[tokio::test]
async fn typed_claims_are_those_of_the_token() {
    let world = World::new();
    let layer = ClerkAuthLayer::new(world.config().build().unwrap());
    let app = routes().layer(layer);
    let member = world
        .clerk
        .token("user_1")
        .claim("org_id", json!("org_1"))
        .claim("tenant", json!({ "id": 7 }))
        .issue();
    for _ in 0..2 {
        let (status, body, _) = ask(&app, "/member", &member).await;
        assert_eq!((status, &*body), (200, "user_1 of org_1"));
        let (status, body, _) = ask(&app, "/maybe", &member).await;
        assert_eq!((status, &*body), (200, "user_1"));
        let (_, body, _) = ask(&app, "/raw", &member).await;
        let raw: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(raw["tenant"]["id"], 7);
        assert_eq!(raw["sub"], "user_1");
        let (status, body, _) = ask(&app, "/told", &member).await;
        assert_eq!((status, &*body), (200, "user_1"));
    }
}

#[tokio::test]
async fn a_good_token_that_lacks_what_a_handler_takes_is_a_403() {
    let world = World::new();
    let config = world.config().resource("https://api.example.com/mcp");
    let app = routes().layer(ClerkAuthLayer::new(config.build().unwrap()));
    let token = world.clerk.token("user_canary");
    let token = token.claim("tenant", "canary").issue();
    let log = Log::default();
    let guard = log.subscribe();
    for path in ["/member", "/maybe", "/numbered", "/member"] {
        let (status, body, response) = ask(&app, path, &token).await;
        assert_eq!((status, &*body), (403, ""), "{path}");
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert_eq!(
            challenge,
            "Bearer resource_metadata=\
             \"https://api.example.com/.well-known/oauth-protected-resource/mcp\""
        );
        let error = response.extensions().get::<AuthError>().unwrap();
        assert_eq!(error.kind(), AuthErrorKind::Forbidden);
    }
    drop(guard);
    let log = log.text();
    assert!(
        log.contains("do not fit") && log.contains("Member"),
        "{log}"
    );
    assert!(!log.contains("canary") && !log.contains(&token), "{log}");
    // Elsewhere the token is as good as before.
    assert_eq!(ask(&app, "/told", &token).await.0, 200);
}

#[tokio::test]
async fn without_the_layer_handlers_are_told_and_callers_are_not() {
    let app = routes();
    let log = Log::default();
    let guard = log.subscribe();
    let (status, body, _) = ask(&app, "/member", "oat_1").await;
    drop(guard);
    assert_eq!((status, &*body), (500, ""));
    assert!(log.text().contains("ERROR"), "{}", log.text());
    let (status, body, _) = ask(&app, "/told", "oat_1").await;
    let expected = "no `ClerkAuthLayer` is around this route";
    assert_eq!((status, &*body), (200, expected));
    let (status, body, _) = ask(&app, "/maybe", "oat_1").await;
    assert_eq!((status, &*body), (200, "nobody"));
}

#[tokio::test]
async fn tonic_requests_have_the_claims() {
    let world = World::new();
    let layer = ClerkAuthLayer::new(world.config().build().unwrap());
    // As tonic does with what comes from the wire.
    let inner = service_fn(async |request: Request<()>| {
        let request = tonic::Request::from_http(request);
        let subject = tower_clerk::tonic::claims(&request)?.subject().to_owned();
        Ok::<_, tonic::Status>(Response::new(subject))
    });
    let token = world.clerk.token("user_1").issue();
    let request = || {
        Request::builder()
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/grpc")
            .body(())
            .unwrap()
    };
    for _ in 0..2 {
        let service = tower::Layer::layer(&layer, inner);
        let response = service.oneshot(request()).await.unwrap();
        assert_eq!(response.body(), "user_1");
    }
    let status = inner.oneshot(request()).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(!status.message().contains("Layer"), "{status}");
}
