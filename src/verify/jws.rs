//! The frame of a signed token (RFC 7515 §3.1): its parts, and what its header says. Pure, and strict:
//! nothing is repaired, nothing is read twice.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

#[cfg(feature = "jwt")]
use crate::config::JwtAlgorithm;
use crate::{
    AuthErrorKind, TokenKind,
    verify::{
        members::Members,
        shape::{is_access_token_type, jwt_kind},
    },
};

/// A signed token, taken apart. Nothing of it has been verified.
#[cfg(feature = "jwt")]
pub(super) struct Jws<'a> {
    pub(super) header: Header,
    pub(super) algorithm: JwtAlgorithm,
    /// What is signed: header and payload as they came.
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
    /// Encoded. Nobody should read it before the signature is verified.
    payload: &'a str,
}

/// What counts of a header (RFC 7515 §4.1). A key that a header brings along or points to (`jwk`, `jku`,
/// `x5c`, `x5u`) is not looked at: whoever signs would vouch for himself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
    /// Which class of Clerk's the token is of.
    pub(super) cat: Option<String>,
}

#[cfg(feature = "jwt")]
impl<'a> Jws<'a> {
    /// `algorithms`: those that are accepted.
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

    /// The members of the payload.
    pub(super) fn payload(&self) -> Result<Map<String, Value>, AuthErrorKind> {
        object(self.payload)
    }
}

/// Reads header and payload of a token as strictly as those of a verified one, of whatever algorithm it is. Nothing
/// vouches for them.
pub(super) fn unverified(token: &str) -> Result<(Header, Map<String, Value>), AuthErrorKind> {
    let (signed, signature) = split(token)?;
    let (header, payload) = split_signed(signed)?;
    let (header, _) = Header::read(object(header)?)?;
    decode(signature)?;
    Ok((header, object(payload)?))
}

impl Header {
    /// The header, and the name of the algorithm.
    fn read(mut members: Map<String, Value>) -> Result<(Self, String), AuthErrorKind> {
        // Extensions that must be understood (RFC 7515 §4.1.11): we understand none. One of them (RFC 7797
        // §3) changes what is signed, and counts as well where nobody says that it must be understood.
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

    /// Rejects a token that is of another kind than it was taken for by a reader that is less strict.
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

    /// Whether a token with this header is of a kind. One key signs them all: a token that does not say
    /// what it is must at least not say that it is something else.
    ///
    /// | kind | `typ` | `cat` |
    /// |---|---|---|
    /// | OAuth | that of access tokens | none of another kind |
    /// | session | `JWT`, or none | that of sessions, the one that says nothing, or none |
    /// | machine | `JWT`, or none | that of machines, the one that says nothing, or none |
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

/// What is signed, and the signature.
fn split(token: &str) -> Result<(&str, &str), AuthErrorKind> {
    token.rsplit_once('.').ok_or(AuthErrorKind::MalformedToken)
}

/// Header and payload.
fn split_signed(signed: &str) -> Result<(&str, &str), AuthErrorKind> {
    signed.split_once('.').ok_or(AuthErrorKind::MalformedToken)
}

/// A part that holds a JSON object.
fn object(part: &str) -> Result<Map<String, Value>, AuthErrorKind> {
    let Members(members) =
        serde_json::from_slice(&decode(part)?).map_err(|_| AuthErrorKind::MalformedToken)?;
    Ok(members)
}

/// base64url without padding (RFC 7515 §2), with nothing in the bits that are left over: one token has
/// one spelling.
fn decode(part: &str) -> Result<Vec<u8>, AuthErrorKind> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| AuthErrorKind::MalformedToken)
}

/// The classes that Clerk writes into `cat`: session tokens,
const SESSION: &str = "cl_B7d4PD111AAA";
/// tokens of JWT templates,
const TEMPLATE: &str = "cl_B7d4PD222AAA";
/// machine tokens,
const MACHINE: &str = "cl_B7d4PD333AAA";
/// and the one that says nothing, which some instances write into every token.
const UNCLASSIFIED: &str = "cl_I7d4PD111III";

#[cfg(all(test, feature = "jwt"))]
mod tests;
