//! Public keys, from a key set (RFC 7517) or from a PEM. Pure.

use std::sync::Arc;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rsa::PublicEncryptingKey,
    signature::{
        ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
        RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
    },
};
use base64::{
    Engine, alphabet,
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD,
    },
};
use serde_json::{Map, Value};

use crate::{token::json::Members, verify::jws::JwtAlgorithm};

/// An RSA key of 2048 to 8192 bits. It is parsed when it is read, and not for every signature.
#[derive(Clone, Debug)]
pub(crate) struct PublicKey(Arc<ByAlgorithm>);

/// The key, once per algorithm: aws-lc-rs ties a parsed key to one of them.
#[derive(Debug)]
struct ByAlgorithm {
    rs256: ParsedPublicKey,
    rs384: ParsedPublicKey,
    rs512: ParsedPublicKey,
}

impl PublicKey {
    /// Reads a PEM (RFC 7468 §13), with or without its first and last line, and with its line breaks, without
    /// them, or written as `\n`.
    pub(crate) fn from_pem(pem: &str) -> Option<Self> {
        let pem = pem.replace("\\n", "\n");
        let pem = pem.trim();
        let body = match pem.strip_prefix("-----BEGIN PUBLIC KEY-----") {
            Some(rest) => rest.strip_suffix("-----END PUBLIC KEY-----")?,
            None => pem,
        };
        let text: String = body.split_ascii_whitespace().collect();
        Self::from_der(&BASE64.decode(text).ok()?)
    }

    /// Reads `n` and `e` (RFC 7518 §6.3.1).
    fn from_components(n: &str, e: &str) -> Option<Self> {
        let decode = |part| URL_SAFE_NO_PAD.decode(part).ok();
        let components = RsaPublicKeyComponents {
            n: decode(n)?,
            e: decode(e)?,
        };
        let der: PublicKeyX509Der<'_> = components.as_der().ok()?;
        Self::from_der(der.as_ref())
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        // This checks the size, too.
        let key = PublicEncryptingKey::from_der(der).ok()?;
        let canonical: PublicKeyX509Der<'_> = key.as_der().ok()?;
        // There must be no bytes after the key.
        if canonical.as_ref() != der {
            return None;
        }
        Some(Self(Arc::new(ByAlgorithm {
            rs256: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).ok()?,
            rs384: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA384, der).ok()?,
            rs512: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA512, der).ok()?,
        })))
    }

    /// Returns true if this key has signed the message.
    pub(super) fn verifies(
        &self,
        algorithm: JwtAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let key = match algorithm {
            JwtAlgorithm::Rs256 => &self.0.rs256,
            JwtAlgorithm::Rs384 => &self.0.rs384,
            JwtAlgorithm::Rs512 => &self.0.rs512,
        };
        key.verify_sig(message, signature).is_ok()
    }
}

/// A JWK Set (RFC 7517 §5), reduced to the usable keys.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Jwk>);

#[derive(Debug)]
struct Jwk {
    kid: String,
    /// The only algorithm of the key; `None` if it is for any accepted one.
    algorithm: Option<JwtAlgorithm>,
    key: PublicKey,
}

impl KeySet {
    /// Reads a set. Keys that cannot be used are left out (RFC 7517 §5): those of another type, for another purpose
    /// or algorithm, without a `kid`, or broken.
    pub(super) fn from_json(body: &[u8]) -> Result<Self, &'static str> {
        let Members(mut members) =
            serde_json::from_slice(body).map_err(|_| "the body is not one JSON object")?;
        let Some(Value::Array(keys)) = members.remove("keys") else {
            return Err("`keys` is not an array");
        };
        let keys: Vec<_> = keys.into_iter().filter_map(Jwk::read).collect();
        match keys.len() {
            0 => Err("no key can be used"),
            1..=MAX_KEYS => Ok(Self(keys)),
            _ => Err("too many keys"),
        }
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn has(&self, kid: &str) -> bool {
        self.0.iter().any(|jwk| jwk.kid == kid)
    }

    /// Returns true if a key of this name has signed the message. Several keys can have one name.
    pub(super) fn verifies(
        &self,
        kid: &str,
        algorithm: JwtAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        self.0
            .iter()
            .filter(|jwk| jwk.kid == kid && jwk.algorithm.is_none_or(|only| only == algorithm))
            .any(|jwk| jwk.key.verifies(algorithm, message, signature))
    }
}

impl Jwk {
    fn read(value: Value) -> Option<Self> {
        let Value::Object(members) = value else {
            return None;
        };
        let text = |name| members.get(name).and_then(Value::as_str);
        let is_rsa = text("kty") == Some("RSA");
        let algorithm = match members.get("alg") {
            None => None,
            Some(alg) => Some(JwtAlgorithm::named(alg.as_str()?)?),
        };
        if !is_rsa || !is_for_signatures(&members) {
            return None;
        }
        Some(Self {
            kid: text("kid")?.to_owned(),
            algorithm,
            key: PublicKey::from_components(text("n")?, text("e")?)?,
        })
    }
}

/// Returns true unless `use` (RFC 7517 §4.2) or `key_ops` (§4.3) excludes signatures.
fn is_for_signatures(members: &Map<String, Value>) -> bool {
    members.get("use").is_none_or(|purpose| purpose == "sig")
        && members.get("key_ops").is_none_or(|operations| {
            operations
                .as_array()
                .is_some_and(|operations| operations.iter().any(|one| one == "verify"))
        })
}

/// The largest accepted set. Clerk publishes one or two keys. Each key of a name costs one signature check.
const MAX_KEYS: usize = 64;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests;
