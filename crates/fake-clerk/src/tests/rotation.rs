//! The signing keys and their rotation.

use aws_lc_rs::signature::{ParsedPublicKey, UnparsedPublicKey};

use super::*;

/// The kinds of JWTs, all of which one key signs.
fn jwts(clerk: &FakeClerk) -> [String; 3] {
    [
        clerk.token("user_1").jwt().issue(),
        clerk.session("user_1").issue(),
        clerk.machine_token("mch_1").jwt().issue(),
    ]
}

#[tokio::test]
async fn one_key_signs_all_kinds() {
    let clerk = FakeClerk::start().unwrap();
    let other = FakeClerk::start().unwrap();
    let keys = published_keys(&clerk).await;
    assert_eq!(keys.len(), 1);
    for jwt in jwts(&clerk) {
        assert_eq!(header(&jwt)["kid"], keys[0]["kid"]);
        assert!(is_signed_by(&jwt, &keys[0]));
    }
    for jwt in jwts(&other) {
        assert!(!is_signed_by(&jwt, &keys[0]));
    }
}

#[tokio::test]
async fn a_rotated_key_stays_published_until_it_is_retired() {
    let clerk = FakeClerk::start().unwrap();
    let before = jwts(&clerk);
    let kid = clerk.rotate_key();
    let after = jwts(&clerk);
    let keys = published_keys(&clerk).await;
    assert_eq!(keys.len(), 2);
    assert_ne!(keys[0]["kid"], keys[1]["kid"]);
    assert_eq!(keys[1]["kid"], kid.as_str());
    for (old, new) in before.iter().zip(&after) {
        assert_eq!(header(old)["kid"], keys[0]["kid"]);
        assert_eq!(header(new)["kid"], keys[1]["kid"]);
        assert!(is_signed_by(old, &keys[0]) && !is_signed_by(old, &keys[1]));
        assert!(is_signed_by(new, &keys[1]) && !is_signed_by(new, &keys[0]));
    }

    clerk.retire_old_keys();
    assert_eq!(published_keys(&clerk).await, keys[1..]);
    clerk.retire_old_keys();
    assert_eq!(published_keys(&clerk).await, keys[1..]);
}

#[tokio::test]
async fn a_key_replaced_under_its_kid_is_gone_at_once() {
    let clerk = FakeClerk::start().unwrap();
    let old_keys = published_keys(&clerk).await;
    let before = jwts(&clerk);
    clerk.replace_key_under_same_kid();
    let after = jwts(&clerk);
    let keys = published_keys(&clerk).await;
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0]["kid"], old_keys[0]["kid"]);
    assert_ne!(keys[0]["n"], old_keys[0]["n"]);
    for (old, new) in before.iter().zip(&after) {
        assert_eq!(header(old)["kid"], header(new)["kid"]);
        assert!(!is_signed_by(old, &keys[0]));
        assert!(is_signed_by(new, &keys[0]));
    }
}

#[tokio::test]
async fn the_first_key_bears_the_id_of_the_instance() {
    let clerk = FakeClerk::start().unwrap();
    // Rotated before the first use of a key: the first key exists, too.
    let kid = clerk.rotate_key();
    let keys = published_keys(&clerk).await;
    let info = body(&userinfo(&clerk, &clerk.token("user_1").issue()).await);
    assert_eq!(keys[0]["kid"], info["instance_id"]);
    assert_eq!(keys[1]["kid"], kid.as_str());
}

#[tokio::test]
async fn the_backend_api_publishes_the_same_keys() {
    let clerk = FakeClerk::start().unwrap();
    clerk.rotate_key();
    let authorization = format!("Bearer {}", clerk.secret_key());
    let headers = [("authorization", authorization.as_str())];
    let reply = send(&clerk, "GET", Endpoint::BackendJwks.path(), &headers, "")
        .await
        .unwrap();
    assert_eq!(reply.status(), 200);
    assert_eq!(body(&reply), json!({"keys": published_keys(&clerk).await}));
    for _ in 0..2 {
        assert_eq!(get(&clerk, "/v1/jwks").await.status(), 401);
    }
}

#[test]
fn the_pem_is_that_of_the_key_that_signs() {
    fn is_signed_by_pem(jwt: &str, pem: &str) -> bool {
        let text: String = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        let der = STANDARD.decode(text).unwrap();
        // It is a whole SubjectPublicKeyInfo, not only the numbers.
        assert!(ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der).is_ok());
        let (message, signature) = jwt.rsplit_once('.').unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)
            .verify(
                message.as_bytes(),
                &URL_SAFE_NO_PAD.decode(signature).unwrap(),
            )
            .is_ok()
    }

    let clerk = FakeClerk::start().unwrap();
    let (old, old_pem) = (clerk.session("user_1").issue(), clerk.public_key_pem());
    assert!(old_pem.starts_with("-----BEGIN PUBLIC KEY-----\n"));
    assert!(old_pem.ends_with("\n-----END PUBLIC KEY-----\n"));
    assert!(old_pem.lines().all(|line| line.len() <= 64));
    assert!(is_signed_by_pem(&old, &old_pem));
    clerk.rotate_key();
    let (new, new_pem) = (clerk.session("user_1").issue(), clerk.public_key_pem());
    assert!(is_signed_by_pem(&new, &new_pem));
    assert!(!is_signed_by_pem(&new, &old_pem));
    assert!(!is_signed_by_pem(&old, &new_pem));
}
