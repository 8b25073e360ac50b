//! The name of a token in the cache: a keyed digest, never the token itself.

use std::{
    hash::{BuildHasherDefault, Hash, Hasher},
    slice,
};

use sha2::{Digest, Sha256, block_api::compress256};

/// SHA-256 of a secret, the realm and a token. Without the secret, it is impossible to choose tokens whose digests
/// collide in a table, or to recognize a token by its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TokenDigest([u32; 8]);

impl TokenDigest {
    /// Returns the first eight bytes. They are as random as any eight bytes of the digest.
    pub(crate) fn prefix(self) -> u64 {
        let [first, second, ..] = self.0;
        u64::from(first) << 32 | u64::from(second)
    }

    /// Returns a number that selects a shard. It uses other bytes than those that select a position within the shard.
    pub(crate) fn shard(self) -> usize {
        let [.., last] = self.0;
        usize::try_from(last).unwrap_or(0)
    }
}

/// For the store that replicas share.
#[cfg(feature = "fleet")]
impl TokenDigest {
    /// Returns the digest in the order of FIPS 180-4.
    pub(crate) fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let (chunks, _) = bytes.as_chunks_mut();
        for (chunk, word) in chunks.iter_mut().zip(self.0) {
            *chunk = word.to_be_bytes();
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        let (chunks, _) = bytes.as_chunks();
        let mut words = [0; 8];
        for (word, chunk) in words.iter_mut().zip(chunks) {
            *word = u32::from_be_bytes(*chunk);
        }
        Self(words)
    }
}

impl Hash for TokenDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.prefix());
    }
}

/// A hasher for digests, which are already hashed.
pub(crate) type PrehashedHasher = BuildHasherDefault<Prefix>;

/// Holds the single number that a [`TokenDigest`] writes to it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prefix(u64);

impl Hasher for Prefix {
    fn write_u64(&mut self, prefix: u64) {
        self.0 = prefix;
    }

    // A digest never calls this method, so mutation tests cannot detect changes in it.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Computes the digests of tokens.
///
/// The compression function is the library's. The padding is implemented here, because all messages have the same
/// shape. With the library's general buffer, a cache hit has 159 more instructions.
#[derive(Clone)]
pub(crate) struct TokenHasher {
    /// The state after the first block, so that a token of up to 55 bytes costs one block.
    primed: [u32; 8],
}

impl TokenHasher {
    /// `secret` is random for each layer. `realm` is everything else that a verification result depends on: the issuer,
    /// the client id, the endpoints. Each part is prefixed with its length, so that no byte can move from one part to
    /// the next unnoticed.
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
            // The length does not fit into this block, so it goes into one more.
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

/// The initial state of SHA-256 (FIPS 180-4 §5.3.3).
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
