use super::*;

const VERSION: (&str, &[u8]) = ("mcp-protocol-version", b"2026-07-28");
const LIST: (&str, &[u8]) = ("mcp-method", b"tools/list");
const CALL: (&str, &[u8]) = ("mcp-method", b"tools/call");

struct Case<'a> {
    name: &'static str,
    headers: &'a [(&'static str, &'a [u8])],
    expected: ByHeaders<'static>,
}

fn tool(name: &'static str) -> ByHeaders<'static> {
    ByHeaders::Call(NamedCall::Tool(name.into()))
}

fn method(name: &'static str) -> ByHeaders<'static> {
    ByHeaders::Call(NamedCall::Method(name))
}

#[track_caller]
fn check(cases: &[Case<'_>]) {
    for case in cases {
        let mut headers = HeaderMap::new();
        for (name, value) in case.headers {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(read(&headers), case.expected, "{}", case.name);
    }
}

fn case<'a>(
    name: &'static str,
    headers: &'a [(&'static str, &'a [u8])],
    expected: ByHeaders<'static>,
) -> Case<'a> {
    Case {
        name,
        headers,
        expected,
    }
}

#[test]
fn a_call_is_named_by_one_of_each_header() {
    check(&[
        case("a method", &[VERSION, LIST], method("tools/list")),
        case(
            "a tool",
            &[VERSION, CALL, ("mcp-name", b"admin")],
            tool("admin"),
        ),
        case(
            "a prompt",
            &[VERSION, ("mcp-method", b"prompts/get"), ("mcp-name", b"p")],
            method("prompts/get"),
        ),
        case(
            "a notification",
            &[VERSION, ("mcp-method", b"notifications/cancelled")],
            method("notifications/cancelled"),
        ),
    ]);
}

#[test]
fn the_body_decides_about_other_headers() {
    check(&[
        case("none", &[], ByHeaders::Unknown),
        case("no version", &[LIST], ByHeaders::Unknown),
        case("no method", &[VERSION], ByHeaders::Unknown),
        case(
            "an earlier version",
            &[("mcp-protocol-version", b"2025-11-25"), LIST],
            ByHeaders::Unknown,
        ),
        case(
            "a later version",
            &[("mcp-protocol-version", b"2027-01-01"), LIST],
            ByHeaders::Unknown,
        ),
        case(
            "a version that only compares as later",
            &[("mcp-protocol-version", b"2026-07-28x"), LIST],
            ByHeaders::Unknown,
        ),
        case(
            "no date",
            &[("mcp-protocol-version", b"draft"), LIST],
            ByHeaders::Unknown,
        ),
        case(
            "two versions",
            &[VERSION, VERSION, LIST],
            ByHeaders::Unknown,
        ),
        case("two methods", &[VERSION, LIST, CALL], ByHeaders::Unknown),
        case(
            "the same method twice",
            &[VERSION, LIST, LIST],
            ByHeaders::Unknown,
        ),
        case(
            "two methods in one value",
            &[VERSION, ("mcp-method", b"tools/list, tools/call")],
            ByHeaders::Unknown,
        ),
        case(
            "an empty method",
            &[VERSION, ("mcp-method", b"")],
            ByHeaders::Unknown,
        ),
        case(
            "an encoded method",
            &[VERSION, ("mcp-method", b"=?base64?dG9vbHMvbGlzdA==?=")],
            ByHeaders::Unknown,
        ),
        case(
            "a method in Latin-1",
            &[VERSION, ("mcp-method", b"\xe9")],
            ByHeaders::Unknown,
        ),
        case(
            "a tool without its name",
            &[VERSION, CALL],
            ByHeaders::Unknown,
        ),
        case(
            "two names",
            &[VERSION, CALL, ("mcp-name", b"open"), ("mcp-name", b"admin")],
            ByHeaders::Unknown,
        ),
        case(
            "a name for a method without one",
            &[VERSION, LIST, ("mcp-name", b"open")],
            ByHeaders::Unknown,
        ),
        case(
            "a session, which that version does not have",
            &[VERSION, LIST, ("mcp-session-id", b"1")],
            ByHeaders::Unknown,
        ),
    ]);
}

#[test]
fn names_are_decoded() {
    for (name, value, expected) in [
        ("plain", &b"admin"[..], Some("admin")),
        ("empty", b"", Some("")),
        ("with spaces", b"a b", Some("a b")),
        ("base64", b"=?base64?YWRtaW4=?=", Some("admin")),
        ("base64 of no ASCII", b"=?base64?w6k=?=", Some("\u{e9}")),
        ("nothing in base64", b"=?base64??=", Some("")),
        ("without padding", b"=?base64?YWRtaW4?=", None),
        ("with bits too many", b"=?base64?YWRtaW5=?=", None),
        ("base64url", b"=?base64?_-8=?=", None),
        ("no base64", b"=?base64?!?=", None),
        ("no UTF-8", b"=?base64?6Q==?=", None),
        ("no end", b"=?base64?YWRtaW4=", None),
        ("upper case", b"=?BASE64?YWRtaW4=?=", None),
        ("another encoding", b"=?utf-8?q?admin?=", None),
        ("Latin-1", b"\xe9", None),
    ] {
        let expected = expected.map_or(ByHeaders::Undecodable, tool);
        check(&[case(name, &[VERSION, CALL, ("mcp-name", value)], expected)]);
    }
}
