//! Configurations: a text is rejected with an error, or makes a layer that keeps to the rules.

use tokio::time::Instant;

use fastrand::Rng;
use tower_clerk::{ClerkAuthLayer, ClerkConfig, kinds::OAuthTokens};

use super::{Nowhere, for_each_case, pick, places, runtime};
use crate::support::App;

/// Something like a domain: each part is left out, good, or bad.
fn domain(random: &mut Rng) -> String {
    let mut domain = String::new();
    for parts in [SCHEMES, USERS, HOSTS, PORTS, PATHS] {
        // The first of each is good; two bad ones would hide each other.
        domain += match random.u8(..3) {
            0 => pick(random, parts),
            _ => parts[0],
        };
    }
    if random.u8(..4) == 0 {
        let at = random.usize(..=domain.len());
        if domain.is_char_boundary(at) {
            domain.insert(at, any_char(random));
        }
    }
    domain
}

fn any_char(random: &mut Rng) -> char {
    match random.u8(..8) {
        0 => random.char(..),
        1 => char::from(random.u8(..0x20)),
        _ => char::from(random.u8(0x20..0x80)),
    }
}

fn text(random: &mut Rng) -> String {
    match random.u8(..3) {
        0 => pick(random, RESOURCES).to_owned(),
        1 => domain(random),
        _ => (0..random.usize(..12)).map(|_| any_char(random)).collect(),
    }
}

const SCHEMES: &[&str] = &[
    "",
    "",
    "https://",
    "https://",
    "http://",
    "HTTPS://",
    "https:///",
    "ftp://",
    "file://",
    "javascript:",
    "https:",
    "//",
    "pk_test_",
    "sk_test_",
];
const USERS: &[&str] = &["", "", "", "", "", "", "clerk@", "a:b@", "%40"];
const HOSTS: &[&str] = &[
    "clerk.example.com",
    "CLERK.Example.com",
    "verb-noun-00.clerk.accounts.dev",
    "Y2xlcmsuZXhhbXBsZS5jb20k",
    "localhost",
    "localhost.",
    "localhost.evil.com",
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "2130706433",
    "127.0.0.1.evil.com",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "0.0.0.0",
    "192.168.0.1",
    "bücher.example",
    "xn--bcher-kva.example",
    "%6cocalhost",
    "a_b.example.com",
    "a..b",
    ".",
    "",
];
const PORTS: &[&str] = &[
    "", "", "", ":443", ":80", ":3000", ":", ":0", ":65536", ":x", ":0443",
];
const PATHS: &[&str] = &[
    "", "", "", "/", "//", "/oauth", "/.", "/a/..", "?a", "/?", "#", "/#x", "\\", "\\@evil",
];
const RESOURCES: &[&str] = &[
    "https://api.example.com/v1",
    "https://api.example.com/v1?a=\"b\"",
    "https://api.example.com/\"",
    "https://api\".example.com/v1",
    "urn:api",
    "https://api.example.com/#x",
    "https://user:pass@api.example.com",
    "email",
    "a b",
    "\"",
    "*",
    "",
];

#[test]
fn no_configuration_panics_and_what_is_accepted_keeps_the_rules() {
    let start = Instant::now();
    let runtime = runtime();
    let (mut all, mut accepted) = (0, 0);
    for_each_case(20_000, |random| {
        let domain = domain(random);
        let mut config = ClerkConfig::builder(&*domain).transport(Nowhere);
        let mut oauth = OAuthTokens::introspection("me", "secret");
        // One more field at a time, so that it is not always another one that is rejected.
        match random.u8(..8) {
            0 => config = config.resource(text(random)),
            1 => oauth = oauth.required_scopes([text(random)]),
            2 => oauth = oauth.allow_clients([text(random)]),
            3 => oauth = oauth.audiences([text(random)]),
            4 => oauth = OAuthTokens::introspection(text(random), text(random)),
            _ => {}
        }
        let config = config.accept(oauth);
        let shown = format!("{config:?}");
        all += 1;
        let Ok(config) = config.build() else {
            return;
        };
        accepted += 1;
        places::check(&domain, &format!("{config:?}"));
        let app = App::of(ClerkAuthLayer::new(config));
        let answer = runtime.block_on(app.send(&[]));
        let challenge = answer.challenge().expect("a 401 has a challenge");
        assert!(is_challenge(challenge), "{challenge} of {shown}");
    });
    println!(
        "{accepted} of {all} configurations were accepted, in {:?}",
        start.elapsed()
    );
    assert!(all < 10_000 || (accepted > all / 20 && accepted < all));
}

#[test]
fn every_host_that_is_accepted_makes_a_layer() {
    // What one reader of URLs lets pass in a host, another may not.
    let panics_with = |byte: &char| {
        let config = ClerkConfig::builder(format!("clerk{byte}.example.com"))
            .accept(OAuthTokens::introspection("me", "secret"))
            .transport(Nowhere);
        let Ok(config) = config.build() else {
            return false;
        };
        let make = std::panic::AssertUnwindSafe(|| ClerkAuthLayer::new(config));
        std::panic::catch_unwind(make).is_err()
    };
    let bytes = (0x21_u8..0x7f).map(char::from);
    let panics: String = bytes.filter(panics_with).collect();
    assert_eq!(panics, "");
}

/// `Bearer`, then parameters with values in quotes that hold no quote (RFC 6750 §3).
fn is_challenge(challenge: &str) -> bool {
    let Some(parameters) = challenge.strip_prefix("Bearer") else {
        return false;
    };
    parameters.is_empty()
        || parameters.split(", ").all(|parameter| {
            let parts: Vec<_> = parameter.split('"').collect();
            matches!(&*parts, [name, value, ""] if name.ends_with('=') && !value.contains('\\'))
        })
}
