//! The frame of a JWT: read if and only if the oracle reads it, and in one spelling alone.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_clerk::fuzzing::frame;

#[path = "../../tests/it/properties/json.rs"]
mod json;

use self::json::Json;

fuzz_target!(|token: &str| {
    // As they come, or else nearly all of them are no base64.
    for token in [token.to_owned(), encoded(token)] {
        let read = frame(&token).ok();
        let expected = oracle(&token);
        assert_eq!(read.is_some(), expected.is_some(), "{token}");
        let (Some((payload, signature)), Some((names, bytes))) = (read, expected) else {
            continue;
        };
        assert_eq!(signature, bytes);
        assert_eq!(payload.len(), names.len());
        assert!(names.iter().all(|name| payload.contains_key(name)));
    }
});

/// The names in the payload, and the signature.
fn oracle(token: &str) -> Option<(Vec<String>, Vec<u8>)> {
    let parts: Vec<_> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        return None;
    };
    let header = json::members(&decoded(header)?)?;
    let find = |name: &str| header.iter().find(|(other, _)| other == name);
    let is_text = |name: &str| matches!(find(name), None | Some((_, Json::Text(_))));
    let is_rs256 = matches!(find("alg"), Some((_, Json::Text(alg))) if alg == "RS256");
    let is_extended = find("crit").is_some() || find("b64").is_some();
    if is_extended || !is_rs256 || !["kid", "typ", "cat"].into_iter().all(is_text) {
        return None;
    }
    let payload = json::members(&decoded(payload)?)?;
    let names = payload.into_iter().map(|(name, _)| name).collect();
    Some((names, decoded(signature)?))
}

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// base64url by hand (RFC 4648 §5), without padding and with nothing left over.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for character in text.chars() {
        bits = bits << 6 | u32::try_from(ALPHABET.find(character)?).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    (count < 6 && bits == 0).then_some(bytes)
}

/// The three lines as the parts of a token.
fn encoded(lines: &str) -> String {
    let parts = lines.split('\n').map(|line| {
        let mut text = String::new();
        for chunk in line.as_bytes().chunks(3) {
            let bits = chunk
                .iter()
                .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
            let bits = bits << (8 * (3 - chunk.len()));
            for place in 0..=chunk.len() {
                let index = bits >> (18 - 6 * place) & 63;
                text.push_str(&ALPHABET[index..=index]);
            }
        }
        text
    });
    parts.collect::<Vec<_>>().join(".")
}
