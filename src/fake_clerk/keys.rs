//! Random texts, and the RSA key that signs JWT access tokens.

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz";
const UPPER_ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The `typ` of an RFC 9068 access token.
pub(super) const ACCESS_TOKEN: &str = "at+jwt";

/// The `typ` of any other JWT, an ID token among them.
pub(super) const PLAIN: &str = "JWT";

/// The instance's signing key.
pub(super) struct SigningKey(KeyPair);

impl SigningKey {
    pub(super) fn generate() -> Result<Self, Unspecified> {
        KeyPair::generate(KeySize::Rsa2048).map(Self)
    }

    /// The payload as a JWT with this `typ`.
    pub(super) fn sign(
        &self,
        kid: &str,
        typ: &str,
        payload: &Value,
    ) -> Result<String, Unspecified> {
        let header = json!({"alg": "RS256", "kid": kid, "typ": typ});
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(payload.to_string()),
        );
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The key set with this one key.
    pub(super) fn jwks(&self, kid: &str) -> Value {
        let public = self.0.public_key();
        let number = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        json!({"keys": [{
            "use": "sig",
            "kty": "RSA",
            "kid": kid,
            "alg": "RS256",
            "n": number(public.modulus().big_endian_without_leading_zero()),
            "e": number(public.exponent().big_endian_without_leading_zero()),
        }]})
    }
}

/// Random letters and digits.
pub(super) fn alphanumeric(len: usize) -> String {
    random_text(ALPHANUMERIC, len)
}

/// Random upper-case letters and digits.
pub(super) fn upper_alphanumeric(len: usize) -> String {
    random_text(UPPER_ALPHANUMERIC, len)
}

/// Random bytes in base64, 56 characters of which the last two are padding.
pub(super) fn base64_text() -> String {
    STANDARD.encode(random_bytes::<40>())
}

fn random_text(alphabet: &[u8], len: usize) -> String {
    // Bytes from here on would make the first letters of the alphabet more likely than the others.
    let limit = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(len);
    while text.len() < len {
        let missing = len - text.len();
        let fair = random_bytes::<64>()
            .into_iter()
            .map(usize::from)
            .filter(|byte| *byte < limit);
        text.extend(
            fair.take(missing)
                .map(|byte| char::from(alphabet[byte % alphabet.len()])),
        );
    }
    text
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system's random source never fails");
    bytes
}
