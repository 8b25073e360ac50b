//! Requests that look public to one reader and are not to another. None of them reaches the server without the scopes
//! of all rules, and no token that lacks the scopes of `admin` reaches it.

use http::Request;

use super::{Body, Server, body, post, rules, scope};
use crate::support::World;

const VERSION: (&str, &str) = ("mcp-protocol-version", "2026-07-28");
const LIST: (&str, &str) = ("mcp-method", "tools/list");
const CALL: (&str, &str) = ("mcp-method", "tools/call");
const OPEN: (&str, &str) = ("mcp-name", "open");
const ADMIN: (&str, &str) = ("mcp-name", "admin");

const CALL_ADMIN: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"admin"}}"#;
const CALL_OPEN: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"open"}}"#;
const LIST_TOOLS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

/// The scope of a rejection by the strictest rule, by the rule for `admin`, and by no rule.
const STRICTEST: Option<&str> = Some("mcp:read mcp:admin");
const OF_ADMIN: Option<&str> = Some("mcp:admin");
const DEFAULT: Option<&str> = Some("mcp:read");
const PASSES: Option<&str> = None;

struct Attempt {
    name: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    /// The scope that a caller without a token needs.
    needed: Option<&'static str>,
    /// The same if the headers are trusted.
    needed_by_headers: Option<&'static str>,
}

fn attempt(
    name: &'static str,
    headers: &[(&'static str, &'static str)],
    body: impl Into<Vec<u8>>,
    needed: Option<&'static str>,
    needed_by_headers: Option<&'static str>,
) -> Attempt {
    Attempt {
        name,
        headers: headers.to_vec(),
        body: body.into(),
        needed,
        needed_by_headers,
    }
}

fn attempts() -> Vec<Attempt> {
    let by_body = |name, body: &str, needed| attempt(name, &[], body, needed, needed);
    let utf_16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let deep = format!(
        r#"{{"method":"tools/list","params":{{"a":{}}}}}"#,
        "[".repeat(100_000)
    );
    vec![
        // Headers that differ from the body. Trusted headers pass: the server behind has to compare.
        attempt(
            "a public method in the header",
            &[VERSION, LIST],
            CALL_ADMIN,
            OF_ADMIN,
            PASSES,
        ),
        attempt(
            "a public tool in the header",
            &[VERSION, CALL, OPEN],
            CALL_ADMIN,
            OF_ADMIN,
            PASSES,
        ),
        attempt(
            "a tool with a rule in the header",
            &[VERSION, CALL, ADMIN],
            CALL_OPEN,
            PASSES,
            OF_ADMIN,
        ),
        attempt(
            "an earlier version",
            &[("mcp-protocol-version", "2025-11-25"), LIST],
            CALL_ADMIN,
            OF_ADMIN,
            OF_ADMIN,
        ),
        attempt(
            "an unknown version",
            &[("mcp-protocol-version", "9999-01-01"), LIST],
            CALL_ADMIN,
            OF_ADMIN,
            OF_ADMIN,
        ),
        attempt("no version", &[LIST], CALL_ADMIN, OF_ADMIN, OF_ADMIN),
        attempt(
            "two versions",
            &[VERSION, ("mcp-protocol-version", "2025-11-25"), LIST],
            CALL_ADMIN,
            OF_ADMIN,
            OF_ADMIN,
        ),
        attempt(
            "two methods",
            &[VERSION, LIST, CALL, OPEN],
            CALL_ADMIN,
            OF_ADMIN,
            OF_ADMIN,
        ),
        attempt(
            "two names",
            &[VERSION, CALL, OPEN, ADMIN],
            CALL_ADMIN,
            OF_ADMIN,
            OF_ADMIN,
        ),
        attempt("no name", &[VERSION, CALL], CALL_ADMIN, OF_ADMIN, OF_ADMIN),
        attempt(
            "a session",
            &[VERSION, LIST, ("mcp-session-id", "1")],
            CALL_ADMIN,
            OF_ADMIN,
            OF_ADMIN,
        ),
        attempt(
            "an encoded name",
            &[VERSION, CALL, ("mcp-name", "=?base64?YWRtaW4=?=")],
            CALL_ADMIN,
            OF_ADMIN,
            OF_ADMIN,
        ),
        attempt(
            "a name that cannot be decoded",
            &[VERSION, CALL, ("mcp-name", "=?base64?b3Blbg?=")],
            CALL_OPEN,
            PASSES,
            STRICTEST,
        ),
        attempt(
            "an encoding without an end",
            &[VERSION, CALL, ("mcp-name", "=?base64?b3Blbg==")],
            CALL_OPEN,
            PASSES,
            STRICTEST,
        ),
        attempt(
            "an encoded body",
            &[("content-encoding", "br")],
            LIST_TOOLS,
            STRICTEST,
            STRICTEST,
        ),
        attempt(
            "two encodings",
            &[
                ("content-encoding", "identity"),
                ("content-encoding", "gzip"),
            ],
            LIST_TOOLS,
            STRICTEST,
            STRICTEST,
        ),
        // Bodies that readers disagree about.
        by_body(
            "two methods",
            r#"{"method":"tools/list","method":"tools/call","params":{"name":"admin"}}"#,
            STRICTEST,
        ),
        by_body(
            "two methods, one escaped",
            r#"{"method":"tools/list","\u006dethod":"tools/call","params":{"name":"admin"}}"#,
            STRICTEST,
        ),
        by_body(
            "two params",
            r#"{"method":"tools/call","params":{"name":"open"},"params":{"name":"admin"}}"#,
            STRICTEST,
        ),
        by_body(
            "two names",
            r#"{"method":"tools/call","params":{"name":"open","name":"admin"}}"#,
            STRICTEST,
        ),
        by_body(
            "two names in another case",
            r#"{"method":"tools/call","params":{"name":"open","Name":"admin"}}"#,
            STRICTEST,
        ),
        by_body(
            "a method in another case",
            r#"{"method":"tools/list","METHOD":"tools/call","params":{"name":"admin"}}"#,
            STRICTEST,
        ),
        by_body(
            "a name of serde_json",
            r#"{"$serde_json::private::RawValue":"{\"method\":\"tools/call\"}","method":"tools/list"}"#,
            STRICTEST,
        ),
        by_body(
            "a name of serde_json in params",
            r#"{"method":"tools/call","params":{"name":"open","$serde_json::private::RawValue":"{\"name\":\"admin\"}"}}"#,
            STRICTEST,
        ),
        by_body(
            "an escaped name of serde_json",
            r#"{"method":"tools/list","\u0024serde_json::private::RawValue":"1"}"#,
            STRICTEST,
        ),
        by_body(
            "a message by position",
            r#"["2.0",1,"tools/call",{"name":"admin"}]"#,
            STRICTEST,
        ),
        by_body(
            "params by position",
            r#"{"method":"tools/call","params":["admin"]}"#,
            STRICTEST,
        ),
        by_body(
            "a name that is no text",
            r#"{"method":"tools/call","params":{"name":["admin"]}}"#,
            STRICTEST,
        ),
        by_body(
            "a request and a response",
            r#"{"method":"tools/list","result":{}}"#,
            STRICTEST,
        ),
        by_body(
            "more behind it",
            &format!("{LIST_TOOLS}{CALL_ADMIN}"),
            STRICTEST,
        ),
        by_body(
            "lines of messages",
            &format!("{LIST_TOOLS}\n{CALL_ADMIN}"),
            STRICTEST,
        ),
        by_body(
            "a byte order mark",
            &format!("\u{feff}{LIST_TOOLS}"),
            STRICTEST,
        ),
        by_body("a form", "method=tools/list", STRICTEST),
        by_body("nothing", "", STRICTEST),
        by_body("too deep", &deep, STRICTEST),
        attempt("UTF-16", &[], utf_16(LIST_TOOLS), STRICTEST, STRICTEST),
        attempt(
            "Latin-1",
            &[],
            b"{\"method\":\"tools/list\",\"x\":\"\xe9\"}".to_vec(),
            STRICTEST,
            STRICTEST,
        ),
        // Bodies whose calls are clear.
        by_body("a batch", &format!("[{LIST_TOOLS},{CALL_ADMIN}]"), OF_ADMIN),
        by_body(
            "a batch with something else",
            &format!("[{LIST_TOOLS},1]"),
            STRICTEST,
        ),
        by_body(
            "a batch in a batch",
            &format!("[[{LIST_TOOLS}]]"),
            STRICTEST,
        ),
        by_body(
            "an escaped tool",
            r#"{"method":"tools\/call","params":{"name":"\u0061dmin"}}"#,
            OF_ADMIN,
        ),
        by_body(
            "the name first",
            r#"{"params":{"name":"admin"},"method":"tools/call"}"#,
            OF_ADMIN,
        ),
        by_body(
            "a name among the arguments",
            r#"{"method":"tools/call","params":{"arguments":{"name":"open"},"name":"admin"}}"#,
            OF_ADMIN,
        ),
        by_body(
            "a response",
            r#"{"id":1,"result":{"method":"tools/list"}}"#,
            DEFAULT,
        ),
        by_body(
            "an error",
            r#"{"id":1,"error":{"code":1,"message":"tools/list"}}"#,
            DEFAULT,
        ),
        by_body("a public method", LIST_TOOLS, PASSES),
        by_body("a public tool", CALL_OPEN, PASSES),
    ]
}

fn request(token: Option<&str>, attempt: &Attempt) -> Request<Body> {
    let body = body(attempt.body.clone());
    let mut request = post(token, &[], body);
    for (name, value) in &attempt.headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn no_caller_reaches_a_call_that_the_caller_may_not_make() {
    let world = World::new();
    let reading = Server::new(rules(world.config()));
    let trusting = Server::new(rules(world.config()).trust_headers());
    let read = world.clerk.token("user_1").scopes(["mcp:read"]).issue();
    let both = ["mcp:read", "mcp:admin"];
    let both = world.clerk.token("user_1").scopes(both).issue();
    for attempt in attempts() {
        for (server, is_trusting, needed) in [
            (&reading, false, attempt.needed),
            (&trusting, true, attempt.needed_by_headers),
        ] {
            let name = format!("{}, trusting: {is_trusting}", attempt.name);
            for _ in 0..2 {
                let before = server.calls();
                let response = server.send(request(None, &attempt)).await;
                assert_eq!(scope(&response), needed, "{name}");
                let expected = if needed.is_some() { 401 } else { 200 };
                assert_eq!(response.status(), expected, "{name}");

                let response = server.send(request(Some(&read), &attempt)).await;
                let lacks = needed.filter(|needed| needed.contains("admin"));
                assert_eq!(scope(&response), lacks, "{name}");
                let expected = if lacks.is_some() { 403 } else { 200 };
                assert_eq!(response.status(), expected, "{name}");
                let passed = usize::from(needed.is_none()) + usize::from(lacks.is_none());
                assert_eq!(server.calls() - before, passed, "{name}");

                let response = server.send(request(Some(&both), &attempt)).await;
                assert_eq!(response.status(), 200, "{name}");
                let text = String::from_utf8_lossy(&attempt.body);
                assert_eq!(*response.body(), text, "{name}");
            }
        }
    }
}
