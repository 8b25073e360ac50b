//! JWT access tokens and the key they verify with.

use super::*;

#[tokio::test]
async fn a_jwt_verifies_against_the_published_key() {
    let clerk = FakeClerk::start().unwrap();
    let jwt = clerk.token("user_1").jwt().issue();
    let keys = body(&get(&clerk, "/.well-known/jwks.json").await);
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    let key = &keys["keys"][0];
    assert_eq!(
        (&key["kty"], &key["alg"], &key["use"]),
        (&json!("RSA"), &json!("RS256"), &json!("sig"))
    );
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let public = RsaPublicKeyComponents {
        n: number("n"),
        e: number("e"),
    };
    assert_eq!(public.n.len(), 256);

    let (message, signature) = jwt.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let verify =
        |message: &str| public.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature);
    assert!(verify(message).is_ok());
    assert!(verify(&message.replacen('.', "..", 1)).is_err());

    let header = decoded(message.split('.').next().unwrap());
    assert_eq!(
        header,
        json!({"alg": "RS256", "kid": key["kid"], "typ": "at+jwt"})
    );
    let kid = key["kid"].as_str().unwrap();
    assert!(kid.starts_with("ins_") && kid.len() == 31);
}

#[tokio::test]
async fn a_jwt_has_the_documented_payload() {
    let clerk = FakeClerk::start().unwrap();
    clerk.user("user_1").org("org_1", "One", "one").save();
    let plain = payload(&clerk.token("user_1").jwt().issue());
    let core = [
        "client_id",
        "exp",
        "iat",
        "iss",
        "jti",
        "nbf",
        "scope",
        "sub",
    ];
    assert_eq!(members(&plain), set(&core));
    let iat = plain["iat"].as_u64().unwrap();
    assert_eq!(plain["exp"], iat + 86_400);
    assert_eq!(plain["nbf"], iat - 10);
    assert_eq!(plain["iss"], clerk.url());
    assert_eq!(plain["scope"], "email profile");
    let jti = plain["jti"].as_str().unwrap().strip_prefix("oat_").unwrap();
    assert!(jti.len() == 32 && !jti.contains(|letter: char| letter.is_ascii_lowercase()));

    let one = clerk
        .token("user_1")
        .resource("https://a")
        .scopes(["user:org:read"])
        .jwt()
        .issue();
    assert_eq!(
        (&payload(&one)["aud"], &payload(&one)["org_id"]),
        (&json!("https://a"), &json!("org_1"))
    );
    let two = clerk
        .token("user_1")
        .resource("https://a")
        .resource("https://b")
        .jwt()
        .issue();
    assert_eq!(payload(&two)["aud"], json!(["https://a", "https://b"]));
    let expired = payload(&clerk.token("user_1").expired().jwt().issue());
    assert!(expired["exp"].as_u64().unwrap() <= clerk.now() - 3600);
}
