//! Machine-to-machine tokens, and their verification.

use super::*;

const VERIFICATION: Endpoint = Endpoint::MachineTokenVerification;

#[tokio::test]
async fn a_machine_jwt_has_the_documented_header_and_claims() {
    let clerk = FakeClerk::start().unwrap();
    let jwt = clerk
        .machine_token("mch_1")
        .scopes(["mch_2", "mch_3"])
        .claim("tier", "gold")
        .jwt()
        .issue();
    let keys = published_keys(&clerk).await;
    assert!(is_signed_by(&jwt, &keys[0]));
    assert_eq!(
        header(&jwt),
        json!({"alg": "RS256", "cat": "cl_B7d4PD333AAA", "kid": keys[0]["kid"], "typ": "JWT"})
    );
    let claims = payload(&jwt);
    let expected = [
        "aud", "exp", "iat", "iss", "jti", "nbf", "scopes", "sub", "tier",
    ];
    assert_eq!(members(&claims), set(&expected));
    assert_eq!(claims["sub"], "mch_1");
    assert_eq!(claims["iss"], clerk.url());
    assert_eq!(claims["aud"], json!(["mch_2", "mch_3"]));
    assert_eq!(claims["scopes"], "mch_2 mch_3");
    assert_eq!(claims["exp"], claims["iat"].as_u64().unwrap() + 3600);

    let endless = clerk.machine_token("mch_1").never_expires().jwt().issue();
    assert_eq!(payload(&endless).get("exp"), None);
    let expired = payload(&clerk.machine_token("mch_1").expired().jwt().issue());
    assert!(expired["exp"].as_u64().unwrap() <= clerk.now() - 3600);
}

#[tokio::test]
async fn an_opaque_token_is_verified_with_its_documented_members() {
    let clerk = FakeClerk::start().unwrap();
    let before = clerk.now();
    let token = clerk
        .machine_token("mch_1")
        .scopes(["mch_2"])
        .claim("tier", "gold")
        .issue();
    assert!(token.starts_with("mt_"));
    let reply = verify(&clerk, VERIFICATION, &json!({"token": token})).await;
    assert_eq!(reply.status(), 200);
    let answer = body(&reply);
    let expected = [
        "claims",
        "created_at",
        "expiration",
        "expired",
        "id",
        "last_used_at",
        "object",
        "revocation_reason",
        "revoked",
        "scopes",
        "subject",
        "updated_at",
    ];
    assert_eq!(members(&answer), set(&expected));
    assert_eq!(answer["object"], "machine_to_machine_token");
    assert_eq!(answer["subject"], "mch_1");
    assert_eq!(answer["scopes"], json!(["mch_2"]));
    assert_eq!(answer["claims"], json!({"tier": "gold"}));
    assert_eq!(answer["revoked"], false);
    assert_eq!(answer["expired"], false);
    assert_eq!(answer["last_used_at"], Value::Null);
    let id = answer["id"].as_str().unwrap();
    assert!(id.starts_with("mt_") && id != token);
    let created_at = answer["created_at"].as_u64().unwrap();
    assert!((before..=clerk.now()).contains(&(created_at / 1000)));
    assert_eq!(answer["expiration"], created_at + 3_600_000);

    let again = body(&verify(&clerk, VERIFICATION, &json!({"token": token})).await);
    assert!(again["last_used_at"].as_u64().unwrap() >= created_at);

    let endless = clerk.machine_token("mch_1").never_expires().issue();
    let reply = verify(&clerk, VERIFICATION, &json!({"token": endless})).await;
    assert_eq!(body(&reply)["expiration"], Value::Null);
}

#[tokio::test]
async fn what_has_ended_is_known_and_says_so() {
    let clerk = FakeClerk::start().unwrap();
    let revoked = clerk.machine_token("mch_1").issue();
    clerk.revoke(&revoked);
    let expired = clerk.machine_token("mch_1").expired().issue();
    let aged = clerk
        .machine_token("mch_1")
        .lifetime(Duration::from_secs(5))
        .issue();
    clerk.advance(Duration::from_secs(5));
    for _ in 0..2 {
        for (token, is_revoked, is_expired) in [
            (&revoked, true, false),
            (&expired, false, true),
            (&aged, false, true),
        ] {
            let reply = verify(&clerk, VERIFICATION, &json!({"token": token})).await;
            assert_eq!(reply.status(), 200);
            let answer = body(&reply);
            assert_eq!(answer["revoked"], is_revoked);
            assert_eq!(answer["expired"], is_expired);
            assert_eq!(answer["last_used_at"], Value::Null);
        }
    }
    clerk.hide_inactive_tokens(true);
    for token in [&revoked, &expired, &aged] {
        let reply = verify(&clerk, VERIFICATION, &json!({"token": token})).await;
        assert_eq!(reply.status(), 404);
        assert_eq!(clerk_code(&reply), "resource_not_found");
    }
    let active = clerk.machine_token("mch_1").issue();
    let reply = verify(&clerk, VERIFICATION, &json!({"token": active})).await;
    assert_eq!(reply.status(), 200);
}

#[tokio::test]
async fn no_other_kind_is_a_machine_token() {
    let clerk = FakeClerk::start().unwrap();
    let others = [
        "mt_unknown".to_owned(),
        clerk.machine_token("mch_1").jwt().issue(),
        clerk.token("user_1").issue(),
        clerk.token("user_1").jwt().issue(),
        clerk.session("user_1").issue(),
        clerk.api_key("mch_1").issue(),
    ];
    for _ in 0..2 {
        for token in &others {
            let reply = verify(&clerk, VERIFICATION, &json!({"token": token})).await;
            assert_eq!(reply.status(), 404);
        }
    }
}

#[tokio::test]
async fn a_machine_verifies_what_is_issued_for_it() {
    let clerk = FakeClerk::start().unwrap();
    let key = clerk.machine_secret_key("mch_2");
    assert!(key.starts_with("ak_"));
    let for_it = clerk.machine_token("mch_1").scopes(["mch_2"]).issue();
    let for_another = clerk.machine_token("mch_1").scopes(["mch_3"]).issue();
    for _ in 0..2 {
        for (token, status) in [(&for_it, 200), (&for_another, 404)] {
            let body = json!({"token": token});
            let reply = verify_with(&clerk, &key, VERIFICATION, &body).await;
            assert_eq!(reply.status(), status);
        }
        let body = json!({"token": for_it});
        let reply = verify_with(&clerk, "ak_wrong", VERIFICATION, &body).await;
        assert_eq!(reply.status(), 401);
        assert_eq!(clerk_code(&reply), "machine_secret_key_invalid");
        let (other, body) = (Endpoint::ApiKeyVerification, json!({"secret": key}));
        let reply = verify_with(&clerk, &key, other, &body).await;
        assert_eq!(reply.status(), 401);
        assert_eq!(clerk_code(&reply), "clerk_key_invalid");
        assert_eq!(verify(&clerk, other, &body).await.status(), 404);
    }
}
