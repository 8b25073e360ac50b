//! The token endpoint.

use super::flow::{
    CHALLENGE, Fields, VERIFIER, ask, changed, code, is_active, public_client, redemption,
    register, tokens,
};
use super::*;

const RESOURCE: &str = "https://api.example/mcp";

#[tokio::test]
async fn a_code_becomes_tokens_for_the_resource() {
    let clerk = FakeClerk::start().unwrap();
    clerk.introspection_includes([Field::Aud, Field::Exp]);
    let id = public_client(&clerk).await;
    let answer = tokens(&clerk, &id, &[("resource", RESOURCE)]).await;
    assert_eq!(
        members(&answer),
        set(&[
            "access_token",
            "token_type",
            "expires_in",
            "scope",
            "refresh_token"
        ])
    );
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 86_400);
    assert_eq!(answer["scope"], "email offline_access profile");
    let token = answer["access_token"].as_str().unwrap();
    assert!(token.starts_with("oat_"));
    let told = introspect(&clerk, token).await;
    assert_eq!(
        (&told["aud"], &told["client_id"]),
        (&json!(RESOURCE), &json!(id))
    );
    assert_eq!(
        told["exp"].as_u64().unwrap() - told["iat"].as_u64().unwrap(),
        86_400
    );

    let plain = tokens(&clerk, &id, &[("scope", "email")]).await;
    assert!(
        plain.get("refresh_token").is_none(),
        "not without offline_access"
    );
    let told = introspect(&clerk, plain["access_token"].as_str().unwrap()).await;
    assert!(told.get("aud").is_none());

    clerk.issue_jwts(true);
    clerk.access_token_lifetime(Duration::from_secs(90));
    let changes = [("resource", RESOURCE), ("resource", "urn:example:two")];
    let answer = tokens(&clerk, &id, &changes).await;
    let jwt = payload(answer["access_token"].as_str().unwrap());
    assert_eq!(jwt["aud"], json!([RESOURCE, "urn:example:two"]));
    assert_eq!(answer["expires_in"], 90);
}

#[tokio::test]
async fn a_code_is_redeemed_by_its_client_only_as_it_was_asked_for() {
    let clerk = FakeClerk::start().unwrap();
    let id = public_client(&clerk).await;
    let other = public_client(&clerk).await;
    let good = code(&clerk, &id, &[("resource", RESOURCE)]).await;
    let (request, grant) = ("invalid_request", "invalid_grant");
    let cases: &[(&str, Fields<'_>, &str)] = &[
        // fault G5
        ("no grant type", &[("grant_type", "")], request),
        (
            "password",
            &[("grant_type", "password")],
            "unsupported_grant_type",
        ),
        ("no code", &[("code", "")], request),
        ("unknown code", &[("code", "x")], grant),
        ("no redirect", &[("redirect_uri", "")], grant),
        (
            "another redirect",
            &[("redirect_uri", "https://app.example/")],
            grant,
        ),
        ("no verifier", &[("code_verifier", "")], grant),
        (
            "wrong verifier",
            &[("code_verifier", &VERIFIER.replace('d', "e"))],
            grant,
        ),
        (
            "the challenge itself",
            &[("code_verifier", CHALLENGE)],
            grant,
        ),
        (
            "short verifier",
            &[("code_verifier", &VERIFIER[1..])],
            grant,
        ),
        ("another client", &[("client_id", &other)], grant),
        ("unknown client", &[("client_id", "x")], "invalid_client"),
        ("no client", &[("client_id", "")], "invalid_client"),
        (
            "secret of a public client",
            &[("client_secret", "x")],
            "invalid_client",
        ),
        // Clerk does not document an error for resources.
        (
            "another resource",
            &[("resource", "https://b.example")],
            request,
        ),
        ("bad resource", &[("resource", "mcp")], request),
        ("repeated", &[("code", &good), ("code", &good)], request),
    ];
    for (name, changes, error) in cases {
        for _ in 0..2 {
            let response = ask(&clerk, &changed(&redemption(&id, &good), changes)).await;
            let status = match *error {
                "invalid_client" | "unsupported_grant_type" => 401,
                _ => 400,
            };
            assert_eq!(response.status(), status, "{name}");
            assert_eq!(body(&response)["error"], *error, "{name}");
        }
    }
    let response = ask(&clerk, &redemption(&id, &good)).await;
    assert_eq!(response.status(), 200, "none of them used it up");
}

#[tokio::test]
async fn a_code_lives_for_a_minute() {
    let clerk = FakeClerk::start().unwrap();
    let id = public_client(&clerk).await;
    for (wait, status) in [(50, 200), (61, 400)] {
        let code = code(&clerk, &id, &[]).await;
        clerk.advance(Duration::from_secs(wait));
        let response = ask(&clerk, &redemption(&id, &code)).await;
        assert_eq!(response.status(), status, "{wait}");
    }
}

#[tokio::test]
async fn confidential_clients_authenticate_as_they_registered() {
    let clerk = FakeClerk::start().unwrap();
    for (method, basic_works, post_works) in [
        ("client_secret_basic", true, false),
        ("client_secret_post", false, true),
    ] {
        let client = register(&clerk, method).await;
        let id = client["client_id"].as_str().unwrap();
        let secret = client["client_secret"].as_str().unwrap();
        let good = basic(id, secret);
        let wrong = basic(id, "wrong");
        let cases = [
            ("basic", good.as_str(), "", basic_works),
            ("post", "", secret, post_works),
            ("wrong basic", &wrong, "", false),
            ("wrong post", "", "wrong", false),
            ("nothing", "", "", false),
            ("both", &good, secret, false),
        ];
        for (name, authorization, posted, works) in cases {
            // Without PKCE, which a confidential client may omit.
            let without = [("code_challenge", ""), ("code_challenge_method", "")];
            let code = code(&clerk, id, &without).await;
            let changes = [("code_verifier", ""), ("client_secret", posted)];
            let fields = form(&changed(&redemption(id, &code), &changes));
            let mut headers = vec![("content-type", FORM), ("authorization", authorization)];
            headers.retain(|(_, value)| !value.is_empty());
            let response = send(&clerk, "POST", "/oauth/token", &headers, &fields)
                .await
                .unwrap();
            assert_eq!(response.status() == 200, works, "{method}, {name}");
            if !works && name != "both" {
                assert_eq!(response.status(), 401, "{method}, {name}");
                let header = response.headers().get("www-authenticate");
                assert_eq!(header.is_some(), !authorization.is_empty(), "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_verifier_without_a_challenge_is_rejected() {
    let clerk = FakeClerk::start().unwrap();
    let client = register(&clerk, "client_secret_post").await;
    let id = client["client_id"].as_str().unwrap();
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let code = code(&clerk, id, &without).await;
    let secret = [("client_secret", client["client_secret"].as_str().unwrap())];
    for _ in 0..2 {
        let response = ask(&clerk, &changed(&redemption(id, &code), &secret)).await;
        assert_eq!(body(&response)["error"], "invalid_grant");
    }
}

#[tokio::test]
async fn openid_gets_an_id_token_that_is_no_access_token() {
    let clerk = FakeClerk::start().unwrap();
    let id = public_client(&clerk).await;
    let changes = [
        ("scope", "openid email"),
        ("nonce", "n-1"),
        ("login_hint", "user_ada"),
    ];
    let answer = tokens(&clerk, &id, &changes).await;
    let claims = payload(answer["id_token"].as_str().unwrap());
    for (name, expected) in [
        ("iss", json!(clerk.url())),
        ("sub", json!("user_ada")),
        ("aud", json!(id)),
        ("nonce", json!("n-1")),
        ("email", json!("ada@example.com")),
    ] {
        assert_eq!(claims[name], expected, "{name}");
    }
    assert!(claims["exp"].as_u64() > claims["iat"].as_u64());
    assert!(!is_active(&clerk, &answer["id_token"]).await);
    let header = decoded(
        answer["id_token"]
            .as_str()
            .unwrap()
            .split('.')
            .next()
            .unwrap(),
    );
    assert_eq!(header["typ"], "JWT");
}
