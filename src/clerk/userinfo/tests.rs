use bytes::Bytes;
use http::{Method, Response, Uri, header};
use serde_json::{Value, json};

use super::{decode, parse, request};
use crate::{AuthError, AuthErrorKind, extract::SecretToken};

struct Case<'a> {
    name: &'a str,
    input: (u16, Option<&'a str>, &'a [u8]),
    /// The subject, or why there is none.
    expected: Result<&'a str, AuthErrorKind>,
}

#[track_caller]
fn check(case: &Case<'_>) {
    let (status, content_type, body) = case.input;
    let mut response = Response::builder().status(status);
    if let Some(content_type) = content_type {
        response = response.header(header::CONTENT_TYPE, content_type);
    }
    let response = response.body(Bytes::copy_from_slice(body)).unwrap();
    let outcome = decode(&response);
    let found = outcome
        .as_ref()
        .map(|info| info.sub.as_str())
        .map_err(AuthError::kind);
    assert_eq!(found, case.expected, "{}", case.name);
}

const JSON: Option<&str> = Some("application/json");
const INACTIVE: Result<&str, AuthErrorKind> = Err(AuthErrorKind::Inactive);
const BROKEN: Result<&str, AuthErrorKind> = Err(AuthErrorKind::InvalidUpstreamResponse);

#[test]
fn answer_is_userinfo_or_says_why_not() {
    let good: &[u8] = br#"{"sub":"user_1"}"#;
    let oauth: &[u8] = br#"{"error":"invalid_token"}"#;
    let clerk: &[u8] = br#"{"errors":[{"code":"oauth_fetch_user_error"}]}"#;
    let deep = format!("{{\"sub\":\"user_1\",\"d\":{}", "[".repeat(100_000));
    let cases = [
        ("as documented", (200, JSON, good), Ok("user_1")),
        (
            "with a charset",
            (200, Some("application/json; charset=utf-8"), good),
            Ok("user_1"),
        ),
        // C075
        ("401", (401, JSON, oauth), INACTIVE),
        ("401 of Clerk", (401, JSON, clerk), INACTIVE),
        ("403", (403, JSON, oauth), INACTIVE),
        ("403 of Clerk", (403, JSON, clerk), INACTIVE),
        // fault B4: in another form they are not final.
        ("401 of userinfo", (401, JSON, good), BROKEN),
        (
            "401 of a firewall",
            (401, Some("text/html"), b"<html>"),
            BROKEN,
        ),
        (
            "403 of a firewall",
            (403, Some("text/html"), b"<html>"),
            BROKEN,
        ),
        (
            "403 of a firewall that speaks JSON",
            (403, JSON, b"{}"),
            BROKEN,
        ),
        ("401 called HTML", (401, Some("text/html"), oauth), BROKEN),
        ("403 without a body", (403, None, b""), BROKEN),
        ("404 of Clerk", (404, JSON, clerk), BROKEN),
        ("400", (400, JSON, good), BROKEN),
        ("404", (404, JSON, good), BROKEN),
        // C090
        ("201", (201, JSON, good), BROKEN),
        ("204", (204, JSON, b""), BROKEN),
        ("206", (206, JSON, good), BROKEN),
        // C091
        ("302", (302, JSON, good), BROKEN),
        ("a JWT", (200, Some("application/jwt"), b"a.b.c"), BROKEN),
        ("HTML", (200, Some("text/html"), b"<html>"), BROKEN),
        ("JSON called HTML", (200, Some("text/html"), good), BROKEN),
        ("no content type", (200, None, good), BROKEN),
        ("an array", (200, JSON, b"[]"), BROKEN),
        ("null", (200, JSON, b"null"), BROKEN),
        // B37
        ("nothing", (200, JSON, b""), BROKEN),
        ("no subject", (200, JSON, b"{}"), BROKEN),
        (
            "a subject that is null",
            (200, JSON, br#"{"sub":null}"#),
            BROKEN,
        ),
        (
            "a subject that is a number",
            (200, JSON, br#"{"sub":1}"#),
            BROKEN,
        ),
        (
            "a subject in a list",
            (200, JSON, br#"{"sub":["user_1"]}"#),
            BROKEN,
        ),
        (
            "two subjects",
            (200, JSON, br#"{"sub":"user_1","sub":"user_2"}"#),
            BROKEN,
        ),
        (
            "one subject twice",
            (200, JSON, br#"{"sub":"user_1","sub":"user_1"}"#),
            BROKEN,
        ),
        (
            "two subjects, one escaped",
            (200, JSON, br#"{"sub":"a","s\u0075b":"b"}"#),
            BROKEN,
        ),
        (
            "two addresses",
            (200, JSON, br#"{"sub":"a","email":"b","email":"c"}"#),
            BROKEN,
        ),
        ("a deep member", (200, JSON, deep.as_bytes()), BROKEN),
        (
            "something behind it",
            (200, JSON, br#"{"sub":"user_1"}x"#),
            BROKEN,
        ),
        (
            "no UTF-8",
            (200, JSON, b"{\"sub\":\"user_1\",\"name\":\"\xff\"}"),
            BROKEN,
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

#[test]
fn profile_is_what_userinfo_says() {
    let body = json!({
        "sub": "user_1",
        "email": "a@b.example",
        "email_verified": false,
        "name": "Ada L",
        "given_name": "Ada",
        "family_name": "L",
        "preferred_username": "ada",
        "username": "old",
        "picture": "https://i.example/1",
        "org_id": "org_1",
        "org_name": "Org",
        "org_slug": "org",
        "public_metadata": { "plan": "gold" },
        "locale": "en",
    });
    let profile = parse(body.to_string().as_bytes()).unwrap().profile;
    assert_eq!(profile.email(), Some("a@b.example"));
    assert_eq!(profile.email_verified(), Some(false));
    assert_eq!(profile.name(), Some("Ada L"));
    assert_eq!(profile.given_name(), Some("Ada"));
    assert_eq!(profile.family_name(), Some("L"));
    assert_eq!(profile.preferred_username(), Some("ada"));
    assert_eq!(profile.picture(), Some("https://i.example/1"));
    let organization = profile.organization().unwrap();
    assert_eq!(organization.id(), "org_1");
    assert_eq!(organization.name(), Some("Org"));
    assert_eq!(organization.slug(), Some("org"));
    assert_eq!(profile.public_metadata(), Some(json!({ "plan": "gold" })));
    assert_eq!(profile.userinfo(), body);
}

#[test]
fn member_of_another_type_is_unknown() {
    for value in [json!(null), json!(1), json!(["a"]), json!({ "a": 1 })] {
        let body = json!({
            "sub": "user_1",
            "email": value,
            "email_verified": value,
            "name": value,
            "given_name": value,
            "family_name": value,
            "preferred_username": value,
            "username": value,
            "picture": value,
            "org_id": value,
            "org_name": "Org",
        });
        let profile = parse(body.to_string().as_bytes()).unwrap().profile;
        assert_eq!(profile.email(), None, "{value}");
        assert_eq!(profile.email_verified(), None, "{value}");
        assert_eq!(profile.name(), None, "{value}");
        assert_eq!(profile.given_name(), None, "{value}");
        assert_eq!(profile.family_name(), None, "{value}");
        assert_eq!(profile.preferred_username(), None, "{value}");
        assert_eq!(profile.picture(), None, "{value}");
        assert!(profile.organization().is_none(), "{value}");
        assert_eq!(profile.userinfo(), body, "{value}");
    }
}

#[test]
fn verified_is_a_boolean_or_unknown() {
    for (value, expected) in [
        (json!(true), Some(true)),
        (json!(false), Some(false)),
        (json!("true"), None),
        (json!(1), None),
    ] {
        let body = json!({ "sub": "user_1", "email_verified": value });
        let profile = parse(body.to_string().as_bytes()).unwrap().profile;
        assert_eq!(profile.email_verified(), expected, "{value}");
    }
}

#[test]
fn deprecated_username_stands_in() {
    let name = |body: Value| {
        let profile = parse(body.to_string().as_bytes()).unwrap().profile;
        profile.preferred_username().map(ToOwned::to_owned)
    };
    assert_eq!(
        name(json!({ "sub": "u", "username": "old" })).as_deref(),
        Some("old")
    );
    let both = json!({ "sub": "u", "username": "old", "preferred_username": "new" });
    assert_eq!(name(both).as_deref(), Some("new"));
}

#[test]
fn request_carries_the_token_and_nothing_else() {
    let endpoint = Uri::from_static("https://clerk.example.com/oauth/userinfo");
    let request = request(endpoint.clone(), &SecretToken::new("oat_canary")).unwrap();
    assert_eq!(request.method(), Method::GET);
    assert_eq!(*request.uri(), endpoint);
    assert!(request.body().is_empty());
    let headers = request.headers();
    assert_eq!(headers.len(), 2);
    assert_eq!(headers[header::ACCEPT], "application/json");
    assert_eq!(headers[header::AUTHORIZATION], "Bearer oat_canary");
    assert!(headers[header::AUTHORIZATION].is_sensitive());
    assert!(!format!("{request:?}").contains("canary"));
}

#[test]
fn token_that_fits_no_header_is_malformed() {
    // B25
    let endpoint = Uri::from_static("https://clerk.example.com/oauth/userinfo");
    for token in ["a\r\nx: y", "a\0", "a\n"] {
        let error = request(endpoint.clone(), &SecretToken::new(token)).unwrap_err();
        assert_eq!(
            error.kind(),
            AuthErrorKind::MalformedCredentials,
            "{token:?}"
        );
    }
}
