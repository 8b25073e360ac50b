use std::{
    collections::HashSet,
    hash::{BuildHasher, Hasher},
};

use sha2::{Digest, Sha256};

use super::{Key, KeyHasher, Keyer, Prefix};

const SECRET: [u8; 32] = [7; 32];

fn key(realm: &[&str], token: &str) -> Key {
    Keyer::new(SECRET, realm).key(token)
}

#[test]
fn key_is_a_function_of_secret_realm_and_token() {
    let realm = ["https://clerk.example.com", "client_1"];
    assert_eq!(key(&realm, "tok"), key(&realm, "tok"));
    let keyer = Keyer::new(SECRET, &realm);
    assert_eq!(keyer.key("tok"), keyer.clone().key("tok"));
    let mut other = SECRET;
    other[31] ^= 1;
    // C103
    assert_ne!(Keyer::new(other, &realm).key("tok"), keyer.key("tok"));
}

#[test]
fn key_is_the_documented_digest() {
    for (name, token) in [
        ("empty", String::new()),
        ("one block", "a".repeat(55)),
        ("two blocks", "a".repeat(56)),
        ("many blocks", "a".repeat(4096)),
    ] {
        let mut realm = Sha256::new();
        realm.update([2, 0, 0, 0, 0, 0, 0, 0]);
        realm.update("ab");
        realm.update([0; 8]);
        let mut expected = Sha256::new();
        expected.update(SECRET);
        expected.update(realm.finalize());
        expected.update(&token);
        let expected: [u8; 32] = expected.finalize().into();
        assert_eq!(key(&["ab", ""], &token), Key(expected), "{name}");
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
    let keys: HashSet<[u8; 32]> = inputs
        .iter()
        .map(|(realm, token)| key(realm, token).0)
        .collect();
    assert_eq!(keys.len(), inputs.len());
}

#[test]
fn prefix_is_the_first_eight_bytes() {
    let mut bytes = [0xff; 32];
    bytes[..8].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(Key(bytes).prefix(), 0x0807_0605_0403_0201);
}

#[test]
fn hasher_hands_the_prefix_on() {
    let key = key(&["realm"], "tok");
    assert_eq!(KeyHasher::default().hash_one(key), key.prefix());
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
    let keyer = Keyer::new([7; 32], &[]);
    let prefixes: std::collections::HashSet<_> = (0..1_000)
        .map(|number| keyer.key(&number.to_string()).prefix())
        .collect();
    assert_eq!(prefixes.len(), 1_000);
    let key = keyer.key("a");
    assert_eq!(key.prefix().to_le_bytes(), key.0[..8]);
}
