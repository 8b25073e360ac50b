use super::{Ambiguous, read};

struct Case {
    name: &'static str,
    body: String,
    /// The calls, or `None` if they are ambiguous.
    expected: Option<&'static [&'static str]>,
}

fn case(name: &'static str, body: &str, expected: Option<&'static [&'static str]>) -> Case {
    Case {
        name,
        body: body.to_owned(),
        expected,
    }
}

fn calls(body: &[u8]) -> Result<Vec<String>, Ambiguous> {
    let mut calls = Vec::new();
    read(body, |call| calls.push(format!("{call:?}")))?;
    Ok(calls)
}

#[track_caller]
fn check(cases: impl IntoIterator<Item = Case>) {
    for Case {
        name,
        body,
        expected,
    } in cases
    {
        let expected = expected.map(|calls| calls.iter().copied().map(str::to_owned).collect());
        assert_eq!(calls(body.as_bytes()).ok(), expected, "{name}: {body}");
    }
}

const TOOL: &[&str] = &[r#"Tool("a")"#];

#[test]
fn calls_are_found() {
    check([
        case(
            "a request",
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
            Some(&[r#"Method("tools/list")"#]),
        ),
        case(
            "a tool",
            r#"{"method":"tools/call","params":{"name":"a"}}"#,
            Some(TOOL),
        ),
        case(
            "a tool with arguments",
            r#"{"params":{"arguments":{"name":"b","method":["c",{"x":1.5e3}],"n":null},"name":"a"},"method":"tools/call"}"#,
            Some(TOOL),
        ),
        case(
            "escaped",
            r#"{"m\u0065thod":"tools\/c\u0061ll","p\u0061rams":{"n\u0061me":"\u0061"}}"#,
            Some(TOOL),
        ),
        case(
            "white space",
            " \r\n\t{ \"method\" : \"x\" }\n",
            Some(&[r#"Method("x")"#]),
        ),
        case(
            "null params",
            r#"{"method":"x","params":null}"#,
            Some(&[r#"Method("x")"#]),
        ),
        case(
            "a prompt",
            r#"{"method":"prompts/get","params":{"name":"a"}}"#,
            Some(&[r#"Method("prompts/get")"#]),
        ),
        case(
            "a method in another case",
            r#"{"method":"Tools/Call"}"#,
            Some(&[r#"Method("Tools/Call")"#]),
        ),
        case(
            "a result",
            r#"{"id":1,"result":{"method":"x"}}"#,
            Some(&["Response"]),
        ),
        case(
            "an error",
            r#"{"id":1,"error":{"code":1,"message":""}}"#,
            Some(&["Response"]),
        ),
        case(
            "a batch",
            r#"[{"method":"x"},{"id":1,"result":{}},{"method":"tools/call","params":{"name":"a"}}]"#,
            Some(&[r#"Method("x")"#, "Response", r#"Tool("a")"#]),
        ),
        case(
            "a number of serde_json's own below the parameters",
            r#"{"method":"x","id":{"$serde_json::private::Number":"1"}}"#,
            Some(&[r#"Method("x")"#]),
        ),
    ]);
}

#[test]
fn repeated_members_are_ambiguous() {
    check([
        case("a method", r#"{"method":"x","method":"tools/call"}"#, None),
        case("the same method", r#"{"method":"x","method":"x"}"#, None),
        case(
            "an escaped method",
            r#"{"method":"x","meth\u006fd":"y"}"#,
            None,
        ),
        case(
            "params",
            r#"{"method":"x","params":{},"params":{"name":"a"}}"#,
            None,
        ),
        case(
            "null params",
            r#"{"method":"x","params":null,"params":{}}"#,
            None,
        ),
        case(
            "a name",
            r#"{"method":"tools/call","params":{"name":"a","name":"b"}}"#,
            None,
        ),
        case(
            "an escaped name",
            r#"{"method":"tools/call","params":{"name":"a","\u006eame":"b"}}"#,
            None,
        ),
        case(
            "in a batch",
            r#"[{"method":"x"},{"method":"x","method":"y"}]"#,
            None,
        ),
        case(
            "a method in another case",
            r#"{"method":"x","Method":"y"}"#,
            None,
        ),
        case(
            "only in another case",
            r#"{"METHOD":"x","method":"x"}"#,
            None,
        ),
        case(
            "params in another case",
            r#"{"method":"x","Params":{}}"#,
            None,
        ),
        // Go's reader takes `ſ` for `s`.
        case(
            "params with a long s",
            r#"{"method":"x","paramſ":{}}"#,
            None,
        ),
        case(
            "a name in another case",
            r#"{"method":"tools/call","params":{"name":"a","NAME":"b"}}"#,
            None,
        ),
        case(
            "repeated below the name",
            r#"{"method":"tools/call","params":{"name":"a","arguments":{"name":1,"name":2}}}"#,
            Some(TOOL),
        ),
    ]);
}

#[test]
fn names_of_serde_json_are_ambiguous() {
    for kind in ["RawValue", "Number", "Anything"] {
        let private = format!(r#""$serde_json::private::{kind}":"1""#);
        let escaped = private.replace('$', r"\u0024");
        for private in [private, escaped] {
            for body in [
                format!("{{{private}}}"),
                format!(r#"{{{private},"method":"x"}}"#),
                format!(r#"{{"method":"x",{private}}}"#),
                format!(r#"{{"method":"x","params":{{{private}}}}}"#),
                format!(r#"{{"method":"tools/call","params":{{"name":{{{private}}}}}}}"#),
                format!(r#"{{"method":{{{private}}}}}"#),
                format!(r#"[{{{private}}}]"#),
            ] {
                assert_eq!(calls(body.as_bytes()), Err(Ambiguous), "{body}");
            }
            let below =
                format!(r#"{{"method":"x","params":{{"arguments":[{{"a":{{{private}}}}}]}}}}"#);
            // A number cannot stand for a call.
            let expected = kind == "Number";
            assert_eq!(calls(below.as_bytes()).is_ok(), expected, "{below}");
        }
    }
}

#[test]
fn other_shapes_are_ambiguous() {
    check([
        case("nothing", "", None),
        case("white space", "  ", None),
        case("no JSON", "method=x", None),
        case("a byte order mark", "\u{feff}{\"method\":\"x\"}", None),
        case("more behind it", r#"{"method":"x"}{"method":"y"}"#, None),
        case("a bracket behind it", r#"{"method":"x"}}"#, None),
        case("cut off", r#"{"method":"x""#, None),
        case("a comment", r#"{"method":"x"/**/}"#, None),
        case("a comma too many", r#"{"method":"x",}"#, None),
        case("single quotes", "{'method':'x'}", None),
        case("a control character", "{\"method\":\"x\u{0}\"}", None),
        case("not a number", r#"{"method":"x","id":NaN}"#, None),
        case(
            "a number that is too large",
            r#"{"method":"x","id":1e999}"#,
            None,
        ),
        case(
            "half a surrogate pair",
            r#"{"method":"x","id":"\ud800"}"#,
            None,
        ),
        case("a text", r#""tools/list""#, None),
        case("null", "null", None),
        case("an empty object", "{}", None),
        case("an empty batch", "[]", None),
        case("a batch in a batch", r#"[[{"method":"x"}]]"#, None),
        case("a text in a batch", r#"[{"method":"x"},"y"]"#, None),
        // serde reads structs from arrays, too.
        case(
            "a message by position",
            r#"["2.0",1,"tools/call",{"name":"a"}]"#,
            None,
        ),
        case(
            "params by position",
            r#"{"method":"tools/call","params":["a"]}"#,
            None,
        ),
        case(
            "params of another type",
            r#"{"method":"x","params":"a"}"#,
            None,
        ),
        case("a method of another type", r#"{"method":["x"]}"#, None),
        case("a method that is null", r#"{"method":null}"#, None),
        case(
            "a name of another type",
            r#"{"method":"tools/call","params":{"name":1}}"#,
            None,
        ),
        case(
            "a name that is null",
            r#"{"method":"tools/call","params":{"name":null}}"#,
            None,
        ),
        case(
            "a tool without a name",
            r#"{"method":"tools/call","params":{}}"#,
            None,
        ),
        case("a tool without params", r#"{"method":"tools/call"}"#, None),
        case(
            "a request and a response",
            r#"{"method":"x","result":{}}"#,
            None,
        ),
        case(
            "an error and a request",
            r#"{"error":{},"method":"x"}"#,
            None,
        ),
    ]);
}

#[test]
fn bytes_that_are_not_utf_8_are_ambiguous() {
    let request = r#"{"method":"x"}"#;
    let utf_16 = |to_bytes: fn(u16) -> [u8; 2]| request.encode_utf16().flat_map(to_bytes).collect();
    let cases: [(&str, Vec<u8>); 5] = [
        ("UTF-16, little end first", utf_16(u16::to_le_bytes)),
        ("UTF-16, big end first", utf_16(u16::to_be_bytes)),
        (
            "Latin-1 in a value",
            b"{\"method\":\"x\",\"id\":\"\xe9\"}".to_vec(),
        ),
        (
            "Latin-1 in a name",
            b"{\"method\":\"x\",\"\xe9\":1}".to_vec(),
        ),
        ("a gzip header", vec![0x1f, 0x8b, 8, 0]),
    ];
    for (name, body) in cases {
        assert_eq!(calls(&body), Err(Ambiguous), "{name}");
    }
}

#[test]
fn depth_is_bounded() {
    for (depth, expected) in [(100, true), (200, false), (500_000, false)] {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let nested = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            for body in [
                format!(r#"{{"method":"x","id":{nested}}}"#),
                format!(r#"{{"method":"x","params":{{"arguments":{nested}}}}}"#),
            ] {
                assert_eq!(calls(body.as_bytes()).is_ok(), expected, "{open} {depth}");
            }
        }
        assert!(calls("[".repeat(depth).as_bytes()).is_err());
    }
}
