//! Rules by route, behind the layer.

use std::{convert::Infallible, future::ready, sync::atomic::Ordering};

use allocation_counter::measure;
use axum::{
    Router,
    body::Body,
    response::IntoResponse,
    routing::{MethodRouter, get},
};
use futures_util::FutureExt;
use http::{Request, Response};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, ClerkClaims, RequireLayer, TokenKind,
    claims::Organization,
    reject::{JsonBody, ProblemJson, RejectResponse, Rejection},
};

use crate::{
    readiness::Strict,
    redaction::Log,
    support::{World, as_grpc, request},
    wire::{send, serve},
};

fn router(auth: ClerkAuthLayer) -> Router {
    let scoped = |path: &str, scopes: RequireLayer| {
        Router::new()
            .route(path, get(|| async { "in" }))
            .route_layer(scopes)
    };
    scoped("/read", RequireLayer::scopes(["files:read"]))
        .merge(scoped(
            "/write",
            RequireLayer::scopes(["files:read", "files:write"]),
        ))
        .merge(scoped(
            "/either",
            RequireLayer::any_scope(["files:read", "files:admin"]),
        ))
        .merge(
            Router::new()
                .route("/staff", get(|| async { "in" }))
                .route_layer(RequireLayer::claims(|claims: &ClerkClaims| {
                    claims.org_id() == Some("org_staff")
                })),
        )
        .layer(auth)
}

pub async fn ask(app: &Router, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
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
        .accepting(world.oauth().required_scopes(["email"]))
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
        .route_layer(RequireLayer::scopes(["files:read"]));
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
    let auth = ClerkAuthLayer::new(world.config().build().unwrap());
    let service = ServiceBuilder::new()
        .layer(auth.reject_with(render))
        .layer(RequireLayer::scopes(["admin"]))
        .service(service_fn(|_: Request<()>| {
            ready(Ok::<_, Infallible>(Response::new(String::new())))
        }));
    let token = world.clerk.token("user_1").issue();
    for _ in 0..2 {
        let response = service.clone().oneshot(request(&token)).await.unwrap();
        assert_eq!(response.status(), 403);
        assert_eq!(response.body(), "InsufficientScope Some(\"admin\")");
        assert!(response.headers().contains_key("www-authenticate"));
    }
}

/// What rejects behind a layer, with the `error` for callers who are anonymous and who are known.
const BEHIND: [(&str, &str, &str); 7] = [
    ("/scopes", "missing_credentials", "insufficient_scope"),
    ("/any", "missing_credentials", "insufficient_scope"),
    ("/permissions", "missing_credentials", "forbidden"),
    ("/role", "missing_credentials", "forbidden"),
    ("/kind", "missing_credentials", "forbidden"),
    ("/claims", "missing_credentials", "forbidden"),
    ("/organization", "missing_credentials", "forbidden"),
];

fn behind() -> Router {
    let ok = || get(async || "in");
    Router::new()
        .route("/scopes", ok().layer(RequireLayer::scopes(["admin"])))
        .route(
            "/any",
            ok().layer(RequireLayer::any_scope(["admin", "staff"])),
        )
        .route(
            "/permissions",
            ok().layer(RequireLayer::permissions(["org:a:b"])),
        )
        .route("/role", ok().layer(RequireLayer::role("org:admin")))
        .route("/kind", ok().layer(RequireLayer::kind(TokenKind::ApiKey)))
        .route("/claims", ok().layer(RequireLayer::claims(|_| false)))
        .route("/organization", get(async |_: Organization| "in"))
        .route("/in", ok().layer(RequireLayer::kind(TokenKind::OAuth)))
}

/// The places where a layer can stand in a router of axum.
fn places<R>(auth: &ClerkAuthLayer<R>) -> [(&'static str, &'static str, Router); 4]
where
    R: RejectResponse<Body> + Clone + Send + Sync + 'static,
{
    let inner = || Router::new().fallback_service(behind());
    [
        ("", "Router::layer", behind().layer(auth.clone())),
        ("", "fallback_service", inner().layer(auth.clone())),
        (
            "/nested",
            "nest",
            Router::new().nest("/nested", behind()).layer(auth.clone()),
        ),
        (
            "/nested",
            "nest_service",
            Router::new()
                .nest_service("/nested", behind())
                .layer(auth.clone()),
        ),
    ]
}

/// Returns the body of a response as text.
pub async fn text(response: Response<Body>) -> String {
    let body = axum::body::to_bytes(response.into_body(), 10_000)
        .await
        .unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn the_body_of_the_layer_reaches_all_rejections_behind_it() {
    // fault H7
    async fn check<R>(
        auth: ClerkAuthLayer<R>,
        token: &str,
        content_type: &str,
        is_shown: impl Fn(&str, &str) -> bool,
    ) where
        R: RejectResponse<Body> + Clone + Send + Sync + 'static,
    {
        let bearer = format!("Bearer {token}");
        for (prefix, place, app) in places(&auth.optional()) {
            for (path, anonymous, known) in BEHIND {
                // The first with the token waits for Clerk, the second is a cache hit.
                for _ in 0..2 {
                    for (headers, error) in [
                        (&[("authorization", &*bearer)][..], known),
                        (&[], anonymous),
                    ] {
                        let name = format!("{place}, {path}, {error}");
                        let response = ask(&app, &format!("{prefix}{path}"), headers).await;
                        let status = if error == anonymous { 401 } else { 403 };
                        assert_eq!(response.status(), status, "{name}");
                        let headers = response.headers();
                        assert_eq!(headers["content-type"], content_type, "{name}");
                        assert_eq!(headers["cache-control"], "no-store", "{name}");
                        assert!(headers.contains_key("www-authenticate"), "{name}");
                        let length = headers.get("content-length").cloned();
                        assert!(response.extensions().get::<AuthError>().is_some(), "{name}");
                        assert!(response.extensions().get::<Rejection>().is_none(), "{name}");
                        let body = text(response).await;
                        assert!(is_shown(&body, error), "{name}: {body}");
                        if let Some(length) = length {
                            assert_eq!(length, body.len().to_string(), "{name}");
                        }
                    }
                }
            }
            let headers = [("authorization", &*bearer)];
            let response = ask(&app, &format!("{prefix}/in"), &headers).await;
            assert_eq!(text(response).await, "in", "{place}");
        }
    }

    let world = World::new();
    let token = || world.clerk.token("user_1").issue();
    let auth = || ClerkAuthLayer::new(world.config().build().unwrap());
    let is_json = |body: &str, error: &str| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        body["error"] == error
    };
    check(
        auth().reject_with(JsonBody),
        &token(),
        "application/json",
        is_json,
    )
    .await;
    let problem = "application/problem+json";
    check(auth().reject_with(ProblemJson), &token(), problem, is_json).await;
    let page = |rejection: &Rejection| {
        let code = rejection.code().unwrap_or("none");
        format!("<h1>{code}</h1>").into_response()
    };
    let plain = "text/plain; charset=utf-8";
    check(auth().reject_with(page), &token(), plain, |body, error| {
        let code = if error == "insufficient_scope" {
            error
        } else {
            "none"
        };
        body == format!("<h1>{code}</h1>")
    })
    .await;
}

#[tokio::test]
async fn the_body_of_a_layer_at_a_single_route_counts_there() {
    // fault H7
    let world = World::new();
    let auth = ClerkAuthLayer::new(world.config().build().unwrap()).reject_with(JsonBody);
    let route: MethodRouter = get(async || "in").layer(RequireLayer::scopes(["admin"]));
    let app = Router::new().route("/", route.layer(auth));
    let bearer = format!("Bearer {}", world.clerk.token("user_1").issue());
    for _ in 0..2 {
        let response = ask(&app, "/", &[("authorization", &bearer)]).await;
        assert_eq!(response.status(), 403);
        assert!(text(response).await.contains("insufficient_scope"));
    }
}

#[tokio::test]
async fn a_body_arrives_whole_from_a_router_within_a_router() {
    // fault H7
    let world = World::new();
    let auth = ClerkAuthLayer::new(world.config().build().unwrap()).reject_with(JsonBody);
    let bearer = format!("Bearer {}", world.clerk.token("user_1").issue());
    for (prefix, place, app) in places(&auth) {
        let address = serve(app).await;
        for _ in 0..2 {
            let path = format!("{prefix}/scopes");
            let answer = send(address, "GET", &path, &[("authorization", &bearer)]).await;
            assert_eq!(answer.status(), 403, "{place}");
            let body: serde_json::Value = serde_json::from_str(answer.body()).unwrap();
            assert_eq!(body["error"], "insufficient_scope", "{place}");
        }
    }
}

#[tokio::test]
async fn the_nearest_layer_renders() {
    // fault H7
    let world = World::new();
    let auth = ClerkAuthLayer::new(world.config().build().unwrap());
    let json = auth.clone().reject_with(JsonBody);
    let problem = auth.clone().reject_with(ProblemJson);
    let bearer = format!("Bearer {}", world.clerk.token("user_1").issue());
    for (app, content_type) in [
        (
            behind().layer(json.clone()).layer(problem.clone()),
            Some("application/json"),
        ),
        (
            behind().layer(problem.clone()).layer(json),
            Some("application/problem+json"),
        ),
        (behind().layer(auth).layer(problem), None),
    ] {
        for path in ["/scopes", "/claims", "/organization"] {
            for _ in 0..2 {
                let response = ask(&app, path, &[("authorization", &bearer)]).await;
                assert_eq!(response.status(), 403, "{path}");
                let found = response.headers().get("content-type");
                let found = found.map(|value| value.to_str().unwrap());
                assert_eq!(found, content_type, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_response_that_something_in_between_has_replaced_stays() {
    // fault H7
    let world = World::new();
    let auth = ClerkAuthLayer::new(world.config().build().unwrap()).reject_with(JsonBody);
    let own = tower::util::MapResponseLayer::new(|mut response: Response<Body>| {
        *response.body_mut() = Body::from("my own");
        response
    });
    let hidden = tower::util::MapResponseLayer::new(|mut response: Response<Body>| {
        *response.status_mut() = http::StatusCode::NOT_FOUND;
        response
    });
    let app = Router::new()
        .nest("/own", behind().layer(own))
        .nest("/hidden", behind().layer(hidden))
        .layer(auth);
    let bearer = format!("Bearer {}", world.clerk.token("user_1").issue());
    for _ in 0..2 {
        for (path, status, body) in [("/own/scopes", 403, "my own"), ("/hidden/scopes", 404, "")] {
            let response = ask(&app, path, &[("authorization", &bearer)]).await;
            assert_eq!(response.status(), status, "{path}");
            assert_eq!(text(response).await, body, "{path}");
        }
    }
}

#[tokio::test]
async fn several_rules_are_combined_with_and() {
    let world = World::new();
    let app: Router = Router::new()
        .route("/", get(async || "in"))
        .layer(RequireLayer::any_scope(["email", "admin"]))
        .layer(RequireLayer::kind(TokenKind::OAuth))
        .layer(RequireLayer::claims(|claims| claims.subject() == "user_1"))
        .layer(ClerkAuthLayer::new(world.config().build().unwrap()));
    for (subject, scope, status) in [
        ("user_1", "email", 200),
        ("user_1", "profile", 403),
        ("user_2", "email", 403),
    ] {
        let token = world.clerk.token(subject).scopes([scope]).issue();
        let bearer = format!("Bearer {token}");
        for _ in 0..2 {
            let response = ask(&app, "/", &[("authorization", &bearer)]).await;
            assert_eq!(response.status(), status, "{subject}, {scope}");
        }
    }
}

#[tokio::test]
async fn the_instance_that_is_called_was_polled_ready() {
    // C123
    let world = World::new();
    let strict = Strict::default();
    let calls = strict.calls();
    let mut service = ServiceBuilder::new()
        .layer(ClerkAuthLayer::new(world.config().build().unwrap()))
        .layer(RequireLayer::scopes(["email"]))
        .layer(RequireLayer::claims(|claims| claims.subject() == "user_1"))
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
        layer.layer(RequireLayer::scopes(["admin"]).layer(ConcurrencyLimit::new(inner, 1)));
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
    let mut all = RequireLayer::scopes(["profile", "email"]).layer(inner());
    let mut any = RequireLayer::any_scope(["x", "email"]).layer(inner());
    let mut claim = RequireLayer::claims(|claims| claims.has_scope("email")).layer(inner());
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
