//! Cookies: one token is taken if and only if the oracle takes it, and of two different ones neither. Lines
//! are the values of several headers.

#![no_main]

use http::{HeaderMap, HeaderValue, header::COOKIE};
use libfuzzer_sys::{Corpus, fuzz_target};
use tower_clerk::{AuthErrorKind, fuzzing::cookie};

use self::grammar::Credentials;

#[path = "../../tests/it/properties/grammar.rs"]
mod grammar;

/// Short, so that the limit is met.
const LIMIT: usize = 64;

/// The name of the cookie is `__session_l2OS3d9k`.
const KEY: &str = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k";

fuzz_target!(|input: &[u8]| -> Corpus {
    let mut headers = HeaderMap::new();
    let mut lines = Vec::new();
    for line in input.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            return Corpus::Reject;
        };
        headers.append(COOKIE, value);
        lines.push(line);
    }
    let names: [(&str, &[&[u8]]); 2] = [
        (KEY, &[b"__session_l2OS3d9k=", b"__session="]),
        ("clerk.example.com", &[b"__session="]),
    ];
    for (instance, names) in names {
        let found = names.iter().map(|name| values(&lines, name));
        let found = found.into_iter().find(|found| !found.is_empty());
        let expected = match found.unwrap_or_default()[..] {
            [] => Err(AuthErrorKind::MissingCredentials),
            [token] => judge(token),
            [..] => Err(AuthErrorKind::MultipleCredentials),
        };
        let token = cookie(&mut headers, instance, LIMIT);
        assert_eq!(token.map(str::as_bytes), expected);
    }
    Corpus::Keep
});

/// All that is not empty and stands behind this name, each once.
fn values<'a>(lines: &[&'a [u8]], name: &[u8]) -> Vec<&'a [u8]> {
    let mut values: Vec<_> = lines
        .iter()
        .flat_map(|line| line.split(|byte| *byte == b';'))
        .filter_map(|pair| pair.trim_ascii_start().strip_prefix(name))
        .filter(|value| !value.is_empty())
        .collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// As it would be judged behind the scheme, but that no space belongs to it.
fn judge(token: &[u8]) -> Result<&[u8], AuthErrorKind> {
    if token.len() > LIMIT {
        return Err(AuthErrorKind::TokenTooLong);
    }
    let header = [b"Bearer ", token].concat();
    match grammar::credentials(&[&header], LIMIT) {
        Credentials::Token(same) if same == token => Ok(token),
        _ => Err(AuthErrorKind::MalformedCredentials),
    }
}
