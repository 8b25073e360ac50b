use http::{HeaderMap, HeaderValue, header::COOKIE};

use super::CookieNames;
use crate::AuthErrorKind::{
    self, MalformedCredentials, MissingCredentials, MultipleCredentials, TokenTooLong,
};

/// A key of `clerk.example.com`.
const KEY: &str = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k";

type Parsed<'a> = Result<&'a str, AuthErrorKind>;

struct Case<'a> {
    name: &'a str,
    /// `Cookie` headers.
    input: &'a [&'a [u8]],
    expected: Parsed<'a>,
}

fn headers(values: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("accept", HeaderValue::from_static("__session=accept"));
    for value in values {
        headers.append(COOKIE, HeaderValue::from_bytes(value).unwrap());
    }
    headers.append("x-cookie", HeaderValue::from_static("__session=x"));
    headers
}

#[track_caller]
fn check(names: &CookieNames, cases: &[Case<'_>]) {
    for case in cases {
        let mut headers = headers(case.input);
        let parsed = names.parse(&mut headers, 16);
        let token = parsed.and_then(|credentials| credentials.token());
        assert_eq!(token, case.expected, "{}", case.name);
    }
}

fn plain() -> CookieNames {
    CookieNames::of("clerk.example.com")
}

#[test]
fn a_cookie_is_found_by_its_name_alone() {
    let none = Err(MissingCredentials);
    check(
        &plain(),
        &[
            Case {
                name: "no header",
                input: &[],
                expected: none,
            },
            Case {
                name: "alone",
                input: &[b"__session=a.b.c"],
                expected: Ok("a.b.c"),
            },
            Case {
                name: "first",
                input: &[b"__session=abc; theme=dark"],
                expected: Ok("abc"),
            },
            Case {
                name: "last",
                input: &[b"theme=dark; __session=abc"],
                expected: Ok("abc"),
            },
            Case {
                name: "without a space",
                input: &[b"theme=dark;__session=abc;x=y"],
                expected: Ok("abc"),
            },
            Case {
                name: "with more white space",
                input: &[b"  theme=dark; \t __session=abc"],
                expected: Ok("abc"),
            },
            Case {
                name: "in the second header",
                input: &[b"theme=dark", b"__session=abc", b"x=y"],
                expected: Ok("abc"),
            },
            Case {
                name: "beside what is no cookie",
                input: &[b"; ;theme;=;=x;\xff\xfe=\xff; __session=abc; __session"],
                expected: Ok("abc"),
            },
            Case {
                name: "a sign of equality in the value",
                input: &[b"__session=abc=="],
                expected: Ok("abc=="),
            },
            Case {
                name: "another",
                input: &[b"theme=dark"],
                expected: none,
            },
            Case {
                name: "a capital",
                input: &[b"__Session=abc"],
                expected: none,
            },
            Case {
                name: "more in front",
                input: &[b"x__session=abc; -__session=abc"],
                expected: none,
            },
            Case {
                name: "more behind",
                input: &[b"__session_l2OS3d9k=abc; __sessions=abc"],
                expected: none,
            },
            Case {
                name: "a space before the sign",
                input: &[b"__session =abc"],
                expected: none,
            },
            Case {
                name: "the name alone",
                input: &[b"__session"],
                expected: none,
            },
            Case {
                name: "in a value",
                input: &[b"theme=__session=abc"],
                expected: none,
            },
            Case {
                name: "with commas",
                input: &[b"theme=dark, __session=abc"],
                expected: none,
            },
        ],
    );
}

#[test]
fn one_value_counts() {
    check(
        &plain(),
        &[
            Case {
                name: "empty",
                input: &[b"__session=", b"__session=; x=y"],
                expected: Err(MissingCredentials),
            },
            Case {
                name: "empty, and a token",
                input: &[b"__session=; __session=abc; __session="],
                expected: Ok("abc"),
            },
            Case {
                name: "twice the same",
                input: &[b"__session=abc; __session=abc"],
                expected: Ok("abc"),
            },
            Case {
                name: "twice the same in two headers",
                input: &[b"__session=abc", b"__session=abc"],
                expected: Ok("abc"),
            },
            Case {
                name: "two",
                input: &[b"__session=abc; __session=abd"],
                expected: Err(MultipleCredentials),
            },
            Case {
                name: "two, in two headers",
                input: &[b"__session=abc", b"x=y; __session=abd"],
                expected: Err(MultipleCredentials),
            },
            Case {
                name: "two, and the first again",
                input: &[b"__session=abc; __session=abd; __session=abc"],
                expected: Err(MultipleCredentials),
            },
            Case {
                name: "two that begin alike",
                input: &[b"__session=abc; __session=abcd"],
                expected: Err(MultipleCredentials),
            },
        ],
    );
}

#[test]
fn a_value_is_a_token_of_the_allowed_length() {
    check(
        &plain(),
        &[
            Case {
                name: "the longest",
                input: &[b"__session=0123456789abcdef"],
                expected: Ok("0123456789abcdef"),
            },
            Case {
                name: "longer",
                input: &[b"__session=0123456789abcdefg"],
                expected: Err(TokenTooLong),
            },
            Case {
                name: "quoted",
                input: &[b"__session=\"abc\""],
                expected: Err(MalformedCredentials),
            },
            Case {
                name: "percent-encoded",
                input: &[b"__session=abc%2Ed"],
                expected: Err(MalformedCredentials),
            },
            Case {
                name: "white space around it",
                input: &[b"__session=abc ; x=y"],
                expected: Err(MalformedCredentials),
            },
            Case {
                name: "no text",
                input: &[b"__session=\xff"],
                expected: Err(MalformedCredentials),
            },
        ],
    );
}

#[test]
fn headers_are_sensitive_from_then_on() {
    let mut headers = headers(&[b"__session=abc", b"theme=dark"]);
    assert!(plain().parse(&mut headers, 16).is_ok());
    for (name, value) in &headers {
        assert_eq!(value.is_sensitive(), name == COOKIE, "{name}");
    }
}

#[cfg(feature = "jwt")]
mod suffixed {
    use super::*;

    #[test]
    fn suffixes_are_those_of_clerks_libraries() {
        for (key, suffix) in [
            ("pk_live_Y2xlcmsuY2xlcmsuZGV2JA", "1Z8AzTQD"),
            ("pk_test_Y2xlcmsuY2xlcmsuZGV2JA", "QvfNY2dr"),
        ] {
            let name = format!("__session_{suffix}");
            let names = CookieNames::of(key);
            assert_eq!(names.suffixed.as_deref(), Some(&*name));
        }
        for instance in ["clerk.example.com", "https://clerk.example.com", ""] {
            assert_eq!(CookieNames::of(instance).suffixed, None);
        }
    }

    #[test]
    fn ours_comes_first() {
        check(
            &CookieNames::of(KEY),
            &[
                Case {
                    name: "ours",
                    input: &[b"__session_l2OS3d9k=abc"],
                    expected: Ok("abc"),
                },
                Case {
                    name: "the plain one",
                    input: &[b"__session=abc"],
                    expected: Ok("abc"),
                },
                Case {
                    name: "both",
                    input: &[b"__session=abc; __session_l2OS3d9k=abd"],
                    expected: Ok("abd"),
                },
                Case {
                    name: "both, ours in front",
                    input: &[b"__session_l2OS3d9k=abd", b"__session=abc"],
                    expected: Ok("abd"),
                },
                Case {
                    name: "ours empty",
                    input: &[b"__session_l2OS3d9k=; __session=abc"],
                    expected: Ok("abc"),
                },
                Case {
                    name: "ours, and two plain ones",
                    input: &[b"__session=a; __session_l2OS3d9k=abd; __session=b"],
                    expected: Ok("abd"),
                },
                Case {
                    name: "two of ours",
                    input: &[b"__session_l2OS3d9k=a; __session_l2OS3d9k=b; __session=c"],
                    expected: Err(MultipleCredentials),
                },
                Case {
                    name: "that of another instance",
                    input: &[b"__session_QvfNY2dr=abc"],
                    expected: Err(MissingCredentials),
                },
                Case {
                    name: "another case",
                    input: &[b"__session_L2os3D9K=abc"],
                    expected: Err(MissingCredentials),
                },
            ],
        );
    }
}
