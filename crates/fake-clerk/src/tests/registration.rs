//! Dynamic client registration.

use super::flow::{CALLBACK, post_json, register};
use super::*;

#[tokio::test]
async fn a_client_is_told_all_that_was_registered() {
    let clerk = FakeClerk::start().unwrap();
    let common = [
        "client_id",
        "client_id_issued_at",
        "client_secret_expires_at",
        "client_name",
        "scope",
        "redirect_uris",
        "token_endpoint_auth_method",
        "grant_types",
        "response_types",
    ];
    let with_secret = [&common[..], &["client_secret"]].concat();
    for (method, expected) in [
        ("none", &common[..]),
        ("client_secret_basic", &with_secret),
        ("client_secret_post", &with_secret),
    ] {
        let answer = register(&clerk, method).await;
        assert_eq!(members(&answer), set(expected), "{method}");
        assert_eq!(answer["token_endpoint_auth_method"], method);
        assert_eq!(answer["redirect_uris"], json!([CALLBACK]));
        assert_ne!(answer["client_id"], clerk.client_id());
        assert_eq!(answer["client_secret_expires_at"], 0, "{method}");
        assert_eq!(answer["scope"], "email offline_access profile", "{method}");
    }
    let metadata = json!({
        "redirect_uris": [CALLBACK], "client_name": "Näme", "scope": "a b", "jwks": {"keys": []},
        "software_id": "x", "software_version": "1",
    });
    let response = post_json(&clerk, "/oauth/register", &metadata).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    let answer = body(&response);
    assert_eq!(answer["client_name"], "Näme");
    assert_eq!(answer["scope"], "a b");
    assert_eq!(answer["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(answer["grant_types"], json!(["authorization_code"]));
    for name in ["jwks", "software_id", "software_version"] {
        assert!(answer.get(name).is_none(), "{name} is not registered");
    }
}

#[tokio::test]
async fn bad_metadata_are_rejected() {
    let clerk = FakeClerk::start().unwrap();
    let with = |name: &str, value: Value| {
        let mut metadata = json!({"redirect_uris": [CALLBACK]});
        metadata[name] = value;
        metadata
    };
    let redirects = |uri: &str| with("redirect_uris", json!([CALLBACK, uri]));
    let (metadata, redirect) = ("invalid_client_metadata", "invalid_redirect_uri");
    let cases = [
        ("no object", json!([]), metadata),
        (
            "wrong type",
            with("redirect_uris", json!(CALLBACK)),
            metadata,
        ),
        (
            "unknown method",
            with("token_endpoint_auth_method", json!("private_key_jwt")),
            metadata,
        ),
        (
            "unknown grant",
            with("grant_types", json!(["authorization_code", "implicit"])),
            metadata,
        ),
        (
            "refresh only",
            with("grant_types", json!(["refresh_token"])),
            metadata,
        ),
        (
            "unknown response",
            with("response_types", json!(["token"])),
            metadata,
        ),
        ("bad scope", with("scope", json!("a \"b\"")), metadata),
        ("no redirect", with("redirect_uris", json!([])), redirect),
        ("relative", redirects("/callback"), redirect),
        ("fragment", redirects("https://app.example/#"), redirect),
        ("plain http", redirects("http://app.example/"), redirect),
        (
            "plain http, like loopback",
            redirects("http://127.0.0.1.example/"),
            redirect,
        ),
        ("script", redirects("javascript:alert(1)"), redirect),
        (
            "script, disguised",
            redirects("JavaScript:alert(1)"),
            redirect,
        ),
        ("data", redirects("data:text/html,x"), redirect),
    ];
    for (name, document, error) in cases {
        for _ in 0..2 {
            let response = post_json(&clerk, "/oauth/register", &document).await;
            assert_eq!(response.status(), 400, "{name}");
            assert_eq!(body(&response)["error"], error, "{name}");
            assert!(body(&response).get("client_id").is_none(), "{name}");
        }
    }
    let headers = [("content-type", FORM)];
    let document = json!({"redirect_uris": [CALLBACK]}).to_string();
    let response = send(&clerk, "POST", "/oauth/register", &headers, &document)
        .await
        .unwrap();
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn local_and_native_redirects_can_be_registered() {
    let clerk = FakeClerk::start().unwrap();
    for uri in [
        "http://127.0.0.1/cb",
        "http://[::1]:7/cb",
        "http://localhost:33418/",
        "cursor://anysphere.cursor-mcp/oauth",
        "com.example.app:/cb",
    ] {
        let response = post_json(&clerk, "/oauth/register", &json!({"redirect_uris": [uri]})).await;
        assert_eq!(response.status(), 201, "{uri}");
    }
}

#[tokio::test]
async fn registration_can_be_rejected_and_is_not_in_the_metadata_then() {
    let clerk = FakeClerk::start().unwrap();
    let documents = [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
    ];
    let endpoint = format!("{}/oauth/register", clerk.url());
    for (path, registers) in documents.into_iter().zip([false, true]) {
        let document = body(&get(&clerk, path).await);
        let expected = registers.then(|| json!(endpoint));
        assert_eq!(
            document.get("registration_endpoint"),
            expected.as_ref(),
            "{path}"
        );
        assert_eq!(
            document["code_challenge_methods_supported"],
            json!(["S256"])
        );
        let methods = document["token_endpoint_auth_methods_supported"]
            .as_array()
            .unwrap();
        assert_eq!(methods.len(), 3);
    }
    clerk.reject_registration(true);
    for path in documents {
        let document = body(&get(&clerk, path).await);
        assert!(document.get("registration_endpoint").is_none(), "{path}");
    }
    for _ in 0..2 {
        let metadata = json!({"redirect_uris": [CALLBACK]});
        let response = post_json(&clerk, "/oauth/register", &metadata).await;
        assert_eq!(response.status(), 422);
        assert_eq!(clerk_code(&response), "feature_not_enabled");
    }
    clerk.reject_registration(false);
    register(&clerk, "none").await;
}

#[tokio::test]
async fn browsers_may_use_what_is_for_them() {
    let clerk = FakeClerk::start().unwrap();
    let headers = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "mcp-protocol-version"),
    ];
    for (path, status) in [
        ("/oauth/register", 204),
        ("/oauth/token", 204),
        ("/.well-known/oauth-authorization-server", 204),
        ("/oauth/token_info", 405),
        ("/oauth/authorize", 405),
    ] {
        let response = send(&clerk, "OPTIONS", path, &headers, "").await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let origin = response.headers().get("access-control-allow-origin");
        assert_eq!(origin.is_some(), status == 204, "{path}");
    }
    // Scripts read rejections and faults, too.
    let response = post_json(&clerk, "/oauth/register", &json!([])).await;
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    clerk.fail(Endpoint::Token, Fault::status(503));
    let response = post(&clerk, Endpoint::Token, &[]).await;
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
}
