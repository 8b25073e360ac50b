//! The verification of OAuth tokens by the Backend API.

use super::*;

#[tokio::test]
async fn an_oauth_token_is_verified_in_both_formats() {
    let clerk = FakeClerk::start().unwrap();
    let before = clerk.now();
    let opaque = clerk.token("user_1").scopes(["email"]).client_id("c");
    let jwt = clerk.token("user_1").scopes(["email"]).client_id("c").jwt();
    for token in [opaque.issue(), jwt.issue()] {
        // The second name is the deprecated one.
        for name in ["access_token", "secret"] {
            let reply = verify(&clerk, Endpoint::OAuthVerification, &json!({name: token})).await;
            assert_eq!(reply.status(), 200);
            assert_eq!(reply.headers()["cache-control"], "no-store");
            let answer = body(&reply);
            let created_at = answer["created_at"].as_u64().unwrap();
            assert!((before..=clerk.now()).contains(&created_at));
            assert!(answer["id"].as_str().unwrap().starts_with("oat_"));
            assert_eq!(
                answer,
                json!({
                    "object": "clerk_idp_oauth_access_token",
                    "id": answer["id"],
                    "client_id": "c",
                    "subject": "user_1",
                    "scopes": ["email"],
                    "revoked": false,
                    "revocation_reason": null,
                    "expired": false,
                    "expiration": created_at + 86_400,
                    "created_at": created_at,
                    "updated_at": created_at,
                })
            );
        }
    }
}

#[tokio::test]
async fn an_oauth_token_that_is_not_active_is_told_by_its_format() {
    let clerk = FakeClerk::start().unwrap();
    let other = FakeClerk::start().unwrap();
    let revoked = |token: String| {
        clerk.revoke(&token);
        token
    };
    let ended = |revoked: bool, expired: bool| Some(json!([revoked, expired]));
    let inactive = json!({"active": false});
    let cases = [
        (
            "revoked",
            revoked(clerk.token("user_1").issue()),
            ended(true, false),
        ),
        (
            "expired",
            clerk.token("user_1").expired().issue(),
            ended(false, true),
        ),
        ("unknown", "oat_unknown".to_owned(), None),
        ("refresh token", clerk.refresh_token("user_1"), None),
        ("API key", clerk.api_key("user_1").issue(), None),
        ("machine token", clerk.machine_token("mch_1").issue(), None),
        (
            "revoked JWT",
            revoked(clerk.token("user_1").jwt().issue()),
            Some(inactive.clone()),
        ),
        (
            "expired JWT",
            clerk.token("user_1").expired().jwt().issue(),
            Some(inactive.clone()),
        ),
        (
            "JWT of another",
            other.token("user_1").jwt().issue(),
            Some(inactive.clone()),
        ),
        (
            "machine JWT",
            clerk.machine_token("mch_1").jwt().issue(),
            Some(inactive.clone()),
        ),
        (
            "session",
            clerk.session("user_1").issue(),
            Some(inactive.clone()),
        ),
    ];
    for hides in [false, true] {
        clerk.hide_inactive_tokens(hides);
        for _ in 0..2 {
            for (name, token, expected) in &cases {
                let question = json!({"access_token": token});
                let reply = verify(&clerk, Endpoint::OAuthVerification, &question).await;
                match expected {
                    Some(expected) if *expected == inactive => {
                        assert_eq!(reply.status(), 200, "{name}");
                        assert_eq!(body(&reply), inactive, "{name}");
                    }
                    Some(expected) if !hides => {
                        assert_eq!(reply.status(), 200, "{name}");
                        let answer = body(&reply);
                        let told = json!([answer["revoked"], answer["expired"]]);
                        assert_eq!(told, *expected, "{name}");
                    }
                    _ => {
                        assert_eq!(reply.status(), 404, "{name}");
                        assert_eq!(clerk_code(&reply), "resource_not_found", "{name}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn the_audience_is_told_where_it_is_asked_for() {
    let clerk = FakeClerk::start().unwrap();
    let token = clerk.token("user_1").resource("https://a").issue();
    let question = json!({"access_token": token});
    let aud = async || {
        let reply = verify(&clerk, Endpoint::OAuthVerification, &question).await;
        body(&reply).get("aud").cloned()
    };
    assert_eq!(aud().await, None);
    clerk.introspection_includes([Field::Aud]);
    assert_eq!(aud().await, Some(json!(["https://a"])));
}
