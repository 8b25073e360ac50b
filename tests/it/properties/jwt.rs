//! Session tokens: one that was touched after it was signed never passes, and of those that the instance
//! signed, whatever they say, those alone pass that the oracle lets pass.

use std::sync::OnceLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use fastrand::Rng;
use tower_clerk::{
    ClerkAuthLayer, ClerkConfig, config::JwtKeys, fake_clerk::FakeClerk, kinds::SessionTokens,
    testing::ManualClock,
};

use super::{
    Nowhere, count, for_each_case,
    json::{self, Json},
    mutate, pick,
    rules::is_subject,
    runtime,
};
use crate::support::App;

const NOW: i64 = 1_700_000_000;
const ISSUER: &str = "https://clerk.example.com";
const LEEWAY: i64 = 5;

/// An instance whose key the configuration has, so that there is no network in it.
fn clerk() -> &'static FakeClerk {
    static CLERK: OnceLock<FakeClerk> = OnceLock::new();
    CLERK.get_or_init(|| FakeClerk::start().unwrap())
}

fn app() -> App {
    let config = ClerkConfig::builder("clerk.example.com")
        .accept(
            SessionTokens::new()
                .authorized_parties(["https://app.example.com"])
                .audiences(["urn:us"]),
        )
        .jwt_keys(JwtKeys::pem(clerk().public_key_pem()))
        .clock(ManualClock::at(crate::support::unix(NOW.unsigned_abs())))
        .transport(Nowhere);
    App::of(ClerkAuthLayer::new(config.build().unwrap()))
}

fn encoded(part: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

fn signed(header: &[u8], payload: &[u8]) -> String {
    clerk().sign_message(&format!("{}.{}", encoded(header), encoded(payload)))
}

fn good_header() -> mutate::Members {
    mutate::members(&[
        ("alg", "\"RS256\""),
        ("kid", "\"ins_1\""),
        ("typ", "\"JWT\""),
        ("cat", "\"cl_B7d4PD111AAA\""),
    ])
}

/// A header that may have what changes the meaning of a token.
fn extended(random: &mut Rng) -> mutate::Members {
    let mut header = good_header();
    if random.u8(..4) == 0 {
        let name = pick(random, &["\"crit\"", "\"b64\"", "\"jwk\"", "\"jku\""]);
        let value = pick(random, &["[\"exp\"]", "[]", "false", "null", "{}"]);
        header.push((name.to_owned(), value.to_owned()));
    }
    header
}

fn good_payload() -> mutate::Members {
    let [exp, nbf, iat] = [NOW + 60, NOW - 10, NOW].map(|time| time.to_string());
    mutate::members(&[
        ("sub", "\"user_1\""),
        ("iss", "\"https://clerk.example.com\""),
        ("exp", &exp),
        ("sid", "\"sess_1\""),
        ("azp", "\"https://app.example.com\""),
        ("nbf", &nbf),
        ("iat", &iat),
        ("sts", "\"active\""),
        ("aud", "\"urn:us\""),
        ("v", "2"),
    ])
}

fn object(members: &mutate::Members) -> Vec<u8> {
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    format!("{{{}}}", members.join(",")).into_bytes()
}

/// Another text than the token, made of it.
fn touched(random: &mut Rng, tokens: [&str; 2]) -> String {
    let token = tokens[0];
    let mut bytes = token.as_bytes().to_vec();
    let at = random.usize(..bytes.len());
    let parts: [Vec<&str>; 2] = tokens.map(|token| token.split('.').collect());
    match random.u8(..14) {
        0 => bytes[at] ^= 1 << random.u8(..7),
        1 => bytes[at] = random.u8(0x21..0x7f),
        2 => bytes.insert(at, random.u8(0x20..0x7f)),
        3 => _ = bytes.remove(at),
        4 => bytes.truncate(at),
        5 => _ = bytes.drain(..=at),
        6 => {
            let other = random.usize(..bytes.len());
            bytes.swap(at, other);
        }
        // Parts of another good token, or in another order.
        7 => {
            let swapped = [(); 3].map(|()| parts[random.usize(..2)][random.usize(..3)]);
            bytes = swapped.join(".").into_bytes();
        }
        8 => {
            let part = random.usize(..3);
            let mut mixed = parts[0].clone();
            mixed[part] = parts[1][part];
            bytes = mixed.join(".").into_bytes();
        }
        9 => {
            let space = pick(
                random,
                &[" ", "\t", "\u{b}", "\u{c}", "\u{a0}", "%20", "\\n"],
            );
            bytes.splice(at..at, space.bytes());
        }
        // The same message in another spelling.
        10 => {
            let part = random.usize(..3);
            let decoded = URL_SAFE_NO_PAD.decode(parts[0][part]).unwrap();
            let mut again: Vec<String> = parts[0].iter().map(|part| (*part).to_owned()).collect();
            again[part] = match random.u8(..3) {
                0 => base64::engine::general_purpose::URL_SAFE.encode(&decoded) + "=",
                1 => base64::engine::general_purpose::STANDARD.encode(&decoded) + "=",
                _ => again[part].clone() + pick(random, &["A", "AA", "AAAA", "=", "=="]),
            };
            bytes = again.join(".").into_bytes();
        }
        // Payload or header changed, and the signature left as it was.
        11 => {
            let part = random.usize(..2);
            let mut decoded = URL_SAFE_NO_PAD.decode(parts[0][part]).unwrap();
            let at = random.usize(..decoded.len());
            decoded[at] ^= 1 << random.u8(..8);
            let mut again: Vec<String> = parts[0].iter().map(|part| (*part).to_owned()).collect();
            again[part] = encoded(&decoded);
            bytes = again.join(".").into_bytes();
        }
        12 => {
            let piece = random.usize(..bytes.len());
            let piece: Vec<u8> = bytes[piece.min(at)..=piece.max(at)].to_vec();
            bytes.splice(at..at, piece);
        }
        _ => {
            let dot = pick(random, &[".", "..", ".e30", ".e30.e30"]);
            let at = if random.bool() { 0 } else { bytes.len() };
            bytes.splice(at..at, dot.bytes());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_token_that_was_touched_never_passes() {
    let app = app();
    let runtime = runtime();
    let other = [("\"sub\"".to_owned(), "\"user_2\"".to_owned())];
    let mut another = good_payload();
    another.splice(0..1, other);
    let tokens =
        [good_payload(), another].map(|payload| signed(&object(&good_header()), &object(&payload)));
    // As it is the first time, it is verified, and the second time it is known.
    for token in tokens.iter().chain(&tokens) {
        runtime.block_on(app.bearer(token)).assert_accepted();
    }
    for_each_case(20_000, |random| {
        let token = touched(random, [&tokens[0], &tokens[1]]);
        // White space around a header's value belongs to no token.
        let trimmed = token.trim_matches([' ', '\t']);
        if tokens.iter().any(|good| good == trimmed) {
            return;
        }
        let inner = app.inner_calls();
        let value = format!("Bearer {token}");
        let Ok(header) = http::HeaderValue::from_bytes(value.as_bytes()) else {
            return;
        };
        let headers = [("authorization", header.as_bytes())];
        let answer = runtime.block_on(app.send_bytes(&headers));
        let status = answer.status().as_u16();
        assert!([400, 401].contains(&status), "{status}: {token}");
        assert_eq!(app.inner_calls(), inner, "{token}");
    });
    for token in &tokens {
        runtime.block_on(app.bearer(token)).assert_accepted();
    }
}

/// A value that a member of this name may have, or nearly so.
fn value_of(random: &mut Rng, name: &str) -> String {
    let near = |random: &mut Rng, time: i64| match random.u8(..5) {
        0 => format!("{}.{}", time + random.i64(-7..8), random.u8(1..10)),
        1 => format!("{}e0", time + random.i64(-7..8)),
        2 => pick(random, mutate::OF_ANY_TYPE).to_owned(),
        _ => (time + random.i64(-7..8)).to_string(),
    };
    let text = |random: &mut Rng, texts: &[&str]| match random.u8(..8) {
        0 => pick(random, mutate::OF_ANY_TYPE).to_owned(),
        _ => format!("\"{}\"", pick(random, texts)),
    };
    match name {
        "exp" | "nbf" | "iat" => near(random, NOW),
        "sub" => text(
            random,
            &["user_1", "user_", "User_1", "org_1", "mch_1", "", " user_1"],
        ),
        "sid" => text(random, &["sess_2", "sess_", "Sess_1", "user_1", ""]),
        "iss" => text(
            random,
            &[ISSUER, "https://clerk.example.com/", "clerk.example.com"],
        ),
        "azp" => text(
            random,
            &[
                "https://app.example.com",
                "https://app.example.com/",
                "null",
            ],
        ),
        "sts" => text(random, &["active", "pending", "Active", ""]),
        "aud" => match random.u8(..4) {
            0 => "[]".to_owned(),
            1 => "[\"urn:them\",\"urn:us\"]".to_owned(),
            2 => "[\"urn:us\",1]".to_owned(),
            _ => text(random, &["urn:us", "urn:them", ""]),
        },
        "v" => pick(random, &["1", "2", "3", "\"2\"", "2.0", "null"]).to_owned(),
        "alg" => text(
            random,
            &["RS256", "none", "HS256", "RS384", "RS512", "PS256", "rs256"],
        ),
        "typ" => text(
            random,
            &["JWT", "jwt", "at+jwt", "application/at+jwt", "JOSE", ""],
        ),
        "cat" => text(
            random,
            &[
                "cl_B7d4PD111AAA",
                "cl_B7d4PD222AAA",
                "cl_B7d4PD333AAA",
                "cl_I7d4PD111III",
                "",
            ],
        ),
        _ => pick(random, mutate::OF_ANY_TYPE).to_owned(),
    }
}

/// The oracle: what the documentation says of session tokens, written a second time. `None`: rejected;
/// else the subject.
fn judge(header: &[u8], payload: &[u8]) -> Option<String> {
    let (header, payload) = (json::members(header)?, json::members(payload)?);
    let find = |members: &'_ [(String, Json)], name: &str| {
        let member = members.iter().find(|(other, _)| other == name);
        member.map(|(_, value)| value.clone())
    };
    // A header has no nulls: what is there, is a text.
    let in_header = |name: &str| match find(&header, name) {
        None => Some(None),
        Some(Json::Text(text)) => Some(Some(text)),
        Some(_) => None,
    };
    let is_extended = find(&header, "crit").is_some() || find(&header, "b64").is_some();
    in_header("kid")?;
    let typ = in_header("typ")?.unwrap_or_else(|| "JWT".to_owned());
    let cat = in_header("cat")?.unwrap_or_else(|| "cl_I7d4PD111III".to_owned());
    let is_session =
        typ.eq_ignore_ascii_case("JWT") && ["cl_B7d4PD111AAA", "cl_I7d4PD111III"].contains(&&*cat);
    if is_extended || in_header("alg")?.as_deref() != Some("RS256") || !is_session {
        return None;
    }
    let in_payload = |name: &str| find(&payload, name).filter(|value| *value != Json::Null);
    let text = |name: &str| match in_payload(name) {
        None => Some(None),
        Some(Json::Text(text)) => Some(Some(text)),
        Some(_) => None,
    };
    let time = |name: &str| match in_payload(name) {
        None => Some(None),
        Some(Json::Number(number)) => Some(Some(json::seconds(&number))),
        Some(_) => None,
    };
    let (exp, nbf, iat) = (time("exp")??, time("nbf")?, time("iat")?);
    let starts = [nbf, iat].into_iter().flatten();
    let is_its_time = exp > 0
        && exp.saturating_add(LEEWAY) > NOW
        && starts
            .into_iter()
            .all(|start| start <= exp && start <= NOW + LEEWAY);
    let is_begun_with =
        |text: &str, start: &str| text.len() > start.len() && text.starts_with(start);
    let (sub, sid) = (text("sub")??, text("sid")??);
    let is_for_us = match in_payload("aud") {
        None => true,
        Some(Json::Text(one)) => one == "urn:us",
        Some(Json::Array(many)) => {
            let is_text = |one: &Json| matches!(one, Json::Text(_));
            many.iter().all(is_text) && many.contains(&Json::Text("urn:us".to_owned()))
        }
        Some(_) => false,
    };
    // fault E14: a later version must name the status of the session; an earlier one may.
    let is_version = match in_payload("v") {
        None => true,
        Some(Json::Number(number)) => match number.parse::<u64>() {
            Ok(1 | 2) => true,
            Ok(3..) => text("sts")?.is_some(),
            _ => false,
        },
        Some(_) => false,
    };
    let is_nothing = |name: &str| in_payload(name).is_none();
    (is_its_time
        && is_begun_with(&sub, "user_")
        && is_subject(&sub)
        && is_begun_with(&sid, "sess_")
        && text("iss")?.as_deref() == Some(ISSUER)
        && text("azp")?.as_deref() == Some("https://app.example.com")
        && text("sts")?.is_none_or(|status| status == "active")
        && is_for_us
        && is_version
        && is_nothing("cnf"))
    .then_some(sub)
}

#[test]
fn of_what_the_instance_signed_that_alone_passes_which_the_oracle_lets_pass() {
    let app = app();
    let runtime = runtime();
    let mut accepted = 0;
    for_each_case(2500, |random| {
        // Mistakes in the one, or in the other, or in both.
        let (in_header, in_payload) = match random.u8(..6) {
            0 => (true, false),
            1 => (true, true),
            _ => (false, true),
        };
        let header = match in_header {
            true => {
                let header = extended(random);
                mutate::object(random, header, value_of)
            }
            false => object(&good_header()),
        };
        let payload = match in_payload {
            true => mutate::object(random, good_payload(), value_of),
            false => object(&good_payload()),
        };
        let token = signed(&header, &payload);
        let expected = judge(&header, &payload);
        let (header, payload) = (
            String::from_utf8_lossy(&header),
            String::from_utf8_lossy(&payload),
        );
        for nth in ["first", "second"] {
            let answer = runtime.block_on(app.bearer(&token));
            let is_accepted = answer.status() == 200;
            let found = is_accepted.then(|| answer.claims().subject().to_owned());
            assert_eq!(
                found,
                expected,
                "{nth} time: {header} {payload} {:?}",
                answer.kind()
            );
        }
        accepted += usize::from(expected.is_some());
    });
    let cases = count(2500);
    // Neither all nor none, or it would show nothing.
    assert!(
        cases < 100 || (cases / 20..cases * 3 / 4).contains(&accepted),
        "{accepted} of {cases}"
    );
}
