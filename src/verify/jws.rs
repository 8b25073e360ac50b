//! The frame of a signed token (RFC 7515 §3.1): its parts and its header. Pure and strict: nothing is repaired,
//! nothing is read twice.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    AuthErrorKind, TokenKind,
    token::{
        format::{is_access_token_type, jwt_kind},
        json::Members,
    },
};

/// A signed token, split into its parts. Nothing of it has been verified.
#[cfg(feature = "jwt")]
pub(super) struct Jws<'a> {
    pub(super) header: Header,
    pub(super) algorithm: JwtAlgorithm,
    /// The signed text: header and payload, unchanged.
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
    /// Encoded. Until the signature is verified, it may only reject the token.
    payload: &'a str,
}

/// The relevant members of a header (RFC 7515 §4.1). Keys that a header contains or refers to (`jwk`, `jku`, `x5c`,
/// `x5u`) are ignored: signers would vouch for themselves.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
    /// Clerk's class of the token.
    pub(super) cat: Option<String>,
}

#[cfg(feature = "jwt")]
impl<'a> Jws<'a> {
    /// Parses a token. `algorithms`: the accepted ones.
    pub(super) fn parse(
        token: &'a str,
        algorithms: &[JwtAlgorithm],
    ) -> Result<Self, AuthErrorKind> {
        let (signed, signature) = split(token)?;
        let (header, payload) = split_signed(signed)?;
        let (header, algorithm) = Header::read(object(header)?)?;
        Ok(Self {
            header,
            algorithm: algorithms
                .iter()
                .copied()
                .find(|accepted| accepted.as_str() == algorithm)
                .ok_or(AuthErrorKind::InvalidSignature)?,
            signed,
            signature: decode(signature)?,
            payload,
        })
    }

    /// Decodes the members of the payload.
    pub(super) fn payload(&self) -> Result<Map<String, Value>, AuthErrorKind> {
        object(self.payload)
    }
}

/// Reads header and payload of a token of any algorithm, as strictly as those of a verified one. Nothing vouches for
/// them.
pub(super) fn unverified(token: &str) -> Result<(Header, Map<String, Value>), AuthErrorKind> {
    let (signed, signature) = split(token)?;
    let (header, payload) = split_signed(signed)?;
    let (header, _) = Header::read(object(header)?)?;
    decode(signature)?;
    Ok((header, object(payload)?))
}

impl Header {
    /// Returns the header, and the name of the algorithm.
    fn read(mut members: Map<String, Value>) -> Result<(Self, String), AuthErrorKind> {
        // Extensions that must be understood (RFC 7515 §4.1.11) are not supported. One of them (RFC 7797 §3) changes
        // what is signed, so it counts even if `crit` does not name it.
        if members.contains_key("crit") || members.contains_key("b64") {
            return Err(AuthErrorKind::MalformedToken);
        }
        let mut text = |name| match members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(AuthErrorKind::MalformedToken),
        };
        let algorithm = text("alg")?.ok_or(AuthErrorKind::MalformedToken)?;
        let header = Self {
            kid: text("kid")?,
            typ: text("typ")?,
            cat: text("cat")?,
        };
        Ok((header, algorithm))
    }

    /// Rejects a token of another kind than a less strict reader found.
    pub(super) fn check_kind(
        &self,
        payload: &Map<String, Value>,
        kind: TokenKind,
    ) -> Result<(), AuthErrorKind> {
        let sub = payload.get("sub").and_then(Value::as_str);
        if jwt_kind(self.typ.as_deref(), sub) == kind && self.is_of(kind) {
            return Ok(());
        }
        Err(match kind {
            TokenKind::Session => AuthErrorKind::NotSessionToken,
            TokenKind::OAuth | TokenKind::Machine | TokenKind::ApiKey => {
                AuthErrorKind::NotAccessToken
            }
        })
    }

    /// Returns true if the header fits a kind. One key signs tokens of all kinds, so a token that does not name its
    /// kind must at least not name another kind.
    ///
    /// | kind | `typ` | `cat` |
    /// |---|---|---|
    /// | OAuth | that of access tokens | any but the classes of other kinds |
    /// | session | `JWT`, or absent | the class of sessions, the unspecific class, or absent |
    /// | machine | `JWT`, or absent | the class of machines, the unspecific class, or absent |
    fn is_of(&self, kind: TokenKind) -> bool {
        let is_plain = self
            .typ
            .as_ref()
            .is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
        let is_unclassified_or = |class: &str| {
            self.cat
                .as_ref()
                .is_none_or(|cat| cat == class || cat == UNCLASSIFIED)
        };
        match kind {
            TokenKind::OAuth => {
                let cat = self.cat.as_deref().unwrap_or_default();
                self.typ.as_deref().is_some_and(is_access_token_type)
                    && ![SESSION, TEMPLATE, MACHINE].contains(&cat)
            }
            TokenKind::Session => is_plain && is_unclassified_or(SESSION),
            TokenKind::Machine => is_plain && is_unclassified_or(MACHINE),
            TokenKind::ApiKey => false,
        }
    }
}

/// Splits a token into the signed text and the signature.
fn split(token: &str) -> Result<(&str, &str), AuthErrorKind> {
    token.rsplit_once('.').ok_or(AuthErrorKind::MalformedToken)
}

/// Splits the signed text into header and payload.
fn split_signed(signed: &str) -> Result<(&str, &str), AuthErrorKind> {
    signed.split_once('.').ok_or(AuthErrorKind::MalformedToken)
}

/// Decodes a part that holds a JSON object.
fn object(part: &str) -> Result<Map<String, Value>, AuthErrorKind> {
    let Members(members) =
        serde_json::from_slice(&decode(part)?).map_err(|_| AuthErrorKind::MalformedToken)?;
    Ok(members)
}

/// Decodes base64url without padding (RFC 7515 §2). The unused bits must be zero, so that a token has only one
/// spelling.
fn decode(part: &str) -> Result<Vec<u8>, AuthErrorKind> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| AuthErrorKind::MalformedToken)
}

/// Clerk's class (`cat`) of session tokens.
const SESSION: &str = "cl_B7d4PD111AAA";
/// Clerk's class of tokens of JWT templates.
const TEMPLATE: &str = "cl_B7d4PD222AAA";
/// Clerk's class of machine tokens.
const MACHINE: &str = "cl_B7d4PD333AAA";
/// The unspecific class, which some instances write into every token.
const UNCLASSIFIED: &str = "cl_I7d4PD111III";

/// A signature algorithm (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[non_exhaustive]
pub enum JwtAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
}

#[cfg(feature = "jwt")]
impl JwtAlgorithm {
    /// As headers of tokens and key sets name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// The algorithm of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Rs256, Self::Rs384, Self::Rs512]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
    }
}

#[cfg(all(test, feature = "jwt"))]
mod tests;
