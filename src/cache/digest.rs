//! The name of a token in the cache: a keyed digest, never the token.

use std::{
    hash::{BuildHasherDefault, Hash, Hasher},
    slice,
};

use sha2::{Digest, Sha256, block_api::compress256};

/// SHA-256 of a secret, the realm, and a token. Without the secret nobody can choose tokens whose keys
/// collide in a table, nor recognise a token by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenDigest([u32; 8]);

impl TokenDigest {
    /// The first eight bytes, as good as any eight of a digest.
    pub(crate) fn prefix(self) -> u64 {
        let [first, second, ..] = self.0;
        u64::from(first) << 32 | u64::from(second)
    }

    /// A number for choosing a shard, from other bytes than those that choose a place in it.
    pub(crate) fn shard(self) -> usize {
        let [.., last] = self.0;
        usize::try_from(last).unwrap_or(0)
    }
}

impl Hash for TokenDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.prefix());
    }
}

/// A hasher for keys, which are hashed already.
pub(crate) type PrehashedHasher = BuildHasherDefault<Prefix>;

/// Takes the one number that a [`TokenDigest`] feeds it.
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
///
/// The rounds of SHA-256 are the library's; the padding is spelled out here, since there is one shape of
/// message only, and the library's buffer for all shapes costs a third of the whole digest.
#[derive(Clone)]
pub(crate) struct TokenHasher {
    /// The state of the digest after its first block, so that a token of up to 55 bytes costs one.
    primed: [u32; 8],
}

impl TokenHasher {
    /// `secret` is drawn at random for each layer; `realm` is everything else that a verdict depends
    /// on: the issuer, our client id, the endpoints. Its parts are told apart by their lengths, so
    /// that no byte can move from one to the next unseen.
    pub(crate) fn new(secret: [u8; 32], realm: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in realm {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            digest.update(part);
        }
        let mut block = [0; BLOCK];
        block[..32].copy_from_slice(&secret);
        block[32..].copy_from_slice(&digest.finalize());
        let mut primed = INITIAL;
        compress256(&mut primed, &[block]);
        Self { primed }
    }

    #[inline]
    pub(crate) fn key(&self, token: impl AsRef<[u8]>) -> TokenDigest {
        let token = token.as_ref();
        let mut state = self.primed;
        let (blocks, rest) = token.as_chunks();
        if !blocks.is_empty() {
            compress256(&mut state, blocks);
        }
        // A one bit, zeros, and the length of the whole message in bits (FIPS 180-4 §5.1.1).
        let mut last = [0; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        last[rest.len()] = 0x80;
        if rest.len() >= BLOCK - 8 {
            // No room for the length: it goes into one more.
            compress256(&mut state, slice::from_ref(&last));
            last = [0; BLOCK];
        }
        let bits = u64::try_from(BLOCK + token.len())
            .unwrap_or(u64::MAX)
            .wrapping_mul(8);
        if let Some(end) = last.last_chunk_mut() {
            *end = bits.to_be_bytes();
        }
        compress256(&mut state, slice::from_ref(&last));
        TokenDigest(state)
    }
}

const BLOCK: usize = 64;

/// Where SHA-256 begins (FIPS 180-4 §5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

#[cfg(test)]
mod tests;
