//! Of a payload that nobody has verified.

use std::time::Duration;

use futures_util::future::{self, BoxFuture};
use serde_json::{Value, json};
use tower_clerk::{
    AuthError,
    AuthErrorKind::{
        self, Expired, MalformedToken, MissingSubject, NotAccessToken, NotYetValid,
        SenderConstrained, WrongAudience, WrongClient, WrongIssuer,
    },
    kinds::{Enrichment, OAuthTokens},
    testing::ManualClock,
    verify::{TokenInfo, Verify, VerifyRequest},
};

use crate::{
    by_jti::{self, ByJti, edited, header, payload, unsigned},
    jwt::{message, with},
    support::App,
};

/// Introspection and the Backend API.
const ENDPOINTS: [fn() -> OAuthTokens; 2] = [ByJti::introspection, ByJti::backend_api];

/// Sends a token twice to each of two layers that ask this endpoint, and returns why it is rejected.
async fn verdict(name: &str, token: &str, endpoint: fn() -> OAuthTokens) -> Option<AuthErrorKind> {
    let mut verdicts = Vec::new();
    for _ in 0..2 {
        let clerk = ByJti::new();
        let app = App::new(clerk.config(endpoint()).resource("https://h.example/mcp"));
        for _ in 0..2 {
            let answer = app.bearer(token).await;
            let expected = if answer.kind().is_some() { 401 } else { 200 };
            assert_eq!(answer.status(), expected, "{name}: {answer:?}");
            verdicts.push(answer.kind());
        }
        // It is remembered, whatever it is.
        assert!(clerk.calls() <= 1, "{name}");
    }
    verdicts.dedup();
    assert_eq!(verdicts.len(), 1, "{name}: {verdicts:?}");
    verdicts[0]
}

#[tokio::test]
async fn what_the_payload_says_can_reject_a_token() {
    // fault A2
    let now = by_jti::now();
    let cases = [
        ("nothing more", json!({}), None),
        (
            "our resource",
            json!({ "aud": "https://h.example/mcp" }),
            None,
        ),
        (
            "our resource in capitals",
            json!({ "aud": "https://H.example:443/mcp/" }),
            None,
        ),
        ("our client", json!({ "aud": "me" }), None),
        (
            "us and others",
            json!({ "aud": ["https://b.example", "me"] }),
            None,
        ),
        (
            "another resource",
            json!({ "aud": "https://b.example/mcp" }),
            Some(WrongAudience),
        ),
        (
            "another client as audience",
            json!({ "aud": ["you"] }),
            Some(WrongAudience),
        ),
        (
            "an empty audience",
            json!({ "aud": [] }),
            Some(WrongAudience),
        ),
        (
            "an audience of another type",
            json!({ "aud": 1 }),
            Some(MalformedToken),
        ),
        ("no issuer", json!({ "iss": null }), None),
        (
            "another issuer",
            json!({ "iss": "https://clerk.b.example" }),
            Some(WrongIssuer),
        ),
        (
            "a slash more",
            json!({ "iss": "https://clerk.example.com/" }),
            Some(WrongIssuer),
        ),
        (
            "an issuer of another type",
            json!({ "iss": [by_jti::ISSUER] }),
            Some(MalformedToken),
        ),
        ("no end", json!({ "exp": null }), None),
        (
            "an end that has passed",
            json!({ "exp": now }),
            Some(Expired),
        ),
        // The leeway is for what is verified here.
        (
            "an end within the leeway",
            json!({ "exp": now - 1 }),
            Some(Expired),
        ),
        (
            "an end before all",
            json!({ "exp": now + 60, "nbf": now + 61 }),
            Some(Expired),
        ),
        (
            "an end of another type",
            json!({ "exp": "1" }),
            Some(MalformedToken),
        ),
        (
            "a beginning within the leeway",
            json!({ "nbf": now + 5 }),
            None,
        ),
        (
            "a beginning beyond it",
            json!({ "nbf": now + 6 }),
            Some(NotYetValid),
        ),
        (
            "an issue beyond it",
            json!({ "iat": now + 6 }),
            Some(NotYetValid),
        ),
        ("no subject", json!({ "sub": null }), None),
        (
            "another subject",
            json!({ "sub": "user_2" }),
            Some(MissingSubject),
        ),
        (
            "an empty subject",
            json!({ "sub": "" }),
            Some(MissingSubject),
        ),
        ("no client", json!({ "client_id": null }), None),
        (
            "another client",
            json!({ "client_id": "you" }),
            Some(WrongClient),
        ),
        (
            "an empty client",
            json!({ "client_id": "" }),
            Some(WrongClient),
        ),
        (
            "a key",
            json!({ "cnf": { "jkt": "x" } }),
            Some(SenderConstrained),
        ),
        ("a type", json!({ "token_type": "Bearer" }), None),
        (
            "another type",
            json!({ "token_type": "DPoP" }),
            Some(SenderConstrained),
        ),
        (
            "another use",
            json!({ "token_use": "id_token" }),
            Some(NotAccessToken),
        ),
        (
            "an ID token",
            json!({ "aud": "me", "nonce": "n" }),
            Some(NotAccessToken),
        ),
        (
            "nobody who acts",
            json!({ "act": {} }),
            Some(MalformedToken),
        ),
        (
            "scopes of another type",
            json!({ "scope": 1 }),
            Some(MalformedToken),
        ),
        (
            "more scopes",
            json!({ "scope": "email profile admin" }),
            None,
        ),
    ];
    for (name, members, expected) in cases {
        let mut payload = payload();
        for (name, value) in members.as_object().unwrap() {
            payload = with(&payload, name, value.clone());
        }
        let token = unsigned(header(), payload);
        for endpoint in ENDPOINTS {
            let found = verdict(name, &token, endpoint).await;
            assert_eq!(found, expected, "{name}, {endpoint:?}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_read_or_is_of_another_kind_is_rejected() {
    // fault A2
    let text = payload().to_string();
    let twice = format!(r#"{{"aud":"https://b.example",{}"#, &text[1..]);
    let twice = twice.replacen('}', r#","aud":"me"}"#, 1);
    let head = |name: &str, value: Value| unsigned(with(&header(), name, value), payload());
    let spare_bits = format!("{}.c2lnZZ", message(header(), payload()));
    for (name, token, expected) in [
        ("a member twice", unsigned(header(), twice), MalformedToken),
        (
            "a list",
            unsigned(header(), format!("[{text}]")),
            MalformedToken,
        ),
        (
            "something behind it",
            unsigned(header(), format!("{text}x")),
            MalformedToken,
        ),
        (
            "no JSON",
            unsigned(header(), r#""jti":"oat_1""#),
            MalformedToken,
        ),
        (
            "a signature with bits left over",
            spare_bits,
            MalformedToken,
        ),
        ("an extension", head("crit", json!(["exp"])), MalformedToken),
        (
            "a payload that is not encoded",
            head("b64", json!(false)),
            MalformedToken,
        ),
        ("no algorithm", head("alg", json!(null)), MalformedToken),
        (
            "a class of another type",
            head("cat", json!(1)),
            MalformedToken,
        ),
        (
            "of sessions",
            head("cat", json!("cl_B7d4PD111AAA")),
            NotAccessToken,
        ),
        (
            "of templates",
            head("cat", json!("cl_B7d4PD222AAA")),
            NotAccessToken,
        ),
        (
            "of machines",
            head("cat", json!("cl_B7d4PD333AAA")),
            NotAccessToken,
        ),
    ] {
        for endpoint in ENDPOINTS {
            let found = verdict(name, &token, endpoint).await;
            assert_eq!(found, Some(expected), "{name}, {endpoint:?}");
        }
    }
    for (name, token) in [
        ("whole", unsigned(header(), payload())),
        ("another algorithm", head("alg", json!("ES256"))),
        ("of no class", head("cat", json!("cl_I7d4PD111III"))),
    ] {
        for endpoint in ENDPOINTS {
            let found = verdict(name, &token, endpoint).await;
            assert_eq!(found, None, "{name}, {endpoint:?}");
        }
    }
}

#[tokio::test]
async fn no_edited_payload_gains_anything() {
    // fault A2
    let members = "act active aud azp client_id cnf email exp expired fea iat iss jti name nbf nonce o org_id \
                   org_permissions org_role permissions public_metadata revoked role scope scopes scp sid sts sub \
                   subject token_kind token_type token_use username v";
    let now = by_jti::now();
    let texts = "admin me user_1 user_2 org_1 Bearer access_token oat_1 https://clerk.example.com \
                 https://h.example/mcp";
    let mut values = vec![
        json!(null),
        json!(""),
        json!("email profile admin"),
        json!(["https://h.example/mcp"]),
        json!(["admin"]),
        json!([]),
        json!({}),
        json!({ "sub": "user_9" }),
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(now + 30),
        json!(now + 999_999_999),
        json!(1e300),
    ];
    values.extend(texts.split_whitespace().map(Value::from));
    let mut accepted = 0;
    for endpoint in ENDPOINTS {
        let clerk = ByJti::new();
        let app = App::new(clerk.config(endpoint()).resource("https://h.example/mcp"));
        let bare = unsigned(header(), json!({ "jti": "oat_1" }));
        let bare = app.bearer(&bare).await;
        bare.assert_accepted();
        let bare = serde_json::to_value(bare.claims()).unwrap();
        for name in members.split_whitespace() {
            for value in &values {
                let token = edited(name, value.clone());
                for _ in 0..2 {
                    let answer = app.bearer(&token).await;
                    if answer.kind().is_some() {
                        assert_eq!(answer.status(), 401, "{name}: {value}");
                        continue;
                    }
                    accepted += 1;
                    let claims = answer.claims();
                    let json = serde_json::to_value(claims).unwrap();
                    assert_eq!(json, bare, "{name}: {value}");
                    assert_eq!(claims.expires_at(), None, "{name}: {value}");
                    assert_eq!(claims.audience().count(), 0, "{name}: {value}");
                    assert!(claims.organization().is_none() && claims.actor().is_none());
                    assert!(!claims.has_scope("admin"), "{name}: {value}");
                }
            }
        }
    }
    assert!(accepted > 1000, "only {accepted} were accepted");
}

#[tokio::test]
async fn an_unverified_end_shortens_the_entry_and_is_no_claim() {
    // fault A2
    let clock = ManualClock::new();
    let clerk = ByJti::new();
    let config = clerk.config(ByJti::introspection());
    let app = App::new(config.clock(clock.clone()));
    let token = edited("exp", crate::support::unix_seconds(clock.now()) + 10);
    for _ in 0..2 {
        let answer = app.bearer(&token).await;
        answer.assert_accepted();
        assert_eq!(answer.claims().expires_at(), None);
    }
    assert_eq!(clerk.calls(), 1);
    clock.advance(Duration::from_secs(10));
    for _ in 0..2 {
        app.bearer(&token).await.assert_rejected(401, Expired);
    }
    assert_eq!(clerk.calls(), 1);
}

#[tokio::test]
async fn what_a_users_own_verifier_says_counts_alone() {
    // fault A2
    struct Own;

    impl Verify for Own {
        fn verify<'a>(
            &'a self,
            _: VerifyRequest<'a>,
        ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
            let answer = br#"{"active":true,"client_id":"me","sub":"user_1"}"#;
            Box::pin(future::ready(TokenInfo::from_introspection(answer)))
        }
    }

    let text = payload().to_string();
    let class = with(&header(), "cat", "cl_B7d4PD111AAA");
    for (name, token) in [
        ("another resource", edited("aud", "https://b.example/mcp")),
        ("another issuer", edited("iss", "https://b.example")),
        ("a beginning to come", edited("nbf", u64::MAX)),
        ("another subject", edited("sub", "user_2")),
        ("another client", edited("client_id", "you")),
        ("a key", edited("cnf", json!({}))),
        ("no JSON", unsigned(header(), format!("{text}x"))),
        ("another class", unsigned(class, payload())),
    ] {
        let oauth = OAuthTokens::verified_by(Own).allow_clients(["me"]);
        let app = App::new(ByJti::new().config(oauth.userinfo(Enrichment::Off)));
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            assert_eq!(answer.kind(), None, "{name}");
            assert_eq!(answer.claims().subject(), "user_1", "{name}");
        }
    }
}
