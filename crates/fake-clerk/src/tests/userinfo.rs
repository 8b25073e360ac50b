//! Users and the userinfo endpoint.

use super::*;

#[tokio::test]
async fn userinfo_has_the_members_of_the_granted_scopes() {
    let clerk = FakeClerk::start().unwrap();
    clerk
        .user("user_1")
        .email("ada@example.org")
        .email_verified(false)
        .given_name("Ada")
        .family_name("Lovelace")
        .name("Ada Lovelace")
        .preferred_username("ada")
        .picture("https://img.example.org/ada")
        .public_metadata(json!({"plan": "gold"}))
        .private_metadata(json!({"crm": 7}))
        .unsafe_metadata(json!({"theme": "dark"}))
        .org("org_1", "One", "one")
        .save();
    let always = ["object", "instance_id", "user_id", "sub"];
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("email", &["email", "email_verified"]),
        (
            "profile",
            &[
                "given_name",
                "family_name",
                "name",
                "username",
                "preferred_username",
                "picture",
            ],
        ),
        ("public_metadata", &["public_metadata", "unsafe_metadata"]),
        ("private_metadata", &["private_metadata"]),
        ("user:org:read", &["org_id", "org_name", "org_slug"]),
    ];
    for (scope, more) in cases {
        for method in ["GET", "POST"] {
            let authorization =
                format!("Bearer {}", clerk.token("user_1").scopes([*scope]).issue());
            let response = send(
                &clerk,
                method,
                "/oauth/userinfo",
                &[("authorization", &authorization)],
                "",
            )
            .await
            .unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(
                members(&body(&response)),
                set(&[&always, *more].concat()),
                "{scope}"
            );
        }
    }
    let all: Vec<&str> = cases.iter().map(|(scope, _)| *scope).collect();
    let info = body(&userinfo(&clerk, &clerk.token("user_1").scopes(all).jwt().issue()).await);
    assert_eq!(info["object"], "oauth_user_info");
    assert_eq!(info["sub"], "user_1");
    assert_eq!(info["email_verified"], false);
    assert_eq!(info["name"], "Ada Lovelace");
    assert_eq!(info["username"], "ada");
    assert_eq!(info["public_metadata"]["plan"], "gold");
    assert_eq!(info["org_slug"], "one");
}

#[tokio::test]
async fn users_never_configured_are_plausible_and_bare_ones_empty() {
    let clerk = FakeClerk::start().unwrap();
    let info = body(&userinfo(&clerk, &clerk.token("user_2aBc").issue()).await);
    assert_eq!(info["email"], "2abc@example.com");
    assert_eq!(info["email_verified"], true);
    clerk.user("user_2aBc").bare().save();
    let info = body(&userinfo(&clerk, &clerk.token("user_2aBc").issue()).await);
    for name in [
        "email",
        "email_verified",
        "name",
        "preferred_username",
        "picture",
    ] {
        assert_eq!(info[name], Value::Null, "{name}");
    }
}

#[tokio::test]
async fn a_token_keeps_the_organization_it_was_issued_with() {
    let clerk = FakeClerk::start().unwrap();
    clerk.user("user_1").org("org_1", "One", "one").save();
    let token = clerk.token("user_1").scopes(["user:org:read"]).issue();
    clerk.user("user_1").org("org_2", "Two", "two").save();
    assert_eq!(body(&userinfo(&clerk, &token).await)["org_id"], "org_1");
}

#[tokio::test]
async fn userinfo_rejects_in_the_envelope_of_clerk() {
    let clerk = FakeClerk::start().unwrap();
    clerk.user("user_banned").banned(true).save();
    let bearer = |token: String| format!("Bearer {token}");
    let good = bearer(clerk.token("user_1").issue());
    let expired = bearer(clerk.token("user_1").expired().issue());
    let refresh = bearer(clerk.refresh_token("user_1"));
    let banned = bearer(clerk.token("user_banned").issue());
    let cases: &[(&str, Headers<'_>, u16, &str)] = &[
        ("no token", &[], 401, "oauth_fetch_user_error"),
        (
            "unknown",
            &[("authorization", "Bearer oat_x")],
            401,
            "oauth_fetch_user_error",
        ),
        (
            "expired",
            &[("authorization", &expired)],
            401,
            "oauth_fetch_user_error",
        ),
        (
            "refresh token",
            &[("authorization", &refresh)],
            401,
            "oauth_fetch_user_error",
        ),
        (
            "banned",
            &[("authorization", &banned)],
            403,
            "oauth_fetch_user_forbidden_error",
        ),
        (
            "origin",
            &[("authorization", &good), ("origin", "https://a.example")],
            400,
            "origin_authorization_headers_conflict",
        ),
        (
            "two tokens",
            &[("authorization", &good), ("authorization", &good)],
            400,
            "multiple_authorization_header_values_forbidden",
        ),
    ];
    for (name, headers, status, code) in cases {
        let response = send(&clerk, "GET", "/oauth/userinfo", headers, "")
            .await
            .unwrap();
        assert_eq!(response.status(), *status, "{name}");
        assert_eq!(clerk_code(&response), *code, "{name}");
    }
}
