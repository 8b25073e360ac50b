//! Who is rejected in gRPC's way, with HTTP status 200: those who can be nothing but gRPC, and with
//! `http_status_only` nobody, whatever stands behind the layer.

use axum::{Router, body::Body, routing::any};
use http::{Method, Request, Response, Version};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, ClerkClaims, RequireLayer,
    claims::Organization,
    fake_clerk::{Endpoint, Fault},
    mcp::McpSessionLayer,
    reject::JsonBody,
};
use tower_http::{compression::CompressionLayer, cors::CorsLayer, trace::TraceLayer};

use crate::{
    support::{World, as_grpc},
    wire::{one, send, send_grpc, send_h2, serve},
};

/// What rejects behind a layer, each at its path, with the statuses for callers who are anonymous and who are known.
const BEHIND: [(&str, u16, u16); 6] = [
    ("/scopes", 401, 403),
    ("/claims", 401, 403),
    ("/any", 401, 403),
    ("/extractor", 401, 200),
    ("/part", 401, 403),
    ("/tonic", 401, 200),
];

fn behind() -> Router {
    let ok = || any(async || "in");
    Router::new()
        .route("/scopes", ok().layer(RequireLayer::scopes(["admin"])))
        .route("/claims", ok().layer(RequireLayer::claims(|_| false)))
        .route(
            "/any",
            ok().layer(RequireLayer::any_scope(["admin", "staff"])),
        )
        .route("/session", ok().layer(McpSessionLayer::new()))
        .route("/extractor", any(async |_: ClerkClaims| "in"))
        .route("/part", any(async |_: Organization| "in"))
        .route("/tonic", any(method))
}

/// A method of a tonic service, and how tonic renders its status.
pub async fn method(request: Request<Body>) -> Response<Body> {
    match tower_clerk::tonic::claims(&tonic::Request::from_http(request)) {
        Ok(_) => Response::new(Body::from("in")),
        Err(status) => status.into_http(),
    }
}

async fn ask(app: &Router, request: Request<Body>) -> Response<Body> {
    app.clone().oneshot(request).await.unwrap()
}

fn request(path: &str, token: Option<&str>) -> Request<Body> {
    let mut request = Request::post(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Body::empty()).unwrap()
}

/// Checks that a response is a rejection by its HTTP status.
#[track_caller]
fn assert_status<B>(response: &Response<B>, status: u16, name: &str) {
    assert_eq!(response.status(), status, "{name}");
    let headers = response.headers();
    for grpc in ["grpc-status", "grpc-message", "grpc-retry-pushback-ms"] {
        assert_eq!(one(headers, grpc), None, "{name}");
    }
    let content_type = one(headers, "content-type").unwrap_or_default();
    assert!(!content_type.contains("grpc"), "{name}: {content_type}");
    if status != 200 {
        assert_eq!(one(headers, "cache-control"), Some("no-store"), "{name}");
        let is_challenged = one(headers, "www-authenticate").is_some();
        assert_eq!(is_challenged, status < 500, "{name}");
        assert_eq!(headers.contains_key("retry-after"), status == 503, "{name}");
    }
}

#[track_caller]
fn assert_grpc<B>(response: &Response<B>, code: &str, name: &str) {
    assert_eq!(response.status(), 200, "{name}");
    assert_eq!(one(response.headers(), "grpc-status"), Some(code), "{name}");
}

#[tokio::test]
async fn a_rejection_over_http_1_is_never_a_200_whatever_the_headers() {
    // fault A1, fault H14
    let world = World::new();
    let narrow = world.clerk.token("user_1").scopes(["profile"]).issue();
    let config = || {
        world
            .accepting(world.oauth().required_scopes(["email"]))
            .build()
            .unwrap()
    };
    let route = || Router::new().route("/", any(async || "in"));
    let plain = ClerkAuthLayer::new(config());
    let between = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(CorsLayer::permissive())
        .layer(CompressionLayer::new());
    for app in [
        route().layer(plain),
        route()
            .layer(ClerkAuthLayer::new(config()).reject_with(JsonBody))
            .layer(between),
    ] {
        let address = serve(app).await;
        for (token, status) in [
            ("oat_unknown", 401),
            (&narrow, 403),
            ("oat_down", 503),
            ("", 400),
        ] {
            if status == 503 {
                world
                    .clerk
                    .fail(Endpoint::Introspection, Fault::status(500));
            }
            for content_type in [
                "application/grpc",
                "application/grpc+proto",
                "application/grpcx",
                "application/grpc-web",
                "application/grpc-web+proto",
                "application/grpc-web-text+proto",
            ] {
                let bearer = format!("Bearer {token}");
                let headers = [
                    ("authorization", &*bearer),
                    ("content-type", content_type),
                    ("te", "trailers"),
                    ("x-grpc-web", "1"),
                ];
                for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
                    let name = format!("{method} {content_type} {status}");
                    for _ in 0..2 {
                        let answer = send(address, method, "/", &headers).await;
                        // CORS answers a preflight request, and each `OPTIONS` is one for it.
                        if method != "OPTIONS" || answer.status() != 200 {
                            assert_status(&answer, status, &name);
                        }
                        assert_ne!(answer.body(), "in", "{name}");
                    }
                    let answer = send_h2(address, method, "/", &headers[..2]).await;
                    assert!(!answer.headers().contains_key("grpc-status"), "{name}");
                }
            }
            world.clerk.heal_all();
        }
    }
}

#[tokio::test]
async fn what_can_be_nothing_but_grpc_is_answered_in_its_way() {
    // fault A1
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let layer = ClerkAuthLayer::new(world.config().build().unwrap());
    let known = behind().layer(layer.clone());
    let anonymous = behind().layer(layer.clone().optional());
    let json = behind().layer(layer.optional().reject_with(JsonBody));
    for (path, anonymous_status, known_status) in BEHIND {
        for _ in 0..2 {
            for (app, token, status) in [
                (&known, Some(&*token), known_status),
                (&anonymous, None, anonymous_status),
                (&known, None, 401),
                (&json, Some(&*token), known_status),
                (&json, None, anonymous_status),
            ] {
                let code = if status == 401 { "16" } else { "7" };
                let response = ask(app, as_grpc(request(path, token))).await;
                if status == 200 {
                    assert_status(&response, 200, path);
                } else {
                    assert_grpc(&response, code, path);
                }
                // All but one thing is as it is with gRPC.
                for change in CHANGES {
                    let mut request = as_grpc(request(path, token));
                    change(&mut request);
                    assert_status(&ask(app, request).await, status, path);
                }
            }
        }
    }
}

/// Each of them makes of gRPC something else.
const CHANGES: [fn(&mut Request<Body>); 7] = [
    |request| *request.method_mut() = Method::PUT,
    |request| *request.version_mut() = Version::HTTP_11,
    |request| *request.version_mut() = Version::HTTP_3,
    |request| _ = request.headers_mut().remove("te"),
    |request| {
        let web = "application/grpc-web+proto".parse().unwrap();
        request.headers_mut().insert("content-type", web);
    },
    |request| {
        let other = "text/html".parse().unwrap();
        request.headers_mut().append("content-type", other);
    },
    |request| {
        let other = "trailers".parse().unwrap();
        request.headers_mut().append("te", other);
    },
];

#[tokio::test]
async fn http_status_only_holds_for_all_that_stands_behind() {
    // fault A1
    let world = World::new();
    let layer = ClerkAuthLayer::new(world.config().build().unwrap());
    let known = behind().layer(layer.clone().http_status_only());
    let anonymous = behind().layer(layer.clone().optional().http_status_only());
    let json = layer.clone().optional().http_status_only();
    let json = behind().layer(json.reject_with(JsonBody));
    for (path, anonymous_status, known_status) in BEHIND {
        // Its first request waits for Clerk, its second is a cache hit.
        let token = world.clerk.token("user_1").issue();
        for nth in ["first", "second"] {
            for (app, token, status) in [
                (&known, Some(&*token), known_status),
                (&anonymous, Some(&*token), known_status),
                (&anonymous, None, anonymous_status),
                (&json, Some(&*token), known_status),
                (&json, None, anonymous_status),
                (&known, None, 401),
                (&known, Some("oat_unknown"), 401),
                (&anonymous, Some("oat_unknown"), 401),
            ] {
                let name = format!("{path}, {token:?}, {nth}");
                let response = ask(app, as_grpc(request(path, token))).await;
                assert_status(&response, status, &name);
                let error = response.extensions().get::<AuthError>();
                assert_eq!(error.is_some(), status != 200, "{name}");
            }
        }
        // A clone without the option shares the cache, and not the option.
        let plain = behind().layer(layer.clone());
        let response = ask(&plain, as_grpc(request(path, None))).await;
        assert_grpc(&response, "16", path);
    }
    world
        .clerk
        .fail(Endpoint::Introspection, Fault::status(500));
    for _ in 0..2 {
        let response = ask(&known, as_grpc(request("/scopes", Some("oat_down")))).await;
        assert_status(&response, 503, "an outage");
    }
}

#[tokio::test]
async fn http_status_only_holds_for_layers_and_sessions_behind() {
    // fault A1
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let layer = || ClerkAuthLayer::new(world.config().build().unwrap());
    let nested = behind()
        .layer(layer())
        .layer(layer().optional().http_status_only());
    for _ in 0..2 {
        for (token, status) in [
            (None, 401),
            (Some("oat_unknown"), 401),
            (Some(&*token), 403),
        ] {
            let response = ask(&nested, as_grpc(request("/scopes", token))).await;
            assert_status(&response, status, "nested");
        }
        // The session is unknown.
        let response = ask(
            &behind().layer(layer().optional().http_status_only()),
            as_grpc(request("/session", None)),
        )
        .await;
        assert_status(&response, 401, "an anonymous session");
        let mut unknown = as_grpc(request("/session", Some(&token)));
        unknown
            .headers_mut()
            .insert("mcp-session-id", "s".parse().unwrap());
        let response = ask(&behind().layer(layer()), unknown).await;
        assert_eq!(response.status(), 404);
        // Claims that got lost on the way: the layer of a rule is missing.
        let forgetful = tower::util::MapRequestLayer::new(|mut request: Request<Body>| {
            request.extensions_mut().remove::<ClerkClaims>();
            request
        });
        let app = behind().layer(forgetful).layer(layer().http_status_only());
        for path in ["/scopes", "/any", "/session", "/tonic"] {
            let response = ask(&app, as_grpc(request(path, Some(&token)))).await;
            assert_status(&response, 500, path);
            let error = response.extensions().get::<AuthError>().unwrap();
            assert_eq!(error.kind(), AuthErrorKind::MissingLayer, "{path}");
        }
    }
}

#[tokio::test]
async fn a_missing_layer_is_a_500_for_all_but_grpc() {
    // fault A1
    let app = behind();
    for path in [
        "/scopes",
        "/claims",
        "/any",
        "/session",
        "/extractor",
        "/part",
    ] {
        for _ in 0..2 {
            assert_grpc(&ask(&app, as_grpc(request(path, None))).await, "13", path);
            for change in CHANGES {
                let mut request = as_grpc(request(path, None));
                change(&mut request);
                assert_status(&ask(&app, request).await, 500, path);
            }
        }
    }
}

#[tokio::test]
async fn a_grpc_status_of_the_service_itself_stays() {
    // fault A1
    let world = World::new();
    let token = world.clerk.token("user_1").issue();
    let layer = ClerkAuthLayer::new(world.config().build().unwrap()).http_status_only();
    let inner = service_fn(async |_: Request<Body>| {
        let status = tonic::Status::permission_denied("not yours");
        Ok::<_, std::convert::Infallible>(status.into_http::<Body>())
    });
    for _ in 0..2 {
        let service = layer.layer(inner);
        let response = service.oneshot(as_grpc(request("/", Some(&token)))).await;
        assert_grpc(&response.unwrap(), "7", "of the service");
    }
}

#[tokio::test]
async fn a_grpc_outage_has_both_delays_on_the_wire() {
    // fault E13
    let world = World::new();
    world
        .clerk
        .fail(Endpoint::Introspection, Fault::status(500));
    for _ in 0..2 {
        let layer = ClerkAuthLayer::new(world.config().build().unwrap());
        let address = serve(behind().layer(layer)).await;
        for token in ["oat_1", "oat_1", "oat_2"] {
            let bearer = format!("Bearer {token}");
            let authorization = ("authorization", &*bearer);
            let answer = send_grpc(address, "/scopes", &[authorization]).await;
            assert_grpc(&answer, "14", token);
            let headers = answer.headers();
            let seconds: u64 = one(headers, "retry-after").unwrap().parse().unwrap();
            let millis = one(headers, "grpc-retry-pushback-ms").unwrap();
            assert_eq!(millis.parse(), Ok(1_000 * seconds));
            let answer = send(address, "POST", "/scopes", &[authorization]).await;
            assert_status(&answer, 503, token);
        }
        // Nothing else is worth another try.
        let answer = send_grpc(address, "/scopes", &[("authorization", "Bearer")]).await;
        assert_grpc(&answer, "16", "malformed");
        assert_eq!(one(answer.headers(), "grpc-retry-pushback-ms"), None);
        assert_eq!(one(answer.headers(), "retry-after"), None);
    }
}
