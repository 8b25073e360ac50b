//! Clerk's metadata as an authorization server (RFC 8414), at the resource's host.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_clerk::{
    ClerkAuthLayer, ClerkConfig, ClerkConfigBuilder,
    config::Resource,
    fake_clerk::{Endpoint, FakeClerk, Fault},
};

use crate::support::World;

const RESOURCE: &str = "https://api.example.com/mcp";
const ROOT: &str = "/.well-known/oauth-authorization-server";
const PATH: &str = "/.well-known/oauth-authorization-server/mcp";
const DOCUMENT: Endpoint = Endpoint::AuthorizationServer;

fn config(world: &World) -> ClerkConfigBuilder {
    let resource = Resource::new(RESOURCE).serve_authorization_server_metadata();
    world.config().resource(resource)
}

fn layer(config: ClerkConfigBuilder) -> ClerkAuthLayer {
    ClerkAuthLayer::new(config.build().unwrap())
}

/// Sends a request without a token through the layer.
async fn send(layer: &ClerkAuthLayer, method: Method, path: &str) -> (Response<()>, Bytes) {
    let service = layer.layer(service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("inner")))
    }));
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(())
        .unwrap();
    let Ok(response) = service.oneshot(request).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(parts, ()), body)
}

async fn get(layer: &ClerkAuthLayer, path: &str) -> (StatusCode, Bytes) {
    let (response, body) = send(layer, Method::GET, path).await;
    (response.status(), body)
}

/// Waits for the fetch that has begun in the background.
async fn fetched(layer: &ClerkAuthLayer) {
    layer.authenticator().warm_up().await.unwrap();
}

/// The document as Clerk sends it.
async fn original(clerk: &FakeClerk) -> Bytes {
    let request = Request::get(format!("{}{ROOT}", clerk.url()));
    let request = request.body(Bytes::new()).unwrap();
    let response = clerk.transport().exchange(request).await.unwrap();
    response.into_body()
}

/// Has Clerk answer with this document.
fn publish(clerk: &FakeClerk, document: impl ToString) {
    let fault = Fault::answer(200, "application/json", document.to_string());
    clerk.fail(DOCUMENT, fault);
}

#[tokio::test]
async fn it_is_off_by_default() {
    let world = World::new();
    let layer = layer(world.config().resource(RESOURCE));
    layer.authenticator().warm_up().await.unwrap();
    for path in [ROOT, PATH] {
        for _ in 0..2 {
            let (status, _) = get(&layer, path).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
    assert_eq!(world.clerk.total_calls(), 0);
}

#[tokio::test]
async fn the_document_is_that_of_clerk_once_it_is_there() {
    let world = World::new();
    let layer = layer(config(&world));
    for path in [ROOT, PATH] {
        let (response, body) = send(&layer, Method::GET, path).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(body.is_empty(), "{path}");
        let header = |name| response.headers()[name].to_str().unwrap();
        assert_eq!(header("retry-after"), "1");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("access-control-allow-origin"), "*");
    }
    fetched(&layer).await;
    assert_eq!(
        world.clerk.calls(DOCUMENT),
        1,
        "both requests share a fetch"
    );
    let expected = original(&world.clerk).await;
    let before = world.clerk.total_calls();
    for path in [ROOT, PATH] {
        for _ in 0..2 {
            let (response, body) = send(&layer, Method::GET, path).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(body, expected, "{path}: byte for byte");
            let header = |name| response.headers()[name].to_str().unwrap();
            assert_eq!(header("content-type"), "application/json");
            assert_eq!(header("cache-control"), "public, max-age=3600");
            assert_eq!(header("access-control-allow-origin"), "*");
        }
    }
    let metadata: Value = serde_json::from_slice(&expected).unwrap();
    assert_eq!(metadata["issuer"], world.clerk.url());
    assert_eq!(world.clerk.total_calls(), before);
}

#[tokio::test]
async fn methods_are_those_of_the_metadata_of_the_resource() {
    let world = World::new();
    let layer = layer(config(&world));
    fetched(&layer).await;
    let length = original(&world.clerk).await.len().to_string();
    let resource = "/.well-known/oauth-protected-resource/mcp";
    for (method, status) in [
        (Method::HEAD, 200),
        (Method::OPTIONS, 204),
        (Method::POST, 405),
        (Method::DELETE, 405),
    ] {
        let (found, body) = send(&layer, method.clone(), PATH).await;
        let (expected, _) = send(&layer, method.clone(), resource).await;
        assert_eq!(found.status(), status, "{method}");
        assert!(body.is_empty(), "{method}");
        let without_length = |response: &Response<()>| {
            let mut headers = response.headers().clone();
            headers.remove("content-length");
            headers
        };
        assert_eq!(
            without_length(&found),
            without_length(&expected),
            "{method}"
        );
        if method == Method::HEAD {
            assert_eq!(found.headers()["content-length"], *length);
        }
    }
}

#[tokio::test]
async fn other_paths_are_not_served() {
    let world = World::new();
    let layer = layer(config(&world));
    fetched(&layer).await;
    for path in [
        "/",
        "/mcp",
        "/.well-known/oauth-authorization-server/",
        "/.well-known/oauth-authorization-server/mcp/",
        "/.well-known/oauth-authorization-server/other",
        "/.well-known/oauth-authorization-serve",
        "/.well-known/oauth-",
        "/.well-known/openid-configuration",
        "/mcp/.well-known/oauth-authorization-server",
    ] {
        for _ in 0..2 {
            let (status, _) = get(&layer, path).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
    // A resource without a path has one path.
    let resource = Resource::new("https://api.example.com").serve_authorization_server_metadata();
    let layer = ClerkAuthLayer::new(world.config().resource(resource).build().unwrap());
    fetched(&layer).await;
    assert_eq!(get(&layer, ROOT).await.0, StatusCode::OK);
    assert_eq!(get(&layer, PATH).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_is_no_metadata_of_the_instance_is_never_served() {
    let large = json!({ "issuer": "", "x": "a".repeat(64 * 1024) }).to_string();
    type Document = fn(&str) -> String;
    let cases: [(&str, Document); 9] = [
        ("another issuer", |_| {
            json!({ "issuer": "https://evil.example" }).to_string()
        }),
        ("a slash more", |url| {
            json!({ "issuer": format!("{url}/") }).to_string()
        }),
        ("no issuer", |_| json!({}).to_string()),
        ("an issuer of another type", |url| {
            json!({ "issuer": [url] }).to_string()
        }),
        ("an array", |url| json!([{ "issuer": url }]).to_string()),
        ("text", |_| "issuer".to_owned()),
        ("an issuer twice", |url| {
            format!(r#"{{"issuer":"{url}","issuer":"https://evil.example"}}"#)
        }),
        ("two objects", |url| format!(r#"{{"issuer":"{url}"}}{{}}"#)),
        ("nothing", |_| String::new()),
    ];
    let json = |status, body| Fault::answer(status, "application/json", body);
    let mut faults: Vec<(&str, World, Fault)> = Vec::new();
    for (name, document) in cases {
        let world = World::new();
        let body = document(&world.clerk.url());
        faults.push((name, world, json(200, body)));
    }
    for (name, status, kind) in [
        ("HTML", 200, "text/html"),
        ("an error", 404, "application/json"),
        ("an outage", 500, "application/json"),
        ("a redirect", 302, "application/json"),
    ] {
        let world = World::new();
        let body = json!({ "issuer": world.clerk.url() }).to_string();
        faults.push((name, world, Fault::answer(status, kind, body)));
    }
    let world = World::new();
    let body = large.replace(
        r#""issuer":"""#,
        &format!(r#""issuer":"{}""#, world.clerk.url()),
    );
    faults.push(("too large", world, json(200, body)));
    for (name, world, fault) in faults {
        world.clerk.fail(DOCUMENT, fault);
        let layer = layer(config(&world));
        for _ in 0..2 {
            let (status, body) = get(&layer, ROOT).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{name}");
            assert!(body.is_empty(), "{name}");
            let failed = layer.authenticator().warm_up().await;
            assert!(failed.is_err(), "{name}");
        }
        // The next fetch brings it.
        world.clerk.heal_all();
        world.clock.advance(Duration::from_secs(60));
        fetched(&layer).await;
        assert_eq!(get(&layer, ROOT).await.0, StatusCode::OK, "{name}");
    }
}

#[tokio::test]
async fn requests_cause_at_most_one_fetch_a_second_while_there_is_none() {
    let world = World::new();
    world.clerk.fail(DOCUMENT, Fault::status(404));
    let layer = layer(config(&world));
    for _ in 0..100 {
        let (status, _) = get(&layer, ROOT).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        tokio::task::yield_now().await;
    }
    assert_eq!(world.clerk.calls(DOCUMENT), 1);
    world.clerk.heal_all();
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(get(&layer, ROOT).await.0, StatusCode::SERVICE_UNAVAILABLE);
    fetched(&layer).await;
    assert_eq!(get(&layer, ROOT).await.0, StatusCode::OK);
    assert_eq!(world.clerk.calls(DOCUMENT), 2);
}

#[tokio::test]
async fn it_is_refreshed_in_the_background_and_outlives_an_outage() {
    let world = World::new();
    let clerk = &world.clerk;
    let document = |version| json!({ "issuer": clerk.url(), "version": version }).to_string();
    publish(clerk, document(1));
    let layer = layer(config(&world));
    fetched(&layer).await;
    publish(clerk, document(2));
    let second = Duration::from_secs(1);
    world.clock.advance(299 * second);
    assert_eq!(get(&layer, ROOT).await.1, document(1));
    assert_eq!(clerk.calls(DOCUMENT), 1);
    world.clock.advance(second);
    // This request begins the fetch, and does not wait for it.
    assert_eq!(get(&layer, ROOT).await.1, document(1));
    while get(&layer, ROOT).await.1 != document(2) {
        tokio::task::yield_now().await;
    }
    assert_eq!(clerk.calls(DOCUMENT), 2);
    // A later version of another issuer, and an outage, change nothing for an hour.
    for (name, fault) in [
        (
            "another issuer",
            Fault::answer(
                200,
                "application/json",
                r#"{"issuer":"https://evil.example"}"#,
            ),
        ),
        ("an outage", Fault::status(500)),
    ] {
        clerk.fail(DOCUMENT, fault);
        world.clock.advance(600 * second);
        for _ in 0..20 {
            assert_eq!(get(&layer, ROOT).await.1, document(2), "{name}");
            tokio::task::yield_now().await;
        }
    }
    world.clock.advance(3_600 * second);
    assert_eq!(get(&layer, ROOT).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_service_and_the_router_serve_it_beside_the_layer() {
    let world = World::new();
    let layer = layer(config(&world));
    let metadata = layer.authenticator().resource_metadata().unwrap();
    let router: axum::Router = metadata.router();
    let by_router = async |path: &str| {
        let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        (
            status,
            response.into_body().collect().await.unwrap().to_bytes(),
        )
    };
    let by_service = async |path: &str| {
        let request = Request::get(path).body(()).unwrap();
        let Ok(response) = metadata.clone().oneshot(request).await;
        let status = response.status();
        (
            status,
            response.into_body().collect().await.unwrap().to_bytes(),
        )
    };
    assert_eq!(by_router(ROOT).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(by_service(PATH).await.0, StatusCode::SERVICE_UNAVAILABLE);
    fetched(&layer).await;
    let expected = (StatusCode::OK, original(&world.clerk).await);
    let resource = (StatusCode::OK, metadata.json().clone());
    for path in [ROOT, PATH] {
        assert_eq!(by_router(path).await, expected, "{path}");
        assert_eq!(by_service(path).await, expected, "{path}");
    }
    for path in metadata.paths() {
        assert_eq!(by_router(path).await, resource, "{path}");
        assert_eq!(by_service(path).await, resource, "{path}");
    }
    // As a service at any other path, it is the metadata of the resource.
    assert_eq!(by_service("/").await, resource);
    assert_eq!(by_router("/").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn behind_a_proxy_it_comes_from_there_and_names_either_issuer() {
    const HOST: &str = "https://clerk.example.com";
    for (name, issuer, expected) in [
        ("the proxy", None, StatusCode::OK),
        ("the host of the instance", Some(HOST), StatusCode::OK),
        (
            "another",
            Some("https://evil.example"),
            StatusCode::SERVICE_UNAVAILABLE,
        ),
    ] {
        let mut clerk = FakeClerk::builder().path("/__clerk");
        if let Some(issuer) = issuer {
            clerk = clerk.issuer(issuer);
        }
        let world = World {
            clerk: clerk.build(),
            ..World::new()
        };
        let resource = Resource::new(RESOURCE).serve_authorization_server_metadata();
        let config = ClerkConfig::builder(HOST)
            .proxy_url(world.clerk.url())
            .accept(world.oauth())
            .transport(world.clerk.transport())
            .clock(world.clock.clone())
            .resource(resource);
        let layer = layer(config);
        let _ = layer.authenticator().warm_up().await;
        for _ in 0..2 {
            assert_eq!(get(&layer, ROOT).await.0, expected, "{name}");
        }
        for request in world.clerk.requests() {
            assert_eq!(request.path, format!("/__clerk{ROOT}"), "{name}");
        }
    }
}

#[test]
fn a_resource_without_a_host_is_a_problem() {
    let world = World::new();
    let resource = Resource::new("urn:us").serve_authorization_server_metadata();
    let error = world.config().resource(resource).build().unwrap_err();
    let problems: Vec<_> = error.problems().iter().map(|it| it.option()).collect();
    assert_eq!(problems, ["resource.serve_authorization_server_metadata"]);
    // A file has the same option.
    let file = json!({
        "instance": world.clerk.url(),
        "accept": { "oauth": { "client_id": "a", "client_secret": "b" } },
        "resource": { "uri": "urn:us", "serve_authorization_server_metadata": true },
    });
    let error = serde_json::from_value::<ClerkConfig>(file).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("serve_authorization_server_metadata")
    );
}
