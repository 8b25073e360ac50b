use std::{
    collections::HashSet,
    hash::{BuildHasher, Hasher},
};

use sha2::{Digest, Sha256};

use super::{Prefix, PrehashedHasher, TokenDigest, TokenHasher};

const SECRET: [u8; 32] = [7; 32];

fn key(realm: &[&str], token: &str) -> TokenDigest {
    TokenHasher::new(SECRET, realm).key(token)
}

#[test]
fn key_is_a_function_of_secret_realm_and_token() {
    let realm = ["https://clerk.example.com", "client_1"];
    assert_eq!(key(&realm, "tok"), key(&realm, "tok"));
    let hasher = TokenHasher::new(SECRET, &realm);
    assert_eq!(hasher.key("tok"), hasher.clone().key("tok"));
    let mut other = SECRET;
    other[31] ^= 1;
    // C103
    assert_ne!(
        TokenHasher::new(other, &realm).key("tok"),
        hasher.key("tok")
    );
}

#[test]
fn key_is_the_documented_digest() {
    // Every length around the borders of blocks, and the longest token.
    for len in (0..=300).chain([4096, 16_384]) {
        let token: String = ('a'..='z').cycle().take(len).collect();
        let mut realm = Sha256::new();
        realm.update([2, 0, 0, 0, 0, 0, 0, 0]);
        realm.update("ab");
        realm.update([0; 8]);
        let mut expected = Sha256::new();
        expected.update(SECRET);
        expected.update(realm.finalize());
        expected.update(&token);
        let expected: [u8; 32] = expected.finalize().into();
        let TokenDigest(words) = key(&["ab", ""], &token);
        assert_eq!(
            words.map(u32::to_be_bytes).as_flattened(),
            expected,
            "{len} bytes"
        );
    }
}

#[test]
fn no_byte_moves_across_a_border_unseen() {
    // B02 B08
    let inputs: [(&[&str], &str); 14] = [
        (&["ab", "c"], "d"),
        (&["a", "bc"], "d"),
        (&["abc"], "d"),
        (&["abc", ""], "d"),
        (&["", "abc"], "d"),
        (&["ab"], "cd"),
        (&["ab", "cd"], ""),
        (&[], "abcd"),
        (&["abcd"], ""),
        (&[], "d"),
        (&[""], "d"),
        (&["ab", "c"], "D"),
        // B06
        (&["ab", "C"], "d"),
        (&["ab", "c"], "d="),
    ];
    let keys: HashSet<[u32; 8]> = inputs
        .iter()
        .map(|(realm, token)| key(realm, token).0)
        .collect();
    assert_eq!(keys.len(), inputs.len());
}

#[test]
fn prefix_is_the_first_eight_bytes() {
    let key = TokenDigest([0x0102_0304, 0x0506_0708, 9, 10, 11, 12, 13, 0x0e0f]);
    assert_eq!((key.prefix(), key.shard()), (0x0102_0304_0506_0708, 0x0e0f));
}

#[test]
fn hasher_hands_the_prefix_on() {
    let key = key(&["realm"], "tok");
    assert_eq!(PrehashedHasher::default().hash_one(key), key.prefix());
}

#[test]
fn hasher_takes_other_input_too() {
    let mut hasher = Prefix::default();
    hasher.write(&[1, 2]);
    assert_eq!(hasher.finish(), 0x0102);
    hasher.write(&[3]);
    assert_eq!(hasher.finish(), 0x01_02_03);
    hasher.write_u64(9);
    assert_eq!(hasher.finish(), 9);
}

#[test]
fn prefix_spreads_the_keys() {
    // C103: it is where a table looks, and what jitter comes from.
    let hasher = TokenHasher::new([7; 32], &[]);
    let prefixes: HashSet<_> = (0..1_000)
        .map(|number| hasher.key(number.to_string()).prefix())
        .collect();
    assert_eq!(prefixes.len(), 1_000);
    let shards: HashSet<_> = (0..1_000)
        .map(|number: u32| hasher.key(number.to_string()).shard() % 64)
        .collect();
    assert_eq!(shards.len(), 64);
}

#[cfg(feature = "fleet")]
#[test]
fn bytes_of_a_digest_are_those_of_sha_256() {
    let expected = Sha256::new()
        .chain_update(SECRET)
        .chain_update(Sha256::digest(b""))
        .chain_update("tok")
        .finalize();
    let key = key(&[], "tok");
    assert_eq!(key.to_bytes()[..], expected[..]);
    assert_eq!(TokenDigest::from_bytes(key.to_bytes()), key);
}
