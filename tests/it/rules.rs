//! Rules by route, behind the layer.

use std::{convert::Infallible, future::ready, sync::atomic::Ordering};

use allocation_counter::measure;
use axum::{Router, body::Body, routing::get};
use futures_util::FutureExt;
use http::{Request, Response};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, ClerkClaims, Rejection, RequireClaims, RequireScopes,
};

use crate::{
    readiness::Strict,
    redaction::Log,
    support::{World, as_grpc},
};

fn router(auth: ClerkAuthLayer) -> Router {
    let scoped = |path: &str, scopes: RequireScopes| {
        Router::new()
            .route(path, get(|| async { "in" }))
            .route_layer(scopes)
    };
    scoped("/read", RequireScopes::all(["files:read"]))
        .merge(scoped(
            "/write",
            RequireScopes::all(["files:read", "files:write"]),
        ))
        .merge(scoped(
            "/either",
            RequireScopes::any(["files:read", "files:admin"]),
        ))
        .merge(
            Router::new()
                .route("/staff", get(|| async { "in" }))
                .route_layer(RequireClaims::new(|claims: &ClerkClaims| {
                    claims.org_id() == Some("org_staff")
                })),
        )
        .layer(auth)
}

async fn ask(app: &Router, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    app.clone().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_token_known_from_one_route_is_judged_anew_by_the_next() {
    // B01, B04
    let world = World::new();
    let config = world
        .config()
        .required_scopes(["email"])
        .resource("https://api.example.com");
    let app = router(ClerkAuthLayer::new(config.build().unwrap()));
    let token = |scopes: &[&str], org: Option<&str>| {
        let token = world.clerk.token("user_1").scopes(scopes.iter().copied());
        match org {
            Some(org) => token.claim("org_id", org),
            None => token,
        }
        .issue()
    };
    let cases = [
        (token(&["email"], None), [403, 403, 403, 403]),
        (token(&["email", "files:read"], None), [200, 403, 200, 403]),
        (token(&["email", "files:admin"], None), [403, 403, 200, 403]),
        (
            token(&["email", "files:read", "files:write"], Some("org_staff")),
            [200, 200, 200, 200],
        ),
        (token(&["email"], Some("org_other")), [403, 403, 403, 403]),
    ];
    for _ in 0..2 {
        for (token, expected) in &cases {
            let bearer = format!("Bearer {token}");
            let mut statuses = Vec::new();
            for path in ["/read", "/write", "/either", "/staff"] {
                let response = ask(&app, path, &[("authorization", &bearer)]).await;
                statuses.push(response.status().as_u16());
            }
            assert_eq!(statuses, expected);
        }
    }
    assert_eq!(world.calls().0, cases.len(), "each was asked about once");

    let bearer = format!("Bearer {}", cases[0].0);
    let response = ask(&app, "/write", &[("authorization", &bearer)]).await;
    assert_eq!(
        response.headers()["www-authenticate"],
        "Bearer error=\"insufficient_scope\", \
         error_description=\"the access token lacks a required permission\", \
         scope=\"email files:read files:write\", \
         resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource\""
    );
    let response = ask(&app, "/staff", &[("authorization", &bearer)]).await;
    assert_eq!(
        response.headers()["www-authenticate"],
        "Bearer resource_metadata=\
         \"https://api.example.com/.well-known/oauth-protected-resource\""
    );
    let error = response.extensions().get::<AuthError>().unwrap();
    assert_eq!(error.kind(), AuthErrorKind::Forbidden);
    // Whoever has no good token never gets to a rule.
    assert_eq!(ask(&app, "/read", &[]).await.status(), 401);
}

#[tokio::test]
async fn grpc_callers_are_told_permission_denied() {
    let world = World::new();
    let app = router(ClerkAuthLayer::new(world.config().build().unwrap()));
    let bearer = format!("Bearer {}", world.clerk.token("user_1").issue());
    for path in ["/read", "/staff", "/read"] {
        let request = Request::get(path).header("authorization", &bearer);
        let request = as_grpc(request.body(Body::empty()).unwrap());
        let response = app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["grpc-status"], "7", "{path}");
    }
}

#[tokio::test]
async fn a_hierarchy_counts_for_rules_too() {
    let world = World::new();
    let config = world
        .config()
        .scope_implies(|granted, needed| granted == "files" && needed.starts_with("files:"));
    let app = router(ClerkAuthLayer::new(config.build().unwrap()));
    let bearer = format!(
        "Bearer {}",
        world.clerk.token("user_1").scopes(["files"]).issue()
    );
    for (path, expected) in [("/write", 200), ("/staff", 403), ("/write", 200)] {
        let response = ask(&app, path, &[("authorization", &bearer)]).await;
        assert_eq!(response.status(), expected, "{path}");
    }
}

#[tokio::test]
async fn without_the_layer_nobody_passes_and_the_log_says_why() {
    let app = Router::new()
        .route("/read", get(|| async { "in" }))
        .route_layer(RequireScopes::all(["files:read"]));
    let log = Log::default();
    let guard = log.subscribe();
    for _ in 0..2 {
        let response = ask(&app, "/read", &[("authorization", "Bearer oat_canary")]).await;
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert!(response.headers().get("www-authenticate").is_none());
    }
    drop(guard);
    let log = log.text();
    assert!(
        log.contains("ERROR") && log.contains("ClerkAuthLayer"),
        "{log}"
    );
    assert!(!log.contains("oat_canary"), "{log}");
}

#[tokio::test]
async fn rejections_are_shaped_by_closures_and_stay_rejections() {
    let world = World::new();
    let render = |rejection: &Rejection| {
        Response::new(format!("{:?} {:?}", rejection.kind(), rejection.scope()))
    };
    let service = ServiceBuilder::new()
        .layer(ClerkAuthLayer::new(world.config().build().unwrap()))
        .layer(RequireScopes::all(["admin"]).reject_with(render))
        .service(service_fn(|_: Request<()>| {
            ready(Ok::<_, Infallible>(Response::new(String::new())))
        }));
    let token = world.clerk.token("user_1").issue();
    for _ in 0..2 {
        let response = service.clone().oneshot(request(&token)).await.unwrap();
        assert_eq!(response.status(), 403);
        assert_eq!(response.body(), "InsufficientScope Some(\"admin\")");
    }
}

fn request(token: &str) -> Request<()> {
    Request::builder()
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .unwrap()
}

#[tokio::test]
async fn the_instance_that_is_called_was_polled_ready() {
    // C123
    let world = World::new();
    let strict = Strict::default();
    let calls = strict.calls();
    let mut service = ServiceBuilder::new()
        .layer(ClerkAuthLayer::new(world.config().build().unwrap()))
        .layer(RequireScopes::all(["email"]))
        .layer(RequireClaims::new(|claims| claims.subject() == "user_1"))
        .service(strict);
    let good = world.clerk.token("user_1").scopes(["email"]).issue();
    let narrow = world.clerk.token("user_1").scopes(["profile"]).issue();
    let other = world.clerk.token("user_2").scopes(["email"]).issue();
    for token in [&good, &narrow, &good, &other, &other, &narrow, &good] {
        let ready = service.ready().await.unwrap();
        ready.call(request(token)).await.unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_rejected_request_gives_its_permit_back_at_once() {
    // C125
    let world = World::new();
    let inner = service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(()))));
    let layer = ClerkAuthLayer::new(world.config().build().unwrap());
    let mut service =
        layer.layer(RequireScopes::all(["admin"]).layer(ConcurrencyLimit::new(inner, 1)));
    let token = world.clerk.token("user_1").issue();
    _ = service.ready().await.unwrap().call(request(&token)).await;
    // The rejection is not even polled, and still alive.
    let rejected = service.ready().await.unwrap().call(request(&token));
    let mut other = service.clone();
    let free = tokio::time::timeout(std::time::Duration::from_secs(5), other.ready());
    assert!(free.await.is_ok(), "the permit is free");
    assert_eq!(rejected.await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_rule_that_is_satisfied_allocates_nothing() {
    let world = World::new();
    let app = world.app();
    let token = world
        .clerk
        .token("user_1")
        .scopes(["email", "profile"])
        .issue();
    let claims = app.bearer(&token).await.claims().clone();
    let inner = || service_fn(|_: Request<()>| ready(Ok::<_, Infallible>(Response::new(()))));
    let mut all = RequireScopes::all(["profile", "email"]).layer(inner());
    let mut any = RequireScopes::any(["x", "email"]).layer(inner());
    let mut claim = RequireClaims::new(|claims| claims.has_scope("email")).layer(inner());
    let request = || {
        let mut request = Request::new(());
        request.extensions_mut().insert(claims.clone());
        request
    };
    let requests = [request(), request(), request()];
    let allocated = measure(|| {
        let [first, second, third] = requests;
        for response in [
            all.call(first).now_or_never(),
            any.call(second).now_or_never(),
        ] {
            assert_eq!(response.unwrap().unwrap().status(), 200);
        }
        assert_eq!(
            claim.call(third).now_or_never().unwrap().unwrap().status(),
            200
        );
    });
    assert_eq!(allocated.count_total, 0);
}
