use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};

use super::{Credentials, SecretToken, at_a_glance, in_full, is_scheme_byte, is_token68};
use crate::AuthErrorKind::{
    self, MalformedCredentials, MissingCredentials, MultipleCredentials, TokenTooLong,
};

const MAX: usize = 4096;

type Parsed<'a> = Result<&'a str, AuthErrorKind>;

struct Case<'a> {
    name: &'a str,
    input: &'a [&'a [u8]],
    expected: Parsed<'a>,
}

fn parse(headers: &mut HeaderMap, max_len: usize) -> Parsed<'_> {
    super::parse(headers, max_len)?.token()
}

fn headers(values: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

#[track_caller]
fn check(case: &Case<'_>) {
    let mut headers = headers(case.input);
    assert_eq!(parse(&mut headers, MAX), case.expected, "{}", case.name);
}

#[track_caller]
fn check_one(name: &str, value: &[u8], expected: Parsed<'_>) {
    check(&Case {
        name,
        input: &[value],
        expected,
    });
}

#[test]
fn only_one_well_formed_bearer_credential_is_taken() {
    let cases: &[(&str, &[&[u8]], Parsed<'_>)] = &[
        // C001
        ("no header", &[], Err(MissingCredentials)),
        // C002
        ("empty value", &[b""], Err(MissingCredentials)),
        ("white space alone", &[b" \t "], Err(MissingCredentials)),
        // C003
        ("the scheme alone", &[b"Bearer"], Err(MalformedCredentials)),
        // C004
        ("scheme and space", &[b"Bearer "], Err(MalformedCredentials)),
        (
            "scheme and spaces",
            &[b"Bearer    "],
            Err(MalformedCredentials),
        ),
        // C005
        ("as documented", &[b"Bearer tok"], Ok("tok")),
        ("lower case", &[b"bearer tok"], Ok("tok")),
        ("upper case", &[b"BEARER tok"], Ok("tok")),
        ("mixed case", &[b"bEaReR tok"], Ok("tok")),
        ("the token keeps its case", &[b"Bearer ToK"], Ok("ToK")),
        // C006
        ("two spaces", &[b"Bearer  tok"], Ok("tok")),
        // C007
        ("a tab", &[b"Bearer\ttok"], Err(MalformedCredentials)),
        (
            "a space and a tab",
            &[b"Bearer \ttok"],
            Err(MalformedCredentials),
        ),
        // C008
        ("white space around", &[b" \tBearer tok\t "], Ok("tok")),
        // C009
        ("no space", &[b"Bearertok"], Err(MissingCredentials)),
        (
            "a longer scheme",
            &[b"Bearerx tok"],
            Err(MissingCredentials),
        ),
        (
            "a scheme with a sign",
            &[b"Bearer-x tok"],
            Err(MissingCredentials),
        ),
        (
            "another scheme before it",
            &[b"NotBearer tok"],
            Err(MissingCredentials),
        ),
        ("a part of the scheme", &[b"Beare"], Err(MissingCredentials)),
        (
            "a part of the scheme and more",
            &[b"Bear tok"],
            Err(MissingCredentials),
        ),
        // C010
        (
            "two lines, one token",
            &[b"Bearer tok", b"Bearer tok"],
            Err(MultipleCredentials),
        ),
        // C011
        (
            "Basic, then Bearer",
            &[b"Basic dTpw", b"Bearer tok"],
            Err(MultipleCredentials),
        ),
        (
            "Bearer, then Basic",
            &[b"Bearer tok", b"Basic dTpw"],
            Err(MultipleCredentials),
        ),
        (
            "an empty line, then Bearer",
            &[b"", b"Bearer tok"],
            Err(MultipleCredentials),
        ),
        // B10
        (
            "three lines",
            &[b"Bearer a", b"Bearer b", b"Bearer c"],
            Err(MultipleCredentials),
        ),
        // C012
        (
            "two in one line",
            &[b"Bearer a, Bearer b"],
            Err(MalformedCredentials),
        ),
        // C013
        ("a comma", &[b"Bearer a,b"], Err(MalformedCredentials)),
        // C014 B35
        ("Basic", &[b"Basic dTpw"], Err(MissingCredentials)),
        ("DPoP", &[b"DPoP tok"], Err(MissingCredentials)),
        (
            "Digest",
            &[b"Digest username=\"u\""],
            Err(MissingCredentials),
        ),
        ("Negotiate", &[b"Negotiate dG9r"], Err(MissingCredentials)),
        // C015
        (
            "something behind it",
            &[b"Bearer tok extra"],
            Err(MalformedCredentials),
        ),
        // C016
        ("quoted", &[b"Bearer \"tok\""], Err(MalformedCredentials)),
        // C018
        (
            "padding in the middle",
            &[b"Bearer to=k"],
            Err(MalformedCredentials),
        ),
        (
            "padding first",
            &[b"Bearer =tok"],
            Err(MalformedCredentials),
        ),
        // C019
        ("padding alone", &[b"Bearer ="], Err(MalformedCredentials)),
        (
            "more padding alone",
            &[b"Bearer ==="],
            Err(MalformedCredentials),
        ),
        // C020
        ("padding at the end", &[b"Bearer tok=="], Ok("tok==")),
        // C021
        ("obs-text", &[b"Bearer tok\xff"], Err(MalformedCredentials)),
        (
            "obs-text alone",
            &[b"Bearer \x80"],
            Err(MalformedCredentials),
        ),
        (
            "obs-text behind the scheme",
            &[b"Bearer\x80tok"],
            Err(MalformedCredentials),
        ),
        (
            "a homoglyph in the token",
            &[b"Bearer t\xd0\xbek"],
            Err(MalformedCredentials),
        ),
        (
            "a homoglyph in the scheme",
            &[b"B\xd0\xb5arer tok"],
            Err(MissingCredentials),
        ),
        (
            "a no-break space",
            &[b"Bearer\xc2\xa0tok"],
            Err(MalformedCredentials),
        ),
        // B25
        (
            "a format string",
            &[b"Bearer %s%n"],
            Err(MalformedCredentials),
        ),
        // B36
        (
            "a space within",
            &[b"Bearer to k"],
            Err(MalformedCredentials),
        ),
        ("a semicolon", &[b"Bearer tok;"], Err(MalformedCredentials)),
    ];
    for (name, input, expected) in cases {
        check(&Case {
            name,
            input,
            expected: *expected,
        });
    }
}

#[test]
fn a_glance_shows_what_a_look_in_full_does() {
    let mut glances = 0;
    for scheme in ["Bearer", "bearer", "Bearers", " Bearer", "Bear"] {
        // All texts of up to six of these.
        let mut rests = vec![String::new()];
        for _ in 0..6 {
            let longer = |rest: &String| [' ', '\t', 'a', '='].map(|next| format!("{rest}{next}"));
            rests = rests
                .iter()
                .flat_map(longer)
                .chain([String::new()])
                .collect();
        }
        for value in rests.iter().map(|rest| format!("{scheme}{rest}")) {
            if let Some(token) = at_a_glance(value.as_bytes()) {
                glances += 1;
                let found = in_full(value.as_bytes(), MAX).map(Credentials::as_bytes);
                assert_eq!(found, Ok(token), "{value:?}");
            }
        }
    }
    assert_ne!(glances, 0);
}

#[test]
fn token68_is_taken_byte_for_byte() {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
    for byte in 0..=u8::MAX {
        let name = format!("byte {byte:#04x}");
        let is_ours = alphabet.contains(&byte);
        // C017 C018 C021 C022 C023 B35
        assert_eq!(is_token68(&[byte]), is_ours, "{name} alone");
        assert_eq!(is_token68(&[b'a', byte, b'b']), is_ours, "{name} within");
        assert_eq!(is_token68(&[byte, b'b']), is_ours, "{name} in front");
        let is_at_end = is_ours || byte == b'=';
        assert_eq!(is_token68(&[b'a', byte]), is_at_end, "{name} at the end");
        assert_eq!(
            is_token68(&[b'a', byte, b'=']),
            is_at_end,
            "{name} before padding"
        );
        assert_eq!(
            is_token68(&[b'a', b'=', byte]),
            byte == b'=',
            "{name} in the padding"
        );

        let value = [b"Bearer a".as_slice(), &[byte], b"b"].concat();
        if HeaderValue::from_bytes(&value).is_ok() {
            let token = [b'a', byte, b'b'];
            let expected = match str::from_utf8(&token) {
                Ok(token) if is_ours => Ok(token),
                _ => Err(MalformedCredentials),
            };
            check_one(&name, &value, expected);
        }
    }
    assert!(!is_token68(b""), "an empty token");
}

#[test]
fn scheme_goes_on_over_every_tchar() {
    let signs = b"!#$%&'*+-.^_`|~";
    for byte in 0..=u8::MAX {
        let is_tchar = byte.is_ascii_alphanumeric() || signs.contains(&byte);
        assert_eq!(is_scheme_byte(byte), is_tchar, "byte {byte:#04x}");
        let value = [b"Bearer".as_slice(), &[byte], b" tok"].concat();
        if byte == b' ' || HeaderValue::from_bytes(&value).is_err() {
            continue;
        }
        let expected = if is_tchar {
            MissingCredentials
        } else {
            MalformedCredentials
        };
        // C009
        check_one(&format!("byte {byte:#04x}"), &value, Err(expected));
    }
}

#[test]
fn length_is_bounded_before_the_token_is_looked_at() {
    let longest = "a".repeat(MAX);
    let kib = "a".repeat(64 * 1024);
    let mib = "a".repeat(1 << 20);
    let dots = ".".repeat(1_000_000);
    let quotes = "\"".repeat(1 << 20);
    let cases = [
        // C024
        ("the longest", longest.clone(), Ok(longest.as_str())),
        ("one byte more", format!("{longest}a"), Err(TokenTooLong)),
        ("padding counts", format!("{longest}="), Err(TokenTooLong)),
        ("64 KiB", kib.clone(), Err(TokenTooLong)),
        ("1 MiB", mib.clone(), Err(TokenTooLong)),
        // C025 B43
        ("a million dots", dots.clone(), Err(TokenTooLong)),
        (
            "the length before the grammar",
            quotes.clone(),
            Err(TokenTooLong),
        ),
        (
            "one too long and malformed",
            format!("{longest}\""),
            Err(TokenTooLong),
        ),
        (
            "the longest with 17 spaces",
            format!("{}{longest}", " ".repeat(16)),
            Ok(&longest),
        ),
        (
            "the longest with 18 spaces",
            format!("{}{longest}", " ".repeat(17)),
            Err(TokenTooLong),
        ),
        (
            "one more with two spaces",
            format!(" {longest}a"),
            Err(TokenTooLong),
        ),
        (
            "spaces up to the limit",
            format!("{}a", " ".repeat(MAX + 15)),
            Ok("a"),
        ),
        (
            "spaces beyond the limit",
            format!("{}a", " ".repeat(MAX + 16)),
            Err(TokenTooLong),
        ),
        (
            "malformed within the limit",
            format!("{}\"", &longest[1..]),
            Err(MalformedCredentials),
        ),
    ];
    for (name, token, expected) in cases {
        check_one(name, format!("Bearer {token}").as_bytes(), expected);
    }
}

#[test]
fn limit_is_the_one_given() {
    for (name, limit, expected) in [
        ("below", 2, Err(TokenTooLong)),
        ("at", 3, Ok("tok")),
        ("above", 4, Ok("tok")),
        ("no limit at all", usize::MAX, Ok("tok")),
    ] {
        assert_eq!(
            parse(&mut headers(&[b"Bearer tok"]), limit),
            expected,
            "{name}"
        );
    }
}

#[test]
fn credentials_elsewhere_are_ignored() {
    // C031 C032 B16 B17
    for name in [
        "cookie",
        "proxy-authorization",
        "x-forwarded-authorization",
        "x-authorization",
        "authentication",
    ] {
        let mut headers = HeaderMap::new();
        let name = HeaderName::from_static(name);
        headers.insert(&name, HeaderValue::from_static("Bearer tok"));
        assert_eq!(
            parse(&mut headers, MAX),
            Err(MissingCredentials),
            "{name} alone"
        );
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer ours"));
        assert_eq!(parse(&mut headers, MAX), Ok("ours"), "{name} beside ours");
    }
}

#[test]
fn credential_is_found_among_ten_thousand_headers() {
    // C026
    let mut headers = headers(&[b"Bearer tok"]);
    for number in 0..10_000 {
        let name = HeaderName::try_from(format!("x-{number}")).unwrap();
        headers.insert(name, HeaderValue::from_static("v"));
    }
    assert_eq!(parse(&mut headers, MAX), Ok("tok"));
}

#[test]
fn the_header_is_sensitive_from_then_on() {
    for value in [b"Bearer tok".as_slice(), b"Bearer a b", b"Basic eDp5"] {
        let mut headers = headers(&[value]);
        _ = parse(&mut headers, MAX);
        assert!(headers[AUTHORIZATION].is_sensitive());
    }
}

#[test]
fn token_is_shown_by_expose_alone() {
    let token = SecretToken::new("oat_canary");
    assert_eq!(token.expose(), "oat_canary");
    assert_eq!(token.clone().expose(), "oat_canary");
    assert_eq!(format!("{token:?}"), "SecretToken([redacted])");
    assert_eq!(format!("{token:#?}"), "SecretToken([redacted])");
}
