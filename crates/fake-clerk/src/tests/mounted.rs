//! A fake below a path, as behind a proxy.

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::Value;

use crate::{Endpoint, FakeClerk};

async fn get(clerk: &FakeClerk, path: &str) -> (StatusCode, Value) {
    let request = Request::get(format!("http://{}{path}", clerk.addr()));
    let request = request
        .header("authorization", format!("Bearer {}", clerk.secret_key()))
        .body(Bytes::new())
        .unwrap();
    let response = clerk.transport().exchange(request).await.unwrap();
    let body = serde_json::from_slice(response.body()).unwrap_or_default();
    (response.status(), body)
}

#[tokio::test]
async fn the_frontend_api_is_below_the_path_and_the_backend_api_at_the_root() {
    let clerk = FakeClerk::builder().path("/api/__clerk").build();
    assert_eq!(clerk.url(), format!("http://{}/api/__clerk", clerk.addr()));
    assert_eq!(
        clerk.backend_api_url(),
        format!("http://{}/v1", clerk.addr())
    );
    for (path, expected) in [
        ("/api/__clerk/.well-known/jwks.json", Some(Endpoint::Jwks)),
        (
            "/api/__clerk/.well-known/openid-configuration",
            Some(Endpoint::OpenidConfiguration),
        ),
        ("/v1/jwks", Some(Endpoint::BackendJwks)),
        ("/.well-known/jwks.json", None),
        ("/.well-known/openid-configuration", None),
        ("/__clerk/.well-known/jwks.json", None),
        ("/api/__clerk/api/__clerk/.well-known/jwks.json", None),
        ("/api/__clerk.well-known/jwks.json", None),
        ("/api/__clerk/v1/jwks", None),
        ("/api/__clerk", None),
        ("/", None),
    ] {
        clerk.reset_calls();
        let (status, _) = get(&clerk, path).await;
        let expected_status = match expected {
            Some(_) => StatusCode::OK,
            None => StatusCode::NOT_FOUND,
        };
        assert_eq!(status, expected_status, "{path}");
        assert_eq!(clerk.requests()[0].endpoint, expected, "{path}");
    }
}

#[tokio::test]
async fn metadata_has_the_issuer_and_addresses_below_the_path() {
    const HOST: &str = "https://clerk.example.com";
    let metadata = "/__clerk/.well-known/openid-configuration";
    for (name, builder, issuer) in [
        ("the URL", FakeClerk::builder().path("/__clerk"), None),
        (
            "another issuer",
            FakeClerk::builder().path("/__clerk").issuer(HOST),
            Some(HOST),
        ),
    ] {
        let clerk = builder.build();
        let url = clerk.url();
        let (_, metadata) = get(&clerk, metadata).await;
        assert_eq!(metadata["issuer"], issuer.unwrap_or(&url), "{name}");
        let address = format!("{url}/oauth/token_info");
        assert_eq!(metadata["introspection_endpoint"], address, "{name}");
    }
}

#[test]
#[should_panic(expected = "not a path")]
fn a_path_with_a_slash_at_the_end_is_rejected() {
    let _ = FakeClerk::builder().path("/__clerk/");
}
