use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{self, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use super::{KeySet, MAX_KEYS, PublicKey};
use crate::verify::jws::JwtAlgorithm::{self, Rs256, Rs384, Rs512};

/// Two pairs, since making them takes a while.
static PAIRS: LazyLock<[KeyPair; 2]> =
    LazyLock::new(|| [(); 2].map(|()| KeyPair::generate(KeySize::Rsa2048).unwrap()));

fn components(pair: &KeyPair) -> (String, String) {
    let public = pair.public_key();
    (
        URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
        URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
    )
}

fn jwk(pair: &KeyPair, kid: &str) -> Value {
    let (n, e) = components(pair);
    json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": e})
}

fn set(keys: &[Value]) -> Result<KeySet, &'static str> {
    KeySet::from_json(json!({ "keys": keys }).to_string().as_bytes())
}

fn sign(pair: &KeyPair, algorithm: JwtAlgorithm, message: &[u8]) -> Vec<u8> {
    let encoding: &'static dyn signature::RsaEncoding = match algorithm {
        Rs256 => &RSA_PKCS1_SHA256,
        Rs384 => &RSA_PKCS1_SHA384,
        Rs512 => &RSA_PKCS1_SHA512,
    };
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
        .unwrap();
    signature
}

fn der(pair: &KeyPair) -> Vec<u8> {
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    der.as_ref().to_vec()
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        lines.join("\n")
    )
}

/// A number of so many bytes, odd, and with its first bit set.
fn number(bytes: usize) -> String {
    URL_SAFE_NO_PAD.encode(vec![0xff; bytes])
}

#[test]
fn a_key_verifies_what_it_signed_and_nothing_else() {
    let [ours, theirs] = &*PAIRS;
    let key = PublicKey::from_pem(&pem(&der(ours))).unwrap();
    for algorithm in [Rs256, Rs384, Rs512] {
        let signature = sign(ours, algorithm, b"message");
        assert!(key.verifies(algorithm, b"message", &signature));
        assert!(!key.verifies(algorithm, b"massage", &signature));
        assert!(!key.verifies(algorithm, b"message", &sign(theirs, algorithm, b"message")));
        for other in [Rs256, Rs384, Rs512] {
            assert_eq!(
                key.verifies(other, b"message", &signature),
                other == algorithm
            );
        }
        let mut damaged = signature.clone();
        damaged[0] ^= 1;
        let longer = [&signature[..], &[0]].concat();
        let padded = [&[0], &signature[..]].concat();
        for bad in [
            &damaged,
            &longer,
            &padded,
            &signature[1..].to_vec(),
            &vec![],
            &vec![0; 256],
        ] {
            assert!(
                !key.verifies(algorithm, b"message", bad),
                "{} bytes",
                bad.len()
            );
        }
    }
}

#[test]
fn only_keys_for_signatures_are_used() {
    let [pair, _] = &*PAIRS;
    let with = |name: &str, value: Value| {
        let mut key = jwk(pair, "k");
        key[name] = value;
        key
    };
    let without = |name: &str| {
        let mut key = jwk(pair, "k");
        key.as_object_mut().unwrap().remove(name);
        key
    };
    let (n, _) = components(pair);
    let cases = [
        ("as Clerk has them", jwk(pair, "k"), true),
        ("without a purpose", without("use"), true),
        ("without an algorithm", without("alg"), true),
        ("with what nobody knows", with("x", json!([1])), true),
        ("for another purpose", with("use", json!("enc")), false),
        ("for no purpose", with("use", json!(null)), false),
        (
            "to verify",
            with("key_ops", json!(["sign", "verify"])),
            true,
        ),
        ("to encrypt", with("key_ops", json!(["encrypt"])), false),
        ("for nothing", with("key_ops", json!([])), false),
        ("for a string", with("key_ops", json!("verify")), false),
        ("for another algorithm", with("alg", json!("RS512")), true),
        ("for another padding", with("alg", json!("PS256")), false),
        ("for a shared secret", with("alg", json!("HS256")), false),
        ("for none", with("alg", json!("none")), false),
        ("for null", with("alg", json!(null)), false),
        ("of another type", with("kty", json!("oct")), false),
        (
            "of the type in small letters",
            with("kty", json!("rsa")),
            false,
        ),
        ("of no type", without("kty"), false),
        ("without a name", without("kid"), false),
        ("with a number for a name", with("kid", json!(1)), false),
        ("without a modulus", without("n"), false),
        ("without an exponent", without("e"), false),
        (
            "with a number for an exponent",
            with("e", json!(65537)),
            false,
        ),
        ("with an empty modulus", with("n", json!("")), false),
        (
            "with a padded modulus",
            with("n", json!(format!("{n}="))),
            false,
        ),
        // The first byte is zero: six bits more, and so a length that none has, or another number.
        (
            "with a modulus in base64",
            with("n", json!(format!("+/{n}"))),
            false,
        ),
        ("of 1024 bits", with("n", json!(number(128))), false),
        ("of 2040 bits", with("n", json!(number(255))), false),
        ("of 8192 bits", with("n", json!(number(1024))), true),
        ("of 8200 bits", with("n", json!(number(1025))), false),
        ("with an exponent of one", with("e", json!("AQ")), false),
        ("with an exponent of zero", with("e", json!("AA")), false),
        ("with an even exponent", with("e", json!("AQAA")), false),
        (
            "with an exponent of 2048 bits",
            with("e", json!(number(256))),
            false,
        ),
        ("no object", json!("k"), false),
    ];
    for (name, key, is_used) in cases {
        let Ok(found) = set(std::slice::from_ref(&key)) else {
            assert!(!is_used, "{name}");
            continue;
        };
        assert!(is_used && found.has("k"), "{name}");
    }
}

#[test]
fn a_set_is_read_or_rejected_as_a_whole() {
    let [pair, _] = &*PAIRS;
    let key = jwk(pair, "k").to_string();
    let many = |count: usize| format!(r#"{{"keys":[{}]}}"#, vec![key.as_str(); count].join(","));
    for (name, input, is_read) in [
        ("one key", many(1), true),
        ("the most", many(MAX_KEYS), true),
        ("too many", many(MAX_KEYS + 1), false),
        ("no key", many(0), false),
        (
            "one that is broken beside",
            format!(r#"{{"keys":[1,{{}},{key}],"more":true}}"#),
            true,
        ),
        (
            "keys twice",
            format!(r#"{{"keys":[],"keys":[{key}]}}"#),
            false,
        ),
        ("no array", format!(r#"{{"keys":{key}}}"#), false),
        ("no keys", "{}".to_owned(), false),
        ("an array", format!("[{key}]"), false),
        ("half", many(1).replace('}', ""), false),
        ("nothing", String::new(), false),
    ] {
        assert_eq!(
            KeySet::from_json(input.as_bytes()).is_ok(),
            is_read,
            "{name}"
        );
    }
}

#[test]
fn a_set_verifies_by_name_and_algorithm() {
    let [first, second] = &*PAIRS;
    let mut open = jwk(second, "open");
    open.as_object_mut().unwrap().remove("alg");
    let set = set(&[
        jwk(first, "first"),
        jwk(second, "second"),
        jwk(first, "both"),
        jwk(second, "both"),
        open,
    ])
    .unwrap();
    for (name, kid, pair, algorithm, expected) in [
        ("by its name", "first", first, Rs256, true),
        ("by the name of another", "second", first, Rs256, false),
        ("by no name of ours", "third", first, Rs256, false),
        ("by an empty name", "", first, Rs256, false),
        ("the first of two of one name", "both", first, Rs256, true),
        ("the second of two of one name", "both", second, Rs256, true),
        (
            "by an algorithm that the key is not for",
            "first",
            first,
            Rs384,
            false,
        ),
        ("by a key for any algorithm", "open", second, Rs512, true),
    ] {
        let signature = sign(pair, algorithm, b"message");
        let is_good = set.verifies(kid, algorithm, b"message", &signature);
        assert_eq!(is_good, expected, "{name}");
    }
}

#[test]
fn pem_is_read_however_it_was_copied() {
    let [pair, _] = &*PAIRS;
    let der = der(pair);
    let text = pem(&der);
    let bare = STANDARD.encode(&der);
    // Every algorithm's key comes from these bytes.
    let bytes = |key: PublicKey| key.0.rs256.as_ref().to_vec();
    let (n, e) = components(pair);
    assert_eq!(bytes(PublicKey::from_components(&n, &e).unwrap()), der);
    let with = |body: &str| format!("-----BEGIN PUBLIC KEY-----{body}-----END PUBLIC KEY-----");
    let other = |label: &str| text.replace("PUBLIC KEY", label);
    let small = |bytes: usize| {
        let (n, e) = (number(bytes), components(pair).1);
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        let key = super::RsaPublicKeyComponents {
            n: decode(&n),
            e: decode(&e),
        };
        let der: PublicKeyX509Der<'_> = key.as_der().unwrap();
        pem(der.as_ref())
    };
    for (name, input, is_read) in [
        ("as it is", text.clone(), true),
        ("with spaces around", format!("  {text}\n\n"), true),
        ("with other line ends", text.replace('\n', "\r\n"), true),
        (
            "with line ends written out",
            text.replace('\n', "\\n"),
            true,
        ),
        ("in one line", text.replace('\n', ""), true),
        (
            "with spaces for line ends",
            with(&format!(" {bare} ")),
            true,
        ),
        ("without the lines around it", bare.clone(), true),
        (
            "without padding",
            bare.trim_end_matches('=').to_owned(),
            true,
        ),
        ("empty", String::new(), false),
        ("the lines around it alone", with(""), false),
        (
            "without its last line",
            text.replace("-----END PUBLIC KEY-----", ""),
            false,
        ),
        ("twice", text.repeat(2), false),
        ("cut off", with(&bare[..bare.len() / 2]), false),
        (
            "with something behind the key",
            with(&STANDARD.encode([&der[..], &[0]].concat())),
            false,
        ),
        ("a certificate", other("CERTIFICATE"), false),
        ("a private key", other("PRIVATE KEY"), false),
        ("an older form", other("RSA PUBLIC KEY"), false),
        ("no base64", with("$$$$"), false),
        ("no key", with("aGVsbG8="), false),
        ("of 8192 bits", small(1024), true),
        ("of 1024 bits", small(128), false),
        ("of 8200 bits", small(1025), false),
        ("on a curve", ED25519.to_owned(), false),
    ] {
        let key = PublicKey::from_pem(&input);
        assert_eq!(key.is_some(), is_read, "{name}");
        if let Some(key) = key
            && !name.starts_with("of ")
        {
            assert_eq!(bytes(key), der, "{name}");
        }
    }
}

/// RFC 8410 §10.1
const ED25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----";
