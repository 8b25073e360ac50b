//! Refresh tokens, and what ends with a grant.

use super::flow::{Fields, ask, changed, code, is_active, public_client, redemption, tokens};
use super::*;

const RESOURCE: &str = "https://api.example/mcp";

fn refresh<'a>(id: &'a str, token: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("grant_type", "refresh_token"),
        ("client_id", id),
        ("refresh_token", token),
    ]
}

#[tokio::test]
async fn refresh_tokens_rotate_and_narrow() {
    let clerk = FakeClerk::start().unwrap();
    clerk.introspection_includes([Field::Aud]);
    let id = public_client(&clerk).await;
    let changes = [("resource", RESOURCE), ("resource", "urn:example:two")];
    let first = tokens(&clerk, &id, &changes).await;
    let old = first["refresh_token"].as_str().unwrap();

    let cases: &[(&str, Fields<'_>, &str)] = &[
        ("more scope", &[("scope", "email admin")], "invalid_request"),
        (
            "more resources",
            &[("resource", "urn:example:three")],
            "invalid_request",
        ),
        ("no token", &[("refresh_token", "")], "invalid_request"),
        (
            "access token",
            &[("refresh_token", first["access_token"].as_str().unwrap())],
            "invalid_grant",
        ),
        (
            "another client",
            &[("client_id", &public_client(&clerk).await)],
            "invalid_grant",
        ),
    ];
    for (name, changes, error) in cases {
        for _ in 0..2 {
            let response = ask(&clerk, &changed(&refresh(&id, old), changes)).await;
            assert_eq!(body(&response)["error"], *error, "{name}");
        }
    }

    let less = [("scope", "email"), ("resource", RESOURCE)];
    let second = body(&ask(&clerk, &changed(&refresh(&id, old), &less)).await);
    assert_eq!(second["scope"], "email");
    let told = introspect(&clerk, second["access_token"].as_str().unwrap()).await;
    assert_eq!(
        (&told["scope"], &told["aud"]),
        (&json!("email"), &json!(RESOURCE))
    );

    // The next token has all scopes of the consent again.
    let new = second["refresh_token"].as_str().unwrap();
    let third = body(&ask(&clerk, &refresh(&id, new)).await);
    assert_eq!(third["scope"], "email offline_access profile");
    let told = introspect(&clerk, third["access_token"].as_str().unwrap()).await;
    assert_eq!(told["aud"].as_array().unwrap().len(), 2);

    for _ in 0..2 {
        let response = ask(&clerk, &refresh(&id, old)).await;
        assert_eq!(body(&response)["error"], "invalid_grant");
    }
    for answer in [&first, &second, &third] {
        assert!(
            !is_active(&clerk, &answer["access_token"]).await,
            "all of the line end"
        );
        assert!(!is_active(&clerk, &answer["refresh_token"]).await);
    }
}

#[tokio::test]
async fn a_replayed_code_revokes_what_it_led_to() {
    let clerk = FakeClerk::start().unwrap();
    let id = public_client(&clerk).await;
    let bystander = tokens(&clerk, &id, &[]).await;
    let code = code(&clerk, &id, &[]).await;
    let first = body(&ask(&clerk, &redemption(&id, &code)).await);
    let fields = refresh(&id, first["refresh_token"].as_str().unwrap());
    let second = body(&ask(&clerk, &fields).await);
    for _ in 0..2 {
        let response = ask(&clerk, &redemption(&id, &code)).await;
        assert_eq!(body(&response)["error"], "invalid_grant");
    }
    for answer in [&first, &second] {
        assert!(!is_active(&clerk, &answer["access_token"]).await);
        assert!(!is_active(&clerk, &answer["refresh_token"]).await);
    }
    assert!(is_active(&clerk, &bystander["access_token"]).await);
}
