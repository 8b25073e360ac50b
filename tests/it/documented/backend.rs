//! The Backend API.

use serde_json::{Value, json};
use tower_clerk::fake_clerk::{Endpoint, FakeClerk};

use super::{
    case, check, get, post_json,
    shape::{Body, Shape},
    tables, users,
};

#[tokio::test(start_paused = true)]
async fn verifications_of_the_backend_api_answer_as_documented() {
    let clerk = FakeClerk::new();
    let key = clerk.secret_key();
    let verify = |endpoint: Endpoint, body: Value| post_json(&clerk, endpoint.path(), &key, &body);
    let oauth = |token: String| verify(Endpoint::OAuthVerification, json!({"access_token": token}));
    let machine =
        |token: String| verify(Endpoint::MachineTokenVerification, json!({"token": token}));
    let api_key = |token: String| verify(Endpoint::ApiKeyVerification, json!({"secret": token}));
    let token = || clerk.token("user_1").resource("https://a.example");
    let sender = || clerk.machine_token("mch_1").scopes(["mch_2"]);
    let user_key = || clerk.api_key("user_1");
    let (not_found, bad) = (|| Body::Clerk("resource_not_found"), || Body::Clerk(""));
    let shape = |shape: Shape| Body::Json(shape);
    let cases = vec![
        case(
            "OAuth",
            oauth(token().issue()),
            200,
            shape(tables::OAUTH_TOKEN),
        ),
        case(
            "OAuth JWT",
            oauth(token().jwt().issue()),
            200,
            shape(tables::OAUTH_TOKEN),
        ),
        case(
            "expired",
            oauth(token().expired().issue()),
            200,
            shape(tables::OAUTH_TOKEN),
        ),
        case(
            "expired JWT",
            oauth(token().expired().jwt().issue()),
            200,
            shape(tables::NOT_ACTIVE),
        ),
        case("unknown", oauth("oat_x".into()), 404, not_found()),
        case(
            "machine",
            machine(sender().issue()),
            200,
            shape(tables::MACHINE_TOKEN),
        ),
        case(
            "machine, endless, with claims",
            machine(sender().never_expires().claim("a", 1).issue()),
            200,
            shape(tables::MACHINE_TOKEN),
        ),
        case(
            "unknown machine token",
            machine("mt_x".into()),
            404,
            not_found(),
        ),
        case(
            "API key",
            api_key(user_key().issue()),
            200,
            shape(tables::API_KEY),
        ),
        case(
            "expired key",
            api_key(user_key().expired().issue()),
            200,
            shape(tables::API_KEY),
        ),
        case("unknown key", api_key("ak_x".into()), 404, not_found()),
        case(
            "no token",
            verify(Endpoint::OAuthVerification, json!({})),
            400,
            bad(),
        ),
        case(
            "a member more",
            verify(Endpoint::ApiKeyVerification, json!({"secret": "x", "y": 1})),
            400,
            bad(),
        ),
    ];
    check(&clerk, cases).await;
}

// fault G3, fault G4
#[tokio::test(start_paused = true)]
async fn users_of_the_backend_api_are_as_documented() {
    let clerk = FakeClerk::new();
    users(&clerk);
    let _ = clerk.token("user_new").issue();
    clerk.user("user_gone").save();
    clerk.delete_user("user_gone");
    let key = clerk.secret_key();
    let of = |id: &str| get(&clerk, &format!("/v1/users/{id}"), &key);
    for _ in 0..2 {
        let mut cases = vec![case(
            "wrong key",
            get(&clerk, "/v1/users/user_full", "sk_test_x"),
            401,
            Body::Clerk("clerk_key_invalid"),
        )];
        for id in ["user_full", "user_bare", "user_new"] {
            cases.push(case(id, of(id), 200, Body::Json(tables::USER)));
        }
        for id in ["user_gone", "user_unknown", "org_1", "x"] {
            cases.push(case(id, of(id), 404, Body::Clerk("resource_not_found")));
        }
        check(&clerk, cases).await;
    }
}
