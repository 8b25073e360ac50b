//! Keys, names and sealing: what the store sees of a record, of a message and of their names. Pure, except for random
//! nonces.
//!
//! All keys are derived from one secret by HKDF-SHA256 (RFC 5869). Names are HMAC-SHA256, contents AES-256-GCM. The key of
//! a record is derived from the token as well: a dump of the store opens no token's record without the token, even with
//! the secret, and a record under the name of another token does not open. The key of a user's record is derived from the
//! id, which is no secret: with the secret of the fleet, it opens.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    hmac,
};
use base64::{
    Engine, alphabet,
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD,
    },
};
use bytes::Bytes;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};

/// The secret that all replicas of a fleet have, 32 bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct FleetSecret(Zeroizing<[u8; 32]>);

impl FleetSecret {
    /// Reads base64, in the standard or the URL-safe alphabet (RFC 4648 §4 and §5). `None` if it is not 32 bytes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let bytes = STANDARD
            .decode(text)
            .or_else(|_| URL_SAFE.decode(text))
            .map(Zeroizing::new)
            .ok()?;
        let secret = bytes.as_slice().try_into().ok()?;
        Some(Self(Zeroizing::new(secret)))
    }
}

impl fmt::Debug for FleetSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FleetSecret([redacted])")
    }
}

/// The keys of a fleet.
pub(crate) struct FleetKeys {
    token: Zeroizing<[u8; 32]>,
    name: hmac::Key,
    record: Zeroizing<[u8; 32]>,
    log: Zeroizing<[u8; 32]>,
}

impl FleetKeys {
    pub(crate) fn new(secret: &FleetSecret) -> Self {
        let root = Salt::new(HKDF_SHA256, &[]).extract(&*secret.0);
        Self {
            token: derive(&root, b"tower-clerk/1 key"),
            name: hmac::Key::new(hmac::HMAC_SHA256, &*derive(&root, b"tower-clerk/1 name")),
            record: derive(&root, b"tower-clerk/1 record"),
            log: derive(&root, b"tower-clerk/1 log"),
        }
    }

    /// Returns the secret of the [`TokenHasher`](crate::token::digest::TokenHasher): all replicas have the same digest
    /// for a token.
    pub(crate) fn token_secret(&self) -> [u8; 32] {
        *self.token
    }

    pub(crate) fn records(&self, realm: Realm) -> RecordSeal {
        RecordSeal {
            name: self.name.clone(),
            salt: Salt::new(HKDF_SHA256, &*self.record),
            realm,
        }
    }

    /// Returns the seal of the log of an issuer.
    pub(crate) fn log(&self, issuer: &str) -> LogSeal {
        let id = name_of(&self.name, &[issuer.as_bytes()]);
        LogSeal {
            name: in_braces(&id),
            aad: [&[VERSION][..], id.as_bytes()].concat(),
            key: aead(&self.log),
        }
    }
}

/// The part of the configuration that Clerk's answers depend on. The rules are not in it: each replica applies its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Realm([u8; 32]);

impl Realm {
    /// Each part is prefixed with its length, so that no byte can move from one part to the next unnoticed.
    pub(crate) fn new(parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in [FORMAT].iter().chain(parts) {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }
}

/// Names, seals and opens the records of a realm.
pub(crate) struct RecordSeal {
    name: hmac::Key,
    salt: Salt,
    realm: Realm,
}

impl RecordSeal {
    /// Returns the name of a record and its lease: that of a token's digest, or of the id of a user. The store appends its
    /// own suffixes.
    pub(crate) fn name(&self, id: impl AsRef<[u8]>) -> String {
        in_braces(&name_of(&self.name, &[&self.realm.0, id.as_ref()]))
    }

    /// Seals the content of a record about a token or a user. `None` if it is longer than a record may be.
    pub(crate) fn seal(&self, about: impl AsRef<[u8]>, content: &[u8]) -> Option<Bytes> {
        seal(&self.key(about), &[VERSION], content, MAX_RECORD)
    }

    /// Opens a record. `None` if it is not one of this token or user and realm.
    pub(crate) fn open(&self, about: impl AsRef<[u8]>, sealed: &[u8]) -> Option<Vec<u8>> {
        // The key is derived only for values that can be records.
        let parts = Sealed::split(sealed, MAX_RECORD)?;
        parts.open(&self.key(about), &[VERSION])
    }

    fn key(&self, about: impl AsRef<[u8]>) -> RandomizedNonceKey {
        let root = self.salt.extract(about.as_ref());
        aead(&derive(&root, &self.realm.0))
    }
}

/// Names, seals and opens the messages of an issuer's log.
pub(crate) struct LogSeal {
    name: String,
    aad: Vec<u8>,
    key: RandomizedNonceKey,
}

impl LogSeal {
    /// Returns the name of the log. The store appends its own suffixes.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Seals the content of a message. `None` if it is longer than a message may be.
    pub(crate) fn seal(&self, content: &[u8]) -> Option<Bytes> {
        seal(&self.key, &self.aad, content, MAX_MESSAGE)
    }

    /// Opens a message. `None` if it is not one of this log.
    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        Sealed::split(sealed, MAX_MESSAGE)?.open(&self.key, &self.aad)
    }
}

/// A sealed value: the version, the nonce, the ciphertext with its tag.
struct Sealed<'a> {
    nonce: [u8; NONCE_LEN],
    ciphertext: &'a [u8],
}

impl<'a> Sealed<'a> {
    fn split(sealed: &'a [u8], max_len: usize) -> Option<Self> {
        let rest = sealed.strip_prefix(&[VERSION])?;
        let (nonce, ciphertext) = rest.split_first_chunk()?;
        (sealed.len() <= max_len).then_some(Self {
            nonce: *nonce,
            ciphertext,
        })
    }

    fn open(self, key: &RandomizedNonceKey, aad: &[u8]) -> Option<Vec<u8>> {
        let mut content = self.ciphertext.to_vec();
        let nonce = Nonce::assume_unique_for_key(self.nonce);
        let len = key
            .open_in_place(nonce, Aad::from(aad), &mut content)
            .ok()?
            .len();
        content.truncate(len);
        Some(content)
    }
}

fn seal(key: &RandomizedNonceKey, aad: &[u8], content: &[u8], max_len: usize) -> Option<Bytes> {
    let mut ciphertext = content.to_vec();
    // It fails without random numbers for the nonce. The value is then not shared.
    let nonce = key
        .seal_in_place_append_tag(Aad::from(aad), &mut ciphertext)
        .ok()?;
    let sealed = [&[VERSION][..], nonce.as_ref(), &*ciphertext].concat();
    (sealed.len() <= max_len).then(|| sealed.into())
}

/// Returns 16 bytes of the HMAC, in base64url.
fn name_of(key: &hmac::Key, parts: &[&[u8]]) -> String {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    let tag = context.sign();
    URL_SAFE_NO_PAD.encode(&tag.as_ref()[..16])
}

/// Returns a name with Redis Cluster's hash tag, so that all values of a name are on one node.
fn in_braces(id: &str) -> String {
    format!("tc1:{{{id}}}")
}

fn derive(root: &Prk, info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    root.expand(&[info], Len32)
        .and_then(|material| material.fill(&mut *key))
        .expect("HKDF-SHA256 has 32 bytes");
    key
}

fn aead(key: &Zeroizing<[u8; 32]>) -> RandomizedNonceKey {
    RandomizedNonceKey::new(&AES_256_GCM, &**key).expect("a key of AES-256 has 32 bytes")
}

/// The length of all derived keys.
struct Len32;

impl KeyType for Len32 {
    fn len(&self) -> usize {
        32
    }
}

const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDING);
const PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The first byte of each sealed value.
const VERSION: u8 = 1;

/// The version of the format in the realm.
const FORMAT: &str = "1";

/// The greatest length of a sealed record.
pub(super) const MAX_RECORD: usize = 16 * 1024;

/// The greatest length of a sealed message.
pub(super) const MAX_MESSAGE: usize = 1024;

#[cfg(test)]
mod tests;
