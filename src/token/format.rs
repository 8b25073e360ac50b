//! The format of a token: its kind and its encoding, as far as the text shows them without a call.
//!
//! The rules are the same as in Clerk's own libraries. The first match decides:
//!
//! | a token that | is |
//! |---|---|
//! | begins with `oat_` | an OAuth access token |
//! | begins with `mt_` | a machine token |
//! | begins with `ak_` | an API key |
//! | is a JWT whose `sub` begins with `mch_` | a machine token |
//! | is a JWT whose `typ` is `at+jwt` or `application/at+jwt` | an OAuth access token |
//! | is any other JWT | a session token |
//! | is anything else | not from Clerk, or not for use as a bearer token |
//!
//! The format is not proof, because no signature is verified yet. It decides which rules apply to the token, and
//! whether the token is verified at all.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::TokenKind;

/// The format of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenFormat {
    /// A token with a prefix that Clerk uses.
    Opaque(TokenKind),
    /// Three base64url parts (RFC 7515 §3.1), with the `exp` that the payload claims, if any.
    Jwt { kind: TokenKind, exp: Option<i64> },
    /// Anything else: a refresh token, a session id, random text.
    Unprefixed,
}

impl TokenFormat {
    pub(crate) fn of(token: &str) -> Self {
        for (prefix, kind) in PREFIXES {
            if token.starts_with(prefix) {
                return Self::Opaque(kind);
            }
        }
        let mut parts = token.split('.');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(payload), Some(signature), None)
                if [header, payload, signature].into_iter().all(is_base64url) =>
            {
                Self::of_jwt(header, payload)
            }
            _ => Self::Unprefixed,
        }
    }

    fn of_jwt(header: &str, payload: &str) -> Self {
        let header: Option<Header> = decode(header);
        let payload: Option<Payload> = decode(payload);
        let typ = header
            .as_ref()
            .and_then(|header| header.typ.as_ref()?.as_str());
        let sub = payload
            .as_ref()
            .and_then(|payload| payload.sub.as_ref()?.as_str());
        let kind = jwt_kind(typ, sub);
        let exp = payload.and_then(|payload| payload.exp);
        Self::Jwt {
            kind,
            // Whoever uses it may only shorten a life with it: a forger gains nothing by that, and an
            // unreadable one is as good as none.
            exp: super::json::seconds(exp).ok().flatten(),
        }
    }

    /// Returns the kind; `None` if the text does not show it.
    pub(crate) fn kind(self) -> Option<TokenKind> {
        match self {
            Self::Opaque(kind) | Self::Jwt { kind, .. } => Some(kind),
            Self::Unprefixed => None,
        }
    }

    /// Returns the name of the kind in logs.
    pub(crate) fn as_str(self) -> &'static str {
        self.kind().map_or("unprefixed", TokenKind::as_str)
    }
}

/// Returns the kind of a JWT, by the `typ` of its header and its subject.
pub(crate) fn jwt_kind(typ: Option<&str>, sub: Option<&str>) -> TokenKind {
    if sub.is_some_and(|sub| sub.starts_with("mch_")) {
        TokenKind::Machine
    } else if typ.is_some_and(is_access_token_type) {
        TokenKind::OAuth
    } else {
        TokenKind::Session
    }
}

/// Returns true if a `typ` is that of access tokens (RFC 9068 §2.1).
pub(crate) fn is_access_token_type(typ: &str) -> bool {
    matches!(typ, "at+jwt" | "application/at+jwt")
}

fn is_base64url(part: &str) -> bool {
    !part.is_empty()
        && part
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Returns the issuer that the payload of a JWT names, without any verification. `None` if the token is not a JWT, or if
/// its issuer is absent, unreadable or named twice.
pub(crate) fn stated_issuer(token: &str) -> Option<String> {
    let mut parts = token.split('.');
    let (_, payload) = (parts.next()?, parts.next()?);
    decode::<Issuer>(payload)?.iss
}

#[derive(Deserialize)]
struct Issuer {
    iss: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    typ: Option<Value>,
}

#[derive(Deserialize)]
struct Payload {
    sub: Option<Value>,
    exp: Option<Value>,
}

fn decode<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&LENIENT.decode(part).ok()?).ok()
}

const PREFIXES: [(&str, TokenKind); 3] = [
    ("oat_", TokenKind::OAuth),
    ("mt_", TokenKind::Machine),
    ("ak_", TokenKind::ApiKey),
];

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

#[cfg(test)]
mod tests;
