//! What the layer itself does: its settings, the form of its rejections, and tower's contract.

use std::sync::atomic::Ordering;

use http::Request;
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceBuilder, ServiceExt};
use tower_clerk::{
    mcp::{McpAuthLayer, RequestBody},
    reject::JsonBody,
};

use super::{Body, Server, body, layer, method, post, rules, tool};
use crate::{
    readiness::Strict,
    support::{GRPC, World},
    wire::one,
};

#[tokio::test]
async fn rejections_have_the_body_that_is_set() {
    let world = World::new();
    let server = Server::new(rules(world.config()).reject_with(JsonBody).max_body(200));
    let token = world.clerk.token("user_1").scopes(["mcp:read"]).issue();
    for (name, token, expected) in [
        ("without a token", None, json!("missing_credentials")),
        ("with a token", Some(&*token), json!("insufficient_scope")),
    ] {
        for _ in 0..2 {
            let response = server.post(token, tool("admin").to_string()).await;
            let body: Value = serde_json::from_str(response.body()).unwrap();
            assert_eq!(body["error"], expected, "{name}");
            let too_large = server.post(token, " ".repeat(201)).await;
            assert_eq!(too_large.status(), 413, "{name}");
            assert_eq!(too_large.body(), "", "{name}");
            assert_eq!(one(too_large.headers(), "cache-control"), Some("no-store"));
        }
    }
}

#[tokio::test]
async fn rejections_never_have_the_form_of_grpc() {
    let world = World::new();
    let server = Server::new(rules(world.config()));
    let token = world.clerk.token("user_1").issue();
    for (token, expected) in [(None, 401), (Some(&*token), 403), (Some("oat_x"), 401)] {
        for _ in 0..2 {
            let mut request = post(token, &GRPC, body(tool("admin").to_string()));
            *request.version_mut() = http::Version::HTTP_2;
            let response = server.send(request).await;
            assert_eq!(response.status(), expected);
            assert!(!response.headers().contains_key("grpc-status"));
        }
    }
}

#[tokio::test]
async fn settings_of_a_clone_are_its_own() {
    let world = World::new();
    let strict = layer(world.config());
    let lenient = Server::new(strict.clone().discoverable().trust_headers().max_body(1));
    let strict = Server::new(strict);
    let ping = method("ping").to_string();
    assert_eq!(strict.post(None, ping.clone()).await.status(), 401);
    assert_eq!(lenient.post(None, ping).await.status(), 413);
}

#[tokio::test]
async fn the_instance_that_is_called_was_polled_ready() {
    let world = World::new();
    let strict = Strict::default();
    let calls = strict.calls();
    let strict = ServiceBuilder::new()
        .map_request(|request: Request<RequestBody<Body>>| request.map(drop))
        .service(strict);
    let mut service = rules(world.config()).trust_headers().layer(strict);
    let token = world.clerk.token("user_1").scopes(["mcp:read"]).issue();
    let list = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/list"),
    ];
    let ping = || body(method("ping").to_string());
    let admin = || body(tool("admin").to_string());
    for request in [
        post(None, &[], ping()),
        post(None, &list, ping()),
        post(None, &[], admin()),
        post(Some(&token), &[], ping()),
        post(Some(&token), &list, ping()),
        post(Some(&token), &[], admin()),
        post(Some("oat_x"), &list, ping()),
        post(Some(&token), &[], ping()),
    ] {
        let ready = ServiceExt::<Request<Body>>::ready(&mut service).await;
        ready.unwrap().call(request).await.unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 5);
}

/// Sets something on a layer.
type Set = fn(McpAuthLayer) -> McpAuthLayer;

#[test]
fn settings_that_cannot_be_meant_panic() {
    let world = World::new();
    let panics = |set: Set| {
        let layer = layer(world.config());
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| _ = set(layer))).is_err()
    };
    let cases: [(&str, Set, bool); 5] = [
        (
            "every tool at once",
            |layer| layer.public_methods(["ping", "tools/call"]),
            true,
        ),
        ("no scope", |layer| layer.tool("a", [""; 0]), true),
        ("scopes in one text", |layer| layer.tool("a", ["x y"]), true),
        (
            "a default that is no scope",
            |layer| layer.default_scopes(["\""]),
            true,
        ),
        (
            "no default scope",
            |layer| layer.default_scopes([""; 0]),
            false,
        ),
    ];
    for (name, set, expected) in cases {
        assert_eq!(panics(set), expected, "{name}");
    }
}
