//! The first stage: from the request's headers to a bearer token. No I/O, no allocation.
//!
//! 1. There must be exactly one `Authorization` header. Of several, picking one would let a proxy in
//!    front and this layer see different credentials (RFC 6750 §3.1).
//! 2. Its scheme must be `Bearer`, in any case (RFC 9110 §11.1). Another scheme is as good as no
//!    credentials: somebody else may understand it.
//! 3. After one or more spaces stands a token68 (RFC 9110 §11.2), within the length limit, and
//!    nothing else.

use std::fmt;

use http::{HeaderMap, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};

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

/// Finds the bearer token of a request.
pub(crate) fn parse(headers: &HeaderMap, max_len: usize) -> Result<&str, AuthErrorKind> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(AuthErrorKind::MissingCredentials)?;
    if values.next().is_some() {
        return Err(AuthErrorKind::SeveralCredentials);
    }
    let value = value.as_bytes().trim_ascii();
    let Some((scheme, rest)) = value.split_at_checked(SCHEME.len()) else {
        return Err(AuthErrorKind::MissingCredentials);
    };
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(AuthErrorKind::MissingCredentials);
    }
    let token = match rest {
        [b' ', token @ ..] => token,
        // The scheme only begins with our name: `Bearerx`.
        [next, ..] if is_scheme_byte(*next) => return Err(AuthErrorKind::MissingCredentials),
        _ => return Err(AuthErrorKind::MalformedCredentials),
    };
    // Before the first look at the token itself, so that a header of a megabyte costs nothing.
    if token.len() > max_len.saturating_add(MAX_SPACES) {
        return Err(AuthErrorKind::TokenTooLong);
    }
    // Spaces alone: the grammar says `1*SP`, and a tab is no space.
    let spaces = token.iter().take_while(|byte| **byte == b' ').count();
    let token = &token[spaces..];
    if token.len() > max_len {
        return Err(AuthErrorKind::TokenTooLong);
    }
    if !is_token68(token) {
        return Err(AuthErrorKind::MalformedCredentials);
    }
    str::from_utf8(token).map_err(|_| AuthErrorKind::MalformedCredentials)
}

/// `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 9110 §11.2)
fn is_token68(token: &[u8]) -> bool {
    let padding = token.iter().rev().take_while(|byte| **byte == b'=').count();
    let body = &token[..token.len() - padding];
    // Without a branch for each byte: good tokens are the rule, and are read to the end anyway.
    let is_valid = |valid, byte: &u8| valid & TOKEN68[usize::from(*byte)];
    !body.is_empty() && body.iter().fold(true, is_valid)
}

/// A byte that may stand in the name of an authentication scheme: a `tchar` (RFC 9110 §5.6.2).
fn is_scheme_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

const SCHEME: &[u8] = b"bearer";

/// How many spaces before the token are put up with; the grammar sets no limit.
const MAX_SPACES: usize = 16;

/// Which bytes may stand in a token68 before the padding.
const TOKEN68: [bool; 256] = {
    let mut table = [false; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
    let mut at = 0;
    while at < alphabet.len() {
        #[expect(clippy::as_conversions, reason = "`usize::from` is not const")]
        let byte = alphabet[at] as usize;
        table[byte] = true;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests;
