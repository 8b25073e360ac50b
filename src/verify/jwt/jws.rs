//! The frame of a signed token (RFC 7515 §3.1): its parts, and what its header says. Pure, and strict:
//! nothing is repaired, nothing is read twice.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::{
    AuthErrorKind, JwtAlgorithm, TokenKind,
    verify::{members::Members, shape::is_access_token_type},
};

/// A signed token, taken apart. Nothing of it has been verified.
pub(super) struct Jws<'a> {
    pub(super) header: Header,
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
    pub(super) algorithm: JwtAlgorithm,
    pub(super) kid: Option<String>,
    pub(super) typ: Option<String>,
    /// Which class of Clerk's the token is of.
    pub(super) cat: Option<String>,
}

impl<'a> Jws<'a> {
    /// `algorithms`: those that are accepted.
    pub(super) fn parse(
        token: &'a str,
        algorithms: &[JwtAlgorithm],
    ) -> Result<Self, AuthErrorKind> {
        let malformed = AuthErrorKind::MalformedToken;
        let (signed, signature) = token.rsplit_once('.').ok_or(malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(malformed)?;
        Ok(Self {
            header: Header::read(object(header)?, algorithms)?,
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

impl Header {
    fn read(
        mut members: Map<String, Value>,
        algorithms: &[JwtAlgorithm],
    ) -> Result<Self, AuthErrorKind> {
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
        Ok(Self {
            algorithm: algorithms
                .iter()
                .copied()
                .find(|accepted| accepted.as_str() == algorithm)
                .ok_or(AuthErrorKind::InvalidSignature)?,
            kid: text("kid")?,
            typ: text("typ")?,
            cat: text("cat")?,
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
    pub(super) fn is_of(&self, kind: TokenKind) -> bool {
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

#[cfg(test)]
mod tests;
