//! What can be told of a token by looking at it, before anybody is asked.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::Deserialize;
use serde_json::Value;

/// What a token looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// An opaque access token of Clerk: begins with `oat_`.
    Opaque,
    /// Three base64url parts (RFC 7515 §3.1), with the `exp` that the payload claims, if any.
    Jwt { exp: Option<i64> },
    /// Anything else: a refresh token, a session id, an API key, random text.
    Unprefixed,
}

impl Shape {
    pub(crate) fn of(token: &str) -> Self {
        if token.starts_with("oat_") {
            return Self::Opaque;
        }
        let mut parts = token.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(payload), Some(signature), None)
                if [header, payload, signature].into_iter().all(is_base64url) =>
            {
                Self::Jwt {
                    exp: claimed_expiry(payload),
                }
            }
            _ => Self::Unprefixed,
        }
    }

    /// The name in logs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Opaque => "opaque",
            Self::Jwt { .. } => "jwt",
            Self::Unprefixed => "unprefixed",
        }
    }
}

fn is_base64url(part: &str) -> bool {
    !part.is_empty()
        && part
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The `exp` in a payload whose signature nobody has checked. Whoever uses it may only shorten a
/// life with it: a forger gains nothing by that, and an unreadable one is as good as none.
fn claimed_expiry(payload: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Claims {
        exp: Option<Value>,
    }

    let payload = LENIENT.decode(payload).ok()?;
    let exp = serde_json::from_slice::<Claims>(&payload).ok()?.exp?;
    super::introspect::seconds(Some(exp)).ok().flatten()
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

#[cfg(test)]
mod tests;
