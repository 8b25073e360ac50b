//! API keys, and their verification.

use super::*;

const VERIFICATION: Endpoint = Endpoint::ApiKeyVerification;

#[tokio::test]
async fn a_key_is_verified_with_its_documented_members() {
    let clerk = FakeClerk::start().unwrap();
    let before = clerk.now();
    let key = clerk
        .api_key("user_1")
        .name("CI")
        .scopes(["read"])
        .claims(json!({"tier": "gold"}))
        .lifetime(Duration::from_secs(60))
        .issue();
    let reply = verify(&clerk, VERIFICATION, &json!({"secret": key})).await;
    assert_eq!(reply.status(), 200);
    let answer = body(&reply);
    let expected = [
        "claims",
        "created_at",
        "created_by",
        "description",
        "expiration",
        "expired",
        "id",
        "last_used_at",
        "name",
        "object",
        "revocation_reason",
        "revoked",
        "scopes",
        "subject",
        "type",
        "updated_at",
    ];
    assert_eq!(members(&answer), set(&expected));
    assert_eq!(answer["object"], "api_key");
    assert_eq!(answer["type"], "api_key");
    assert_eq!(answer["name"], "CI");
    assert_eq!(answer["subject"], "user_1");
    assert_eq!(answer["created_by"], "user_1");
    assert_eq!(answer["scopes"], json!(["read"]));
    assert_eq!(answer["claims"], json!({"tier": "gold"}));
    let created_at = answer["created_at"].as_u64().unwrap();
    assert!((before..=clerk.now()).contains(&(created_at / 1000)));
    assert_eq!(answer["expiration"], created_at + 60_000);
    let id = answer["id"].as_str().unwrap();
    assert!(id.starts_with("ak_") && id != key);
}

#[tokio::test]
async fn a_key_that_says_nothing_has_no_end_no_scopes_and_no_claims() {
    let clerk = FakeClerk::start().unwrap();
    let key = clerk.api_key("org_1").issue();
    clerk.advance(Duration::from_secs(100 * 365 * 86_400));
    let answer = body(&verify(&clerk, VERIFICATION, &json!({"secret": key})).await);
    assert_eq!(answer["subject"], "org_1");
    assert_eq!(answer["expired"], false);
    for null in ["expiration", "claims", "created_by", "description"] {
        assert_eq!(answer[null], Value::Null, "{null}");
    }
    assert_eq!(answer["scopes"], json!([]));
    let made = clerk.api_key("org_1").created_by("user_1").issue();
    let answer = body(&verify(&clerk, VERIFICATION, &json!({"secret": made})).await);
    assert_eq!(answer["created_by"], "user_1");
}

#[test]
fn a_key_has_all_characters_that_readers_forget() {
    let clerk = FakeClerk::start().unwrap();
    for _ in 0..20 {
        let key = clerk.api_key("user_1").issue();
        let text = key.strip_prefix("ak_").unwrap();
        assert_eq!(text.len(), 44);
        assert!(text.contains('/') && text.ends_with('='), "{text}");
        assert_eq!(STANDARD.decode(text).unwrap().len(), 32);
    }
}

#[tokio::test]
async fn what_has_ended_is_known_and_says_so() {
    let clerk = FakeClerk::start().unwrap();
    let revoked = clerk.api_key("user_1").issue();
    clerk.revoke(&revoked);
    let expired = clerk.api_key("user_1").expired().issue();
    let of_deleted = clerk.api_key("user_2").issue();
    clerk.delete_user("user_2");
    for _ in 0..2 {
        for (key, is_revoked, is_expired) in [
            (&revoked, true, false),
            (&expired, false, true),
            (&of_deleted, true, false),
        ] {
            let reply = verify(&clerk, VERIFICATION, &json!({"secret": key})).await;
            assert_eq!(reply.status(), 200);
            let answer = body(&reply);
            assert_eq!(answer["revoked"], is_revoked);
            assert_eq!(answer["expired"], is_expired);
        }
    }
    clerk.hide_inactive_tokens(true);
    for key in [&revoked, &expired, &of_deleted] {
        let reply = verify(&clerk, VERIFICATION, &json!({"secret": key})).await;
        assert_eq!(reply.status(), 404);
    }
}

#[tokio::test]
async fn no_other_kind_is_an_api_key() {
    let clerk = FakeClerk::start().unwrap();
    let key = clerk.api_key("user_1").issue();
    let others = [
        "ak_unknown".to_owned(),
        key.trim_end_matches('=').to_owned(),
        clerk.machine_token("mch_1").issue(),
        clerk.token("user_1").issue(),
        clerk.session("user_1").issue(),
    ];
    for _ in 0..2 {
        for token in &others {
            let reply = verify(&clerk, VERIFICATION, &json!({"secret": token})).await;
            assert_eq!(reply.status(), 404);
        }
        assert_eq!(introspect(&clerk, &key).await, json!({"active": false}));
        assert_eq!(userinfo(&clerk, &key).await.status(), 401);
    }
}
