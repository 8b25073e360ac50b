use super::{ResourceUri, normalize};

struct Case {
    name: &'static str,
    input: (&'static str, &'static str),
    expected: bool,
}

/// By hand from RFC 3986, and one slash.
const CASES: &[(&str, &str, &str, bool)] = &[
    ("the same", "https://h/mcp", "https://h/mcp", true),
    // One slash at the end.
    ("a slash for no path", "https://h", "https://h/", true),
    ("two slashes for no path", "https://h", "https://h//", false),
    ("two slashes for one", "https://h/", "https://h//", false),
    ("a slash more", "https://h/mcp", "https://h/mcp/", true),
    (
        "two slashes more",
        "https://h/mcp",
        "https://h/mcp//",
        false,
    ),
    (
        "two slashes and one",
        "https://h/a/",
        "https://h/a//",
        false,
    ),
    (
        "a slash encoded",
        "https://h/mcp",
        "https://h/mcp%2F",
        false,
    ),
    (
        "a slash before a query",
        "https://h/a?x",
        "https://h/a/?x",
        true,
    ),
    (
        "no path before a query",
        "https://h?x",
        "https://h/?x",
        true,
    ),
    (
        "a slash in a query",
        "https://h/a?x",
        "https://h/a?x/",
        false,
    ),
    // §6.2.2.1
    ("a scheme in capitals", "https://h/a", "HTTPS://h/a", true),
    (
        "a host in capitals",
        "https://h.example/a",
        "https://H.Example/a",
        true,
    ),
    (
        "a path in capitals",
        "https://h/mcp",
        "https://h/MCP",
        false,
    ),
    (
        "codes in small digits",
        "https://h/a%2Fb",
        "https://h/a%2fb",
        true,
    ),
    (
        "a code in the host",
        "https://h%C3%A9",
        "https://H%c3%a9",
        true,
    ),
    (
        "an address in capitals",
        "https://[fe80::a]/",
        "https://[FE80::A]",
        true,
    ),
    // §6.2.2.2
    ("a letter encoded", "https://h/mcp", "https://h/%6dcp", true),
    (
        "a letter encoded in the host",
        "https://h/",
        "https://%68/",
        true,
    ),
    (
        "a capital encoded in the host",
        "https://h/",
        "https://%48/",
        true,
    ),
    (
        "a capital encoded in the path",
        "https://h/a",
        "https://h/%41",
        false,
    ),
    (
        "a tilde encoded",
        "https://h/~user",
        "https://h/%7Euser",
        true,
    ),
    (
        "a tilde in small digits",
        "https://h/~user",
        "https://h/%7euser",
        true,
    ),
    (
        "a hyphen and a dot",
        "https://h/a-b.c_d",
        "https://h/a%2Db%2Ec%5Fd",
        true,
    ),
    ("encoded twice", "https://h/a", "https://h/%2561", false),
    ("a slash between", "https://h/a/b", "https://h/a%2Fb", false),
    ("a colon encoded", "https://h/a:b", "https://h/a%3Ab", false),
    (
        "a question mark encoded",
        "https://h/a?b",
        "https://h/a%3Fb",
        false,
    ),
    (
        "a null byte encoded",
        "https://h/a",
        "https://h/a%00",
        false,
    ),
    // §6.2.2.3
    ("a dot", "https://h/a/b", "https://h/a/./b", true),
    ("two dots", "https://h/b", "https://h/a/../b", true),
    ("two dots at the end", "https://h", "https://h/a/..", true),
    (
        "two dots encoded",
        "https://h/b",
        "https://h/a/%2e%2E/b",
        true,
    ),
    ("beyond the root", "https://h/b", "https://h/../../b", true),
    (
        "over an empty segment",
        "https://h/a/b",
        "https://h/a//../b",
        true,
    ),
    ("a dot at the end", "https://h/a", "https://h/a/.", true),
    ("three dots", "https://h/a", "https://h/a/...", false),
    (
        "a way out",
        "https://h/mcp",
        "https://h/mcp/../admin",
        false,
    ),
    ("an empty segment", "https://h/a/b", "https://h/a//b", false),
    (
        "dots with an encoded slash",
        "https://h/b",
        "https://h/a/..%2Fb",
        false,
    ),
    (
        "dots in a query",
        "https://h/?b",
        "https://h/?a/../b",
        false,
    ),
    // §6.2.3
    ("the port of https", "https://h/a", "https://h:443/a", true),
    ("the port of http", "http://h/a", "http://h:80/a", true),
    (
        "the port of the other",
        "https://h/a",
        "https://h:80/a",
        false,
    ),
    ("the other's port", "http://h/a", "http://h:443/a", false),
    ("another port", "https://h/a", "https://h:8443/a", false),
    ("the same port", "https://h:8443", "https://h:8443/", true),
    ("an empty port", "https://h", "https://h:", true),
    (
        "an empty port and a path",
        "https://h/a",
        "https://h:/a",
        true,
    ),
    ("the port with a zero", "https://h", "https://h:0443", true),
    (
        "another port with a zero",
        "https://h:8443",
        "https://h:08443",
        false,
    ),
    ("port zero", "https://h", "https://h:0", false),
    ("a port beyond all", "https://h", "https://h:65979", false),
    ("a port of letters", "https://h", "https://h:https", false),
    (
        "a sign before the port",
        "https://h",
        "https://h:+443",
        false,
    ),
    ("two ports", "https://h", "https://h:443:443", false),
    (
        "an address and its port",
        "https://[::1]",
        "https://[::1]:443/",
        true,
    ),
    (
        "an address spelled otherwise",
        "https://[::1]",
        "https://[0::1]",
        false,
    ),
    (
        "an address without brackets",
        "https://[::1]",
        "https://::1",
        false,
    ),
    ("an open bracket", "https://[::1]", "https://[::1", false),
    (
        "what stands behind an address",
        "https://[::1]",
        "https://[::1]x",
        false,
    ),
    (
        "an address with a zone",
        "https://[fe80::1]",
        "https://[fe80::1%25eth0]",
        false,
    ),
    (
        "another number for an address",
        "https://127.0.0.1",
        "https://2130706433",
        false,
    ),
    // Nothing else.
    ("another scheme", "https://h/a", "http://h/a", false),
    ("another host", "https://h/a", "https://g/a", false),
    (
        "a host below",
        "https://h.example",
        "https://a.h.example",
        false,
    ),
    (
        "a host above",
        "https://h.example",
        "https://h.example.evil",
        false,
    ),
    ("a dot behind the host", "https://h/", "https://h./", false),
    ("www", "https://h.example", "https://www.h.example", false),
    ("a path below", "https://h/a", "https://h/a/b", false),
    ("a path above", "https://h/a", "https://h", false),
    ("a query more", "https://h/a", "https://h/a?x", false),
    ("an empty query", "https://h/a", "https://h/a?", false),
    (
        "an empty query, a slash",
        "https://h/a?",
        "https://h/a/?",
        true,
    ),
    (
        "a query in capitals",
        "https://h/a?x",
        "https://h/a?X",
        false,
    ),
    ("a query encoded", "https://h/a?x", "https://h/a?%78", false),
    (
        "digits in a query",
        "https://h/a?%2f",
        "https://h/a?%2F",
        false,
    ),
    (
        "a query in another order",
        "https://h/?a&b",
        "https://h/?b&a",
        false,
    ),
    ("a semicolon", "https://h/a", "https://h/a;x", false),
    // Byte for byte alone.
    ("user info", "https://h/a", "https://u@h/a", false),
    ("empty user info", "https://h/a", "https://@h/a", false),
    ("a password", "https://h/a", "https://u:p@h/a", false),
    ("us as user info", "https://h/", "https://h@evil/", false),
    (
        "us and a port as user info",
        "https://h/",
        "https://h:443@evil/",
        false,
    ),
    ("an encoded @", "https://h/", "https://h%40evil/", false),
    ("a fragment", "https://h/a", "https://h/a#x", false),
    ("an empty fragment", "https://h/a", "https://h/a#", false),
    ("a fragment for a path", "https://h", "https://h#/", false),
    (
        "a backslash for a slash",
        "https://h/",
        "https://h\\",
        false,
    ),
    ("backslashes", "https://h/a", "https:\\\\h\\a", false),
    (
        "another host before a backslash",
        "https://h/",
        "https://evil\\@h/",
        false,
    ),
    ("a tab", "https://h/a", "https://h/a\t", false),
    ("a tab between", "https://h/a", "https://h/\ta", false),
    ("a line break", "https://h/a", "https://h/a\n", false),
    ("a space before", "https://h/a", " https://h/a", false),
    ("a space behind", "https://h/a", "https://h/a ", false),
    ("a null byte", "https://h/a", "https://h/a\0", false),
    (
        "a letter beyond ASCII",
        "https://h/é",
        "https://h/%C3%A9",
        false,
    ),
    (
        "a host beyond ASCII",
        "https://xn--9ca.example",
        "https://é.example",
        false,
    ),
    ("a wide letter", "https://h/a", "https://ｈ/a", false),
    ("a small sharp s", "https://ss", "https://ß", false),
    ("a Kelvin sign", "https://k", "https://\u{212a}", false),
    ("a bad code", "https://h/a", "https://h/%zz", false),
    ("half a code", "https://h/a", "https://h/a%4", false),
    ("a signed code", "https://h/a", "https://h/%+61", false),
    ("no slashes", "https://h", "https:h", false),
    ("one slash", "https://h", "https:/h", false),
    ("three slashes", "https://h/", "https:///h/", false),
    ("no host", "https:///", "https://", false),
    ("a port alone", "https://:443", "https://", false),
    ("no scheme", "https://h", "//h", false),
    ("nothing", "https://h", "", false),
    (
        "a URI as a path",
        "https://h",
        "https://evil/https://h",
        false,
    ),
    ("another scheme in capitals", "urn:a:b", "URN:a:b", false),
    ("another scheme with a slash", "mcp://h", "mcp://h/", false),
    ("a name with a slash", "api", "api/", false),
    // Whatever they are.
    ("a name", "api", "api", true),
    (
        "user info on both sides",
        "https://u@h",
        "https://u@h",
        true,
    ),
    (
        "user info and a slash",
        "https://u@h",
        "https://u@h/",
        false,
    ),
    (
        "a fragment on both sides",
        "https://h#a",
        "https://h#a",
        true,
    ),
    (
        "brackets in the path",
        "https://h/[a]",
        "https://H/[a]",
        false,
    ),
    (
        "no URI, byte for byte",
        "https://h/%zz",
        "https://h/%zz",
        true,
    ),
    (
        "no URI, a host in capitals",
        "https://h/%zz",
        "https://H/%zz",
        false,
    ),
];

#[test]
fn uris_are_equal_as_the_rfc_has_it() {
    // fault E1
    for &(name, configured, audience, expected) in CASES {
        let case = Case {
            name,
            input: (configured, audience),
            expected,
        };
        check(&case);
        // Whichever of them is ours.
        check(&Case {
            input: (audience, configured),
            ..case
        });
    }
}

#[track_caller]
fn check(case: &Case) {
    let (configured, audience) = case.input;
    let resource = ResourceUri::new(configured.to_owned());
    let name = case.name;
    assert_eq!(
        resource.is(audience),
        case.expected,
        "{name}: {configured} {audience}"
    );
    assert!(resource.is(configured), "{name}: itself");
    assert_eq!(resource.as_str(), configured, "{name}");
}

#[test]
fn what_is_normalized_stays_as_it_is() {
    for &(name, configured, audience, _) in CASES {
        for uri in [configured, audience] {
            if let Some(once) = normalize(uri) {
                // A slash at the end that was left out once would be another time.
                assert!(normalize(&format!("{once}/")).is_some(), "{name}");
                if !once.ends_with('/') {
                    assert_eq!(normalize(&once).as_ref(), Some(&once), "{name}: {uri}");
                }
            }
        }
    }
}

#[test]
fn what_is_long_is_read_once() {
    let long = |segment: &str| format!("https://h{}", segment.repeat(100_000));
    let resource = ResourceUri::new("https://h".to_owned());
    for (name, audience, expected) in [
        ("a way up", long("/.."), true),
        ("a way down", long("/a"), false),
        ("slashes", long("/"), false),
        ("down and up", long("/a/.."), true),
        ("codes", long("/%61"), false),
        ("colons", long(":"), false),
    ] {
        assert_eq!(resource.is(&audience), expected, "{name}");
    }
}
