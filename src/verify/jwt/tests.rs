use std::sync::Arc;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use super::{Local, PublicKey, Trust, is_fresh};
use crate::{
    AuthErrorKind, ClerkConfig, TokenKind, clerk::http::Priority, kinds::SessionTokens,
    verify::jws::JwtAlgorithm,
};

#[tokio::test]
async fn a_kind_that_was_guessed_wrongly_is_found_out() {
    use TokenKind::{Machine, OAuth, Session};

    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let config = ClerkConfig::builder("clerk.example.com");
    let config = config.accept(SessionTokens::new()).build().unwrap();
    let local = Local {
        algorithms: vec![JwtAlgorithm::Rs256],
        trust: Trust::Key(PublicKey::from_pem(&STANDARD.encode(der.as_ref())).unwrap()),
        rules: Arc::clone(&config.rules),
        clock: Arc::clone(&config.clock),
    };
    let token = |typ: &str, sub: &str| {
        let encode = |part: String| URL_SAFE_NO_PAD.encode(part);
        let message = format!(
            "{}.{}",
            encode(format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#)),
            encode(format!(
                r#"{{"sub":"{sub}","iss":"https://clerk.example.com","exp":99999999999}}"#
            )),
        );
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )
        .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    for (name, token, is) in [
        ("a session", token("JWT", "user_1"), Session),
        ("a machine", token("JWT", "mch_1"), Machine),
        ("an access token", token("at+jwt", "user_1"), OAuth),
    ] {
        for guessed in TokenKind::ALL {
            let read = local.read(&token, guessed, Priority::FirstSeen).await;
            let expected = match guessed {
                _ if guessed == is => None,
                Session => Some(AuthErrorKind::NotSessionToken),
                _ => Some(AuthErrorKind::NotAccessToken),
            };
            let found = read.err().map(|error| error.kind());
            assert_eq!(found, expected, "{name} as {guessed:?}");
        }
    }
}

#[test]
fn answer_with_an_age_comes_from_a_cache() {
    // fault B7
    for (name, ages, expected) in [
        ("none", &[][..], true),
        ("zero", &["0"], true),
        ("zero, with spaces", &[" 0 "], true),
        ("a second", &["1"], false),
        ("much", &["86400"], false),
        ("beyond all numbers", &["99999999999999999999999"], false),
        ("unreadable", &["soon"], false),
        ("empty", &[""], false),
        ("a list", &["0, 1"], false),
        ("two fields", &["0", "60"], false),
        ("negative", &["-1"], false),
    ] {
        let mut headers = http::HeaderMap::new();
        for age in ages {
            headers.append("age", age.parse().unwrap());
        }
        assert_eq!(is_fresh(&headers), expected, "{name}");
    }
}
