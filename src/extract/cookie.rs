//! The session token in Clerk's cookie, where the configuration says that it counts (RFC 6265 §4.2.1).
//!
//! 1. All `Cookie` headers count: HTTP/2 allows for several (RFC 9113 §8.2.3).
//! 2. A name is compared byte for byte. `__session_` and the suffix of the publishable key comes first, then
//!    `__session`: a page may have the cookies of several instances, and one suffix is ours.
//! 3. Of two cookies of one name with different values neither is taken: which of them a reader finds
//!    depends on the reader, and other subdomains can add theirs.
//! 4. An empty cookie is none: it is how they are deleted.
//!
//! What other cookies look like is of no interest.

use http::{HeaderMap, HeaderValue, header::COOKIE};

use super::Credentials;
use crate::AuthErrorKind;

/// What the cookie is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CookieNames {
    /// With the suffix of the publishable key, where that is known.
    suffixed: Option<Box<str>>,
}

/// What there is under one name.
#[derive(Clone, Copy)]
enum Found<'a> {
    Nothing,
    One(&'a [u8]),
    Several,
}

impl CookieNames {
    /// `instance`: as the configuration names it.
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

/// All `Cookie` headers, marked.
fn sensitive(headers: &mut HeaderMap) -> impl Iterator<Item = &HeaderValue> {
    headers
        .iter_mut()
        .filter(|(name, _)| *name == COOKIE)
        .map(|(_, value)| {
            value.set_sensitive(true);
            &*value
        })
}

/// `cookie-string = cookie-pair *( ";" SP cookie-pair )`, with any white space in front of a pair; what is no
/// pair is left out. A value is taken as it stands, quotes and white space included.
fn pairs(cookies: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    cookies.split(|byte| *byte == b';').filter_map(|pair| {
        let pair = pair.trim_ascii_start();
        let end = pair.iter().position(|byte| *byte == b'=')?;
        Some((&pair[..end], &pair[end + 1..]))
    })
}

/// What Clerk puts behind the name, so that the cookies of several instances do not meet: the first eight
/// characters of the base64url of the SHA-1 of the publishable key.
#[cfg(feature = "jwt")]
fn suffix(publishable_key: &str) -> Option<String> {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, publishable_key.as_bytes());
    let mut suffix = URL_SAFE_NO_PAD.encode(digest);
    suffix.truncate(8);
    Some(suffix)
}

/// Session tokens are not accepted without the feature `jwt`, so that no cookie is looked at.
#[cfg(not(feature = "jwt"))]
fn suffix(_: &str) -> Option<String> {
    None
}

const PLAIN: &str = "__session";

#[cfg(test)]
mod tests;
