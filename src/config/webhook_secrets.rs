//! The signing secrets of webhooks: `whsec_` and base64.

use std::sync::Arc;

use aws_lc_rs::hmac::{HMAC_SHA256, Key};
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    ClerkConfigBuilder,
    checks::{Flaw, Problems},
};

impl ClerkConfigBuilder {
    /// Returns the keys of the signing secrets. A problem never repeats a secret.
    pub(super) fn check_webhook_secrets(&self, problems: &mut Problems) -> Arc<[Key]> {
        let keys = self.webhook_secrets.iter().filter_map(|secret| {
            let key = signing_key(secret);
            problems.check("webhook_secrets", key)
        });
        keys.collect()
    }
}

fn signing_key(secret: &SecretString) -> Result<Key, Flaw> {
    let Some(text) = secret.expose_secret().strip_prefix("whsec_") else {
        return Err(Flaw::hidden(
            "give the signing secret of the webhook endpoint, `whsec_…`, as Clerk's dashboard shows it",
        ));
    };
    let bytes = BASE64
        .decode(text)
        .map_err(|_| Flaw::hidden("what follows `whsec_` must be base64: copy the whole secret"))?;
    if bytes.len() < SHORTEST {
        return Err(Flaw::hidden(format_args!(
            "it has less than {SHORTEST} bytes, as no signing secret has: copy the whole secret"
        )));
    }
    Ok(Key::new(HMAC_SHA256, &bytes))
}

/// Standard base64. The padding may be absent: some tools strip it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The length of the shortest signing secret (Standard Webhooks, "Symmetric signatures"). An empty secret would let
/// every caller sign.
const SHORTEST: usize = 24;
