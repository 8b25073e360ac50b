//! Random texts, and the RSA keys that sign JWTs.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::{self, SystemRandom};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz";

const HEXADECIMAL: &[u8] = b"0123456789abcdef";

/// The `typ` of an RFC 9068 access token.
pub(super) const ACCESS_TOKEN: &str = "at+jwt";

/// The `typ` of any other JWT, an ID token among them.
pub(super) const PLAIN: &str = "JWT";

/// One of the instance's signing keys.
pub(super) struct SigningKey(KeyPair);

impl SigningKey {
    pub(super) fn generate() -> Result<Self, Unspecified> {
        KeyPair::generate(KeySize::Rsa2048).map(Self)
    }

    /// Returns the payload as a JWT with this header, which must name RS256.
    pub(super) fn sign(&self, header: &Value, payload: &Value) -> Result<String, Unspecified> {
        self.sign_message(&format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(payload.to_string()),
        ))
    }

    /// Returns the message with its signature appended.
    pub(super) fn sign_message(&self, message: &str) -> Result<String, Unspecified> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message.as_bytes(),
            &mut signature,
        )?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Returns the public half as a member of a key set (RFC 7517 §4).
    pub(super) fn jwk(&self, kid: &str) -> Value {
        let public = self.0.public_key();
        let number = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        json!({
            "use": "sig",
            "kty": "RSA",
            "kid": kid,
            "alg": "RS256",
            "n": number(public.modulus().big_endian_without_leading_zero()),
            "e": number(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// Returns the public half in PEM: a `SubjectPublicKeyInfo` (RFC 7468 §13), in lines of 64 characters.
    pub(super) fn pem(&self) -> Result<String, Unspecified> {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der()?;
        let text = STANDARD.encode(der.as_ref());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = after;
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        Ok(pem)
    }
}

/// Returns random letters and digits.
pub(super) fn alphanumeric(len: usize) -> String {
    random_text(ALPHANUMERIC, len)
}

/// Returns random hexadecimal digits in lower case.
pub(super) fn hexadecimal(len: usize) -> String {
    random_text(HEXADECIMAL, len)
}

/// Returns random base64 of 32 bytes that contains a slash and padding, to detect readers that do not handle
/// them.
pub(super) fn api_key_text() -> String {
    loop {
        let text = STANDARD.encode(random_bytes::<32>());
        if text.contains('/') {
            return text;
        }
    }
}

/// Returns random bytes in base64: 56 characters, of which the last two are padding.
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
