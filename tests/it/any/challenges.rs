//! The challenge, the metadata, and rules behind a layer of two instances.

use std::convert::Infallible;

use http::{Request, Response};
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};
use tower_clerk::{
    AuthErrorKind, Authenticator, ClerkAuthLayer, ClerkClaims, RequireLayer, mcp::McpAuthLayer,
};

use super::{Pair, app, authenticator};
use crate::support::request;

const RESOURCE: &str = "https://api.example.com/mcp";
const METADATA: &str = "https://api.example.com/.well-known/oauth-protected-resource/mcp";

/// Both instances, each with required scopes of its own; only the first one has a resource.
fn both(pair: &Pair) -> [Authenticator; 2] {
    let with = |place, scope: &'static str| {
        pair.config_with(place, |kinds| {
            kinds.oauth = kinds.oauth.clone().required_scopes([scope]);
        })
    };
    [
        authenticator(with(0, "read:a").resource(RESOURCE)),
        authenticator(with(1, "read:b")),
    ]
}

#[tokio::test]
async fn there_is_one_challenge_and_the_scopes_are_those_of_the_instance_that_rejects() {
    let pair = Pair::new();
    let app = app(both(&pair));
    let [a, b] = [0, 1].map(|place| &pair.worlds[place].clerk);
    let of_a = a.token("user_1").scopes(["other"]).issue();
    let of_b = b.token("user_1").scopes(["other"]).issue();
    for _ in 0..2 {
        let answer = app.send(&[]).await;
        answer.assert_rejected(401, AuthErrorKind::MissingCredentials);
        let expected = format!(r#"Bearer scope="read:a", resource_metadata="{METADATA}""#);
        assert_eq!(answer.challenge(), Some(&*expected));
        for (token, scope) in [(&of_a, "read:a"), (&of_b, "read:b")] {
            let answer = app.bearer(token).await;
            answer.assert_rejected(403, AuthErrorKind::InsufficientScope);
            let end = format!(r#"scope="{scope}", resource_metadata="{METADATA}""#);
            let challenge = answer.challenge().unwrap();
            assert!(challenge.ends_with(&end), "{challenge}");
        }
    }
}

#[tokio::test]
async fn a_token_that_breaks_a_rule_is_not_passed_on() {
    let pair = Pair::new();
    let app = app(both(&pair));
    let token = pair.worlds[0]
        .clerk
        .token("user_1")
        .scopes(["other"])
        .issue();
    pair.forget_calls();
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        answer.assert_rejected(403, AuthErrorKind::InsufficientScope);
    }
    assert_eq!(pair.calls(), [1, 0]);
}

#[tokio::test]
async fn the_metadata_names_all_authorization_servers() {
    let pair = Pair::new();
    let list = Authenticator::any(both(&pair));
    let metadata = list.resource_metadata().unwrap();
    let document: serde_json::Value = serde_json::from_slice(metadata.json()).unwrap();
    let servers = json!([pair.url(0), pair.url(1)]);
    assert_eq!(document["resource"], RESOURCE);
    assert_eq!(document["authorization_servers"], servers);
    assert_eq!(document["scopes_supported"], json!(["read:a"]));
    assert_eq!(metadata.url(), METADATA);

    // The layer serves the same document, without a token.
    let router: axum::Router = axum::Router::new().layer(ClerkAuthLayer::from(list));
    for path in metadata.paths() {
        let request = Request::get(path).body(axum::body::Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let body = axum::body::to_bytes(response.into_body(), 10_000)
            .await
            .unwrap();
        assert_eq!(body, metadata.json(), "{path}");
    }
    // The authenticators keep their own.
    let [first, second] = both(&pair);
    let alone = first.resource_metadata().unwrap();
    let document: serde_json::Value = serde_json::from_slice(alone.json()).unwrap();
    assert_eq!(document["authorization_servers"], json!([pair.url(0)]));
    assert!(second.resource_metadata().is_none());
}

#[tokio::test]
async fn rules_behind_the_layer_apply_to_the_claims_of_both() {
    let pair = Pair::new();
    let layer = ClerkAuthLayer::from(Authenticator::any(pair.both()));
    let [a, b] = [0, 1].map(|place| &pair.worlds[place].clerk);
    let service = service_fn(async |request: Request<()>| {
        let claims = request.extensions().get::<ClerkClaims>();
        let instance = claims.map(|it| it.instance().to_owned());
        Ok::<_, Infallible>(Response::new(instance.unwrap_or_default()))
    });
    let service = layer.layer(RequireLayer::scopes(["write"]).layer(service));
    for (clerk, url) in [(a, pair.url(0)), (b, pair.url(1))] {
        let token = |scope: &str| clerk.token("user_1").scopes([scope]).issue();
        let (good, narrow) = (token("write"), token("read"));
        for _ in 0..2 {
            let Ok(response) = service.clone().oneshot(request(&good)).await;
            assert_eq!((response.status().as_u16(), response.body()), (200, &url));
            let Ok(response) = service.clone().oneshot(request(&narrow)).await;
            assert_eq!(response.status(), 403);
        }
    }
}

#[tokio::test]
async fn mcp_rules_apply_to_the_claims_of_both() {
    let pair = Pair::new();
    let layer = McpAuthLayer::new(Authenticator::any(both(&pair)))
        .discoverable()
        .tool("delete", ["write"]);
    let [a, b] = [0, 1].map(|place| &pair.worlds[place].clerk);
    let service = layer.layer(service_fn(async |_: Request<_>| {
        Ok::<_, Infallible>(Response::new(String::new()))
    }));
    let call = async |token: Option<&str>, message: &'static str| {
        let mut request = Request::post("/mcp");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = http_body_util::Full::<bytes::Bytes>::from(message);
        let Ok(response) = service.clone().oneshot(request.body(body).unwrap()).await;
        response.status().as_u16()
    };
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let delete = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"delete"}}"#;
    for (clerk, own) in [(a, "read:a"), (b, "read:b")] {
        let narrow = clerk.token("user_1").scopes([own]).issue();
        let wide = clerk.token("user_1").scopes([own, "write"]).issue();
        for _ in 0..2 {
            assert_eq!(call(None, list).await, 200);
            assert_eq!(call(None, delete).await, 401);
            assert_eq!(call(Some(&narrow), delete).await, 403);
            assert_eq!(call(Some(&wide), delete).await, 200);
        }
    }
}
