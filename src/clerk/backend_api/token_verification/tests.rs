use serde_json::{Value, json};

use super::{
    super::{found, tests::response},
    Credential, TokenInfo,
};
use crate::{AuthErrorKind, TokenKind};

const OBJECT: &str = "clerk_idp_oauth_access_token";

/// An answer for a good token, with these members in it or, where they are null, out of it.
fn answer(changes: &[(&str, Value)]) -> String {
    let mut answer = json!({
        "object": OBJECT,
        "id": "oat_1",
        "client_id": "client_1",
        "subject": "user_1",
        "scopes": ["email", "profile"],
        "revoked": false,
        "revocation_reason": null,
        "expired": false,
        "expiration": 1_700_086_400,
        "created_at": 1_700_000_000,
        "updated_at": 1_700_000_000,
    });
    for (name, value) in changes {
        answer[*name] = value.clone();
    }
    answer.to_string()
}

fn without(name: &str) -> String {
    let mut members: Value = serde_json::from_str(&answer(&[])).unwrap();
    members.as_object_mut().unwrap().remove(name);
    members.to_string()
}

fn decode(body: &str) -> Result<TokenInfo, AuthErrorKind> {
    let decode = Credential::OAuthToken.decode();
    decode(&response(200, "application/json", body)).map_err(|error| error.kind())
}

#[test]
fn good_answer_is_told_in_the_words_of_introspection() {
    let token = decode(&answer(&[("aud", json!(["https://a.example"]))])).unwrap();
    assert!(token.active);
    assert_eq!(token.sub.as_deref(), Some("user_1"));
    assert_eq!(token.client_id.as_deref(), Some("client_1"));
    assert_eq!(token.scope.as_deref(), Some("email profile"));
    assert_eq!(token.aud, Some(vec!["https://a.example".to_owned()]));
    assert_eq!(token.exp, Some(1_700_086_400));
    assert_eq!(token.iat, Some(1_700_000_000));
    assert!(!token.is_local);
    let other: Vec<_> = token.other.keys().collect();
    assert_eq!(other, ["id", "revocation_reason", "updated_at"]);
}

#[test]
fn only_what_says_that_it_is_good_is_good() {
    struct Case {
        name: &'static str,
        input: String,
        /// Whether it is active.
        expected: Result<bool, AuthErrorKind>,
    }

    #[track_caller]
    fn check(case: &Case) {
        let found = decode(&case.input).map(|token| token.active);
        assert_eq!(found, case.expected, "{}", case.name);
    }

    let broken = Err(AuthErrorKind::InvalidUpstreamResponse);
    let with = |name, value| answer(&[(name, value)]);
    for (name, input, expected) in [
        ("as documented", answer(&[]), Ok(true)),
        ("active", with("active", json!(true)), Ok(true)),
        (
            "the second format",
            r#"{"active":false}"#.to_owned(),
            Ok(false),
        ),
        (
            "not active, and all is well",
            with("active", json!(false)),
            Ok(false),
        ),
        ("active is a text", with("active", json!("true")), broken),
        ("active is null", with("active", json!(null)), broken),
        ("active is a number", with("active", json!(1)), broken),
        ("active alone", r#"{"active":true}"#.to_owned(), broken),
        ("empty", "{}".to_owned(), broken),
        ("revoked", with("revoked", json!(true)), Ok(false)),
        ("expired", with("expired", json!(true)), Ok(false)),
        (
            "both",
            answer(&[("revoked", json!(true)), ("expired", json!(true))]),
            Ok(false),
        ),
        ("without revoked", without("revoked"), broken),
        ("without expired", without("expired"), broken),
        ("revoked is null", with("revoked", json!(null)), broken),
        ("expired is null", with("expired", json!(null)), broken),
        ("revoked is a text", with("revoked", json!("false")), broken),
        ("expired is a number", with("expired", json!(0)), broken),
        (
            "revoked, and expired cannot be read",
            answer(&[("revoked", json!(true)), ("expired", json!(0))]),
            broken,
        ),
        // fault I1
        (
            "revoked, and what follows cannot be read",
            answer(&[("revoked", json!(true)), ("subject", json!(1))]),
            broken,
        ),
        (
            "expired, and what follows cannot be read",
            answer(&[("expired", json!(true)), ("aud", json!([1]))]),
            broken,
        ),
        (
            "revoked, and nobody can tell who acts",
            answer(&[("revoked", json!(true)), ("act", json!({}))]),
            broken,
        ),
        ("without a subject", without("subject"), broken),
        ("subject is null", with("subject", json!(null)), broken),
        ("subject is a number", with("subject", json!(1)), broken),
        ("without scopes", without("scopes"), Ok(true)),
        ("scopes are a text", with("scopes", json!("email")), broken),
        (
            "scopes hold a number",
            with("scopes", json!(["email", 1])),
            broken,
        ),
        ("client is a number", with("client_id", json!(1)), broken),
        (
            "end is a text",
            with("expiration", json!("1700086400")),
            broken,
        ),
        (
            "beginning is a text",
            with("created_at", json!("1700000000")),
            broken,
        ),
        ("audience is a number", with("aud", json!(1)), broken),
        ("issuer is a number", with("iss", json!(1)), broken),
        (
            "revoked twice",
            answer(&[]).replacen('{', r#"{"revoked":true,"#, 1),
            broken,
        ),
        (
            "of another object",
            with("object", json!("api_key")),
            broken,
        ),
    ] {
        check(&Case {
            name,
            input,
            expected,
        });
    }
}

#[test]
fn times_are_seconds_whatever_they_were() {
    for (name, input, expected) in [
        ("never", json!(null), Ok(None)),
        ("seconds", json!(1_700_000_000), Ok(Some(1_700_000_000))),
        (
            "milliseconds",
            json!(1_700_000_000_999_i64),
            Ok(Some(1_700_000_000)),
        ),
        (
            "a fraction",
            json!(1_700_000_000.9),
            Ok(Some(1_700_000_000)),
        ),
        (
            "the last second",
            json!(100_000_000_000_i64),
            Ok(Some(100_000_000_000)),
        ),
        (
            "the first millisecond",
            json!(100_000_000_001_i64),
            Ok(Some(100_000_000)),
        ),
        ("zero", json!(0), Ok(Some(0))),
        ("before the epoch", json!(-1), Ok(Some(-1))),
        ("beyond all", json!(u64::MAX), Ok(Some(i64::MAX / 1000))),
        (
            "a text",
            json!("1700000000"),
            Err(AuthErrorKind::InvalidUpstreamResponse),
        ),
        (
            "a flag",
            json!(false),
            Err(AuthErrorKind::InvalidUpstreamResponse),
        ),
    ] {
        for member in ["expiration", "created_at"] {
            let token = decode(&answer(&[(member, input.clone())]));
            let found = token.map(|token| match member {
                "expiration" => token.exp,
                _ => token.iat,
            });
            assert_eq!(found, expected, "{name}, {member}");
        }
    }
}

#[test]
fn scope_is_no_more_than_what_was_granted() {
    for (name, input, expected) in [
        ("none", json!([]), Some("")),
        ("one", json!(["email"]), Some("email")),
        ("null", json!(null), None),
        // It would be two.
        (
            "one with a space",
            json!(["email admin", "profile"]),
            Some("profile"),
        ),
        // fault A3
        ("an empty one", json!(["", "email"]), Some("email")),
        (
            "spaces around",
            json!([" a", "b ", " ", "email"]),
            Some("email"),
        ),
        ("a tab", json!(["a\tb", "email"]), Some("email")),
        (
            "a letter that no scope has",
            json!(["\u{e9}", "email"]),
            Some("email"),
        ),
    ] {
        let token = decode(&answer(&[("scopes", input)])).unwrap();
        assert_eq!(token.scope.as_deref(), expected, "{name}");
    }
}

#[test]
fn members_under_other_names_are_not_believed() {
    let body = answer(&[
        ("sub", json!("user_2")),
        ("scope", json!("admin")),
        ("exp", json!(9_999_999_999_i64)),
        ("iat", json!(1)),
    ]);
    let token = decode(&body).unwrap();
    assert_eq!(token.sub.as_deref(), Some("user_1"));
    assert_eq!(token.scope.as_deref(), Some("email profile"));
    for name in ["sub", "scope", "exp", "iat"] {
        assert!(!token.other.contains_key(name), "{name}");
    }
}

#[test]
fn bound_token_says_so() {
    let token = decode(&answer(&[("cnf", json!({ "jkt": "x" }))])).unwrap();
    assert!(token.confirmation);
    let token = decode(&answer(&[("token_type", json!("DPoP"))])).unwrap();
    assert_eq!(token.token_type.as_deref(), Some("DPoP"));
}

#[test]
fn each_verification_has_its_own_words() {
    let all = [
        (
            Credential::OAuthToken,
            TokenKind::OAuth,
            ("/oauth_applications/access_tokens/verify", "access_token"),
            OBJECT,
        ),
        (
            Credential::MachineToken,
            TokenKind::Machine,
            ("/m2m_tokens/verify", "token"),
            "machine_to_machine_token",
        ),
        (
            Credential::ApiKey,
            TokenKind::ApiKey,
            ("/api_keys/verify", "secret"),
            "api_key",
        ),
    ];
    for (credential, kind, words, object) in all {
        assert_eq!(credential.kind(), kind);
        assert_eq!((credential.path(), credential.member()), words);
        for (_, _, _, other) in all {
            let body = answer(&[("object", json!(other))]);
            let found = credential.decode()(&response(200, "application/json", &body));
            assert_eq!(found.is_ok(), other == object, "{credential:?}, {other}");
        }
    }
}

#[test]
fn unknown_token_is_not_active() {
    let body = r#"{"errors":[{"code":"resource_not_found"}]}"#;
    for status in [400, 404] {
        let response = response(status, "application/json", body);
        assert!(matches!(found(&response), Ok(None)));
        let token = Credential::OAuthToken.decode()(&response).unwrap();
        assert!(!token.active, "{status}");
    }
}
