//! Proof key for code exchange (RFC 7636), with the method `S256` only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::Rejection;
use super::params::Params;

/// The SHA-256 digest of a client's verifier.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Challenge(Vec<u8>);

impl Challenge {
    /// Reads the challenge of an authorization request. A public client is rejected without one.
    pub(super) fn of(params: &Params, is_public: bool) -> Result<Option<Self>, Rejection> {
        let method = params.get("code_challenge_method");
        let Some(challenge) = params.get("code_challenge") else {
            let description = match (is_public, method) {
                (true, _) => "A public client must send a code_challenge.",
                (false, Some(_)) => "There is a code_challenge_method without a code_challenge.",
                (false, None) => return Ok(None),
            };
            return Err(Rejection::invalid_request(description));
        };
        // The default method is `plain` (RFC 7636 §4.3).
        if method != Some("S256") {
            let description = "The code_challenge_method must be S256.";
            return Err(Rejection::invalid_request(description));
        }
        match URL_SAFE_NO_PAD.decode(challenge) {
            Ok(digest) if digest.len() == Sha256::output_size() => Ok(Some(Self(digest))),
            _ => Err(Rejection::invalid_request(
                "The code_challenge is not a SHA-256 digest in base64url.",
            )),
        }
    }

    pub(super) fn is_met_by(&self, verifier: &str) -> bool {
        is_verifier(verifier) && Sha256::digest(verifier).as_slice() == self.0
    }
}

/// Returns true for 43 to 128 unreserved characters (RFC 7636 §4.1).
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}
