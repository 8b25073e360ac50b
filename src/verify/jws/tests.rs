use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Header, Jws, MACHINE, SESSION, TEMPLATE, UNCLASSIFIED, unverified};
use crate::{
    AuthErrorKind, TokenKind,
    verify::jws::JwtAlgorithm::{self, Rs256, Rs384, Rs512},
};

const MALFORMED: AuthErrorKind = AuthErrorKind::MalformedToken;
const NO_KEY: AuthErrorKind = AuthErrorKind::InvalidSignature;

struct Case<'a> {
    name: &'static str,
    input: (&'a [u8], &'static [JwtAlgorithm]),
    expected: Result<(Header, JwtAlgorithm), AuthErrorKind>,
}

#[track_caller]
fn check(case: Case<'_>) {
    let (header, algorithms) = case.input;
    let token = format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(header));
    let read = Jws::parse(&token, algorithms).map(|jws| (jws.header, jws.algorithm));
    assert_eq!(read, case.expected, "{}", case.name);
    // Of whichever algorithm it is, it is read as strictly without one.
    let unverified = unverified(&token).map(|(header, _)| header);
    if case.expected != Err(NO_KEY) {
        let expected = case.expected.map(|(header, _)| header);
        assert_eq!(unverified, expected, "{}", case.name);
    }
}

/// Where RS256 alone is accepted.
#[track_caller]
fn check_all<const N: usize>(cases: [(&'static str, &str, Result<Header, AuthErrorKind>); N]) {
    for (name, input, expected) in cases {
        check(Case {
            name,
            input: (input.as_bytes(), &[Rs256]),
            expected: expected.map(|header| (header, Rs256)),
        });
    }
}

fn header(kid: Option<&str>, typ: Option<&str>, cat: Option<&str>) -> Header {
    Header {
        kid: kid.map(ToOwned::to_owned),
        typ: typ.map(ToOwned::to_owned),
        cat: cat.map(ToOwned::to_owned),
    }
}

#[test]
fn header_is_read_strictly() {
    let bare = || header(None, None, None);
    check_all([
        (
            "as Clerk writes it",
            r#"{"alg":"RS256","kid":"ins_1","typ":"JWT","cat":"cl_B7d4PD111AAA","oiat":1}"#,
            Ok(header(Some("ins_1"), Some("JWT"), Some(SESSION))),
        ),
        ("the algorithm alone", r#"{"alg":"RS256"}"#, Ok(bare())),
        ("with white space", " {\"alg\" :\n\"RS256\"}\t", Ok(bare())),
        ("no algorithm", r#"{"kid":"ins_1"}"#, Err(MALFORMED)),
        ("none", r#"{"alg":"none"}"#, Err(NO_KEY)),
        ("None", r#"{"alg":"None"}"#, Err(NO_KEY)),
        ("a secret shared", r#"{"alg":"HS256"}"#, Err(NO_KEY)),
        ("another padding", r#"{"alg":"PS256"}"#, Err(NO_KEY)),
        ("a curve", r#"{"alg":"ES256"}"#, Err(NO_KEY)),
        ("one that is not listed", r#"{"alg":"RS512"}"#, Err(NO_KEY)),
        ("in small letters", r#"{"alg":"rs256"}"#, Err(NO_KEY)),
        ("an empty algorithm", r#"{"alg":""}"#, Err(NO_KEY)),
        ("a list of them", r#"{"alg":["RS256"]}"#, Err(MALFORMED)),
        ("null", r#"{"alg":null}"#, Err(MALFORMED)),
        (
            "the algorithm twice",
            r#"{"alg":"RS256","alg":"RS256"}"#,
            Err(MALFORMED),
        ),
        (
            "the name of the key twice",
            r#"{"alg":"RS256","kid":"a","kid":"b"}"#,
            Err(MALFORMED),
        ),
        (
            "what nobody reads twice",
            r#"{"alg":"RS256","x":1,"x":1}"#,
            Err(MALFORMED),
        ),
        (
            "twice, once with an escape",
            r#"{"alg":"RS256","\u0061lg":"none"}"#,
            Err(MALFORMED),
        ),
        (
            "a number for a name",
            r#"{"alg":"RS256","kid":1}"#,
            Err(MALFORMED),
        ),
        (
            "null for a name",
            r#"{"alg":"RS256","kid":null}"#,
            Err(MALFORMED),
        ),
        (
            "a list of types",
            r#"{"alg":"RS256","typ":["JWT"]}"#,
            Err(MALFORMED),
        ),
        (
            "a class that is none",
            r#"{"alg":"RS256","cat":true}"#,
            Err(MALFORMED),
        ),
        // D41 B47
        (
            "an extension that must be understood",
            r#"{"alg":"RS256","crit":["exp"],"exp":1}"#,
            Err(MALFORMED),
        ),
        (
            "none of them",
            r#"{"alg":"RS256","crit":[]}"#,
            Err(MALFORMED),
        ),
        (
            "null of them",
            r#"{"alg":"RS256","crit":null}"#,
            Err(MALFORMED),
        ),
        (
            "a payload as it is",
            r#"{"alg":"RS256","b64":false}"#,
            Err(MALFORMED),
        ),
        (
            "an encoded payload, said twice over",
            r#"{"alg":"RS256","b64":true}"#,
            Err(MALFORMED),
        ),
        (
            "a key of its own",
            r#"{"alg":"RS256","jwk":{"kty":"RSA"},"jku":"https://evil.example","x5c":["a"],"x5u":"b"}"#,
            Ok(bare()),
        ),
        ("no object", r#"["RS256"]"#, Err(MALFORMED)),
        ("nothing", "", Err(MALFORMED)),
        ("two objects", r#"{"alg":"RS256"}{}"#, Err(MALFORMED)),
        ("half an object", r#"{"alg":"RS256""#, Err(MALFORMED)),
        (
            "a mark of the byte order",
            "\u{feff}{\"alg\":\"RS256\"}",
            Err(MALFORMED),
        ),
    ]);
    check(Case {
        name: "no UTF-8",
        input: (b"{\"alg\":\"RS256\",\"kid\":\"\xff\"}", &[Rs256]),
        expected: Err(MALFORMED),
    });
    let nested = format!(r#"{{"alg":"RS256","x":{}}}"#, "[".repeat(4096));
    check(Case {
        name: "deep",
        input: (nested.as_bytes(), &[Rs256]),
        expected: Err(MALFORMED),
    });
}

#[test]
fn algorithms_are_those_of_the_list() {
    let all: &[JwtAlgorithm] = &[Rs256, Rs384, Rs512];
    for (name, alg, list, expected) in [
        ("the only one", "RS384", &all[1..2], Ok(Rs384)),
        ("not the only one", "RS256", &all[1..2], Err(NO_KEY)),
        ("the last", "RS512", all, Ok(Rs512)),
        ("the first", "RS256", all, Ok(Rs256)),
        ("none in the list", "none", all, Err(NO_KEY)),
    ] {
        check(Case {
            name,
            input: (format!(r#"{{"alg":"{alg}"}}"#).as_bytes(), list),
            expected: expected.map(|algorithm| (header(None, None, None), algorithm)),
        });
    }
}

#[test]
fn parts_have_one_spelling() {
    // {"alg":"RS256"}
    const HEADER: &str = "eyJhbGciOiJSUzI1NiJ9";
    // {"a":1}, and its last character with a bit too many
    let cases = [
        ("three parts", format!("{HEADER}.eyJhIjoxfQ.c2ln"), Ok(())),
        ("two parts", format!("{HEADER}.eyJhIjoxfQ"), Err(MALFORMED)),
        ("one part", HEADER.to_owned(), Err(MALFORMED)),
        (
            "four parts",
            format!("{HEADER}.eyJhIjoxfQ.c2ln.c2ln"),
            Err(MALFORMED),
        ),
        (
            "a payload with bits left over",
            format!("{HEADER}.eyJhIjoxfR.c2ln"),
            Err(MALFORMED),
        ),
        (
            "a padded payload",
            format!("{HEADER}.eyJhIjoxfQ==.c2ln"),
            Err(MALFORMED),
        ),
        (
            "a payload of a length that none has",
            format!("{HEADER}.eyJhIjoxf.c2ln"),
            Err(MALFORMED),
        ),
        (
            "another alphabet",
            format!("{HEADER}.eyJhIjoi+/8ifQ.c2ln"),
            Err(MALFORMED),
        ),
        (
            "a signature with bits left over",
            format!("{HEADER}.eyJhIjoxfQ.c2lnZZ"),
            Err(MALFORMED),
        ),
        (
            "a header with bits left over",
            format!("{}.eyJhIjoxfQ.c2ln", "eyJhbGciOiJSUzI1NiIgfR"),
            Err(MALFORMED),
        ),
        (
            "a payload with a member twice",
            // {"a":1,"a":2}
            format!("{HEADER}.eyJhIjoxLCJhIjoyfQ.c2ln"),
            Err(MALFORMED),
        ),
        ("no object", format!("{HEADER}.MQ.c2ln"), Err(MALFORMED)),
        (
            "an empty payload",
            format!("{HEADER}..c2ln"),
            Err(MALFORMED),
        ),
    ];
    for (name, input, expected) in cases {
        let read = Jws::parse(&input, &[Rs256]).and_then(|jws| jws.payload());
        assert_eq!(read.map(drop), expected, "{name}");
        assert_eq!(unverified(&input).map(drop), expected, "{name}");
    }
    let jws = Jws::parse("eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln", &[Rs256]);
    let jws = jws.unwrap_or_else(|kind| panic!("{kind:?}"));
    assert_eq!(jws.signed, "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ");
    assert_eq!(jws.signature, b"sig");
    assert_eq!(jws.payload().unwrap()["a"], 1);
}

#[test]
fn kind_is_what_the_header_says_or_leaves_open() {
    use TokenKind::{Machine, OAuth, Session};

    let plain = |cat| header(None, Some("JWT"), cat);
    let access = |cat| header(None, Some("at+jwt"), cat);
    check_kinds([
        (
            "nothing said",
            header(None, None, None),
            &[Session, Machine],
        ),
        ("a JWT", plain(None), &[Session, Machine]),
        (
            "a JWT in small letters",
            header(None, Some("jwt"), None),
            &[Session, Machine],
        ),
        ("a session", plain(Some(SESSION)), &[Session]),
        (
            "a session without a type",
            header(None, None, Some(SESSION)),
            &[Session],
        ),
        ("a machine", plain(Some(MACHINE)), &[Machine]),
        ("no class", plain(Some(UNCLASSIFIED)), &[Session, Machine]),
        // B: a token of a template outlives its session.
        ("a template", plain(Some(TEMPLATE)), &[]),
        ("a class to come", plain(Some("cl_X")), &[]),
        ("an empty class", plain(Some("")), &[]),
        ("an access token", access(None), &[OAuth]),
        (
            "an access token in full",
            header(None, Some("application/at+jwt"), None),
            &[OAuth],
        ),
        (
            "an access token without a class",
            access(Some(UNCLASSIFIED)),
            &[OAuth],
        ),
        (
            "an access token of a class to come",
            access(Some("cl_X")),
            &[OAuth],
        ),
        (
            "an access token of the class of sessions",
            access(Some(SESSION)),
            &[],
        ),
        (
            "an access token of the class of templates",
            access(Some(TEMPLATE)),
            &[],
        ),
        (
            "an access token of the class of machines",
            access(Some(MACHINE)),
            &[],
        ),
        (
            "an access token in capitals",
            header(None, Some("AT+JWT"), None),
            &[],
        ),
        (
            "a logout token",
            header(None, Some("logout+jwt"), None),
            &[],
        ),
        ("an empty type", header(None, Some(""), None), &[]),
    ]);
}

#[track_caller]
fn check_kinds<const N: usize>(cases: [(&'static str, Header, &[TokenKind]); N]) {
    for (name, input, expected) in cases {
        for kind in TokenKind::ALL {
            let is_of = input.is_of(kind);
            assert_eq!(is_of, expected.contains(&kind), "{name}, {kind:?}");
        }
    }
}
