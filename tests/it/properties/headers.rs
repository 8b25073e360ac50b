//! `Authorization` headers: which are credentials, and which two are the same ones.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use fastrand::Rng;
use futures_util::future::BoxFuture;
use http::HeaderValue;
use tokio::time::Instant;
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkConfig,
    kinds::OAuthTokens,
    testing::ManualClock,
    verify::{TokenInfo, Verify, VerifyRequest},
};

use super::{
    Nowhere, for_each_case,
    grammar::{Credentials, credentials, is_of_another_kind},
    pick, runtime,
};
use crate::support::App;

/// Short, so that the limit is met often.
const LIMIT: usize = 64;

/// The values of all `Authorization` headers of a request: by the grammar, with up to two rules broken.
fn values(random: &mut Rng) -> Vec<Vec<u8>> {
    let count = match random.u8(..32) {
        0 => 0,
        1 => 2,
        2 => 3,
        _ => 1,
    };
    (0..count).map(|_| value(random)).collect()
}

fn value(random: &mut Rng) -> Vec<u8> {
    let mut value = Vec::new();
    if random.u8(..16) == 0 {
        // Noise, behind the scheme or without it.
        value.extend_from_slice(pick(random, &["Bearer ", ""]).as_bytes());
        value.extend((0..random.usize(..40)).map(|_| random.u8(..)));
        value.retain(|byte| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f));
        return value;
    }
    let broken = match random.u8(..4) {
        0 => [None, None],
        1 => [Some(random.u8(..6)), Some(random.u8(..6))],
        _ => [Some(random.u8(..6)), None],
    };
    let is_broken = |rule: u8| broken.contains(&Some(rule));
    if is_broken(0) {
        value.extend_from_slice(pick(random, &[" ", "\t", "  \t "]).as_bytes());
    }
    let scheme = if is_broken(1) {
        pick(random, SCHEMES)
    } else {
        pick(random, &["Bearer", "bearer", "BEARER", "bEaReR"])
    };
    value.extend_from_slice(scheme.as_bytes());
    if is_broken(2) {
        let space = pick(random, &["", "\t", "  ", " \t", "\t ", "\u{a0}", ",", "="]);
        value.extend_from_slice(space.as_bytes());
        let count = *pick(random, &[&0, &1, &15, &16, &17, &80]);
        value.extend(std::iter::repeat_n(b' ', count));
    } else {
        value.push(b' ');
    }
    let mut token = token(random);
    if is_broken(3) {
        token = match random.u8(..5) {
            0 => Vec::new(),
            1 => b"=".repeat(random.usize(1..4)),
            _ => {
                let length = random.usize(LIMIT - 2..LIMIT + 20);
                token.repeat(2 * LIMIT)[..length].to_vec()
            }
        };
    }
    if is_broken(4) {
        let at = random.usize(..=token.len());
        // Every byte that a header may hold.
        let byte = match random.u8(..2) {
            0 => pick(
                random,
                &["=", ",", "\"", " ", "\t", "%", "&", "é", "\u{430}", ":"],
            )
            .as_bytes()[0],
            _ => random.u8(0x20..0x7f),
        };
        token.insert(at, byte);
    }
    value.extend_from_slice(&token);
    if is_broken(5) {
        let behind = pick(
            random,
            &[
                "=",
                "==",
                " ",
                "\t",
                " extra",
                ", Bearer x",
                ",x",
                ";x=1",
                "\u{e9}",
            ],
        );
        value.extend_from_slice(behind.as_bytes());
    }
    value
}

/// By the grammar; few enough that the same one comes again.
fn token(random: &mut Rng) -> Vec<u8> {
    let length = random.usize(1..4);
    let mut token: Vec<_> = (0..length).map(|_| *pick(random, &TOKEN68)).collect();
    token.extend(std::iter::repeat_n(b'=', random.usize(..3)));
    token
}

const TOKEN68: [&u8; 12] = [
    &b'a', &b'A', &b'z', &b'0', &b'9', &b'-', &b'.', &b'_', &b'~', &b'+', &b'/', &b'Z',
];

const SCHEMES: &[&str] = &[
    "Basic",
    "DPoP",
    "Bearerx",
    "Bearer-",
    "NotBearer",
    "Beare",
    "B",
    "",
    "\"Bearer\"",
    "Bearer,",
    "Bearer:",
    "Bearer=",
    "Веarer",
    "Be arer",
];

/// Says that every token is inactive, and notes which it was asked about.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<String>>>);

impl Verify for Noted {
    fn verify<'a>(
        &'a self,
        verification: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        let token = verification.token().expose().to_owned();
        self.0.lock().expect("nobody panicked").push(token);
        Box::pin(async { TokenInfo::from_introspection(br#"{"active":false}"#) })
    }
}

#[test]
fn a_header_is_a_credential_if_and_only_if_the_grammar_says_so() {
    // B08, B35, B36, C001 to C025, C102, E1
    let start = Instant::now();
    let noted = Noted::default();
    let config = ClerkConfig::builder("clerk.example.com")
        .accept(
            OAuthTokens::verified_by(noted.clone())
                .allow_clients(["me"])
                .unprefixed(),
        )
        .max_token_length(LIMIT)
        .cache_capacity(10_000_000)
        .clock(ManualClock::at(crate::support::unix(1_700_000_000)))
        .transport(Nowhere);
    let app = App::new(config);
    let runtime = runtime();
    let mut outcomes = [0_usize; 5];
    let mut of_another_kind = 0_usize;
    // When each token was last asked about.
    let mut seen = HashMap::new();
    let mut calls = 0_u64;
    for_each_case(100_000, |random| {
        let values = values(random);
        let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        let text = || {
            values
                .iter()
                .map(|value| value.escape_ascii().to_string())
                .collect::<Vec<_>>()
        };
        if values
            .iter()
            .any(|value| HeaderValue::from_bytes(value).is_err())
        {
            return;
        }
        let expected = credentials(&values, LIMIT);
        let (outcome, kind) = match expected {
            // fault I2: the filter of formats is before any call.
            Credentials::Token(token) if is_of_another_kind(token) => {
                of_another_kind += 1;
                (0, AuthErrorKind::UnsupportedToken)
            }
            Credentials::Token(_) => (0, AuthErrorKind::Inactive),
            Credentials::Missing => (1, AuthErrorKind::MissingCredentials),
            Credentials::Several => (2, AuthErrorKind::MultipleCredentials),
            Credentials::Malformed => (3, AuthErrorKind::MalformedCredentials),
            Credentials::TooLong => (4, AuthErrorKind::TokenTooLong),
        };
        outcomes[outcome] += 1;
        let headers: Vec<_> = values
            .iter()
            .map(|value| ("authorization", *value))
            .collect();
        let answer = runtime.block_on(app.send_bytes(&headers));
        assert_eq!(answer.kind(), Some(kind), "{:?}", text());
        // The token is asked about once, however it is spelled, and no other one ever. The store frees what
        // is older than 30 seconds of the real clock: a long run asks again.
        let asked: Vec<_> = noted.0.lock().unwrap().drain(..).collect();
        let token = match expected {
            Credentials::Token(token) if !is_of_another_kind(token) => token,
            _ => {
                assert!(asked.is_empty(), "{:?}: {asked:?}", text());
                return;
            }
        };
        let last = seen.get(token).map(Instant::elapsed);
        let is_known = last.is_some_and(|last| last < Duration::from_secs(25));
        assert!(asked.is_empty() || !is_known, "{:?}: {asked:?}", text());
        assert!(last.is_some() || asked.len() == 1, "{:?}", text());
        for other in &asked {
            assert_eq!(other.as_bytes(), token, "{:?}", text());
            seen.insert(token.to_vec(), Instant::now());
            calls += 1;
        }
    });
    let distinct = u64::try_from(seen.len()).unwrap();
    assert_eq!(app.layer.authenticator().stats().misses, calls);
    assert!(calls >= distinct);
    assert_eq!(app.inner_calls(), 0);
    println!(
        "token, missing, several, malformed, too long: {outcomes:?}, {distinct} tokens, \
         {of_another_kind} of another kind, in {:?}",
        start.elapsed()
    );
    let all: usize = outcomes.iter().sum();
    let is_a_test = outcomes.iter().all(|count| *count > all / 100);
    assert!(is_a_test || all < 10_000, "{outcomes:?}");
}

#[test]
fn a_token_of_another_kind_is_rejected_without_a_call() {
    // fault I2
    let noted = Noted::default();
    let config = ClerkConfig::builder("clerk.example.com")
        .accept(
            OAuthTokens::verified_by(noted.clone())
                .allow_clients(["me"])
                .unprefixed(),
        )
        .transport(Nowhere);
    let app = App::new(config);
    for (token, is_called) in [
        ("ak_", false),
        ("mt_", false),
        ("ak_a", false),
        ("mt_a", false),
        ("a.b.c", false),
        ("oat_", true),
        ("oat_a.b.c", true),
        ("AK_a", true),
        ("ak", true),
        ("xak_", true),
        ("a.b.c.d", true),
        ("a.b.", true),
        ("a.b.c~", true),
    ] {
        assert_eq!(!is_of_another_kind(token.as_bytes()), is_called, "{token}");
        let kind = match is_called {
            true => AuthErrorKind::Inactive,
            false => AuthErrorKind::UnsupportedToken,
        };
        for nth in 1..=2 {
            let answer = runtime().block_on(app.bearer(token));
            answer.assert_rejected(401, kind);
            let calls = noted.0.lock().unwrap().len();
            assert_eq!(calls, usize::from(is_called), "{token}, time {nth}");
        }
        noted.0.lock().unwrap().clear();
    }
}

#[test]
fn every_byte_but_those_of_a_token68_spoils_a_token() {
    // C017
    for byte in (0x20..=0xff).filter(|byte| *byte != 0x7f) {
        let value = [b"Bearer a".as_slice(), &[byte], b"b"].concat();
        let expected = matches!(credentials(&[&value], LIMIT), Credentials::Token(_));
        let config = ClerkConfig::builder("clerk.example.com")
            .accept(OAuthTokens::introspection("me", "secret"))
            .transport(Nowhere);
        let answer = runtime().block_on(App::new(config).send_bytes(&[("authorization", &value)]));
        let kind = if expected {
            AuthErrorKind::UnsupportedToken
        } else {
            AuthErrorKind::MalformedCredentials
        };
        assert_eq!(answer.kind(), Some(kind), "{byte:#x}");
    }
}
