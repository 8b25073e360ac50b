use serde_json::{Value, json};

use super::{
    Enrichment, NOW, OURS, Priority, Reply, TokenFormat, Userinfo, Verified, says, verifier, verify,
};
use crate::{TokenKind, claims::entry::Acceptance};

async fn verified(answer: Value, format: TokenFormat, enrichment: Enrichment) -> Verified {
    let verifier = verifier(says(answer), Userinfo::new(OURS), enrichment);
    verify(&verifier, format, Priority::FirstSeen)
        .await
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn claims_are_those_of_the_answer() {
    let answer = json!({
        "sub": "user_1",
        "scope": "email profile",
        "aud": ["client_1", "x"],
        "iss": "https://clerk.example.com",
        "iat": NOW - 10,
        "nbf": NOW - 9,
        "exp": NOW + 60,
        "org_id": "org_1",
        "token_type": "Bearer",
        "jti": "j",
    });
    let verified = verified(
        answer,
        TokenFormat::Opaque(TokenKind::OAuth),
        Enrichment::BestEffort,
    )
    .await;
    let claims = verified.claims();
    assert_eq!(claims.subject(), "user_1");
    assert_eq!(claims.client_id(), Some("client_1"));
    assert_eq!(claims.scopes().collect::<Vec<_>>(), ["email", "profile"]);
    assert_eq!(claims.audience().collect::<Vec<_>>(), ["client_1", "x"]);
    assert_eq!(claims.issuer(), Some("https://clerk.example.com"));
    assert_eq!(claims.shared().issued_at, Some(NOW - 10));
    assert_eq!(claims.shared().expires_at, Some(NOW + 60));
    assert_eq!(claims.org_id(), Some("org_1"));
    assert_eq!(claims.kind(), TokenKind::OAuth);
    assert!(!claims.is_stale());
    assert_eq!(claims.profile().unwrap().email(), Some("a@b.example"));
    let all: Value = claims.claims_as().unwrap();
    let expected = json!({
        "sub": "user_1",
        "client_id": "client_1",
        "scope": "email profile",
        "aud": ["client_1", "x"],
        "iss": "https://clerk.example.com",
        "iat": NOW - 10,
        "nbf": NOW - 9,
        "exp": NOW + 60,
        "org_id": "org_1",
        "token_type": "Bearer",
        "jti": "j",
        "userinfo": { "sub": "user_1", "email": "a@b.example" },
    });
    assert_eq!(all, expected);
}

#[tokio::test(start_paused = true)]
async fn unknown_claims_stay_unknown() {
    let verified = verified(
        json!({ "sub": "user_1" }),
        TokenFormat::Opaque(TokenKind::OAuth),
        Enrichment::Off,
    )
    .await;
    let claims = verified.claims();
    assert_eq!(claims.scopes().count(), 0);
    assert_eq!(claims.audience().count(), 0);
    assert_eq!(claims.issuer(), None);
    assert_eq!((claims.issued_at(), claims.expires_at()), (None, None));
    assert_eq!(claims.org_id(), None);
    assert!(claims.profile().is_none());
    let all: Value = claims.claims_as().unwrap();
    assert_eq!(
        all,
        json!({ "sub": "user_1", "client_id": "client_1", "scope": "" })
    );
}

#[tokio::test(start_paused = true)]
async fn delegation_is_shown_and_not_merged() {
    // C081
    let answer = json!({ "sub": "user_1", "act": { "sub": "user_2" } });
    let verified = verified(
        answer,
        TokenFormat::Opaque(TokenKind::OAuth),
        Enrichment::Off,
    )
    .await;
    assert_eq!(verified.claims().subject(), "user_1");
    let all: Value = verified.claims().claims_as().unwrap();
    assert_eq!(all["act"], json!({ "sub": "user_2" }));
}

#[tokio::test(start_paused = true)]
async fn verdict_is_good_until_the_earliest_end() {
    struct Case {
        name: &'static str,
        /// `exp` and `iat` of the answer, and the shape.
        input: (Option<i64>, Option<i64>, TokenFormat),
        /// When the token is over, and until when the verdict may be remembered.
        expected: (Option<i64>, Option<i64>),
    }

    async fn check(case: &Case) {
        let (exp, iat, format) = case.input;
        let answer = json!({ "sub": "user_1", "exp": exp, "iat": iat });
        let verified = verified(answer, format, Enrichment::Off).await;
        let found = (verified.expires(), verified.cacheable_until());
        assert_eq!(found, case.expected, "{}", case.name);
        // What is only claimed by the token itself is not told to anybody.
        assert_eq!(verified.claims().shared().expires_at, exp, "{}", case.name);
    }

    let opaque = TokenFormat::Opaque(TokenKind::OAuth);
    let jwt = |exp| TokenFormat::Jwt {
        kind: TokenKind::OAuth,
        exp,
    };
    let day = 86_400;
    let cases = [
        ("nothing known", (None, None, opaque), (None, None)),
        (
            "exp",
            (Some(NOW + 9), None, opaque),
            (Some(NOW + 9), Some(NOW + 9)),
        ),
        (
            "iat",
            (None, Some(NOW - 1), opaque),
            (None, Some(NOW - 1 + day)),
        ),
        // A token older than a day passes, and is not remembered.
        (
            "an old iat",
            (None, Some(NOW - 2 * day), opaque),
            (None, Some(NOW - day)),
        ),
        (
            "exp before the day is over",
            (Some(NOW + 9), Some(NOW), opaque),
            (Some(NOW + 9), Some(NOW + 9)),
        ),
        (
            "exp after the day is over",
            (Some(NOW + 2 * day), Some(NOW), opaque),
            (Some(NOW + 2 * day), Some(NOW + day)),
        ),
        ("a JWT without exp", (None, None, jwt(None)), (None, None)),
        (
            "a JWT that claims an end",
            (None, None, jwt(Some(NOW + 9))),
            (Some(NOW + 9), Some(NOW + 9)),
        ),
        // The token's own word only shortens.
        (
            "a JWT that claims an earlier end",
            (Some(NOW + 9), None, jwt(Some(NOW + 8))),
            (Some(NOW + 8), Some(NOW + 8)),
        ),
        (
            "a JWT that claims a later end",
            (Some(NOW + 9), None, jwt(Some(NOW + 10))),
            (Some(NOW + 9), Some(NOW + 9)),
        ),
        // C060 B38
        (
            "the greatest exp",
            (Some(i64::MAX), None, opaque),
            (Some(i64::MAX), Some(i64::MAX)),
        ),
        (
            "the least iat",
            (None, Some(i64::MIN), opaque),
            (None, Some(i64::MIN + day)),
        ),
    ];
    for (name, input, expected) in cases {
        check(&Case {
            name,
            input,
            expected,
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn organization_comes_from_either_answer() {
    let told = r#"{"sub":"user_1","org_id":"org_of_userinfo"}"#;
    for (name, members, expected) in [
        ("userinfo", json!({ "sub": "user_1" }), "org_of_userinfo"),
        (
            "introspection comes first",
            json!({ "sub": "user_1", "org_id": "org_1" }),
            "org_1",
        ),
    ] {
        let userinfo = Userinfo::new(Reply::Json(200, told));
        let verifier = verifier(says(members), userinfo, Enrichment::BestEffort);
        let verified = verify(
            &verifier,
            TokenFormat::Opaque(TokenKind::OAuth),
            Priority::FirstSeen,
        )
        .await
        .unwrap();
        assert_eq!(verified.claims().org_id(), Some(expected), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_introspection_calls_userinfo_is_none() {
    let members = json!({ "sub": "user_1", "userinfo": { "email": "evil@example.com" } });
    let verifier = verifier(says(members), Userinfo::new(OURS), Enrichment::Off);
    let verified = verify(
        &verifier,
        TokenFormat::Opaque(TokenKind::OAuth),
        Priority::FirstSeen,
    )
    .await
    .unwrap();
    let all: Value = verified.claims().claims_as().unwrap();
    assert_eq!(all.get("userinfo"), None);
}
