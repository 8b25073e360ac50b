//! The Backend API: authentication, users, and outages of single endpoints.

use super::*;

const BACKEND: [Endpoint; 5] = [
    Endpoint::OAuthVerification,
    Endpoint::MachineTokenVerification,
    Endpoint::ApiKeyVerification,
    Endpoint::BackendUser,
    Endpoint::BackendJwks,
];

/// Sends a request to an endpoint with a key; it succeeds if the key is right.
async fn ask(clerk: &FakeClerk, key: Option<&str>, endpoint: Endpoint) -> Response<Bytes> {
    let authorization = key.map(|key| format!("Bearer {key}"));
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(
        authorization
            .as_deref()
            .map(|value| ("authorization", value)),
    );
    let (method, body) = match endpoint {
        Endpoint::OAuthVerification => {
            let token = clerk.token("user_1").issue();
            ("POST", json!({"access_token": token}).to_string())
        }
        Endpoint::MachineTokenVerification => {
            let token = clerk.machine_token("mch_1").issue();
            ("POST", json!({"token": token}).to_string())
        }
        Endpoint::ApiKeyVerification => {
            let key = clerk.api_key("user_1").issue();
            ("POST", json!({"secret": key}).to_string())
        }
        _ => ("GET", String::new()),
    };
    let path = match endpoint {
        Endpoint::BackendUser => {
            clerk.user("user_1").save();
            format!("{}/user_1", endpoint.path())
        }
        _ => endpoint.path().to_owned(),
    };
    send(clerk, method, &path, &headers, &body).await.unwrap()
}

async fn user(clerk: &FakeClerk, id: &str) -> Response<Bytes> {
    let authorization = format!("Bearer {}", clerk.secret_key());
    let headers = [("authorization", authorization.as_str())];
    let path = format!("/v1/users/{id}");
    send(clerk, "GET", &path, &headers, "").await.unwrap()
}

#[tokio::test]
async fn every_endpoint_wants_the_secret_key() {
    let clerk = FakeClerk::start().unwrap();
    let key = clerk.secret_key();
    assert!(key.starts_with("sk_test_"));
    let longer = format!("{key}x");
    let cases = [
        (None, "authorization_header_format_invalid"),
        (Some("sk_test_wrong"), "clerk_key_invalid"),
        (Some(&key[..key.len() - 1]), "clerk_key_invalid"),
        (Some(&longer), "clerk_key_invalid"),
    ];
    for _ in 0..2 {
        for endpoint in BACKEND {
            for (wrong, code) in cases {
                let reply = ask(&clerk, wrong, endpoint).await;
                assert_eq!(reply.status(), 401, "{endpoint:?}");
                assert_eq!(clerk_code(&reply), code, "{endpoint:?}");
            }
            let reply = ask(&clerk, Some(&key), endpoint).await;
            assert_eq!(reply.status(), 200, "{endpoint:?}");
        }
    }
}

#[tokio::test]
async fn the_secret_key_can_be_chosen() {
    let clerk = FakeClerk::builder()
        .secret_key("sk_test_mine")
        .start()
        .unwrap();
    assert_eq!(clerk.secret_key(), "sk_test_mine");
    for endpoint in BACKEND {
        assert_eq!(
            ask(&clerk, Some("sk_test_mine"), endpoint).await.status(),
            200
        );
    }
}

#[tokio::test]
async fn a_fault_of_one_endpoint_leaves_the_others_alone() {
    let clerk = FakeClerk::start().unwrap();
    let key = clerk.secret_key();
    for down in BACKEND {
        clerk.reset_calls();
        clerk.fail(down, Fault::status(503));
        for endpoint in BACKEND {
            let expected = if endpoint == down { 503 } else { 200 };
            let reply = ask(&clerk, Some(&key), endpoint).await;
            assert_eq!(reply.status(), expected, "{endpoint:?} with {down:?} down");
            assert_eq!(clerk.calls(endpoint), 1, "{endpoint:?}");
        }
        assert_eq!(get(&clerk, Endpoint::Jwks.path()).await.status(), 200);
        clerk.heal(down);
        assert_eq!(ask(&clerk, Some(&key), down).await.status(), 200);
        assert_eq!(clerk.calls(down), 2);
        assert_eq!(clerk.total_calls(), BACKEND.len() + 2);
    }
}

#[tokio::test]
async fn verifications_are_found_below_v1_too() {
    let clerk = FakeClerk::start().unwrap();
    let authorization = format!("Bearer {}", clerk.secret_key());
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    let key = json!({"secret": clerk.api_key("user_1").issue()}).to_string();
    for (path, status) in [
        ("/api_keys/verify", 200),
        ("/v1/api_keys/verify", 200),
        ("/v1/v1/api_keys/verify", 404),
        ("/v2/api_keys/verify", 404),
        ("/api_keys/verify/", 404),
    ] {
        let reply = send(&clerk, "POST", path, &headers, &key).await.unwrap();
        assert_eq!(reply.status(), status, "{path}");
    }
    assert_eq!(clerk.calls(Endpoint::ApiKeyVerification), 2);
    for path in [
        "/v1/users",
        "/v1/users/",
        "/v1/users/user_1/x",
        "/users/user_1",
    ] {
        let reply = send(&clerk, "GET", path, &headers, "").await.unwrap();
        assert_eq!(reply.status(), 404, "{path}");
    }
    assert_eq!(clerk.calls(Endpoint::BackendUser), 0);
}

#[tokio::test]
async fn bodies_that_are_not_as_documented_are_rejected() {
    let clerk = FakeClerk::start().unwrap();
    let authorization = format!("Bearer {}", clerk.secret_key());
    let json_type = "application/json";
    let cases = [
        ("no JSON", json_type, "token=x", "request_body_invalid"),
        ("an array", json_type, r#"["x"]"#, "request_body_invalid"),
        ("empty", json_type, "", "request_body_invalid"),
        ("no token", json_type, "{}", "form_param_missing"),
        ("no text", json_type, r#"{"token":1}"#, "form_param_missing"),
        (
            "empty text",
            json_type,
            r#"{"token":""}"#,
            "form_param_missing",
        ),
        (
            "the name of another",
            json_type,
            r#"{"access_token":"x"}"#,
            "form_param_unknown",
        ),
        (
            "an older name",
            json_type,
            r#"{"token":"x","secret":"x"}"#,
            "form_param_unknown",
        ),
        ("a form", FORM, "token=x", "content_type_invalid"),
    ];
    for _ in 0..2 {
        for (name, content_type, body, code) in cases {
            let headers = [
                ("authorization", authorization.as_str()),
                ("content-type", content_type),
            ];
            let path = Endpoint::MachineTokenVerification.path();
            let reply = send(&clerk, "POST", path, &headers, body).await.unwrap();
            assert_eq!(reply.status(), 400, "{name}");
            assert_eq!(clerk_code(&reply), code, "{name}");
        }
    }
}

#[tokio::test]
async fn times_are_in_the_unit_that_is_chosen() {
    let clerk = FakeClerk::start().unwrap();
    let now = clerk.now();
    for (unit, factor) in [(TimeUnit::Seconds, 1), (TimeUnit::Milliseconds, 1000)] {
        clerk.backend_times_in(unit);
        for endpoint in &BACKEND[..3] {
            let reply = ask(&clerk, Some(&clerk.secret_key()), *endpoint).await;
            let created_at = body(&reply)["created_at"].as_u64().unwrap();
            assert!(
                (now..now + 60).contains(&(created_at / factor)),
                "{endpoint:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_user_has_addresses_of_which_one_is_primary() {
    let clerk = FakeClerk::start().unwrap();
    clerk
        .user("user_ada")
        .email("ada@example.com")
        .email_verified(false)
        .other_email("old@example.com")
        .given_name("Ada")
        .public_metadata(json!({"tier": "gold"}))
        .private_metadata(json!({"note": 1}))
        .banned(true)
        .save();
    let reply = user(&clerk, "user_ada").await;
    assert_eq!(reply.status(), 200);
    let ada = body(&reply);
    assert_eq!(ada["id"], "user_ada");
    assert_eq!(ada["object"], "user");
    assert_eq!(ada["first_name"], "Ada");
    assert_eq!(ada["banned"], true);
    assert_eq!(ada["locked"], false);
    assert_eq!(ada["public_metadata"], json!({"tier": "gold"}));
    assert_eq!(ada["private_metadata"], json!({"note": 1}));
    assert_eq!(ada.get("email"), None);
    let addresses = ada["email_addresses"].as_array().unwrap();
    assert_eq!(addresses[0]["email_address"], "old@example.com");
    assert_eq!(addresses[0]["verification"]["status"], "verified");
    assert_eq!(addresses[1]["email_address"], "ada@example.com");
    assert_eq!(addresses[1]["verification"]["status"], "unverified");
    assert_eq!(ada["primary_email_address_id"], addresses[1]["id"]);
    assert_ne!(addresses[0]["id"], addresses[1]["id"]);
    let created_at = ada["created_at"].as_u64().unwrap();
    assert!((created_at / 1000).abs_diff(clerk.now()) < 60);

    clerk.user("user_bare").bare().save();
    let bare = body(&user(&clerk, "user_bare").await);
    assert_eq!(bare["primary_email_address_id"], Value::Null);
    assert_eq!(bare["email_addresses"], json!([]));
}

// fault G4
#[tokio::test]
async fn a_user_exists_once_a_token_is_issued_or_the_user_is_saved() {
    let clerk = FakeClerk::start().unwrap();
    let issue: [fn(&FakeClerk); 7] = [
        |clerk| clerk.user("user_0").save(),
        |clerk| drop(clerk.token("user_1").issue()),
        |clerk| drop(clerk.token("user_2").jwt().issue()),
        |clerk| drop(clerk.refresh_token("user_3")),
        |clerk| drop(clerk.session("user_4").issue()),
        |clerk| drop(clerk.session("user_5").template().issue()),
        |clerk| drop(clerk.api_key("user_6").issue()),
    ];
    for (number, issue) in issue.iter().enumerate() {
        let id = format!("user_{number}");
        for _ in 0..2 {
            let reply = user(&clerk, &id).await;
            assert_eq!(reply.status(), 404, "{id}");
            assert_eq!(clerk_code(&reply), "resource_not_found", "{id}");
        }
        issue(&clerk);
        assert_eq!(user(&clerk, &id).await.status(), 200, "{id}");
    }
    let _ = clerk.api_key("org_1").issue();
    assert_eq!(user(&clerk, "org_1").await.status(), 404);
}

#[tokio::test]
async fn a_deleted_user_is_not_found() {
    let clerk = FakeClerk::start().unwrap();
    let token = clerk.token("user_1").issue();
    assert_eq!(user(&clerk, "user_1").await.status(), 200);
    clerk.delete_user("user_1");
    for _ in 0..2 {
        for id in ["user_1", "org_1", "mch_1"] {
            let reply = user(&clerk, id).await;
            assert_eq!(reply.status(), 404, "{id}");
            assert_eq!(clerk_code(&reply), "resource_not_found");
        }
        assert_eq!(introspect(&clerk, &token).await, json!({"active": false}));
    }
    clerk.user("user_1").save();
    assert_eq!(user(&clerk, "user_1").await.status(), 200);
    assert_eq!(introspect(&clerk, &token).await, json!({"active": false}));
}
