//! The oracle for credentials: RFC 9110 §11.4 and RFC 6750 §2.1 by hand.

/// What the `Authorization` headers of a request are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials<'a> {
    Missing,
    Several,
    Malformed,
    TooLong,
    Token(&'a [u8]),
}

/// Reads `credentials = auth-scheme 1*SP token68`, out of the values of all `Authorization` headers.
pub fn credentials<'a>(values: &[&'a [u8]], limit: usize) -> Credentials<'a> {
    let value = match values {
        [] => return Credentials::Missing,
        [value] => without_space(value),
        _ => return Credentials::Several,
    };
    let end = value.iter().position(|byte| !is_tchar(*byte));
    let (scheme, rest) = value.split_at(end.unwrap_or(value.len()));
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Credentials::Missing;
    }
    let token = rest
        .iter()
        .position(|byte| *byte != b' ')
        .map_or(&rest[rest.len()..], |start| &rest[start..]);
    let spaces = rest.len() - token.len();
    if spaces == 0 {
        return Credentials::Malformed;
    }
    // Space beyond the one that must be there, and beyond what is put up with, counts as length.
    let padded = rest.len() - 1;
    if token.len() > limit || padded > limit + 16 {
        return Credentials::TooLong;
    }
    let body = token.strip_suffix(b"=").map_or(token, |mut body| {
        while let Some(shorter) = body.strip_suffix(b"=") {
            body = shorter;
        }
        body
    });
    let is_token68 = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    if body.is_empty() || !body.iter().all(is_token68) {
        return Credentials::Malformed;
    }
    Credentials::Token(token)
}

/// Whether a token is, by its looks, of another kind than an OAuth access token: it has the prefix of a machine
/// token or an API key, or it is a JWT, and random ones have no header that says `at+jwt`.
pub fn is_of_another_kind(token: &[u8]) -> bool {
    let is_base64url = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
    let is_jwt = || {
        let parts: Vec<_> = token.split(|byte| *byte == b'.').collect();
        let is_part = |part: &&[u8]| !part.is_empty() && part.iter().all(is_base64url);
        parts.len() == 3 && parts.iter().all(is_part)
    };
    token.starts_with(b"mt_")
        || token.starts_with(b"ak_")
        || (!token.starts_with(b"oat_") && is_jwt())
}

/// Without the optional white space around a field's value (RFC 9110 §5.6.3).
fn without_space(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// What a scheme's name consists of (RFC 9110 §5.6.2): all that is visible but the delimiters.
fn is_tchar(byte: u8) -> bool {
    (0x21..0x7f).contains(&byte) && !b"\"(),/:;<=>?@[\\]{}".contains(&byte)
}
