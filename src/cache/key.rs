//! The name of a token in the cache: a keyed digest, never the token.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use sha2::{Digest, Sha256};

/// SHA-256 of a secret, the realm, and a token. Without the secret nobody can choose tokens whose keys
/// collide in a table, nor recognise a token by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// The first eight bytes, as good as any eight of a digest.
    pub(crate) fn prefix(self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.prefix());
    }
}

/// A hasher for keys, which are hashed already.
pub(crate) type KeyHasher = BuildHasherDefault<Prefix>;

/// Takes the one number that a [`Key`] feeds it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prefix(u64);

impl Hasher for Prefix {
    fn write_u64(&mut self, prefix: u64) {
        self.0 = prefix;
    }

    // A key never comes here, so that mutants of it survive.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Makes keys.
#[derive(Clone)]
pub(crate) struct Keyer {
    /// The state of the digest after its first block, so that a token of up to 55 bytes costs one.
    primed: Sha256,
}

impl Keyer {
    /// `secret` is drawn at random for each layer; `realm` is everything else that a verdict depends
    /// on: the issuer, our client id, the endpoints. Its parts are told apart by their lengths, so
    /// that no byte can move from one to the next unseen.
    pub(crate) fn new(secret: [u8; 32], realm: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in realm {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            digest.update(part);
        }
        // Together one block of 64 bytes.
        let mut primed = Sha256::new();
        primed.update(secret);
        primed.update(digest.finalize());
        Self { primed }
    }

    pub(crate) fn key(&self, token: &str) -> Key {
        let mut digest = self.primed.clone();
        digest.update(token);
        Key(digest.finalize().into())
    }
}

#[cfg(test)]
mod tests;
