//! The first stage: from the request's headers to a bearer token. No I/O, no allocation. Where the configuration
//! says so, a cookie is looked at after that (`cookie`).
//!
//! 1. There must be exactly one `Authorization` header. Of several, picking one would let a proxy in
//!    front and this layer see different credentials (RFC 6750 §3.1).
//! 2. Its scheme must be `Bearer`, in any case (RFC 9110 §11.1). Another scheme is as good as no
//!    credentials: somebody else may understand it.
//! 3. After one or more spaces stands a token68 (RFC 9110 §11.2), within the length limit, and
//!    nothing else. The length is looked at here, the alphabet only where the cache does not know the
//!    token.

mod cookie;

use std::fmt;

use http::{HeaderMap, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};

pub(crate) use self::cookie::CookieNames;
use crate::AuthErrorKind;

/// A bearer token, as sent by the caller. `Debug` does not show it; it is wiped when dropped.
#[derive(Clone)]
pub struct BearerToken(SecretString);

impl BearerToken {
    /// The token itself. Whoever asks for it must not log or store it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub(crate) fn new(token: &str) -> Self {
        Self(token.into())
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken([redacted])")
    }
}

/// What stands where the token should, still in its header: of the right length, and not looked at.
///
/// Whether it is a token68 is asked only of what the cache does not know: what it knows was one.
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

    /// The token, if it is a token68.
    pub(crate) fn token(self) -> Result<&'a str, AuthErrorKind> {
        if !is_token68(self.0) {
            return Err(AuthErrorKind::MalformedCredentials);
        }
        str::from_utf8(self.0).map_err(|_| AuthErrorKind::MalformedCredentials)
    }
}

/// Finds the bearer token of a request, and marks the header as sensitive, so that nobody who prints
/// headers shows it.
#[inline]
pub(crate) fn parse(
    headers: &mut HeaderMap,
    max_len: usize,
) -> Result<Credentials<'_>, AuthErrorKind> {
    // As long as no name stands twice, neither does this one: the rule, and one look-up less.
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

/// The token, where it is spelled as nearly everybody does: `Bearer`, one space, the token. It is what
/// [`in_full`] would find, in a third of the instructions.
#[inline]
fn at_a_glance(value: &[u8]) -> Option<&[u8]> {
    let token = value.strip_prefix(b"Bearer ")?;
    let (first, last) = (token.first()?, token.last()?);
    (*first != b' ' && !last.is_ascii_whitespace()).then_some(token)
}

/// The token, however the grammar lets it be spelled.
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
        // The scheme only begins with our name: `Bearerx`.
        [next, ..] if is_scheme_byte(*next) => return Err(AuthErrorKind::MissingCredentials),
        _ => return Err(AuthErrorKind::MalformedCredentials),
    };
    // Before the first look at the token itself, so that a header of a megabyte costs nothing.
    if token.len() > max_len && token.len() - max_len > MAX_SPACES {
        return Err(AuthErrorKind::TokenTooLong);
    }
    // Spaces alone: the grammar says `1*SP`, and a tab is no space.
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
    // Without a branch for each byte, so that sixteen are looked at together: good tokens are the
    // rule, and are read to the end anyway.
    let is_valid = |valid, byte: &u8| valid & is_token68_byte(*byte);
    !body.is_empty() && body.iter().fold(true, is_valid)
}

/// A byte that may stand in a token68 before the padding.
const fn is_token68_byte(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let is_one_of_dash_to_nine = byte.wrapping_sub(b'-') <= b'9' - b'-';
    is_letter | is_one_of_dash_to_nine | (byte == b'+') | (byte == b'_') | (byte == b'~')
}

/// A byte that may stand in the name of an authentication scheme: a `tchar` (RFC 9110 §5.6.2).
fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

const SCHEME: &[u8] = b"bearer";

/// How many spaces before the token are put up with; the grammar sets no limit.
const MAX_SPACES: usize = 16;

#[cfg(test)]
mod tests;
