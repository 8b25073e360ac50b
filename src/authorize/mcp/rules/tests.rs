use http::HeaderValue;

use super::*;

/// `open` is public, `admin` and `erase` have rules, everything else needs `mcp:read`.
fn rules() -> Rules {
    let boxed = |scopes: &[&str]| scopes.iter().map(|scope| Box::from(*scope)).collect();
    Rules {
        public_methods: ["tools/list", "ping"].map(Box::from).into(),
        public_tools: ["open", "erase"].map(Box::from).into(),
        tools: [
            (Box::from("admin"), boxed(&["mcp:admin"])),
            (Box::from("erase"), boxed(&["mcp:read", "mcp:erase"])),
        ]
        .into(),
        default_scopes: boxed(&["mcp:read"]),
        ..Rules::default()
    }
}

/// The need as text: `-` for nothing.
fn text(need: &Need<'_>) -> String {
    match need.token {
        true => need.scopes.join(" "),
        false => "-".to_owned(),
    }
}

const STRICTEST: &str = "mcp:read mcp:admin mcp:erase";

fn tool(name: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}"}}}}"#)
}

fn method(name: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{name}"}}"#)
}

#[test]
fn bodies_need_what_their_calls_need() {
    let rules = rules();
    for (name, body, expected) in [
        ("a public method", method("ping"), "-"),
        ("another method", method("resources/read"), "mcp:read"),
        ("a method in another case", method("Ping"), "mcp:read"),
        ("a longer method", method("ping/x"), "mcp:read"),
        ("a public tool", tool("open"), "-"),
        ("another tool", tool("other"), "mcp:read"),
        ("a tool in another case", tool("Open"), "mcp:read"),
        ("a tool with a rule", tool("admin"), "mcp:admin"),
        (
            "a public tool with a rule",
            tool("erase"),
            "mcp:read mcp:erase",
        ),
        (
            "a response",
            r#"{"id":1,"result":{}}"#.to_owned(),
            "mcp:read",
        ),
        (
            "a public batch",
            format!("[{},{}]", tool("open"), method("ping")),
            "-",
        ),
        (
            "a batch with one call that is not public",
            format!("[{},{}]", method("ping"), tool("admin")),
            "mcp:admin",
        ),
        (
            "a batch of everything",
            format!("[{},{},{}]", tool("erase"), tool("admin"), tool("erase")),
            "mcp:read mcp:erase mcp:admin",
        ),
        (
            "a batch that becomes ambiguous",
            format!("[{},{{}}]", tool("open")),
            STRICTEST,
        ),
        ("no JSON", "tools/list".to_owned(), STRICTEST),
        ("nothing", String::new(), STRICTEST),
    ] {
        assert_eq!(text(&rules.of_body(body.as_bytes())), expected, "{name}");
    }
}

#[test]
fn without_settings_everything_needs_a_token() {
    let rules = Rules::default();
    let token = Need {
        token: true,
        scopes: Vec::new(),
    };
    for body in [
        method("ping"),
        method("initialize"),
        tool("x"),
        String::new(),
    ] {
        assert_eq!(rules.of_body(body.as_bytes()), token, "{body}");
    }
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        assert_eq!(
            rules.of_head(&method, &HeaderMap::new()),
            Some(Need {
                token: true,
                scopes: Vec::new()
            })
        );
    }
}

#[test]
fn methods_other_than_post_are_never_public() {
    let rules = rules();
    for (method, expected) in [
        (Method::GET, "mcp:read"),
        (Method::HEAD, "mcp:read"),
        (Method::DELETE, "mcp:read"),
        (Method::PUT, STRICTEST),
        (Method::PATCH, STRICTEST),
        (Method::OPTIONS, STRICTEST),
        (Method::CONNECT, STRICTEST),
        (Method::from_bytes(b"post").unwrap(), STRICTEST),
    ] {
        let need = rules.of_head(&method, &HeaderMap::new()).unwrap();
        assert_eq!(text(&need), expected, "{method}");
    }
    assert_eq!(rules.of_head(&Method::POST, &HeaderMap::new()), None);
}

#[test]
fn encoded_bodies_get_the_strictest_rule() {
    let rules = rules();
    for (encodings, expected) in [
        (&["identity"][..], None),
        (&["Identity"], None),
        (&["gzip"], Some(STRICTEST)),
        (&["br"], Some(STRICTEST)),
        (&["identity", "br"], Some(STRICTEST)),
        (&["identity, br"], Some(STRICTEST)),
        (&[""], Some(STRICTEST)),
    ] {
        let mut headers = HeaderMap::new();
        for encoding in encodings {
            headers.append(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        let need = rules.of_head(&Method::POST, &headers);
        let need = need.as_ref().map(text);
        assert_eq!(need.as_deref(), expected, "{encodings:?}");
    }
}

#[test]
fn headers_count_only_if_they_are_trusted() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "admin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let mut rules = rules();
    assert_eq!(rules.of_head(&Method::POST, &headers), None);
    // They never make another method than `POST` public.
    rules.trusts_headers = true;
    let expected = Some("mcp:admin".to_owned());
    let of_head = |method, headers: &HeaderMap| rules.of_head(&method, headers).as_ref().map(text);
    assert_eq!(of_head(Method::POST, &headers), expected);
    headers.insert("mcp-name", HeaderValue::from_static("open"));
    assert_eq!(of_head(Method::POST, &headers).as_deref(), Some("-"));
    assert_eq!(of_head(Method::GET, &headers).as_deref(), Some("mcp:read"));
    assert_eq!(of_head(Method::PUT, &headers).as_deref(), Some(STRICTEST));
    headers.insert("mcp-name", HeaderValue::from_static("=?base64?!?="));
    assert_eq!(of_head(Method::POST, &headers).as_deref(), Some(STRICTEST));
    headers.remove("mcp-name");
    assert_eq!(of_head(Method::POST, &headers), None);
}

#[test]
fn debug_shows_rules_and_no_secret() {
    let mut rules = rules();
    let shown = format!("{rules:?}");
    for name in ["ping", "open", "admin", "mcp:erase", "max_body: 1048576"] {
        assert!(shown.contains(name), "{name}: {shown}");
    }
    let secret = format!("sk_live_{}", "a".repeat(20));
    rules.public_methods.insert(secret.clone().into());
    rules.public_tools.insert(secret.clone().into());
    rules.default_scopes.push(secret.clone().into());
    rules
        .tools
        .insert(secret.clone().into(), vec![secret.clone().into()]);
    let shown = format!("{rules:?}");
    assert!(!shown.contains(&secret), "{shown}");
    assert_eq!(shown.matches("[redacted]").count(), 5, "{shown}");
}
