use bytes::Bytes;
use http::{Method, Response, header};
use serde_json::json;

use super::{found, members, request};

use crate::{
    AuthErrorKind, ClerkConfig, clerk::backend_api::Backend, error::is_secret_key_rejected,
    kinds::OAuthTokens,
};

pub(crate) fn backend() -> Backend {
    ClerkConfig::builder("http://127.0.0.1:1")
        .accept(OAuthTokens::introspection("client_1", "secret"))
        .secret_key("sk_test_1")
        .backend_api_url("http://127.0.0.1:1/v1")
        .backend_api_version("2025-11-10")
        .build()
        .unwrap()
        .backend
        .unwrap()
}

pub(crate) fn response(status: u16, content_type: &str, body: &str) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

#[test]
fn request_carries_our_key_the_version_and_the_body() {
    let backend = backend();
    let post = request(
        &backend,
        backend.endpoint("/api_keys/verify"),
        Some(json!({ "secret": "ak_\"/=" })),
    );
    assert_eq!(post.method(), Method::POST);
    assert_eq!(post.uri(), "http://127.0.0.1:1/v1/api_keys/verify");
    let headers = post.headers();
    assert_eq!(headers[header::AUTHORIZATION], "Bearer sk_test_1");
    assert!(headers[header::AUTHORIZATION].is_sensitive());
    assert_eq!(headers["clerk-api-version"], "2025-11-10");
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(headers[header::ACCEPT], "application/json");
    assert_eq!(headers.len(), 4);
    assert_eq!(&post.body()[..], br#"{"secret":"ak_\"/="}"#);

    let get = request(&backend, backend.endpoint("/users/user_1"), None);
    assert_eq!(get.method(), Method::GET);
    assert_eq!(get.headers().len(), 3);
    assert!(get.body().is_empty());
}

#[test]
fn status_says_whose_fault_it_is() {
    struct Case {
        name: &'static str,
        input: (u16, &'static str, &'static str),
        /// Whether an object is there; whether an error is about our key.
        expected: Result<bool, (AuthErrorKind, bool)>,
    }

    #[track_caller]
    fn check(case: &Case) {
        let (status, content_type, body) = case.input;
        let response = response(status, content_type, body);
        let found = found(&response)
            .and_then(|body| body.map(|body| members(body, "api_key")).transpose())
            .map(|members| members.is_some())
            .map_err(|error| (error.kind(), is_secret_key_rejected(&error)));
        assert_eq!(found, case.expected, "{}", case.name);
    }

    const JSON: &str = "application/json";
    const CLERK: &str = r#"{"errors":[{"code":"resource_not_found","message":"not found"}]}"#;
    let broken = Err((AuthErrorKind::InvalidUpstreamResponse, false));
    let rejected = Err((AuthErrorKind::CredentialsRejected, true));
    for (name, input, expected) in [
        (
            "as documented",
            (200, JSON, r#"{"object":"api_key"}"#),
            Ok(true),
        ),
        (
            "without an object",
            (200, JSON, r#"{"active":false}"#),
            Ok(true),
        ),
        (
            "of another object",
            (200, JSON, r#"{"object":"user"}"#),
            broken,
        ),
        (
            "of an object that is null",
            (200, JSON, r#"{"object":null}"#),
            broken,
        ),
        (
            "HTML",
            (200, "text/html", r#"{"object":"api_key"}"#),
            broken,
        ),
        ("an array", (200, JSON, "[]"), broken),
        ("broken off", (200, JSON, r#"{"object":"#), broken),
        (
            "trailing text",
            (200, JSON, r#"{"object":"api_key"}x"#),
            broken,
        ),
        (
            "a member twice",
            (200, JSON, r#"{"revoked":true,"revoked":false}"#),
            broken,
        ),
        ("201", (201, JSON, r#"{"object":"api_key"}"#), broken),
        ("204", (204, JSON, ""), broken),
        ("302", (302, JSON, CLERK), broken),
        ("401", (401, JSON, CLERK), rejected),
        (
            "401 of OAuth",
            (401, JSON, r#"{"error":"invalid_client"}"#),
            rejected,
        ),
        ("403", (403, JSON, CLERK), rejected),
        // fault B2: not in the form of Clerk's errors.
        ("401 without a body", (401, "text/html", ""), broken),
        ("401 of a firewall", (401, "text/html", "<html>"), broken),
        ("403 of a firewall", (403, "text/html", "<html>"), broken),
        (
            "403 of a firewall that speaks JSON",
            (403, JSON, "{}"),
            broken,
        ),
        ("404", (404, JSON, CLERK), Ok(false)),
        (
            "404 without errors",
            (404, JSON, r#"{"errors":[]}"#),
            Ok(false),
        ),
        ("404 of a proxy", (404, "text/html", "<html>"), broken),
        (
            "404 of another server",
            (404, JSON, r#"{"error":"no route"}"#),
            broken,
        ),
        (
            "404 in another form",
            (404, JSON, r#"{"errors":["no"]}"#),
            broken,
        ),
        ("400", (400, JSON, CLERK), Ok(false)),
        ("400 of a proxy", (400, "text/html", CLERK), broken),
        (
            "400 about the version",
            (400, JSON, r#"{"errors":[{"code":"api_version_unknown"}]}"#),
            broken,
        ),
        ("422", (422, JSON, CLERK), broken),
        ("418", (418, JSON, CLERK), broken),
    ] {
        check(&Case {
            name,
            input,
            expected,
        });
    }
}
