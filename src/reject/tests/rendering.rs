use bytes::Bytes;
use http::{Response, StatusCode, Version, header};
use serde_json::{Value, json};

use super::{JsonBody, ProblemJson, RejectResponse, Rejection, TOKEN, text, usual};
use crate::{AuthError, AuthErrorKind};

#[test]
fn json_body_has_the_fields_of_the_challenge() {
    #[track_caller]
    fn check(kind: AuthErrorKind, expected: &Value) {
        let error = AuthError::new(kind);
        let response: Response<Bytes> = usual().rejection(&error, false).to_response(&JsonBody);
        let content_type = text(response.headers(), "content-type");
        assert_eq!(content_type, Some("application/json"), "{kind:?}");
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body, *expected, "{kind:?}");
    }

    check(
        AuthErrorKind::MissingCredentials,
        &json!({
            "error": "missing_credentials",
            "error_description": "a bearer token is required",
        }),
    );
    check(
        AuthErrorKind::TokenTooLong,
        &json!({
            "error": "invalid_request",
            "error_description": "the credentials are malformed",
        }),
    );
    check(
        AuthErrorKind::Expired,
        &json!({
            "error": "invalid_token",
            "error_description": "the access token is not valid",
        }),
    );
    check(
        AuthErrorKind::InsufficientScope,
        &json!({
            "error": "insufficient_scope",
            "error_description": "the access token lacks a required permission",
            "scope": "email profile",
        }),
    );
    check(
        AuthErrorKind::Forbidden,
        &json!({
            "error": "forbidden",
            "error_description": "the access token does not allow this",
        }),
    );
    check(
        AuthErrorKind::MissingLayer,
        &json!({
            "error": "server_error",
            "error_description": "the service is not set up for this",
        }),
    );
    check(
        AuthErrorKind::Overloaded,
        &json!({
            "error": "temporarily_unavailable",
            "error_description": "the access token cannot be verified at the moment",
        }),
    );
}

#[test]
fn json_body_is_empty_for_grpc() {
    let error = AuthError::new(AuthErrorKind::InsufficientScope);
    let rejection = usual().rejection(&error, true);
    let response: Response<Bytes> = rejection.to_response(&JsonBody);
    assert!(response.body().is_empty());
    assert_eq!(
        text(response.headers(), "content-type"),
        Some("application/grpc")
    );
}

#[test]
fn problem_has_the_members_of_rfc_9457() {
    #[track_caller]
    fn check(kind: AuthErrorKind, expected: &Value) {
        let error = AuthError::new(kind);
        let response: Response<Bytes> = usual().rejection(&error, false).to_response(&ProblemJson);
        let content_type = text(response.headers(), "content-type");
        assert_eq!(content_type, Some("application/problem+json"), "{kind:?}");
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body, *expected, "{kind:?}");
        assert_eq!(body["status"], response.status().as_u16(), "{kind:?}");
    }

    check(
        AuthErrorKind::MissingCredentials,
        &json!({
            "type": "about:blank",
            "title": "Unauthorized",
            "status": 401,
            "detail": "a bearer token is required",
            "error": "missing_credentials",
        }),
    );
    check(
        AuthErrorKind::MultipleCredentials,
        &json!({
            "type": "about:blank",
            "title": "Bad Request",
            "status": 400,
            "detail": "the credentials are malformed",
            "error": "invalid_request",
        }),
    );
    check(
        AuthErrorKind::WrongIssuer,
        &json!({
            "type": "about:blank",
            "title": "Unauthorized",
            "status": 401,
            "detail": "the access token is not valid",
            "error": "invalid_token",
        }),
    );
    check(
        AuthErrorKind::InsufficientScope,
        &json!({
            "type": "about:blank",
            "title": "Forbidden",
            "status": 403,
            "detail": "the access token lacks a required permission",
            "error": "insufficient_scope",
            "scope": "email profile",
        }),
    );
    check(
        AuthErrorKind::Forbidden,
        &json!({
            "type": "about:blank",
            "title": "Forbidden",
            "status": 403,
            "detail": "the access token does not allow this",
            "error": "forbidden",
        }),
    );
    check(
        AuthErrorKind::MissingLayer,
        &json!({
            "type": "about:blank",
            "title": "Internal Server Error",
            "status": 500,
            "detail": "the service is not set up for this",
            "error": "server_error",
        }),
    );
    check(
        AuthErrorKind::CredentialsRejected,
        &json!({
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": "the access token cannot be verified at the moment",
            "error": "temporarily_unavailable",
        }),
    );
}

#[test]
fn problem_is_empty_for_grpc() {
    let error = AuthError::new(AuthErrorKind::InsufficientScope);
    let rejection = usual().rejection(&error, true);
    let response: Response<Bytes> = rejection.to_response(&ProblemJson);
    assert!(response.body().is_empty());
    assert_eq!(
        text(response.headers(), "content-type"),
        Some("application/grpc")
    );
}

/// Says everything that a renderer must not decide.
fn contrary(_: &Rejection) -> Response<Bytes> {
    Response::builder()
        .status(StatusCode::OK)
        .version(Version::HTTP_2)
        .header(header::WWW_AUTHENTICATE, "Basic")
        .header(header::WWW_AUTHENTICATE, "Negotiate")
        .header(header::CACHE_CONTROL, "public")
        .header(header::RETRY_AFTER, "3600")
        .header(header::RETRY_AFTER, "7200")
        .header("x-extra", "kept")
        .body(Bytes::from_static(b"body"))
        .unwrap()
}

#[test]
fn renderer_decides_nothing_but_body_and_additions() {
    let render = |kind: AuthErrorKind, is_grpc| {
        let error = AuthError::new(kind);
        usual().rejection(&error, is_grpc).to_response(&contrary)
    };
    let response = render(AuthErrorKind::Inactive, false);
    assert_eq!(response.status(), 401);
    assert_eq!(text(response.headers(), "www-authenticate"), Some(TOKEN));
    assert_eq!(text(response.headers(), "cache-control"), Some("no-store"));
    assert_eq!(text(response.headers(), "retry-after"), None);
    assert_eq!(text(response.headers(), "x-extra"), Some("kept"));
    assert_eq!(response.body(), "body");

    let response = render(AuthErrorKind::Overloaded, false);
    assert_eq!(response.status(), 503);
    assert_eq!(text(response.headers(), "www-authenticate"), None);
    let delay: u64 = text(response.headers(), "retry-after")
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=5).contains(&delay), "{delay}");

    let response = render(AuthErrorKind::Inactive, true);
    assert_eq!(text(response.headers(), "x-extra"), None);
    assert_eq!(text(response.headers(), "www-authenticate"), Some(TOKEN));
    assert_eq!(text(response.headers(), "grpc-status"), Some("16"));
    assert_eq!(text(response.headers(), "retry-after"), None);
    assert_eq!(response.body(), "", "it would be read as a message");
}

#[test]
fn closure_is_told_the_rejection() {
    let error = AuthError::new(AuthErrorKind::WrongClient);
    let rejection = usual().rejection(&error, false);
    let render = |rejection: &Rejection| Response::new(format!("{:?}", rejection.kind()));
    assert_eq!(render.reject_response(&rejection).body(), "WrongClient");
}

/// Stands for the body of `lambda_http`, which has no `From<Bytes>`.
#[derive(Debug, Default, PartialEq)]
enum LambdaBody {
    #[default]
    Empty,
    Text(String),
}

impl From<String> for LambdaBody {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

#[test]
fn json_is_text_in_a_body_that_tells_text_from_bytes() {
    // fault H14
    let rejection = usual().rejection(&AuthErrorKind::Inactive.into(), false);
    for response in [
        rejection.to_response::<LambdaBody>(&JsonBody),
        rejection.to_response(&ProblemJson),
    ] {
        let LambdaBody::Text(text) = response.body() else {
            panic!("{response:?}");
        };
        let body: Value = serde_json::from_str(text).unwrap();
        assert_eq!(body["error"], "invalid_token");
    }
    let response: Response<LambdaBody> = rejection.to_response(&super::EmptyBody);
    assert_eq!(response.body(), &LambdaBody::Empty);
    let text = LambdaBody::Text("{}".to_owned());
    assert_eq!(JsonBody.json_body(Bytes::from_static(b"{}")), Some(text));
}

#[test]
fn a_rejection_is_an_error_with_its_reason() {
    let error = AuthError::new(AuthErrorKind::Expired);
    let rejection = usual().rejection(&error, false);
    let source = std::error::Error::source(&rejection).unwrap();
    assert_eq!(source.to_string(), "the token has expired");
    assert_eq!(rejection.to_string(), rejection.description());
    assert_eq!(AuthError::from(rejection).kind(), AuthErrorKind::Expired);
}
