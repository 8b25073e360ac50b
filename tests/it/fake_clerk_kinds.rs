//! Every kind of token from the page of the example `fake_clerk`, against the example `tokens`, which is
//! configured by nothing but the variables that the fake prints.

use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    examples::{Example, command},
    fake_clerk::Fake,
};

/// The routes of the example, of which each takes one kind.
const ROUTES: [&str; 4] = ["/oauth", "/session", "/api-key", "/machine"];

/// What is to be minted, and where it passes.
struct Case {
    kind: &'static str,
    form: Value,
    route: &'static str,
    subject: &'static str,
    is_revocable: bool,
}

fn cases() -> Vec<Case> {
    let case = |kind, form, route, subject, is_revocable| Case {
        kind,
        form,
        route,
        subject,
        is_revocable,
    };
    let machine =
        |format: &str| json!({"machine": "mch_cron", "scope": "mch_bills", "format": format});
    let of_user = |format: &str| json!({"user": "user_ada", "format": format});
    let session = |version: u8| {
        json!({
            "user": "user_ada", "organization_id": "org_acme", "organization_role": "admin",
            "permissions": "org:billing:read", "version": version,
        })
    };
    vec![
        case("tokens", of_user("opaque"), "/oauth", "user_ada", true),
        case("tokens", of_user("jwt"), "/oauth", "user_ada", true),
        case("sessions", session(2), "/session", "user_ada", false),
        case("sessions", session(1), "/session", "user_ada", false),
        case(
            "api-keys",
            json!({"subject": "user_ada"}),
            "/api-key",
            "user_ada",
            true,
        ),
        case(
            "machine-tokens",
            machine("opaque"),
            "/machine",
            "mch_cron",
            true,
        ),
        case(
            "machine-tokens",
            machine("jwt"),
            "/machine",
            "mch_cron",
            false,
        ),
    ]
}

/// The example `tokens` in the environment that the fake tells, and no other.
async fn service(fake: &Fake) -> Example {
    let mut command = command("tokens");
    for (name, value) in &fake.told {
        if name.starts_with("CLERK_") {
            command.env(name, value);
        }
    }
    // Revocation shows at once.
    command.env("CLERK_CACHE_TTL", "0").stdout(Stdio::null());
    let mut service = Example::spawn("tokens", &mut command);
    service.wait_for_health().await;
    service
}

async fn mint(fake: &Fake, kind: &str, form: &Value) -> (String, Value) {
    let minted = fake.done(Method::POST, kind, form).await;
    (
        minted["token"].as_str().unwrap().to_owned(),
        minted["id"].clone(),
    )
}

#[tokio::test]
async fn a_service_in_the_printed_environment_takes_every_kind_that_is_minted() {
    let fake = Fake::start().await;
    let service = service(&fake).await;
    for Case {
        kind,
        form,
        route,
        subject,
        is_revocable,
    } in cases()
    {
        let (token, id) = mint(&fake, kind, &form).await;
        let accepted = service.get("/me", Some(&token)).await;
        assert_eq!(accepted.status(), 200, "{form}");
        let claims: Value = accepted.json().await.unwrap();
        assert_eq!(claims["sub"], subject, "{form}");
        for path in ROUTES {
            let expected = if path == route { 200 } else { 403 };
            let status = service.get(path, Some(&token)).await.status();
            assert_eq!(status, expected, "{form} on {path}");
        }
        let expected = if kind == "sessions" { 200 } else { 403 };
        let status = service.get("/billing", Some(&token)).await.status();
        assert_eq!(status, expected, "{form}");

        assert_eq!(id.is_string(), is_revocable, "{form}");
        if let Some(id) = id.as_str() {
            fake.done(Method::DELETE, &format!("tokens/{id}"), &Value::Null)
                .await;
            for _ in 0..2 {
                let status = service.get("/me", Some(&token)).await.status();
                assert_eq!(status, 401, "{form} after it was revoked");
            }
        }
    }
}

#[tokio::test]
async fn such_a_service_rejects_what_is_not_for_it() {
    let fake = Fake::start().await;
    let service = service(&fake).await;
    for (kind, form) in [
        ("sessions", json!({"user": "user_ada", "pending": true})),
        ("machine-tokens", json!({"machine": "mch_cron"})),
        (
            "machine-tokens",
            json!({"machine": "mch_cron", "scope": "mch_other", "format": "jwt"}),
        ),
    ] {
        let (token, _) = mint(&fake, kind, &form).await;
        for _ in 0..2 {
            let status = service.get("/me", Some(&token)).await.status();
            assert_eq!(status, 401, "{form}");
        }
    }
}

#[tokio::test]
async fn a_rotated_key_signs_what_such_a_service_takes() {
    let fake = Fake::start().await;
    let service = service(&fake).await;
    let session = json!({"user": "user_ada"});
    let (before, _) = mint(&fake, "sessions", &session).await;
    assert_eq!(service.get("/me", Some(&before)).await.status(), 200);
    fake.done(Method::POST, "keys", &json!({"kid": "new"}))
        .await;
    let (after, _) = mint(&fake, "sessions", &session).await;
    for token in [&before, &after] {
        assert_eq!(service.get("/me", Some(token)).await.status(), 200);
    }
    let state = fake.state().await;
    assert_eq!(state["kids"].as_array().unwrap().len(), 2);
    let calls = state["calls"].as_array().unwrap().iter();
    let asked = calls.filter(|call| call["endpoint"] == "jwks").count();
    assert_eq!(asked, 2, "at the start, and for the new key");
}
