//! The signature of an event, as Svix and Standard Webhooks define it: HMAC-SHA256 over `id.timestamp.body`.

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    hmac::{self, Key},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderMap;

use crate::clock::Now;

/// The signed headers of one event. Nothing is verified.
#[derive(Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) id: &'a str,
    timestamp: &'a str,
    signatures: &'a str,
}

/// The reason why a request is not a signed event of Clerk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// A header breaks its grammar, or occurs twice.
    Malformed(&'static str),
    /// The signature is absent, of another time, or of another secret.
    Unsigned(&'static str),
}

impl<'a> Signed<'a> {
    /// Reads the headers `svix-id`, `svix-timestamp` and `svix-signature`, or else the same three of Standard Webhooks
    /// (`webhook-…`). Names of different families do not mix.
    pub(crate) fn read(headers: &'a HeaderMap) -> Result<Self, Flaw> {
        let family = FAMILIES
            .iter()
            .find(|family| family.iter().all(|name| headers.contains_key(*name)));
        let [id, timestamp, signatures] =
            family.ok_or(Flaw::Unsigned("a header of the signature is absent"))?;
        let signed = Self {
            id: only(headers, id)?,
            timestamp: only(headers, timestamp)?,
            signatures: only(headers, signatures)?,
        };
        // A full stop separates the id from the timestamp.
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
        if signed.id.is_empty() || signed.id.len() > LONGEST_ID || !signed.id.bytes().all(is_plain)
        {
            return Err(Flaw::Malformed("the id is malformed"));
        }
        Ok(signed)
    }

    /// Verifies the time and the signature of this body.
    pub(crate) fn verify(&self, body: &[u8], keys: &[Key], now: Now) -> Result<(), Flaw> {
        let seconds = self.seconds()?;
        if seconds.abs_diff(now.wall / 1000) > TOLERANCE {
            return Err(Flaw::Unsigned(
                "the timestamp is more than five minutes away",
            ));
        }
        if keys.iter().any(|key| self.is_signed_by(key, body)) {
            return Ok(());
        }
        Err(Flaw::Unsigned("no configured secret signed it"))
    }

    /// Returns the timestamp in Unix seconds.
    fn seconds(&self) -> Result<u64, Flaw> {
        // The parser also reads a plus sign.
        let is_number = self.timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = self.timestamp.parse().ok().filter(|_| is_number);
        seconds.ok_or(Flaw::Malformed("the timestamp is malformed"))
    }

    /// Returns true if one of the signatures is that of this key. All of them are compared, each in constant time.
    fn is_signed_by(&self, key: &Key, body: &[u8]) -> bool {
        let mut expected = hmac::Context::with_key(key);
        for part in [
            self.id.as_bytes(),
            b".",
            self.timestamp.as_bytes(),
            b".",
            body,
        ] {
            expected.update(part);
        }
        let expected = expected.sign();
        let signatures = self.signatures.split(' ').filter_map(|entry| {
            // Other versions are for other algorithms.
            entry.strip_prefix("v1,")
        });
        signatures.take(MAX_SIGNATURES).fold(false, |found, text| {
            let signature = STANDARD.decode(text).unwrap_or_default();
            found | verify_slices_are_equal(expected.as_ref(), &signature).is_ok()
        })
    }
}

/// Returns the only value of a header.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Flaw> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value
            .to_str()
            .map_err(|_| Flaw::Malformed("a header of the signature is not visible ASCII")),
        _ => Err(Flaw::Malformed("a header of the signature occurs twice")),
    }
}

/// The headers of each family: id, timestamp, signatures. The first family that is complete counts.
const FAMILIES: [[&str; 3]; 2] = [
    ["svix-id", "svix-timestamp", "svix-signature"],
    ["webhook-id", "webhook-timestamp", "webhook-signature"],
];

/// Seconds between the timestamp and the local clock, either way, as in Clerk's own libraries.
const TOLERANCE: u64 = 300;

/// The number of signatures that are compared. An event has one for each secret that Svix still accepts.
const MAX_SIGNATURES: usize = 16;

/// The length of an id in bytes. Those of Svix have 31.
const LONGEST_ID: usize = 256;

#[cfg(test)]
mod tests;
