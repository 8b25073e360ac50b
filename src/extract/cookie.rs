//! Reads the session token from Clerk's cookie, if the configuration allows it (RFC 6265 §4.2.1).
//!
//! 1. All `Cookie` headers count: HTTP/2 allows several (RFC 9113 §8.2.3).
//! 2. Names are compared byte for byte. `__session_` with the suffix of the publishable key comes first, then
//!    `__session`: a page may have the cookies of several instances, and the suffix identifies the configured one.
//! 3. If two cookies of one name have different values, neither is used: readers differ in which one they find, and
//!    other subdomains can add cookies.
//! 4. An empty cookie counts as absent: a cookie is deleted by emptying it.
//!
//! The form of other cookies does not matter.

use http::{HeaderMap, HeaderValue, header::COOKIE};

use super::Credentials;
use crate::AuthErrorKind;

/// The names of the cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CookieNames {
    /// The name with the suffix of the publishable key; `None` if the key is not known.
    suffixed: Option<Box<str>>,
}

/// The values under one name.
#[derive(Clone, Copy)]
enum Found<'a> {
    Nothing,
    One(&'a [u8]),
    Several,
}

impl CookieNames {
    /// Derives the names. `instance`: the instance as it is configured.
    pub(crate) fn of(instance: &str) -> Self {
        let suffix = instance.starts_with("pk_").then(|| suffix(instance));
        Self {
            suffixed: suffix
                .flatten()
                .map(|suffix| format!("{PLAIN}_{suffix}").into()),
        }
    }

    /// Finds the token of a request that has no bearer credentials, and marks the headers as sensitive.
    pub(crate) fn parse<'a>(
        &self,
        headers: &'a mut HeaderMap,
        max_len: usize,
    ) -> Result<Credentials<'a>, AuthErrorKind> {
        let suffixed = self.suffixed.as_deref().map(str::as_bytes);
        let mut ours = Found::Nothing;
        let mut plain = Found::Nothing;
        for value in sensitive(headers) {
            for (name, value) in pairs(value.as_bytes()) {
                if Some(name) == suffixed {
                    ours.add(value);
                } else if name == PLAIN.as_bytes() {
                    plain.add(value);
                }
            }
        }
        let found = match ours {
            Found::Nothing => plain,
            found => found,
        };
        match found {
            Found::Nothing => Err(AuthErrorKind::MissingCredentials),
            Found::Several => Err(AuthErrorKind::MultipleCredentials),
            Found::One(token) if token.len() > max_len => Err(AuthErrorKind::TokenTooLong),
            Found::One(token) => Ok(Credentials(token)),
        }
    }
}

impl<'a> Found<'a> {
    fn add(&mut self, value: &'a [u8]) {
        *self = match *self {
            found if value.is_empty() => found,
            Self::Nothing => Self::One(value),
            Self::One(first) if first == value => Self::One(first),
            Self::One(_) | Self::Several => Self::Several,
        }
    }
}

/// Marks all `Cookie` headers as sensitive, and returns them.
fn sensitive(headers: &mut HeaderMap) -> impl Iterator<Item = &HeaderValue> {
    headers
        .iter_mut()
        .filter(|(name, _)| *name == COOKIE)
        .map(|(_, value)| {
            value.set_sensitive(true);
            &*value
        })
}

/// Splits `cookie-string = cookie-pair *( ";" SP cookie-pair )`, with any white space before a pair. A text that is
/// not a pair is left out. A value is not changed: it keeps its quotes and white space.
fn pairs(cookies: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    cookies.split(|byte| *byte == b';').filter_map(|pair| {
        let pair = pair.trim_ascii_start();
        let end = pair.iter().position(|byte| *byte == b'=')?;
        Some((&pair[..end], &pair[end + 1..]))
    })
}

/// Returns the suffix that Clerk appends to the name, so that the cookies of several instances do not collide: the
/// first eight characters of the base64url of the SHA-1 of the publishable key.
#[cfg(feature = "jwt")]
fn suffix(publishable_key: &str) -> Option<String> {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, publishable_key.as_bytes());
    let mut suffix = URL_SAFE_NO_PAD.encode(digest);
    suffix.truncate(8);
    Some(suffix)
}

/// Without the feature `jwt`, session tokens are not accepted, so no cookie is read.
#[cfg(not(feature = "jwt"))]
fn suffix(_: &str) -> Option<String> {
    None
}

const PLAIN: &str = "__session";

#[cfg(test)]
mod tests;
