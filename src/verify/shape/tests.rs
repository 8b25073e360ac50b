use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::Shape;

struct Case {
    name: &'static str,
    input: String,
    expected: Shape,
}

#[track_caller]
fn check(case: &Case) {
    assert_eq!(Shape::of(&case.input), case.expected, "{}", case.name);
}

#[track_caller]
fn check_all<const N: usize>(cases: [(&'static str, String, Shape); N]) {
    for (name, input, expected) in cases {
        check(&Case {
            name,
            input,
            expected,
        });
    }
}

const NO_EXP: Shape = Shape::Jwt { exp: None };

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
        ("an access token", text("oat_abc"), Shape::Opaque),
        ("the prefix alone", text("oat_"), Shape::Opaque),
        ("the prefix and dots", text("oat_a.b.c"), Shape::Opaque),
        ("the prefix in capitals", text("OAT_abc"), Shape::Unprefixed),
        ("half the prefix", text("oat"), Shape::Unprefixed),
        ("the prefix later", text("xoat_abc"), Shape::Unprefixed),
        ("a refresh token", text("ort_abc"), Shape::Unprefixed),
        ("a session id", text("sess_abc"), Shape::Unprefixed),
        ("an API key", text("ak_abc"), Shape::Unprefixed),
        ("a machine token", text("mt_abc"), Shape::Unprefixed),
        ("nothing", text(""), Shape::Unprefixed),
        ("three parts", text("aA0-_.b.c"), NO_EXP),
        ("two parts", text("a.b"), Shape::Unprefixed),
        ("four parts", text("a.b.c.d"), Shape::Unprefixed),
        ("five parts", text("a.b.c.d.e"), Shape::Unprefixed),
        (
            "four parts, the last empty",
            text("a.b.c."),
            Shape::Unprefixed,
        ),
        ("an empty header", text(".b.c"), Shape::Unprefixed),
        ("an empty payload", text("a..c"), Shape::Unprefixed),
        ("an empty signature", text("a.b."), Shape::Unprefixed),
        ("a plus", text("a.b+.c"), Shape::Unprefixed),
        ("a slash", text("a.b/.c"), Shape::Unprefixed),
        ("padding", text("a.b.c="), Shape::Unprefixed),
        ("a tilde", text("~.b.c"), Shape::Unprefixed),
        // C025 B43
        ("only dots", ".".repeat(4096), Shape::Unprefixed),
    ]);
}

#[test]
fn expiry_is_what_the_payload_claims() {
    let exp = |exp| Shape::Jwt { exp: Some(exp) };
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
    let exp = Shape::Jwt { exp: Some(10) };
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
