use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};

use super::kind_of;
use crate::clerk::instance::Instance;

struct Case<'a> {
    name: &'a str,
    input: &'a str,
    /// The origin, or which kind of error.
    expected: Result<&'a str, &'a str>,
}

#[track_caller]
fn check(case: &Case<'_>) {
    match Instance::parse(case.input, false) {
        Ok(instance) => assert_eq!(Ok(instance.issuer()), case.expected, "{}", case.name),
        Err(flaw) => {
            let message = flaw.message();
            let kind = kind_of(message);
            assert_eq!(Err(kind), case.expected, "{}: {message}", case.name);
            if kind == "invalid" {
                let value = format!("{:?}", case.input);
                assert!(message.contains(&value), "{}: {message}", case.name);
            }
        }
    }
}

#[track_caller]
fn check_all(cases: &[(&str, &str, Result<&str, &str>)]) {
    for (name, input, expected) in cases {
        check(&Case {
            name,
            input,
            expected: *expected,
        });
    }
}

const CLERK: Result<&str, &str> = Ok("https://clerk.example.com");
const INVALID: Result<&str, &str> = Err("invalid");
/// What may hold a password is not shown.
const SECRET: Result<&str, &str> = Err("invalid secret");

#[test]
fn hosts_and_https_urls_are_taken() {
    check_all(&[
        (
            "a development instance",
            "verb-noun-00.clerk.accounts.dev",
            Ok("https://verb-noun-00.clerk.accounts.dev"),
        ),
        ("a host", "clerk.example.com", CLERK),
        ("a host and a slash", "clerk.example.com/", CLERK),
        ("a URL", "https://clerk.example.com", CLERK),
        ("a URL and a slash", "https://clerk.example.com/", CLERK),
        ("upper case", "HTTPS://Clerk.Example.COM", CLERK),
        (
            "a port",
            "clerk.example.com:8443",
            Ok("https://clerk.example.com:8443"),
        ),
        (
            "a port in a URL",
            "https://h.example:8443",
            Ok("https://h.example:8443"),
        ),
        ("the usual port", "https://clerk.example.com:443", CLERK),
        (
            "IDN, encoded",
            "xn--bcher-kva.example",
            Ok("https://xn--bcher-kva.example"),
        ),
        (
            "the URL of a proxy",
            "https://app.example.com/__clerk",
            Ok("https://app.example.com/__clerk"),
        ),
        (
            "with a slash",
            "https://app.example.com/__clerk/",
            Ok("https://app.example.com/__clerk"),
        ),
        (
            "with capitals, a port and two names",
            "https://APP.example.com:8443/Api/__clerk",
            Ok("https://app.example.com:8443/Api/__clerk"),
        ),
        (
            "a proxy on this machine",
            "http://127.0.0.1:3000/__clerk",
            Ok("http://127.0.0.1:3000/__clerk"),
        ),
        ("an address", "https://10.0.0.1", Ok("https://10.0.0.1")),
        (
            "an address of IPv6",
            "https://[2001:db8::1]:8443",
            Ok("https://[2001:db8::1]:8443"),
        ),
    ]);
}

#[test]
fn what_is_no_bare_host_is_rejected() {
    check_all(&[
        ("nothing", "", Err("missing")),
        ("a path", "clerk.example.com/v1", INVALID),
        (
            "a proxy without a scheme",
            "app.example.com/__clerk",
            INVALID,
        ),
        (
            "two slashes behind a path",
            "https://a.example/p//",
            INVALID,
        ),
        ("two slashes in a path", "https://a.example/p//q", INVALID),
        (
            "a dot segment in a path",
            "https://a.example/p/../q",
            INVALID,
        ),
        (
            "a dot at the end of a path",
            "https://a.example/p/.",
            INVALID,
        ),
        (
            "an encoded letter in a path",
            "https://a.example/%70",
            INVALID,
        ),
        ("a query behind a path", "https://a.example/p?x", INVALID),
        ("a fragment behind a path", "https://a.example/p#x", INVALID),
        ("a backslash in a path", "https://a.example/p\\q", INVALID),
        ("a space in a path", "https://a.example/p q", INVALID),
        (
            "letters beyond ASCII in a path",
            "https://a.example/é",
            INVALID,
        ),
        ("a path by plain http", "http://a.example/__clerk", INVALID),
        (
            "a secret key as a path",
            "https://a.example/sk_live_1",
            SECRET,
        ),
        ("two slashes", "https://clerk.example.com//", INVALID),
        ("a query", "clerk.example.com?x=1", INVALID),
        ("an empty query", "clerk.example.com/?", INVALID),
        ("a fragment", "clerk.example.com#f", INVALID),
        ("an empty fragment", "clerk.example.com#", INVALID),
        // What the parser of URLs would let pass, or quietly make something else of.
        ("a backtick", "a`b.example", INVALID),
        ("braces", "a{b}.example", INVALID),
        ("a quote", "a\"b.example", INVALID),
        ("a star", "*", INVALID),
        ("a comma", "a,b", INVALID),
        ("a hyphen", "-", INVALID),
        ("a key in capitals", "PK_TEST_abc=", INVALID),
        ("an encoded letter", "ex%61mple.com", INVALID),
        ("a dot segment", "clerk.example.com/..", INVALID),
        (
            "an encoded dot segment",
            "clerk.example.com/%2e%2e",
            INVALID,
        ),
        ("three slashes", "https:///clerk.example.com", INVALID),
        ("an empty port", "clerk.example.com:", INVALID),
        ("half an IPv4 address", "http://127.1", INVALID),
        ("an IPv4 address as a number", "http://2130706433", INVALID),
        ("an IPv4 address in octal", "http://0177.0.0.1", INVALID),
        ("a secret key", "sk_test_abc", SECRET),
        ("a live one", "sk_live_abc", SECRET),
        // C067
        ("a user", "https://clerk.example.com@evil.example", SECRET),
        (
            "a user and a password",
            "https://u:p@clerk.example.com",
            SECRET,
        ),
        ("a password", "https://:p@clerk.example.com", SECRET),
        ("an empty user", "https://@clerk.example.com", SECRET),
        ("a user without a scheme", "clerk@evil.example", SECRET),
        ("a space in front", " clerk.example.com", INVALID),
        ("a space behind", "clerk.example.com ", INVALID),
        ("a space within", "clerk .example.com", INVALID),
        (
            "a space before a URL",
            " https://clerk.example.com",
            INVALID,
        ),
        ("a tab", "clerk\t.example.com", INVALID),
        ("a newline", "clerk.example.com\n", INVALID),
        ("a NUL", "clerk.example.com\0", INVALID),
        ("a backslash", "clerk.example.com\\", INVALID),
        (
            "backslashes for slashes",
            "https:\\\\clerk.example.com",
            INVALID,
        ),
        ("IDN", "bücher.example", INVALID),
        ("a homoglyph", "cl\u{435}rk.example.com", INVALID),
        ("a zero-width space", "clerk.example.com\u{200b}", INVALID),
        ("a full-width dot", "clerk\u{ff0e}example.com", INVALID),
        ("an encoded slash", "clerk.example.com%2fv1", INVALID),
        ("another scheme", "ftp://clerk.example.com", INVALID),
        ("a web socket", "wss://clerk.example.com", INVALID),
        ("a file", "file:///etc/passwd", INVALID),
        ("no host", "https://", INVALID),
        ("no scheme", "://clerk.example.com", INVALID),
        ("a port beyond all", "clerk.example.com:65536", INVALID),
        ("a port that is none", "clerk.example.com:https", INVALID),
        ("half an address", "https://[::1", INVALID),
        ("an angle bracket", "<clerk.example.com>", INVALID),
    ]);
}

#[test]
fn plain_http_is_for_loopback_alone() {
    check_all(&[
        ("an address", "http://127.0.0.1", Ok("http://127.0.0.1")),
        (
            "with a port",
            "http://127.0.0.1:3000",
            Ok("http://127.0.0.1:3000"),
        ),
        (
            "another address",
            "http://127.9.9.9",
            Ok("http://127.9.9.9"),
        ),
        ("IPv6", "http://[::1]:3000", Ok("http://[::1]:3000")),
        (
            "a name",
            "http://localhost:3000",
            Ok("http://localhost:3000"),
        ),
        (
            "a name in capitals",
            "http://LOCALHOST",
            Ok("http://localhost"),
        ),
        (
            "by https",
            "https://127.0.0.1:3000",
            Ok("https://127.0.0.1:3000"),
        ),
        ("any host", "http://clerk.example.com", INVALID),
        (
            "an address within a host",
            "http://127.0.0.1.evil.com",
            INVALID,
        ),
        (
            "the name within a host",
            "http://localhost.evil.com",
            INVALID,
        ),
        (
            "a host that ends in the name",
            "http://evil-localhost",
            INVALID,
        ),
        ("a host below the name", "http://evil.localhost", INVALID),
        (
            "an address as the user",
            "http://127.0.0.1@evil.com",
            SECRET,
        ),
        ("every address", "http://0.0.0.0", INVALID),
        ("every address of IPv6", "http://[::]", INVALID),
        ("a mapped address", "http://[::ffff:127.0.0.1]", INVALID),
        ("a private network", "http://10.0.0.1", INVALID),
        ("another private network", "http://192.168.0.1", INVALID),
        ("below loopback", "http://126.255.255.255", INVALID),
        ("above loopback", "http://128.0.0.1", INVALID),
    ]);
}

#[test]
fn publishable_key_holds_the_host() {
    let key = |prefix: &str, host: &str| format!("{prefix}{}", STANDARD.encode(host));
    let bare = |prefix: &str, host: &str| format!("{prefix}{}", STANDARD_NO_PAD.encode(host));
    let test = |host: &str| key("pk_test_", host);
    // One, two and no bytes of padding.
    let short = Ok("https://a.bc");
    let shorter = Ok("https://a.bcd");
    let cases = [
        ("a test key", test("clerk.example.com$"), CLERK),
        ("a live key", key("pk_live_", "clerk.example.com$"), CLERK),
        ("with padding", test("a.bc$"), short),
        ("without padding", bare("pk_test_", "a.bc$"), short),
        ("no padding needed", test("a.bcd$"), shorter),
        (
            "two bytes of padding",
            test("a.bcde$"),
            Ok("https://a.bcde"),
        ),
        (
            "without two bytes of padding",
            bare("pk_test_", "a.bcde$"),
            Ok("https://a.bcde"),
        ),
        ("no dollar", test("clerk.example.com"), INVALID),
        ("two dollars", test("clerk.example.com$$"), INVALID),
        ("a dollar within", test("clerk.example.com$x"), INVALID),
        ("the dollar first", test("$clerk.example.com"), INVALID),
        ("the dollar alone", test("$"), INVALID),
        ("no dot", test("localhost$"), INVALID),
        ("nothing encoded", "pk_test_".to_owned(), INVALID),
        ("no environment", key("pk_", "clerk.example.com$"), INVALID),
        (
            "another environment",
            key("pk_dev_", "clerk.example.com$"),
            INVALID,
        ),
        (
            "not encoded",
            "pk_test_clerk.example.com$".to_owned(),
            INVALID,
        ),
        (
            "padding within",
            format!("{}{}", test("a.bc$"), STANDARD.encode("x")),
            INVALID,
        ),
        (
            "padding beyond need",
            format!("{}=", test("clerk.example.com$")),
            INVALID,
        ),
        (
            "bits that nobody reads",
            "pk_test_YS5iYyR=".to_owned(),
            INVALID,
        ),
        (
            "no UTF-8",
            format!("pk_test_{}", STANDARD.encode(b"\xff\xfea.b$")),
            INVALID,
        ),
        ("the other alphabet", "pk_test_-_-_".to_owned(), INVALID),
        ("a path", test("evil.example/clerk.example.com$"), INVALID),
        ("a user", test("clerk@evil.example$"), INVALID),
        ("a port", test("clerk.example.com:8443$"), INVALID),
        ("an underscore", test("clerk_1.example.com$"), INVALID),
        ("a newline", test("clerk.example.com\n$"), INVALID),
        ("beyond ASCII", test("bücher.example$"), INVALID),
        (
            "a space in front",
            format!(" {}", test("clerk.example.com$")),
            INVALID,
        ),
        (
            "a space behind",
            format!("{} ", test("clerk.example.com$")),
            INVALID,
        ),
    ];
    for (name, input, expected) in &cases {
        check(&Case {
            name,
            input,
            expected: *expected,
        });
    }
}

#[test]
fn endpoints_are_below_the_origin() {
    for (domain, is_https, introspection, userinfo) in [
        (
            "clerk.example.com",
            true,
            "https://clerk.example.com/oauth/token_info",
            "https://clerk.example.com/oauth/userinfo",
        ),
        (
            "https://app.example.com/api/__clerk/",
            true,
            "https://app.example.com/api/__clerk/oauth/token_info",
            "https://app.example.com/api/__clerk/oauth/userinfo",
        ),
        (
            "http://[::1]:3000/",
            false,
            "http://[::1]:3000/oauth/token_info",
            "http://[::1]:3000/oauth/userinfo",
        ),
    ] {
        let instance = Instance::parse(domain, false).unwrap();
        assert_eq!(instance.is_https(), is_https, "{domain}");
        assert_eq!(instance.introspection_endpoint(), introspection, "{domain}");
        assert_eq!(instance.userinfo_endpoint(), userinfo, "{domain}");
    }
}

#[test]
fn a_name_beyond_all_lengths_is_rejected() {
    let long = "a".repeat(70_000);
    assert!(Instance::parse(&long, false).is_err());
    let path = format!("https://a.example/{long}");
    assert!(Instance::parse(&path, false).is_err());
}

#[test]
fn other_hosts_are_rejected_with_what_to_write() {
    let forms = &["its host", "https URL", "publishable key"][..];
    for (name, input, expected) in [
        // fault H9c
        (
            "the account portal",
            "https://accounts.example.com",
            &["clerk.example.com"][..],
        ),
        ("its host", "accounts.example.com", &["clerk.example.com"]),
        // fault H9d
        ("the dashboard", "dashboard.clerk.com", forms),
        ("its URL", "https://dashboard.clerk.com/", forms),
        // fault H9e
        ("the Backend API", "api.clerk.com", forms),
        ("its URL", "https://api.clerk.com", forms),
        ("Clerk", "clerk.com", forms),
        // fault H9f
        (
            "the account portal of a development instance",
            "verb-noun-00.accounts.dev",
            &["verb-noun-00.clerk.accounts.dev"],
        ),
        ("no instance", "accounts.dev", forms),
        // fault H9g
        (
            "a server here",
            "localhost:4000",
            &["http://localhost:4000"],
        ),
        ("without a port", "localhost", &["http://localhost"]),
        ("by address", "127.0.0.1:4000", &["http://127.0.0.1:4000"]),
        ("by IPv6", "[::1]:4000", &["http://[::1]:4000"]),
    ] {
        let flaw = Instance::parse(input, false).unwrap_err();
        let message = flaw.message();
        assert_eq!(kind_of(message), "invalid", "{name}: {message}");
        for part in expected {
            assert!(message.contains(part), "{name}: {part}: {message}");
        }
    }
    // A proxy may be at any host.
    for input in [
        "https://accounts.example.com/__clerk",
        "https://dashboard.clerk.com/__clerk",
        "https://api.clerk.com/v1",
    ] {
        let instance = Instance::parse(input, false).unwrap();
        assert_eq!(instance.issuer(), input);
    }
    // A publishable key of such a host is none.
    let key = format!("pk_test_{}", STANDARD.encode("accounts.example.com$"));
    assert!(Instance::parse(&key, false).is_err());
}

#[test]
fn plain_http_elsewhere_is_an_option() {
    // fault H10
    use super::{nothing, oauth};
    use crate::{ClerkConfig, config::tests::Silent};

    let config = |instance: &str| {
        let config = ClerkConfig::builder(instance).transport(Silent);
        config.accept(oauth())
    };
    for instance in [
        "http://clerk:4000",
        "http://10.0.0.1",
        "http://clerk.example.com",
    ] {
        let error = config(instance).build().unwrap_err().to_string();
        assert!(error.contains("danger_allow_http"), "{error}");
        let allowed = config(instance).danger_allow_http();
        let allowed = allowed.build().unwrap();
        assert_eq!(allowed.issuer(), instance);
        assert_eq!(allowed.rate_limit, Some(1_000), "it is not on this machine");
    }
    let backend = |url: &str| nothing().accept(oauth()).backend_api_url(url);
    assert!(backend("http://clerk:4000/v1").build().is_err());
    let allowed = backend("http://clerk:4000/v1").danger_allow_http();
    assert!(allowed.build().is_ok());
    let discovered = || nothing().accept(oauth()).discover(["http://auth:4000"]);
    assert!(discovered().build().is_err());
    assert!(discovered().danger_allow_http().build().is_ok());
}
