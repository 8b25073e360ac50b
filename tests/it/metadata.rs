//! Protected resource metadata (RFC 9728): in front of everything that the layer does, in axum and hyper,
//! over real HTTP; and beside the layer, as a service of its own.

use std::{convert::Infallible, net::SocketAddr};

use axum::{Json, Router, body::Body, routing::get};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, ClerkClaims, ClerkConfigBuilder,
    config::Resource,
    fake_clerk::{Endpoint, Fault},
    reject::JsonBody,
};

use crate::{
    frameworks::check_health,
    redaction::Log,
    support::World,
    wire::{one, send, send_grpc, serve},
};

const RESOURCE: &str = "https://api.example.com/mcp";
const URL: &str = "https://api.example.com/.well-known/oauth-protected-resource/mcp";
const ROOT: &str = "/.well-known/oauth-protected-resource";
const PATH: &str = "/.well-known/oauth-protected-resource/mcp";

fn config(world: &World) -> ClerkConfigBuilder {
    world
        .accepting(world.oauth().required_scopes(["email", "offline_access"]))
        .resource(RESOURCE)
}

fn layer(config: ClerkConfigBuilder) -> ClerkAuthLayer {
    ClerkAuthLayer::new(config.build().unwrap())
}

fn routes() -> Router {
    Router::new().route("/me", get(async |claims: ClerkClaims| Json(claims)))
}

async fn serve_by_hyper(layer: ClerkAuthLayer) -> SocketAddr {
    let service = layer.layer(service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("inner")))
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

/// Everything that may be said of the metadata, at one path, to somebody with these headers.
async fn check(world: &World, address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) {
    let got = send(address, "GET", path, headers).await;
    assert_eq!(got.status(), 200, "{path} {headers:?}");
    assert_eq!(one(got.headers(), "content-type"), Some("application/json"));
    assert_eq!(
        one(got.headers(), "cache-control"),
        Some("public, max-age=3600")
    );
    assert_eq!(one(got.headers(), "access-control-allow-origin"), Some("*"));
    assert_eq!(one(got.headers(), "www-authenticate"), None);
    let document: Value = serde_json::from_str(got.body()).unwrap();
    let expected = json!({
        "resource": RESOURCE,
        "authorization_servers": [world.clerk.url()],
        "scopes_supported": ["email"],
        "bearer_methods_supported": ["header"],
    });
    assert_eq!(document, expected, "{path} {headers:?}");

    let head = send(address, "HEAD", path, headers).await;
    assert_eq!(head.status(), 200);
    assert_eq!(head.body(), "");
    for name in [
        "content-type",
        "cache-control",
        "access-control-allow-origin",
        "content-length",
    ] {
        let values = (one(head.headers(), name), one(got.headers(), name));
        assert!(values.0.is_some() && values.0 == values.1, "{name}");
    }

    let preflight = send(address, "OPTIONS", path, headers).await;
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.body(), "");
    for (name, expected) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
        ("access-control-allow-headers", "*"),
    ] {
        assert_eq!(one(preflight.headers(), name), Some(expected));
    }

    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let other = send(address, method, path, headers).await;
        assert_eq!(other.status(), 405, "{method}");
        assert_eq!(one(other.headers(), "allow"), Some("GET, HEAD, OPTIONS"));
        assert_eq!(other.body(), "");
    }
}

/// With whatever a caller may send along, both paths, twice.
async fn check_everything(world: &World, address: SocketAddr) {
    let long = format!("Bearer {}", "a".repeat(5_000));
    let token = format!("Bearer {}", world.clerk.token("user_1").issue());
    for _ in 0..2 {
        for headers in [
            &[][..],
            &[("authorization", "Bearer oat_unknown")],
            &[("authorization", "Bearer garbage")],
            &[("authorization", "Bearer")],
            &[("authorization", "Basic dTpw")],
            &[("authorization", &long)],
            &[("authorization", &token)],
            &[
                ("authorization", "Bearer oat_a"),
                ("authorization", "Bearer oat_b"),
            ],
            &[
                ("origin", "https://app.example.com"),
                ("access-control-request-method", "GET"),
                ("access-control-request-headers", "mcp-protocol-version"),
            ],
            // D27: where a request says that it was sent makes no difference.
            &[
                ("host", "evil.example"),
                ("x-forwarded-host", "evil.example"),
                ("x-forwarded-proto", "http"),
                ("x-forwarded-prefix", "/evil"),
                ("forwarded", "host=evil.example"),
            ],
        ] {
            for path in [ROOT, PATH, &format!("{PATH}?resource=https://evil.example")] {
                check(world, address, path, headers).await;
            }
        }
    }
    assert_eq!(world.clerk.total_calls(), 0);
}

#[tokio::test]
async fn axum_answers_without_a_token_whatever_is_sent() {
    let world = World::new();
    let layer = layer(config(&world));
    let address = serve(routes().layer(layer.clone())).await;
    check_everything(&world, address).await;
    assert_eq!(layer.authenticator().stats().rejected, 0);
    // What is behind the layer is as closed as ever.
    for _ in 0..2 {
        assert_eq!(send(address, "GET", "/me", &[]).await.status(), 401);
    }
}

#[tokio::test]
async fn hyper_answers_without_a_token_whatever_is_sent() {
    let world = World::new();
    let address = serve_by_hyper(layer(config(&world))).await;
    check_everything(&world, address).await;
    for _ in 0..2 {
        assert_eq!(send(address, "GET", "/me", &[]).await.status(), 401);
    }
}

#[tokio::test]
async fn it_needs_no_clerk() {
    let world = World::new();
    let address = serve(routes().layer(layer(config(&world)))).await;
    for (fault, times) in [
        (Fault::status(500), 15),
        (Fault::hang(), 1),
        (Fault::reset(), 15),
    ] {
        for endpoint in [Endpoint::Introspection, Endpoint::Userinfo] {
            world.clerk.fail(endpoint, fault.clone());
        }
        // The breaker is open after ten.
        for n in 0..times {
            let token = format!("Bearer oat_{n}");
            let rejected = send(address, "GET", "/me", &[("authorization", &token)]).await;
            assert_eq!(rejected.status(), 503);
            assert_eq!(one(rejected.headers(), "www-authenticate"), None);
            assert!(one(rejected.headers(), "retry-after").is_some());
            for path in [ROOT, PATH] {
                check(&world, address, path, &[("authorization", &token)]).await;
            }
        }
        world.clerk.heal_all();
    }
}

#[tokio::test]
async fn two_paths_are_open_and_no_others() {
    let world = World::new();
    let axum = serve(routes().layer(layer(config(&world)))).await;
    let hyper = serve_by_hyper(layer(config(&world))).await;
    for _ in 0..2 {
        for path in [
            "/",
            "/mcp",
            "/.well-known",
            "/.well-known/oauth-protected-resource/",
            "/.well-known/oauth-protected-resource/mcp/",
            "/.well-known/oauth-protected-resource/mcp/x",
            "/.well-known/oauth-protected-resource/MCP",
            "/.well-known/oauth-protected-resource/%6dcp",
            "/.well-known/oauth-protected-resource/other",
            "/.well-known/oauth-protected-resource;x",
            "/.well-known%2foauth-protected-resource",
            "//.well-known/oauth-protected-resource",
            "/me/.well-known/oauth-protected-resource",
            "/.well-known/oauth-authorization-server",
            "/?/.well-known/oauth-protected-resource",
        ] {
            for address in [axum, hyper] {
                for method in ["GET", "OPTIONS", "POST"] {
                    let rejected = send(address, method, path, &[]).await;
                    assert_eq!(rejected.status(), 401, "{method} {path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn without_a_resource_there_is_none() {
    let world = World::new();
    for config in [
        world.config(),
        world.config().resource("urn:example:api"),
        world
            .config()
            .resource(Resource::new("urn:example:api").name("An API")),
    ] {
        let layer = layer(config);
        assert!(layer.authenticator().resource_metadata().is_none());
        let address = serve(routes().layer(layer)).await;
        for _ in 0..2 {
            let rejected = send(address, "GET", ROOT, &[]).await;
            assert_eq!(rejected.status(), 401);
            assert_eq!(one(rejected.headers(), "www-authenticate"), Some("Bearer"));
        }
    }
}

#[tokio::test]
async fn options_are_seen_in_the_document() {
    let world = World::new();
    let config = config(&world).resource(
        Resource::new(RESOURCE)
            .name("The API")
            .documentation("https://docs.example.com/api")
            .scopes_supported(["email", "mcp:admin", "offline_access"]),
    );
    let address = serve(routes().layer(layer(config))).await;
    let got = send(address, "GET", PATH, &[]).await;
    let document: Value = serde_json::from_str(got.body()).unwrap();
    let expected = json!({
        // fault E3: as written.
        "resource": RESOURCE,
        "authorization_servers": [world.clerk.url()],
        "scopes_supported": ["email", "mcp:admin", "offline_access"],
        "bearer_methods_supported": ["header"],
        "resource_name": "The API",
        "resource_documentation": "https://docs.example.com/api",
    });
    assert_eq!(document, expected);
    // What is supported is not what is required.
    let rejected = send(address, "GET", "/me", &[]).await;
    let challenge = one(rejected.headers(), "www-authenticate").unwrap();
    assert!(
        challenge.starts_with("Bearer scope=\"email\","),
        "{challenge}"
    );
    let token = format!("Bearer {}", world.clerk.token("user_1").issue());
    let rejected = send(address, "GET", "/me", &[("authorization", &token)]).await;
    assert_eq!(rejected.status(), 403, "offline_access is required here");
}

#[tokio::test]
async fn challenges_lead_to_it() {
    // D26, D27
    let world = World::new();
    // The address of the service, as its callers know it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let resource = format!("http://{address}/me");
    let config = world
        .accepting(world.oauth().required_scopes(["email"]))
        .resource(&*resource);
    let layer = layer(config);
    let url = format!("http://{address}/.well-known/oauth-protected-resource/me");
    assert_eq!(
        layer.authenticator().resource_metadata().unwrap().url(),
        url
    );
    let app = routes().layer(layer);
    tokio::spawn(async { axum::serve(listener, app).await });

    let narrow = world.clerk.token("user_1").scopes(["profile"]).issue();
    let narrow = format!("Bearer {narrow}");
    let named = format!("resource_metadata=\"{url}\"");
    for _ in 0..2 {
        for (status, code, authorization) in [
            (401, "16", ""),
            (401, "16", "Basic dTpw"),
            (401, "16", "Bearer oat_unknown"),
            (401, "16", "Bearer garbage"),
            (403, "7", &*narrow),
        ] {
            let authorization = ("authorization", authorization);
            for is_grpc in [false, true] {
                let headers = &[authorization];
                let rejected = if is_grpc {
                    send_grpc(address, "/me", headers).await
                } else {
                    send(address, "GET", "/me", headers).await
                };
                if is_grpc {
                    assert_eq!(rejected.status(), 200);
                    assert_eq!(one(rejected.headers(), "grpc-status"), Some(code));
                } else {
                    assert_eq!(rejected.status(), status);
                }
                let challenge = one(rejected.headers(), "www-authenticate").unwrap();
                assert_eq!(challenge.matches(&named).count(), 1, "{challenge}");
            }
        }
        for authorization in ["Bearer", "Bearer a b"] {
            let rejected = send(address, "GET", "/me", &[("authorization", authorization)]).await;
            assert_eq!(rejected.status(), 400);
            let challenge = one(rejected.headers(), "www-authenticate").unwrap();
            assert!(!challenge.contains("resource_metadata"), "{challenge}");
        }
    }
    // As a client does: from the challenge to the document, which must be of what was asked for.
    let path = url.strip_prefix(&format!("http://{address}")).unwrap();
    let got = send(address, "GET", path, &[]).await;
    let document: Value = serde_json::from_str(got.body()).unwrap();
    assert_eq!(document["resource"], resource);
}

#[tokio::test]
async fn it_is_mounted_beside_a_layer_that_does_not_see_the_requests() {
    let world = World::new();
    let layer = layer(config(&world));
    let metadata = layer.authenticator().resource_metadata().unwrap();
    assert_eq!(metadata.url(), URL);
    let below = Router::new().nest("/api", routes().layer(layer.clone()));
    let routed = routes().route_layer(layer);
    for app in [below, routed] {
        let address = serve(app.clone()).await;
        assert_eq!(send(address, "GET", ROOT, &[]).await.status(), 404);

        let address = serve(app.clone().merge(metadata.router())).await;
        check(&world, address, ROOT, &[]).await;
        check(
            &world,
            address,
            PATH,
            &[("authorization", "Bearer garbage")],
        )
        .await;

        let last = metadata.paths().last().unwrap();
        let address = serve(app.route_service(last, metadata.clone())).await;
        check(&world, address, PATH, &[]).await;
        assert_eq!(send(address, "GET", ROOT, &[]).await.status(), 404);
    }
}

#[tokio::test]
async fn a_router_is_made_of_every_resource() {
    let world = World::new();
    for (resource, path) in [
        ("https://api.example.com", ROOT),
        (
            "https://api.example.com/:id/*",
            "/.well-known/oauth-protected-resource/:id/*",
        ),
        (
            "https://api.example.com//a/%7Bb%7D/",
            "/.well-known/oauth-protected-resource//a/%7Bb%7D/",
        ),
    ] {
        let layer = layer(world.config().resource(resource));
        let router: Router = layer.authenticator().resource_metadata().unwrap().router();
        for address in [serve(router).await, serve(routes().layer(layer)).await] {
            for path in [ROOT, path] {
                let got = send(address, "GET", path, &[]).await;
                assert_eq!(got.status(), 200, "{path}");
                let document: Value = serde_json::from_str(got.body()).unwrap();
                assert_eq!(document["resource"], resource);
                assert_eq!(document.get("scopes_supported"), None);
            }
        }
    }
}

#[tokio::test]
async fn each_of_two_layers_tells_of_its_own_resource() {
    let world = World::new();
    let app = ["a", "b"].into_iter().fold(Router::new(), |app, name| {
        let config = world
            .accepting(world.oauth().required_scopes([name]))
            .resource(format!("https://api.example.com/{name}"));
        let layer = layer(config);
        let metadata = layer.authenticator().resource_metadata().unwrap();
        let path = metadata.paths().last().unwrap().to_owned();
        app.nest(&format!("/{name}"), routes().layer(layer))
            .route_service(&path, metadata)
    });
    let address = serve(app).await;
    for name in ["a", "b"] {
        let got = send(address, "GET", &format!("{ROOT}/{name}"), &[]).await;
        let document: Value = serde_json::from_str(got.body()).unwrap();
        assert_eq!(
            document["resource"],
            format!("https://api.example.com/{name}")
        );
        assert_eq!(document["scopes_supported"], json!([name]));
        let rejected = send(address, "GET", &format!("/{name}/me"), &[]).await;
        let challenge = one(rejected.headers(), "www-authenticate").unwrap();
        let expected = format!(
            "Bearer scope=\"{name}\", resource_metadata=\"https://api.example.com{ROOT}/{name}\""
        );
        assert_eq!(challenge, expected);
    }
}

#[tokio::test]
async fn a_layer_around_another_resource_rejects_its_metadata_with_a_warning() {
    // fault E15
    let world = World::new();
    let app = |is_route_layer: bool| {
        ["b", "a"].into_iter().fold(Router::new(), |app, name| {
            let config = world.accepting(world.oauth());
            let layer = layer(config.resource(format!("https://api.example.com/{name}")));
            let metadata = layer.authenticator().resource_metadata().unwrap();
            let path = metadata.paths().last().unwrap().to_owned();
            let routes = Router::new().route(&format!("/{name}"), get(|| async { "ok" }));
            // The fallback of `a`, which is merged last, is that of both, with its layer around.
            app.merge(match is_route_layer {
                true => routes.route_layer(layer).route_service(&path, metadata),
                false if name == "a" => routes.layer(layer),
                false => routes.route_layer(layer),
            })
        })
    };
    let log = Log::default();
    let guard = log.subscribe();
    let warnings = || {
        let text = log.text();
        let lines = text.lines();
        lines
            .filter(|line| line.contains("the metadata of another resource"))
            .count()
    };
    let wrapped = app(false);
    let send = async |app: &Router, path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap()
    };
    assert_eq!(send(&wrapped, &format!("{ROOT}/a")).await.status(), 200);
    assert_eq!(send(&wrapped, "/other").await.status(), 401);
    assert_eq!(send(&wrapped, &format!("{ROOT}x")).await.status(), 401);
    assert_eq!(warnings(), 0);
    for _ in 0..2 {
        assert_eq!(send(&wrapped, &format!("{ROOT}/b")).await.status(), 401);
    }
    assert_eq!(warnings(), 1);
    drop(guard);

    let beside = app(true);
    for name in ["a", "b"] {
        let response = send(&beside, &format!("{ROOT}/{name}")).await;
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let document: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            document["resource"],
            format!("https://api.example.com/{name}")
        );
    }
}

#[tokio::test]
async fn tonic_is_as_it_was_and_says_once_that_it_cannot_answer() {
    use tonic::transport::{Channel, Server, server::TcpIncoming};

    let log = Log::default();
    let _guard = log.subscribe();
    let world = World::new();
    let (_reporter, health) = tonic_health::server::health_reporter();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let layer = layer(
        world
            .accepting(world.oauth().required_scopes(["email"]))
            .resource(RESOURCE),
    );
    let server = Server::builder()
        .accept_http1(true)
        .layer(layer)
        .add_service(health);
    tokio::spawn(async {
        server
            .serve_with_incoming(TcpIncoming::from(listener))
            .await
    });
    let target = Channel::from_shared(format!("http://{address}")).unwrap();
    let channel = target.connect().await.unwrap();
    let check = async |token| check_health(&channel, token).await;
    let named = format!("resource_metadata=\"{URL}\"");
    let good = world.clerk.token("user_1").issue();
    let narrow = world.clerk.token("user_1").scopes(["profile"]).issue();
    for _ in 0..2 {
        assert!(check(Some(&good)).await.is_ok());
        for (token, code) in [
            (None, tonic::Code::Unauthenticated),
            (Some("oat_unknown"), tonic::Code::Unauthenticated),
            (Some(&*narrow), tonic::Code::PermissionDenied),
        ] {
            let rejected = check(token).await.unwrap_err();
            assert_eq!(rejected.code(), code);
            let challenge = rejected.metadata().get("www-authenticate").unwrap();
            assert!(challenge.to_str().unwrap().contains(&named));
        }
        // There is no body for it: a request like any other, with a challenge that says the rest.
        let rejected = send(address, "GET", PATH, &[]).await;
        assert_eq!(rejected.status(), 401);
        let challenge = one(rejected.headers(), "www-authenticate").unwrap();
        assert!(challenge.contains(&named), "{challenge}");
    }
    let log = log.text();
    let said: Vec<_> = log
        .lines()
        .filter(|line| line.contains("WARN") && line.contains("ResourceMetadata"))
        .collect();
    assert_eq!(said.len(), 1, "{said:?}");
}

/// A body of an application's own that is made of text.
#[derive(Debug, Default)]
struct Own(Bytes);

impl From<String> for Own {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

#[tokio::test]
async fn a_body_of_ones_own_is_served_where_something_makes_it() {
    let world = World::new();
    let layer = layer(config(&world));
    let inner =
        || service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Own::default())));
    let request = || Request::get(PATH).body(()).unwrap();
    for _ in 0..2 {
        let response = layer.layer(inner()).oneshot(request()).await.unwrap();
        let error = response.extensions().get::<AuthError>().unwrap();
        assert_eq!(error.kind(), AuthErrorKind::MissingCredentials);

        let shaped = layer.clone().reject_with(JsonBody).layer(inner());
        let response = shaped.oneshot(request()).await.unwrap();
        assert_eq!(response.status(), 200);
        let json = layer
            .authenticator()
            .resource_metadata()
            .unwrap()
            .json()
            .clone();
        assert_eq!(response.into_body().0, json);
    }
}

#[tokio::test]
async fn it_is_a_service_at_any_path() {
    let world = World::new();
    let mut metadata = layer(config(&world))
        .authenticator()
        .resource_metadata()
        .unwrap();
    for path in ["/", "/anything", PATH] {
        for (method, status) in [
            (Method::GET, 200),
            (Method::HEAD, 200),
            (Method::OPTIONS, 204),
            (Method::POST, 405),
        ] {
            let request = Request::builder().method(&method).uri(path);
            let request = request.body(Body::empty()).unwrap();
            let Ok(response) = metadata.call(request).await;
            assert_eq!(response.status(), status, "{method} {path}");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body.is_empty(), method != Method::GET, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_request_for_it_holds_no_permit_and_reaches_nobody() {
    let world = World::new();
    let inner = service_fn(
        async |_: Request<()>| -> Result<Response<Bytes>, Infallible> {
            panic!("it is for the layer to answer")
        },
    );
    let mut service = layer(config(&world)).layer(ConcurrencyLimit::new(inner, 1));
    let mut other = service.clone();
    let ready = service.ready().await.unwrap();
    let pending = ready.call(Request::get(PATH).body(()).unwrap());
    // The one permit is there, though neither the service nor the future is gone.
    let ready = other.ready().await.unwrap();
    let response = ready.call(Request::get(ROOT).body(()).unwrap()).await;
    assert_eq!(response.unwrap().status(), 200);
    assert_eq!(pending.await.unwrap().status(), 200);
}
