//! Headers: what is taken for a token is one by the grammar, and everything else is told apart as the
//! oracle tells it apart. Lines are the values of several headers.

#![no_main]

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use libfuzzer_sys::{Corpus, fuzz_target};
use tower_clerk::{AuthErrorKind, fuzzing::bearer};

use self::grammar::Credentials;

#[path = "../../tests/it/properties/grammar.rs"]
mod grammar;

/// Short, so that the limit is met.
const LIMIT: usize = 64;

fuzz_target!(|input: &[u8]| -> Corpus {
    let mut headers = HeaderMap::new();
    let mut values = Vec::new();
    for line in input.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            return Corpus::Reject;
        };
        headers.append(AUTHORIZATION, value);
        values.push(line);
    }
    let expected = match grammar::credentials(&values, LIMIT) {
        Credentials::Token(token) => Ok(token),
        Credentials::Missing => Err(AuthErrorKind::MissingCredentials),
        Credentials::Several => Err(AuthErrorKind::MultipleCredentials),
        Credentials::Malformed => Err(AuthErrorKind::MalformedCredentials),
        Credentials::TooLong => Err(AuthErrorKind::TokenTooLong),
    };
    assert_eq!(bearer(&mut headers, LIMIT).map(str::as_bytes), expected);
    Corpus::Keep
});
