//! Token introspection and the life of tokens.

use super::*;

#[tokio::test]
async fn introspection_has_exactly_the_documented_members() {
    let clerk = FakeClerk::start().unwrap();
    let before = clerk.now();
    clerk.user("user_1").org("org_1", "One", "one").save();
    let plain = clerk.token("user_1").issue();
    let with_org = clerk.token("user_1").scopes(["user:org:read"]).issue();
    let jwt = clerk
        .token("user_1")
        .resource("https://a.example")
        .jwt()
        .issue();

    let documented = set(&["active", "client_id", "iat", "scope", "sub"]);
    let answer = introspect(&clerk, &plain).await;
    assert_eq!(members(&answer), documented);
    assert_eq!(answer["active"], true);
    assert_eq!(answer["client_id"], clerk.client_id());
    assert_eq!(answer["scope"], "email profile");
    assert_eq!(answer["sub"], "user_1");
    assert!((before..=clerk.now()).contains(&answer["iat"].as_u64().unwrap()));

    assert_eq!(members(&introspect(&clerk, &jwt).await), documented);
    assert_eq!(introspect(&clerk, &with_org).await["org_id"], "org_1");
}

#[tokio::test]
async fn tokens_have_the_shapes_of_clerk() {
    let clerk = FakeClerk::start().unwrap();
    let opaque = clerk.token("user_1").issue();
    assert!(opaque.starts_with("oat_") && opaque.len() == 36);
    assert!(
        opaque[4..]
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric())
    );
    assert_ne!(opaque, clerk.token("user_1").issue());
    assert_eq!(
        (clerk.client_id().len(), clerk.client_secret().len()),
        (16, 32)
    );
    let refresh = clerk.refresh_token("user_1");
    assert!(!refresh.contains(['_', '.']) && STANDARD.decode(&refresh).is_ok());
}

#[tokio::test]
async fn what_is_not_active_answers_only_that() {
    let clerk = FakeClerk::start().unwrap();
    let revoked = clerk.token("user_1").issue();
    clerk.revoke(&revoked);
    let revoked_jwt = clerk.token("user_1").jwt().issue();
    clerk.revoke(&revoked_jwt);
    let valid = clerk.token("user_1").issue();
    let cases = [
        ("unknown", "oat_unknown".to_owned(), ""),
        ("expired", clerk.token("user_1").expired().issue(), ""),
        (
            "expired JWT",
            clerk.token("user_1").expired().jwt().issue(),
            "",
        ),
        ("revoked", revoked, ""),
        ("revoked JWT", revoked_jwt, ""),
        ("lacks a scope", valid.clone(), "email admin"),
    ];
    for (name, token, scope) in cases {
        let fields = [("token", token.as_str()), ("scope", scope)];
        let response = post(&clerk, Endpoint::Introspection, &fields).await;
        assert_eq!(response.status(), 200, "{name}");
        assert_eq!(body(&response), json!({"active": false}), "{name}");
    }
    let fields = [("token", valid.as_str()), ("scope", "profile email")];
    let response = post(&clerk, Endpoint::Introspection, &fields).await;
    assert_eq!(body(&response)["active"], true);
}

#[tokio::test]
async fn tokens_expire_when_the_clock_advances_past_their_lifetime() {
    let clerk = FakeClerk::start().unwrap();
    let day = clerk.token("user_1").issue();
    let hour = clerk
        .token("user_1")
        .lifetime(Duration::from_secs(3600))
        .jwt()
        .issue();
    let refresh = clerk.refresh_token("user_1");
    let before = clerk.now();
    for (advance, hour_active, day_active) in [
        (3500, true, true),
        (100, false, true),
        (82_800, false, false),
    ] {
        clerk.advance(Duration::from_secs(advance));
        assert_eq!(introspect(&clerk, &hour).await["active"], hour_active);
        assert_eq!(introspect(&clerk, &day).await["active"], day_active);
        assert_eq!(introspect(&clerk, &refresh).await["active"], true);
    }
    assert!(clerk.now() >= before + 86_400);
    assert_eq!(userinfo(&clerk, &day).await.status(), 401);
}

#[tokio::test]
async fn introspection_rejects_bad_requests() {
    let clerk = FakeClerk::start().unwrap();
    let good = default_basic(&clerk);
    let wrong = basic(&clerk.client_id(), "wrong");
    let unknown = basic("unknown", &clerk.client_secret());
    let stray_percent = basic(&clerk.client_id(), "%zz");
    let token = form(&[("token", "oat_x")]);
    let cases = [
        ("no client", "", FORM, token.as_str(), 401),
        ("wrong secret", &wrong, FORM, &token, 401),
        ("unknown client", &unknown, FORM, &token, 401),
        ("stray percent", &stray_percent, FORM, &token, 401),
        ("not base64", "Basic ***", FORM, &token, 401),
        ("bearer", "Bearer sk_test_1", FORM, &token, 401),
        ("no content type", &good, "", &token, 400),
        ("JSON", &good, "application/json", "{}", 400),
        ("no token", &good, FORM, "", 400),
    ];
    for (name, authorization, content_type, form, status) in cases {
        let mut headers = vec![
            ("authorization", authorization),
            ("content-type", content_type),
        ];
        headers.retain(|(_, value)| !value.is_empty());
        let path = Endpoint::Introspection.path();
        let response = send(&clerk, "POST", path, &headers, form).await.unwrap();
        assert_eq!(response.status(), status, "{name}");
        if status == 401 {
            // Clerk documents only the status.
            assert!(response.body().is_empty(), "{name}");
            assert!(!response.headers().contains_key("content-type"), "{name}");
            continue;
        }
        assert_eq!(body(&response)["error"], "invalid_request", "{name}");
        assert!(body(&response)["error_description"].is_string(), "{name}");
    }
    let response = get(&clerk, "/oauth/token_info").await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "POST");
}

#[tokio::test]
async fn client_credentials_are_decoded_after_base64() {
    let clerk = FakeClerk::start().unwrap();
    clerk.register_client("https://client.example/a", "s p:c%+");
    let token = clerk
        .token("user_1")
        .client_id("https://client.example/b")
        .issue();
    let authorization = basic("https%3A%2F%2Fclient.example%2Fa", "s+p%3Ac%25%2b");
    let headers = [
        ("authorization", authorization.as_str()),
        (
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        ),
    ];
    let response = send(
        &clerk,
        "POST",
        "/oauth/token_info",
        &headers,
        &form(&[("token", &token)]),
    )
    .await
    .unwrap();
    assert_eq!(body(&response)["client_id"], "https://client.example/b");
}

#[tokio::test]
async fn introspection_includes_what_it_is_told_to() {
    let clerk = FakeClerk::start().unwrap();
    clerk.user("user_1").preferred_username("ada").save();
    clerk.introspection_includes([
        Field::Exp,
        Field::Aud,
        Field::Iss,
        Field::Nbf,
        Field::Jti,
        Field::TokenType,
        Field::Username,
    ]);
    let token = clerk.token("user_1").resource("https://a.example").issue();
    let answer = introspect(&clerk, &token).await;
    let iat = answer["iat"].as_u64().unwrap();
    for (name, expected) in [
        ("exp", json!(iat + 86_400)),
        ("aud", json!("https://a.example")),
        ("iss", json!(clerk.url())),
        ("nbf", json!(iat - 10)),
        ("token_type", json!("Bearer")),
        ("username", json!("ada")),
    ] {
        assert_eq!(answer[name], expected, "{name}");
    }
    assert!(answer["jti"].as_str().unwrap().starts_with("oat_"));

    let refresh = introspect(&clerk, &clerk.refresh_token("user_1")).await;
    assert_eq!(refresh["active"], true);
    assert!(refresh.get("exp").is_none() && refresh.get("token_type").is_none());

    clerk.introspection_includes([]);
    assert!(introspect(&clerk, &token).await.get("exp").is_none());
}

#[tokio::test]
async fn introspection_of_a_jwt_can_be_rejected() {
    let clerk = FakeClerk::start().unwrap();
    let jwt = clerk.token("user_1").jwt().issue();
    assert_eq!(introspect(&clerk, &jwt).await["active"], true);
    clerk.reject_jwt_introspection(true);
    let response = post(&clerk, Endpoint::Introspection, &[("token", &jwt)]).await;
    assert_eq!(response.status(), 400);
    assert_eq!(body(&response)["error"], "unsupported_token_type");
    let opaque = clerk.token("user_1").issue();
    assert_eq!(introspect(&clerk, &opaque).await["active"], true);
}

#[tokio::test]
async fn extra_claims_replace_members_of_answer_and_payload() {
    let clerk = FakeClerk::start().unwrap();
    let jwt = clerk
        .token("user_1")
        .claim("sub", Value::Null)
        .claim("act", json!({"sub": "x"}))
        .jwt()
        .issue();
    let answer = introspect(&clerk, &jwt).await;
    for described in [&answer, &payload(&jwt)] {
        assert_eq!(described["sub"], Value::Null);
        assert_eq!(described["act"]["sub"], "x");
    }
}
