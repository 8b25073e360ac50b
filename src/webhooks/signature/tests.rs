use aws_lc_rs::hmac::{HMAC_SHA256, sign};
use http::HeaderValue;

use super::*;

const NOW: Now = Now {
    mono: 0,
    wall: 1_700_000_000_999,
};

const BODY: &[u8] = br#"{"type":"user.deleted"}"#;

const UNSIGNED: fn(&str) -> bool = |flaw| flaw.starts_with("unsigned");
const MALFORMED: fn(&str) -> bool = |flaw| flaw.starts_with("malformed");
const ACCEPTED: fn(&str) -> bool = |flaw| flaw == "accepted";

fn key(seed: u8) -> Key {
    Key::new(HMAC_SHA256, &[seed; 32])
}

fn signature(seed: u8, id: &str, timestamp: &str) -> String {
    let message = [id.as_bytes(), b".", timestamp.as_bytes(), b".", BODY].concat();
    format!("v1,{}", STANDARD.encode(sign(&key(seed), &message)))
}

fn headers(values: &[(&'static str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in values {
        headers.append(*name, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

/// Verifies with the keys 1 and 2.
fn outcome(headers: &HeaderMap, body: &[u8]) -> String {
    let verified =
        Signed::read(headers).and_then(|signed| signed.verify(body, &[key(1), key(2)], NOW));
    match verified {
        Ok(()) => "accepted".to_owned(),
        Err(Flaw::Malformed(text)) => format!("malformed: {text}"),
        Err(Flaw::Unsigned(text)) => format!("unsigned: {text}"),
    }
}

#[test]
fn signatures_are_compared_with_every_secret() {
    const AT: &str = "1700000000";
    let good = signature(1, "msg_1", AT);
    let second = signature(2, "msg_1", AT);
    let foreign = signature(3, "msg_1", AT);
    let bare = good.strip_prefix("v1,").unwrap();
    let many = |count: usize| format!("{}{good}", format!("{foreign} ").repeat(count));
    let short = STANDARD.encode(&STANDARD.decode(bare).unwrap()[..31]);
    for (name, value, expected) in [
        ("good", good.clone(), ACCEPTED),
        ("of the second secret", second.clone(), ACCEPTED),
        ("of another secret", foreign.clone(), UNSIGNED),
        ("the second of two", format!("{foreign} {good}"), ACCEPTED),
        ("the first of two", format!("{good} {foreign}"), ACCEPTED),
        ("twice", format!("{good} {good}"), ACCEPTED),
        ("two spaces", format!("{foreign}  {good}"), ACCEPTED),
        (
            "of another version beside",
            format!("v1a,{bare} {good}"),
            ACCEPTED,
        ),
        ("of another version", format!("v2,{bare}"), UNSIGNED),
        ("without a version", bare.to_owned(), UNSIGNED),
        ("in capitals", format!("V1,{bare}"), UNSIGNED),
        ("empty", String::new(), UNSIGNED),
        ("a version alone", "v1,".to_owned(), UNSIGNED),
        (
            "without padding",
            good.trim_end_matches('=').to_owned(),
            UNSIGNED,
        ),
        ("truncated", format!("v1,{short}"), UNSIGNED),
        ("extended", format!("v1,{bare}AAAA"), UNSIGNED),
        ("not base64", "v1,!!!".to_owned(), UNSIGNED),
        ("a comma between", format!("{foreign},{good}"), UNSIGNED),
        ("the sixteenth", many(15), ACCEPTED),
        ("the seventeenth", many(16), UNSIGNED),
        (
            "sixteen of another version beside",
            format!("{}{good}", "v2,AAAA ".repeat(16)),
            ACCEPTED,
        ),
    ] {
        let headers = headers(&[
            ("svix-id", b"msg_1"),
            ("svix-timestamp", AT.as_bytes()),
            ("svix-signature", value.as_bytes()),
        ]);
        let found = outcome(&headers, BODY);
        assert!(expected(&found), "{name}: {found}");
    }
}

#[test]
fn id_timestamp_and_body_are_signed() {
    let signature = signature(1, "msg_1", "1700000000");
    let with = |id: &str, timestamp: &str| {
        headers(&[
            ("svix-id", id.as_bytes()),
            ("svix-timestamp", timestamp.as_bytes()),
            ("svix-signature", signature.as_bytes()),
        ])
    };
    assert_eq!(outcome(&with("msg_1", "1700000000"), BODY), "accepted");
    for (name, found) in [
        ("id", outcome(&with("msg_2", "1700000000"), BODY)),
        ("timestamp", outcome(&with("msg_1", "1700000001"), BODY)),
        ("zeros", outcome(&with("msg_1", "01700000000"), BODY)),
        ("empty body", outcome(&with("msg_1", "1700000000"), b"")),
    ] {
        assert!(UNSIGNED(&found), "{name}: {found}");
    }
    for index in 0..BODY.len() * 8 {
        let mut altered = BODY.to_vec();
        altered[index / 8] ^= 1 << (index % 8);
        let found = outcome(&with("msg_1", "1700000000"), &altered);
        assert!(UNSIGNED(&found), "bit {index}: {found}");
    }
}

#[test]
fn timestamps_are_digits_and_near() {
    for (value, expected) in [
        ("1700000000", ACCEPTED),
        ("1699999700", ACCEPTED),
        ("1699999699", UNSIGNED),
        ("1700000300", ACCEPTED),
        ("1700000301", UNSIGNED),
        ("0", UNSIGNED),
        ("18446744073709551615", UNSIGNED),
        ("18446744073709551616", MALFORMED),
        ("001700000000", ACCEPTED),
        ("", MALFORMED),
        ("+1700000000", MALFORMED),
        ("-1700000000", MALFORMED),
        ("1700000000.0", MALFORMED),
        ("1.7e9", MALFORMED),
        (" 1700000000", MALFORMED),
        ("0x6553f100", MALFORMED),
    ] {
        let headers = headers(&[
            ("svix-id", b"msg_1"),
            ("svix-timestamp", value.as_bytes()),
            ("svix-signature", signature(1, "msg_1", value).as_bytes()),
        ]);
        let found = outcome(&headers, BODY);
        assert!(expected(&found), "{value}: {found}");
    }
}

#[test]
fn ids_are_short_and_visible() {
    let long = "m".repeat(256);
    for (name, id, expected) in [
        ("of Svix", "msg_2fKzQmTEgG3xWnYq5rVbH9sLpA", ACCEPTED),
        ("the longest", &*long, ACCEPTED),
        ("too long", &format!("{long}m"), MALFORMED),
        ("empty", "", MALFORMED),
        ("with a full stop", "msg.1", MALFORMED),
        ("with a space", "msg 1", MALFORMED),
        ("beyond ASCII", "msg_é", MALFORMED),
    ] {
        let headers = headers(&[
            ("svix-id", id.as_bytes()),
            ("svix-timestamp", b"1700000000"),
            ("svix-signature", signature(1, id, "1700000000").as_bytes()),
        ]);
        let found = outcome(&headers, BODY);
        assert!(expected(&found), "{name}: {found}");
    }
}

#[test]
fn the_first_complete_family_counts() {
    let good = signature(1, "msg_1", "1700000000");
    let foreign = signature(3, "msg_1", "1700000000");
    let svix = |signature: &str| {
        vec![
            ("svix-id", b"msg_1".to_vec()),
            ("svix-timestamp", b"1700000000".to_vec()),
            ("svix-signature", signature.as_bytes().to_vec()),
        ]
    };
    let standard = |signature: &str| {
        vec![
            ("webhook-id", b"msg_1".to_vec()),
            ("webhook-timestamp", b"1700000000".to_vec()),
            ("webhook-signature", signature.as_bytes().to_vec()),
        ]
    };
    let without = |mut all: Vec<(&'static str, Vec<u8>)>, name: &str| {
        all.retain(|(other, _)| *other != name);
        all
    };
    for (name, values, expected) in [
        ("svix", svix(&good), ACCEPTED),
        ("webhook", standard(&good), ACCEPTED),
        ("both", [svix(&good), standard(&good)].concat(), ACCEPTED),
        (
            "both, svix good",
            [standard(&foreign), svix(&good)].concat(),
            ACCEPTED,
        ),
        (
            "both, webhook good",
            [standard(&good), svix(&foreign)].concat(),
            UNSIGNED,
        ),
        (
            "svix incomplete beside webhook",
            [without(svix(&foreign), "svix-id"), standard(&good)].concat(),
            ACCEPTED,
        ),
        (
            "halves",
            [
                without(svix(&good), "svix-signature"),
                without(standard(&good), "webhook-id"),
            ]
            .concat(),
            UNSIGNED,
        ),
        ("no id", without(svix(&good), "svix-id"), UNSIGNED),
        (
            "no timestamp",
            without(svix(&good), "svix-timestamp"),
            UNSIGNED,
        ),
        (
            "no signature",
            without(svix(&good), "svix-signature"),
            UNSIGNED,
        ),
        ("nothing", Vec::new(), UNSIGNED),
        ("all twice", [svix(&good), svix(&good)].concat(), MALFORMED),
        (
            "the other family twice",
            [svix(&good), standard(&good), standard(&good)].concat(),
            ACCEPTED,
        ),
        (
            "an id twice",
            [svix(&good), vec![("svix-id", b"msg_1".to_vec())]].concat(),
            MALFORMED,
        ),
        (
            "a signature twice",
            [
                svix(&foreign),
                vec![("svix-signature", good.as_bytes().to_vec())],
            ]
            .concat(),
            MALFORMED,
        ),
        (
            "a signature beyond ASCII",
            [
                without(svix(&good), "svix-signature"),
                vec![("svix-signature", b"v1,\xff".to_vec())],
            ]
            .concat(),
            MALFORMED,
        ),
    ] {
        let borrowed: Vec<_> = values.iter().map(|(name, it)| (*name, &**it)).collect();
        let found = outcome(&headers(&borrowed), BODY);
        assert!(expected(&found), "{name}: {found}");
    }
}
