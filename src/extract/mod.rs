//! Reads the bearer token from the headers of a request. No I/O, no allocation. If the configuration allows it,
//! Clerk's cookie is the second source (`cookie`).
//!
//! 1. There must be exactly one `Authorization` header. If one of several were chosen, a proxy in front and this
//!    layer could see different credentials (RFC 6750 §3.1).
//! 2. Its scheme must be `Bearer`, in any case (RFC 9110 §11.1). Another scheme counts as no credentials: another
//!    layer may understand it.
//! 3. One or more spaces follow, then a token68 (RFC 9110 §11.2) within the length limit, and nothing else. The
//!    length is checked here. The alphabet is checked only on a cache miss.

mod cookie;

use std::fmt;

use http::{HeaderMap, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};

pub(crate) use self::cookie::CookieNames;
use crate::AuthErrorKind;

/// A bearer token, as the caller sent it. `Debug` does not show it; it is wiped when dropped.
#[derive(Clone)]
pub(crate) struct SecretToken(SecretString);

impl SecretToken {
    /// Returns the token itself. The calling code must not log or store it.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub(crate) fn new(token: &str) -> Self {
        Self(token.into())
    }
}

impl fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretToken([redacted])")
    }
}

/// The text in the place of the token, still in its header. Its length has been checked, its alphabet has not.
///
/// Only a cache miss checks that the text is a token68: on a hit, the cached token was one.
#[derive(Clone, Copy)]
pub(crate) struct Credentials<'a>(&'a [u8]);

impl<'a> Credentials<'a> {
    pub(crate) fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Takes a token that is not in a header.
    pub(crate) fn of(token: &'a str, max_len: usize) -> Result<Self, AuthErrorKind> {
        if token.len() > max_len {
            return Err(AuthErrorKind::TokenTooLong);
        }
        Ok(Self(token.as_bytes()))
    }

    /// Returns the token, if the text is a token68.
    pub(crate) fn token(self) -> Result<&'a str, AuthErrorKind> {
        if !is_token68(self.0) {
            return Err(AuthErrorKind::MalformedCredentials);
        }
        str::from_utf8(self.0).map_err(|_| AuthErrorKind::MalformedCredentials)
    }
}

/// Finds the bearer token of a request, and marks the header as sensitive, so that code that prints headers does not
/// show it.
#[inline]
pub(crate) fn parse(
    headers: &mut HeaderMap,
    max_len: usize,
) -> Result<Credentials<'_>, AuthErrorKind> {
    // If no header name is repeated, this one is not either. This saves one look-up in the usual case.
    let repeats = headers.len() != headers.keys_len();
    if repeats && headers.get_all(AUTHORIZATION).iter().nth(1).is_some() {
        return Err(AuthErrorKind::MultipleCredentials);
    }
    let value = headers
        .get_mut(&AUTHORIZATION)
        .ok_or(AuthErrorKind::MissingCredentials)?;
    value.set_sensitive(true);
    let value = value.as_bytes();
    match at_a_glance(value) {
        Some(token) if token.len() <= max_len => Ok(Credentials(token)),
        _ => in_full(value, max_len),
    }
}

/// Returns the token if it has its usual spelling: `Bearer`, one space, the token. The result is that of [`in_full`],
/// in a third of the instructions.
#[inline]
fn at_a_glance(value: &[u8]) -> Option<&[u8]> {
    let token = value.strip_prefix(b"Bearer ")?;
    let (first, last) = (token.first()?, token.last()?);
    (*first != b' ' && !last.is_ascii_whitespace()).then_some(token)
}

/// Returns the token in any spelling that the grammar allows.
#[inline(never)]
fn in_full(value: &[u8], max_len: usize) -> Result<Credentials<'_>, AuthErrorKind> {
    let value = value.trim_ascii();
    let Some((scheme, rest)) = value.split_at_checked(SCHEME.len()) else {
        return Err(AuthErrorKind::MissingCredentials);
    };
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(AuthErrorKind::MissingCredentials);
    }
    let mut token = match rest {
        [b' ', token @ ..] => token,
        // Another scheme that begins with the same letters: `Bearerx`.
        [next, ..] if is_scheme_byte(*next) => return Err(AuthErrorKind::MissingCredentials),
        _ => return Err(AuthErrorKind::MalformedCredentials),
    };
    // This precedes the first read of the token itself, so that a header of a megabyte costs nothing.
    if token.len() > max_len && token.len() - max_len > MAX_SPACES {
        return Err(AuthErrorKind::TokenTooLong);
    }
    // Only spaces: the grammar has `1*SP`, and a tab is not a space.
    while let [b' ', rest @ ..] = token {
        token = rest;
    }
    if token.len() > max_len {
        return Err(AuthErrorKind::TokenTooLong);
    }
    Ok(Credentials(token))
}

/// `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 9110 §11.2)
fn is_token68(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = &token[..token.len() - padding];
    // No branch for each byte, so that sixteen bytes are checked together. Most tokens are valid, and are read to the
    // end anyway.
    let is_valid = |valid, byte: &u8| valid & is_token68_byte(*byte);
    !body.is_empty() && body.iter().fold(true, is_valid)
}

/// Returns true for a byte of a token68 before the padding.
const fn is_token68_byte(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let is_one_of_dash_to_nine = byte.wrapping_sub(b'-') <= b'9' - b'-';
    is_letter | is_one_of_dash_to_nine | (byte == b'+') | (byte == b'_') | (byte == b'~')
}

/// Returns true for a byte of the name of an authentication scheme: a `tchar` (RFC 9110 §5.6.2).
fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

const SCHEME: &[u8] = b"bearer";

/// The number of spaces that may precede a token; the grammar sets no limit.
const MAX_SPACES: usize = 16;

#[cfg(test)]
mod tests;
