//! Tokens that the instance did not sign, or signed and would never issue.

use serde_json::json;
use sha2::{Digest, Sha256};
use tower_clerk::{AuthErrorKind, TokenKind, fake_clerk::FakeClerk};

use super::{accepting, message, parts, sessions, signed, with, world};
use crate::support::{App, World};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

const NO_KEY: AuthErrorKind = AuthErrorKind::InvalidSignature;
const MALFORMED: AuthErrorKind = AuthErrorKind::MalformedToken;

/// Sends a token twice to each of two layers: it is rejected, without a word to the service behind, and what
/// is good still passes.
async fn check(world: &World, name: &str, token: &str, expected: AuthErrorKind) {
    let good = world.clerk.session("user_1").issue();
    for _ in 0..2 {
        let app = sessions(world);
        for turn in 0..2 {
            let answer = app.bearer(token).await;
            assert_eq!(answer.kind(), Some(expected), "{name}, {turn}");
            assert_eq!(answer.status(), 401, "{name}, {turn}");
        }
        assert_eq!(app.inner_calls(), 0, "{name}");
        app.bearer(&good).await.assert_accepted();
    }
}

/// HS256 (RFC 7518 §3.2).
fn mac(secret: &[u8], message: &str) -> String {
    let secret = if secret.len() > 64 {
        Sha256::digest(secret).to_vec()
    } else {
        secret.to_vec()
    };
    let pad = |with: u8| -> Vec<u8> {
        let mut block = vec![with; 64];
        block
            .iter_mut()
            .zip(&secret)
            .for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new()
        .chain_update(pad(0x36))
        .chain_update(message)
        .finalize();
    let outer = Sha256::new()
        .chain_update(pad(0x5c))
        .chain_update(inner)
        .finalize();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(outer))
}

#[test]
fn mac_is_that_of_the_rfc() {
    // RFC 4231 §4.3
    let token = mac(b"Jefe", "what do ya want for nothing?");
    let (_, mac) = token.rsplit_once('.').unwrap();
    let mac = URL_SAFE_NO_PAD.decode(mac).unwrap();
    assert_eq!(mac[..4], [0x5b, 0xdc, 0xc1, 0x46]);
}

#[tokio::test]
async fn what_the_instance_did_not_sign_is_rejected() {
    let world = world();
    let stranger = FakeClerk::start().unwrap();
    let token = world.clerk.session("user_1").issue();
    let [header, payload] = parts(&token);
    let (said, signature) = token.rsplit_once('.').unwrap();
    let none = |alg: &str, signature: &str| {
        format!(
            "{}.{signature}",
            message(with(&header, "alg", alg), &payload)
        )
    };
    let shared = |secret: &[u8]| mac(secret, &message(with(&header, "alg", "HS256"), &payload));
    let pem = world.clerk.public_key_pem();
    let foreign = parts(&stranger.session("user_1").issue())[0]["kid"].clone();
    let jwks = json!({
        "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": header["kid"], "alg": "RS256", "use": "sig",
    });
    let by_stranger = |header| signed(&stranger, header, &payload);
    let other_payload = message(&header, with(&payload, "sub", "user_2"));
    let unsigned = format!("{other_payload}.{signature}");
    let cases = [
        ("no algorithm", none("none", "c2ln"), NO_KEY),
        (
            "no algorithm, spelled otherwise",
            none("nOnE", "c2ln"),
            NO_KEY,
        ),
        (
            "no algorithm, and a signature",
            none("none", signature),
            NO_KEY,
        ),
        (
            "no signature",
            none("none", ""),
            AuthErrorKind::UnsupportedToken,
        ),
        (
            "a signature that is empty",
            format!("{said}."),
            AuthErrorKind::UnsupportedToken,
        ),
        (
            "no signature at all",
            said.to_owned(),
            AuthErrorKind::UnsupportedToken,
        ),
        ("the public key as a secret", shared(pem.as_bytes()), NO_KEY),
        ("its text", shared(pem.trim().as_bytes()), NO_KEY),
        ("an empty secret", shared(b""), NO_KEY),
        ("another hash", none("RS512", signature), NO_KEY),
        ("another padding", none("PS256", signature), NO_KEY),
        ("the key of a stranger", by_stranger(header.clone()), NO_KEY),
        (
            "by his name",
            by_stranger(with(&header, "kid", foreign.clone())),
            NO_KEY,
        ),
        (
            "without a name",
            by_stranger(with(&header, "kid", ())),
            NO_KEY,
        ),
        (
            "brought along",
            by_stranger(with(&header, "jwk", jwks.clone())),
            NO_KEY,
        ),
        (
            "brought along, without a name",
            by_stranger(with(&with(&header, "jwk", jwks), "kid", ())),
            NO_KEY,
        ),
        (
            "where he has it",
            by_stranger(with(
                &with(
                    &header,
                    "jku",
                    format!("{}/.well-known/jwks.json", stranger.url()),
                ),
                "kid",
                foreign,
            )),
            NO_KEY,
        ),
        (
            "where a certificate is",
            by_stranger(with(&header, "x5u", stranger.url())),
            NO_KEY,
        ),
        ("a payload of another token", unsigned, NO_KEY),
        (
            "half a signature",
            format!("{said}.{}", &signature[..168]),
            NO_KEY,
        ),
        (
            "a payload cut off",
            format!("{}.{signature}", &said[..said.len() - 4]),
            NO_KEY,
        ),
    ];
    for (name, token, expected) in cases {
        check(&world, name, &token, expected).await;
    }
    // Nobody has followed a link.
    assert_eq!(stranger.total_calls(), 0);
}

#[tokio::test]
async fn what_the_instance_would_not_issue_is_rejected() {
    let world = world();
    let clerk = &world.clerk;
    let token = clerk.session("user_1").issue();
    let [header, payload] = parts(&token);
    let head =
        |name: &str, value: serde_json::Value| signed(clerk, with(&header, name, value), &payload);
    let body =
        |name: &str, value: serde_json::Value| signed(clerk, &header, with(&payload, name, value));
    let twice = |object: &serde_json::Value, name: &str| {
        let text = object.to_string();
        format!(r#"{{"{name}":{},{}"#, object[name], &text[1..])
    };
    let now = clerk.now();
    let cases = [
        ("an extension", head("crit", json!(["exp"])), MALFORMED),
        ("no extension", head("crit", json!([])), MALFORMED),
        (
            "a payload that is not encoded",
            head("b64", json!(false)),
            MALFORMED,
        ),
        ("no name of a key", head("kid", json!(null)), NO_KEY),
        ("a number for a name", head("kid", json!(1)), MALFORMED),
        (
            "an algorithm twice",
            signed(clerk, twice(&header, "alg"), &payload),
            MALFORMED,
        ),
        (
            "a subject twice",
            signed(clerk, &header, twice(&payload, "sub")),
            MALFORMED,
        ),
        (
            "an end twice",
            signed(clerk, &header, twice(&payload, "exp")),
            MALFORMED,
        ),
        ("no JSON", signed(clerk, &header, "hello"), MALFORMED),
        ("no object", signed(clerk, &header, "[1]"), MALFORMED),
        ("no end", body("exp", json!(null)), MALFORMED),
        (
            "a string for an end",
            body("exp", json!((now + 60).to_string())),
            MALFORMED,
        ),
        (
            "a list for an end",
            body("exp", json!([now + 60])),
            MALFORMED,
        ),
        (
            "a string for a beginning",
            body("nbf", json!("0")),
            MALFORMED,
        ),
        (
            "an object for a subject",
            body("sub", json!({"a": 1})),
            MALFORMED,
        ),
        (
            "an end that never was",
            body("exp", json!(0)),
            AuthErrorKind::Expired,
        ),
        (
            "an end long ago",
            body("exp", json!(-1e300)),
            AuthErrorKind::Expired,
        ),
        (
            "an end before its beginning",
            body("nbf", json!(now + 100)),
            AuthErrorKind::Expired,
        ),
        (
            "a beginning to come",
            signed(
                clerk,
                &header,
                with(&with(&payload, "exp", now + 1000), "nbf", now + 100),
            ),
            AuthErrorKind::NotYetValid,
        ),
        (
            "issued in time to come",
            signed(
                clerk,
                &header,
                with(&with(&payload, "exp", now + 1000), "iat", now + 100),
            ),
            AuthErrorKind::NotYetValid,
        ),
        (
            "no issuer",
            body("iss", json!(null)),
            AuthErrorKind::WrongIssuer,
        ),
        (
            "another issuer",
            body("iss", json!("https://clerk.example.com")),
            AuthErrorKind::WrongIssuer,
        ),
        (
            "an issuer with a slash",
            body("iss", json!(format!("{}/", clerk.url()))),
            AuthErrorKind::WrongIssuer,
        ),
        (
            "no subject",
            body("sub", json!(null)),
            AuthErrorKind::MissingSubject,
        ),
        (
            "an empty subject",
            body("sub", json!("")),
            AuthErrorKind::MissingSubject,
        ),
        (
            "an organization for a subject",
            body("sub", json!("org_1")),
            AuthErrorKind::MissingSubject,
        ),
        (
            "a key of its sender",
            body("cnf", json!({"jkt": "a"})),
            AuthErrorKind::SenderConstrained,
        ),
    ];
    for (name, token, expected) in cases {
        check(&world, name, &token, expected).await;
    }
}

#[tokio::test]
async fn one_token_has_one_spelling() {
    let world = world();
    let token = world.clerk.session("user_1").issue();
    let [header, payload] = parts(&token);
    // In the last character of 256 bytes four bits are left over.
    let (head, last) = token.split_at(token.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.find(last).unwrap();
    let next = &alphabet[place + 1..place + 2];
    check(&world, "a signature", &format!("{head}{next}"), MALFORMED).await;
    // The same in a payload, and the signature is of it as it stands there.
    let padding = (0..3)
        .map(|spaces| with(&payload, "x", " ".repeat(spaces)))
        .find(|payload| payload.to_string().len() % 3 == 1)
        .unwrap();
    let said = message(&header, padding);
    let (head, last) = said.split_at(said.len() - 1);
    let place = alphabet.find(last).unwrap();
    let said = format!("{head}{}", &alphabet[place + 1..place + 2]);
    let token = world.clerk.sign_message(&said);
    check(&world, "a payload", &token, MALFORMED).await;
}

#[tokio::test]
async fn a_long_token_is_not_looked_at() {
    let world = world();
    let [header, payload] = parts(&world.clerk.session("user_1").issue());
    let payload = with(&payload, "x", "x".repeat(4096));
    let token = signed(&world.clerk, &header, payload);
    for _ in 0..2 {
        let app = sessions(&world);
        for _ in 0..2 {
            let answer = app.bearer(&token).await;
            answer.assert_rejected(400, AuthErrorKind::TokenTooLong);
        }
    }
    assert_eq!(world.clerk.total_calls(), 0);
    // It is a good one.
    let config = accepting(&world, [TokenKind::Session]).max_token_length(16_384);
    App::new(config).bearer(&token).await.assert_accepted();
}
