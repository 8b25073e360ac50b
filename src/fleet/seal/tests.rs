use std::collections::HashSet;

use super::*;
use crate::token::digest::TokenHasher;

const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER: &str = "__77__77__77__77__77__77__77__77__77__77_-8=";

fn keys(secret: &str) -> FleetKeys {
    FleetKeys::new(&FleetSecret::parse(secret).unwrap())
}

fn realm(client: &str) -> Realm {
    Realm::new(&["https://clerk.example.com", client])
}

fn records() -> RecordSeal {
    keys(SECRET).records(realm("client"))
}

fn log() -> LogSeal {
    keys(SECRET).log("https://clerk.example.com")
}

/// Calls `check` with each value that differs from a sealed one by one bit, by its end, or by further bytes.
fn each_alteration(sealed: &[u8], mut check: impl FnMut(&[u8], &str)) {
    let mut altered = sealed.to_vec();
    for bit in 0..sealed.len() * 8 {
        altered[bit / 8] ^= 1 << (bit % 8);
        check(&altered, &format!("bit {bit}"));
        altered[bit / 8] ^= 1 << (bit % 8);
    }
    for len in 0..sealed.len() {
        check(&sealed[..len], &format!("the first {len} bytes"));
        check(&sealed[len + 1..], &format!("without {} bytes", len + 1));
    }
    for byte in [0, 1, 0xff] {
        check(&[sealed, &[byte][..]].concat(), "a byte more");
        check(&[&[byte][..], sealed].concat(), "a byte before");
    }
}

#[test]
fn a_secret_is_32_bytes_of_base64() {
    struct Case {
        name: &'static str,
        input: &'static str,
        expected: bool,
    }
    for Case {
        name,
        input,
        expected,
    } in [
        Case {
            name: "standard",
            input: SECRET,
            expected: true,
        },
        Case {
            name: "without padding",
            input: SECRET.trim_end_matches('='),
            expected: true,
        },
        Case {
            name: "URL-safe",
            input: OTHER,
            expected: true,
        },
        Case {
            name: "with the line end of a file",
            input: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
            expected: true,
        },
        Case {
            name: "both alphabets",
            input: "/_77__77__77__77__77__77__77__77__77__77_-8=",
            expected: false,
        },
        Case {
            name: "empty",
            input: "",
            expected: false,
        },
        Case {
            name: "31 bytes",
            input: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
            expected: false,
        },
        Case {
            name: "33 bytes",
            input: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g",
            expected: false,
        },
        Case {
            name: "hexadecimal",
            input: "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
            expected: false,
        },
        Case {
            name: "a space inside",
            input: "AAECAwQFBgcICQoLDA0O DxAREhMUFRYXGBkaGxwdHh8=",
            expected: false,
        },
        Case {
            name: "bits behind the end",
            input: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
            expected: false,
        },
    ] {
        assert_eq!(FleetSecret::parse(input).is_some(), expected, "{name}");
    }
}

#[test]
fn a_secret_is_not_shown() {
    let secret = FleetSecret::parse(SECRET).unwrap();
    assert_eq!(format!("{secret:?}"), "FleetSecret([redacted])");
}

/// Computed with Python's `hmac` and `cryptography`, independently of this crate.
#[test]
fn keys_and_names_are_those_of_the_format() {
    let keys = keys(SECRET);
    let hex: String = keys
        .token_secret()
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    assert_eq!(
        hex,
        "4e42ec99173e02f193c0887cb7f75ee3764be3acac5922442556a470b87a0f3a"
    );
    let issuer = "https://clerk.example.com";
    assert_eq!(keys.log(issuer).name(), "tc1:{0fhSitKUcrJVhNKrplNlFA}");
    let digest = TokenHasher::new(keys.token_secret(), &[issuer]).key("oat_1");
    assert_eq!(
        records().name(digest.to_bytes()),
        "tc1:{KlQIfHnSlHT8T4qGQ0pOqA}"
    );
}

/// Sealed with Python's `cryptography`, independently of this crate.
#[test]
fn values_that_another_program_sealed_open() {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let record = bytes("AQABAgMEBQYHCAkKCxNDsSDyaTDZjVf6lRgdb8AAJOIr4L9evw");
    assert_eq!(records().open("oat_1", &record).unwrap(), b"a record");
    let message = bytes("AQABAgMEBQYHCAkKC_kSM58X03_C56aKy6a8AEEP8ORWRB7YQU4");
    assert_eq!(log().open(&message).unwrap(), b"a message");
}

#[test]
fn what_is_sealed_opens_and_is_29_bytes_longer() {
    let (records, log) = (records(), log());
    for len in [0, 1, 100, 900] {
        let content: Vec<u8> = (0..len).map(|_| fastrand::u8(..)).collect();
        let record = records.seal("oat_1", &content).unwrap();
        assert_eq!(record.len(), len + 29);
        assert_eq!(records.open("oat_1", &record), Some(content.clone()));
        let message = log.seal(&content).unwrap();
        assert_eq!(message.len(), len + 29);
        assert_eq!(log.open(&message), Some(content));
    }
}

#[test]
fn nothing_is_sealed_or_opened_beyond_its_bound() {
    let (records, log) = (records(), log());
    let content = vec![7; MAX_RECORD];
    let (longest, longer) = (&content[29..], &content[28..]);
    assert!(records.seal("oat_1", longest).is_some());
    assert!(records.seal("oat_1", longer).is_none());
    let longer = seal(&records.key("oat_1"), &[VERSION], longer, usize::MAX).unwrap();
    assert!(records.open("oat_1", &longer).is_none());

    let content = vec![7; MAX_MESSAGE];
    let (longest, longer) = (&content[29..], &content[28..]);
    assert!(log.seal(longest).is_some());
    assert!(log.seal(longer).is_none());
    let longer = seal(&log.key, &log.aad, longer, usize::MAX).unwrap();
    assert!(log.open(&longer).is_none());
}

#[test]
fn every_alteration_of_a_record_is_a_miss() {
    let records = records();
    for record in 0..1000 {
        let token = format!("oat_{record}");
        let content: Vec<u8> = (0..fastrand::usize(..40))
            .map(|_| fastrand::u8(..))
            .collect();
        let sealed = records.seal(&token, &content).unwrap();
        each_alteration(&sealed, |altered, name| {
            assert!(records.open(&token, altered).is_none(), "{record}: {name}");
        });
    }
}

#[test]
fn every_alteration_of_a_message_is_a_miss() {
    let log = log();
    for message in 0..1000 {
        let content: Vec<u8> = (0..fastrand::usize(..40))
            .map(|_| fastrand::u8(..))
            .collect();
        let sealed = log.seal(&content).unwrap();
        each_alteration(&sealed, |altered, name| {
            assert!(log.open(altered).is_none(), "{message}: {name}");
        });
    }
}

#[test]
fn a_record_opens_under_no_other_token_realm_or_secret() {
    let sealed = records().seal("oat_1", b"content").unwrap();
    for token in ["oat_2", "oat_", "oat_1 ", "", "OAT_1"] {
        assert!(records().open(token, &sealed).is_none(), "{token}");
    }
    let elsewhere = keys(SECRET).records(realm("another client"));
    assert!(elsewhere.open("oat_1", &sealed).is_none());
    let elsewhere = keys(OTHER).records(realm("client"));
    assert!(elsewhere.open("oat_1", &sealed).is_none());
    let as_message = log().open(&sealed);
    assert!(as_message.is_none());
}

#[test]
fn a_record_of_another_version_is_a_miss() {
    let records = records();
    let key = records.key("oat_1");
    for version in (0..=u8::MAX).filter(|version| *version != VERSION) {
        let mut sealed = seal(&key, &[version], b"content", MAX_RECORD)
            .unwrap()
            .to_vec();
        // With the first byte of this version, and with its own.
        assert!(records.open("oat_1", &sealed).is_none(), "{version}");
        sealed[0] = version;
        assert!(records.open("oat_1", &sealed).is_none(), "{version}");
    }
}

#[test]
fn a_message_opens_in_its_own_log_only() {
    let sealed = log().seal(b"content").unwrap();
    let elsewhere = keys(SECRET).log("https://clerk.example.org");
    assert!(elsewhere.open(&sealed).is_none());
    let elsewhere = keys(OTHER).log("https://clerk.example.com");
    assert!(elsewhere.open(&sealed).is_none());
    assert_eq!(log().open(&sealed).unwrap(), b"content");
}

#[test]
fn names_differ_by_secret_realm_token_and_issuer() {
    let token = |token: &str| TokenHasher::new([7; 32], &["issuer"]).key(token);
    let mut names = HashSet::new();
    for secret in [SECRET, OTHER] {
        for client in ["client", "another client"] {
            for it in ["oat_1", "oat_2"] {
                names.insert(
                    keys(secret)
                        .records(realm(client))
                        .name(token(it).to_bytes()),
                );
            }
        }
        for issuer in ["https://clerk.example.com", "https://clerk.example.org"] {
            names.insert(keys(secret).log(issuer).name().to_owned());
        }
    }
    assert_eq!(names.len(), 12);
    assert!(names.iter().all(|name| name.len() == 28 && name.is_ascii()));
}

#[test]
fn no_byte_of_a_realm_moves_from_one_part_to_the_next() {
    let realms = [
        Realm::new(&["a", "bc"]),
        Realm::new(&["ab", "c"]),
        Realm::new(&["abc"]),
        Realm::new(&["abc", ""]),
        Realm::new(&["", "abc"]),
    ];
    for (at, realm) in realms.iter().enumerate() {
        assert!(!realms[..at].contains(realm), "{at}");
    }
}
