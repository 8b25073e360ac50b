use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, header};

use super::super::{Introspect, basic_credentials, read};
use crate::{
    AuthError, AuthErrorKind, BoxFuture,
    clerk::http::{Priority, Transport, TransportError, Upstream},
    extract::SecretToken,
};

const ENDPOINT: &str = "https://clerk.example.com/oauth/token_info";

fn response(status: u16, content_type: Option<&str>, body: &[u8]) -> Response<Bytes> {
    let mut response = Response::builder().status(status);
    if let Some(content_type) = content_type {
        response = response.header(header::CONTENT_TYPE, content_type);
    }
    response.body(Bytes::copy_from_slice(body)).unwrap()
}

struct Case<'a> {
    name: &'a str,
    input: (u16, Option<&'a str>, &'a [u8]),
    /// Whether the token is active, or why that is not known.
    expected: Result<bool, AuthErrorKind>,
}

#[track_caller]
fn check(case: &Case<'_>) {
    let (status, content_type, body) = case.input;
    let outcome = read(&response(status, content_type, body));
    let found = outcome
        .as_ref()
        .map(|answer| answer.active)
        .map_err(AuthError::kind);
    assert_eq!(found, case.expected, "{}", case.name);
}

#[test]
fn status_and_content_type_decide_what_is_read() {
    let json = Some("application/json");
    let good: &[u8] = br#"{"active":true}"#;
    let unsupported: &[u8] = br#"{"error":"unsupported_token_type"}"#;
    let broken = Err(AuthErrorKind::InvalidUpstreamResponse);
    let inactive = Err(AuthErrorKind::Inactive);
    let ours = Err(AuthErrorKind::CredentialsRejected);
    let jwt = Some("application/token-introspection+jwt");
    let html = Some("text/html");
    let cases = [
        ("active", (200, json, good), Ok(true)),
        (
            "inactive",
            (200, json, br#"{"active":false}"#.as_slice()),
            Ok(false),
        ),
        // C050
        ("HTML", (200, Some("text/html"), good), broken),
        ("no content type", (200, None, good), broken),
        (
            "UTF-16",
            (200, Some("application/json; charset=utf-16"), good),
            broken,
        ),
        ("a login page", (200, Some("text/html"), b"<html>"), broken),
        // C052
        ("a signed answer", (200, jwt, b"a.b.c"), broken),
        (
            "JSON in a signed answer's clothes",
            (200, jwt, good),
            broken,
        ),
        // B37 C090
        ("empty", (200, json, b""), broken),
        ("201", (201, json, good), broken),
        ("202", (202, json, good), broken),
        ("204", (204, None, b""), broken),
        ("206", (206, json, good), broken),
        // C091 B28
        ("301", (301, json, good), broken),
        ("302", (302, json, good), broken),
        ("303", (303, json, good), broken),
        ("307", (307, json, good), broken),
        ("308", (308, json, good), broken),
        // C092
        (
            "400",
            (400, json, br#"{"error":"invalid_request"}"#),
            broken,
        ),
        ("400 that calls it active", (400, json, good), broken),
        ("400 without a body", (400, json, b""), broken),
        ("404", (404, json, good), broken),
        ("404 of that error", (404, json, unsupported), broken),
        ("405", (405, json, good), broken),
        ("415", (415, json, good), broken),
        ("418", (418, json, good), broken),
        ("400 of that error", (400, json, unsupported), inactive),
        (
            "400 of that error, as text",
            (400, Some("text/plain"), unsupported),
            inactive,
        ),
        (
            "400 of that error, twice",
            (
                400,
                json,
                br#"{"error":"unsupported_token_type","error":"unsupported_token_type"}"#,
            ),
            broken,
        ),
        (
            "400 of that error in a list",
            (400, json, br#"{"error":["unsupported_token_type"]}"#),
            broken,
        ),
        (
            "400 of an error like it",
            (400, json, br#"{"error":"Unsupported_token_type"}"#),
            broken,
        ),
        (
            "400 described so",
            (
                400,
                json,
                br#"{"error_description":"unsupported_token_type"}"#,
            ),
            broken,
        ),
        ("200 of that error", (200, json, unsupported), broken),
        // C093
        ("401", (401, json, br#"{"error":"invalid_client"}"#), ours),
        ("401 without a body", (401, None, b""), ours),
        ("401 that calls it active", (401, json, good), ours),
        // fault B2: what is not about our credentials is about the token.
        ("401 of a firewall", (401, html, b"<h1>no</h1>"), broken),
        (
            "401 of a firewall without a type",
            (401, None, b" <html>"),
            broken,
        ),
        ("401 as text", (401, Some("text/plain"), b"no"), ours),
        ("403 of a firewall", (403, html, b"<h1>no</h1>"), broken),
        ("403 without a body", (403, None, b""), broken),
        ("403 without a reason", (403, json, b"{}"), broken),
        (
            "403 of our client",
            (403, json, br#"{"error":"invalid_client"}"#),
            ours,
        ),
        (
            "403 of the token",
            (403, json, br#"{"error":"access_denied"}"#),
            broken,
        ),
        (
            "403 of our key",
            (
                403,
                json,
                br#"{"errors":[{"code":"authorization_invalid"}]}"#,
            ),
            ours,
        ),
        (
            "403 of another code",
            (403, json, br#"{"errors":[{"code":"blocked"}]}"#),
            broken,
        ),
        (
            "403 of our client, as text",
            (403, Some("text/plain"), br#"{"error":"invalid_client"}"#),
            broken,
        ),
    ];
    for (name, input, expected) in cases {
        check(&Case {
            name,
            input,
            expected,
        });
    }
}

/// Gives one answer to everything, and keeps what was asked.
#[derive(Clone)]
struct Scripted {
    answer: Response<Bytes>,
    asked: Arc<Mutex<Vec<Request<Bytes>>>>,
}

impl Transport for Scripted {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        self.asked.lock().unwrap().push(request);
        let answer = self.answer.clone();
        Box::pin(async move { Ok(answer) })
    }
}

fn introspect(answer: Response<Bytes>) -> (Introspect, Arc<Mutex<Vec<Request<Bytes>>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let transport = Scripted {
        answer,
        asked: Arc::clone(&asked),
    };
    let upstream = Upstream::new(
        Arc::new(transport),
        std::time::Duration::from_secs(1),
        None,
        Arc::new(crate::clock::SystemClock),
    );
    let credentials = basic_credentials("client_1", "s").unwrap();
    let introspect = Introspect::new(&upstream, Uri::from_static(ENDPOINT), credentials);
    (introspect, asked)
}

#[tokio::test(start_paused = true)]
async fn question_is_put_as_the_rfc_has_it() {
    // B35
    for (token, form) in [
        ("oat_abc", "token=oat_abc&token_type_hint=access_token"),
        (
            "a+b/c==",
            "token=a%2Bb%2Fc%3D%3D&token_type_hint=access_token",
        ),
        (
            "a~b.c-d_e",
            "token=a%7Eb.c-d_e&token_type_hint=access_token",
        ),
        (
            "a&b=c%d",
            "token=a%26b%3Dc%25d&token_type_hint=access_token",
        ),
        // B25
        (
            "a\r\n\0 b",
            "token=a%0D%0A%00+b&token_type_hint=access_token",
        ),
    ] {
        let answer = response(200, Some("application/json"), br#"{"active":true}"#);
        let (introspect, asked) = introspect(answer);
        let (token, priority) = (SecretToken::new(token), Priority::FirstSeen);
        assert!(introspect.verify(&token, priority).await.unwrap().active);
        let asked = asked.lock().unwrap();
        let [request] = asked.as_slice() else {
            panic!("{token:?}: asked {} times", asked.len());
        };
        assert_eq!(request.method(), Method::POST, "{token:?}");
        assert_eq!(request.uri(), ENDPOINT, "{token:?}");
        assert_eq!(request.body(), form, "{token:?}");
        let headers = request.headers();
        assert_eq!(headers.len(), 3, "{token:?}");
        assert_eq!(
            headers[header::CONTENT_TYPE],
            "application/x-www-form-urlencoded"
        );
        assert_eq!(headers[header::ACCEPT], "application/json");
        assert_eq!(
            headers[header::AUTHORIZATION],
            basic_credentials("client_1", "s").unwrap()
        );
        assert!(headers[header::AUTHORIZATION].is_sensitive());
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_is_handed_on() {
    for (status, expected) in [
        (401, AuthErrorKind::CredentialsRejected),
        (404, AuthErrorKind::InvalidUpstreamResponse),
        // C094
        (429, AuthErrorKind::RateLimited),
        // C095
        (503, AuthErrorKind::UpstreamUnavailable),
    ] {
        let (introspect, asked) = introspect(response(status, None, b""));
        let (token, priority) = (SecretToken::new("oat_abc"), Priority::Refresh);
        let error = introspect.verify(&token, priority).await.unwrap_err();
        assert_eq!(error.kind(), expected, "{status}");
        assert!(!asked.lock().unwrap().is_empty(), "{status}");
    }
}

#[test]
fn both_parts_of_the_credentials_are_form_encoded() {
    for (name, id, secret, expected) in [
        ("plain", "client_1", "secret", "client_1:secret"),
        ("a colon", "a:b", "c:d", "a%3Ab:c%3Ad"),
        ("a space", "a b", "c d", "a+b:c+d"),
        ("a percent sign and a plus", "a%b", "c+d", "a%25b:c%2Bd"),
        ("beyond ASCII", "é", "ü", "%C3%A9:%C3%BC"),
        ("a newline", "a\n", "b\r", "a%0A:b%0D"),
        ("empty", "", "", ":"),
    ] {
        let value: HeaderValue = basic_credentials(id, secret).unwrap();
        let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        let decoded = STANDARD.decode(encoded).unwrap();
        assert_eq!(String::from_utf8(decoded).unwrap(), expected, "{name}");
        assert!(value.is_sensitive(), "{name}");
    }
}
