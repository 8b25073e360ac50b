use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::TokenFormat;
use crate::TokenKind::{self, ApiKey, Machine, OAuth, Session};

struct Case {
    name: &'static str,
    input: String,
    expected: TokenFormat,
}

#[track_caller]
fn check(case: &Case) {
    assert_eq!(TokenFormat::of(&case.input), case.expected, "{}", case.name);
}

#[track_caller]
fn check_all<const N: usize>(cases: [(&'static str, String, TokenFormat); N]) {
    for (name, input, expected) in cases {
        check(&Case {
            name,
            input,
            expected,
        });
    }
}

const OPAQUE: TokenFormat = TokenFormat::Opaque(OAuth);
const NO_EXP: TokenFormat = of(Session, None);

const fn of(kind: TokenKind, exp: Option<i64>) -> TokenFormat {
    TokenFormat::Jwt { kind, exp }
}

fn jwt(payload: impl AsRef<[u8]>) -> String {
    format!(
        "eyJhbGciOiJub25lIn0.{}.c2ln",
        URL_SAFE_NO_PAD.encode(payload)
    )
}

#[test]
fn shape_is_told_by_prefix_and_parts() {
    let text = ToOwned::to_owned;
    check_all([
        ("an access token", text("oat_abc"), OPAQUE),
        ("the prefix alone", text("oat_"), OPAQUE),
        ("the prefix and dots", text("oat_a.b.c"), OPAQUE),
        (
            "the prefix in capitals",
            text("OAT_abc"),
            TokenFormat::Unprefixed,
        ),
        ("half the prefix", text("oat"), TokenFormat::Unprefixed),
        (
            "the prefix later",
            text("xoat_abc"),
            TokenFormat::Unprefixed,
        ),
        ("a refresh token", text("ort_abc"), TokenFormat::Unprefixed),
        ("a session id", text("sess_abc"), TokenFormat::Unprefixed),
        ("an API key", text("ak_abc"), TokenFormat::Opaque(ApiKey)),
        (
            "a machine token",
            text("mt_abc"),
            TokenFormat::Opaque(Machine),
        ),
        ("nothing", text(""), TokenFormat::Unprefixed),
        ("three parts", text("aA0-_.b.c"), NO_EXP),
        ("two parts", text("a.b"), TokenFormat::Unprefixed),
        ("four parts", text("a.b.c.d"), TokenFormat::Unprefixed),
        ("five parts", text("a.b.c.d.e"), TokenFormat::Unprefixed),
        (
            "four parts, the last empty",
            text("a.b.c."),
            TokenFormat::Unprefixed,
        ),
        ("an empty header", text(".b.c"), TokenFormat::Unprefixed),
        ("an empty payload", text("a..c"), TokenFormat::Unprefixed),
        ("an empty signature", text("a.b."), TokenFormat::Unprefixed),
        ("a plus", text("a.b+.c"), TokenFormat::Unprefixed),
        ("a slash", text("a.b/.c"), TokenFormat::Unprefixed),
        ("padding", text("a.b.c="), TokenFormat::Unprefixed),
        ("a tilde", text("~.b.c"), TokenFormat::Unprefixed),
        // C025 B43
        ("only dots", ".".repeat(4096), TokenFormat::Unprefixed),
    ]);
}

#[test]
fn parts_of_a_jwt_have_only_bytes_of_base64url() {
    for character in (0..=0x7f).map(char::from).chain(['é', 'ǿ']) {
        let is_valid = character.is_ascii_alphanumeric() || character == '-' || character == '_';
        for place in 0..3 {
            // Long enough that bytes are checked together.
            let mut parts = ["a".repeat(20), "b".repeat(40), "c".repeat(60)];
            parts[place].insert(17, character);
            let token = parts.join(".");
            let is_jwt = matches!(TokenFormat::of(&token), TokenFormat::Jwt { .. });
            // A dot makes a fourth part.
            assert_eq!(is_jwt, is_valid, "{character:?} in part {place}");
        }
    }
}

#[test]
fn kind_of_a_jwt_is_told_by_its_subject_and_then_by_its_type() {
    let jwt = |header: &str, payload: &str| {
        let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
        format!("{header}.{payload}.c2ln")
    };
    let at = r#"{"typ":"at+jwt"}"#;
    let user = r#"{"sub":"user_1"}"#;
    let machine = r#"{"sub":"mch_1"}"#;
    let kind = |kind| of(kind, None);
    check_all([
        ("an access token", jwt(at, user), kind(OAuth)),
        (
            "in its long form",
            jwt(r#"{"typ":"application/at+jwt"}"#, user),
            kind(OAuth),
        ),
        ("without a subject", jwt(at, "{}"), kind(OAuth)),
        (
            "in capitals",
            jwt(r#"{"typ":"AT+JWT"}"#, user),
            kind(Session),
        ),
        ("a plain JWT", jwt(r#"{"typ":"JWT"}"#, user), kind(Session)),
        ("without a type", jwt("{}", user), kind(Session)),
        (
            "a type of numbers",
            jwt(r#"{"typ":7}"#, user),
            kind(Session),
        ),
        (
            "a type twice",
            jwt(r#"{"typ":"at+jwt","typ":"at+jwt"}"#, user),
            kind(Session),
        ),
        ("of a machine", jwt("{}", machine), kind(Machine)),
        ("of a machine, first", jwt(at, machine), kind(Machine)),
        (
            "of a machine, in an array",
            jwt(at, r#"{"sub":["mch_1"]}"#),
            kind(OAuth),
        ),
        (
            "of half a machine",
            jwt("{}", r#"{"sub":"mch"}"#),
            kind(Session),
        ),
        ("unreadable", "a.b.c".to_owned(), kind(Session)),
    ]);
}

#[test]
fn expiry_is_what_the_payload_claims() {
    let exp = |exp| of(Session, Some(exp));
    check_all([
        ("a number", jwt(r#"{"exp":1700000000}"#), exp(1_700_000_000)),
        (
            "among others",
            jwt(r#"{"sub":"u","exp":7,"aud":["a"]}"#),
            exp(7),
        ),
        // C057
        ("zero", jwt(r#"{"exp":0}"#), exp(0)),
        ("negative", jwt(r#"{"exp":-1}"#), exp(-1)),
        // C058
        ("a fraction", jwt(r#"{"exp":7.9}"#), exp(7)),
        // C060
        (
            "more than fits",
            jwt(r#"{"exp":18446744073709551615}"#),
            exp(i64::MAX),
        ),
        // C059
        ("a text", jwt(r#"{"exp":"1700000000"}"#), NO_EXP),
        // C061
        ("null", jwt(r#"{"exp":null}"#), NO_EXP),
        ("absent", jwt(r#"{"sub":"u"}"#), NO_EXP),
        ("twice", jwt(r#"{"exp":1,"exp":2}"#), NO_EXP),
        ("no object", jwt("17"), NO_EXP),
        ("no JSON", jwt("exp"), NO_EXP),
        (
            "beside what is no UTF-8",
            jwt(b"{\"exp\":7,\"s\":\"\xff\"}"),
            exp(7),
        ),
        ("no UTF-8", jwt(b"\xff"), NO_EXP),
        ("something behind it", jwt(r#"{"exp":7}x"#), NO_EXP),
        // C046
        ("deep", jwt("[".repeat(100_000)), NO_EXP),
        (
            "deep beside it",
            jwt(format!("{{\"exp\":7,\"d\":{}", "[".repeat(1_000))),
            NO_EXP,
        ),
    ]);
}

#[test]
fn payload_is_read_leniently() {
    let exp = of(Session, Some(10));
    let payload = URL_SAFE_NO_PAD.encode(r#"{"exp":10}"#);
    assert!(
        payload.ends_with('Q'),
        "two bits of the last character are unused: {payload}"
    );
    let trailing = format!("{}R", payload.strip_suffix('Q').unwrap());
    let signs = jwt(r#"{"exp":10,"s":"~~~???>>>"}"#);
    assert!(signs.contains('_') && signs.contains('-'), "{signs}");
    check_all([
        ("as it should be", format!("a.{payload}.c"), exp),
        (
            "with bits that nobody reads",
            format!("a.{trailing}.c"),
            exp,
        ),
        ("with the signs of base64url", signs, exp),
        ("of a length that cannot be", "a.eyJle.c".to_owned(), NO_EXP),
    ]);
}
