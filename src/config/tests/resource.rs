use super::{super::check::metadata_of, parts};

struct Case {
    name: &'static str,
    input: &'static str,
    /// Where the metadata is; an error where the resource cannot be one.
    expected: Result<Option<&'static str>, ()>,
}

#[track_caller]
fn check(case: &Case) {
    match metadata_of(case.input) {
        Ok(found) => assert_eq!(Ok(found.as_deref()), case.expected, "{}", case.name),
        Err(error) => {
            assert_eq!(case.expected, Err(()), "{}: {error}", case.name);
            assert_eq!(parts(&error), ("invalid", "resource"), "{}", case.name);
        }
    }
}

#[test]
fn metadata_stands_between_host_and_path() {
    let cases = [
        (
            "a host",
            "https://api.example.com",
            Ok(Some(
                "https://api.example.com/.well-known/oauth-protected-resource",
            )),
        ),
        (
            "a slash",
            "https://api.example.com/",
            Ok(Some(
                "https://api.example.com/.well-known/oauth-protected-resource",
            )),
        ),
        (
            "a path",
            "https://api.example.com/mcp",
            Ok(Some(
                "https://api.example.com/.well-known/oauth-protected-resource/mcp",
            )),
        ),
        (
            "a path and a slash",
            "https://api.example.com/mcp/",
            Ok(Some(
                "https://api.example.com/.well-known/oauth-protected-resource/mcp/",
            )),
        ),
        (
            "a path and a query",
            "https://api.example.com/mcp?tenant=1",
            Ok(Some(
                "https://api.example.com/.well-known/oauth-protected-resource/mcp?tenant=1",
            )),
        ),
        (
            "a port",
            "https://api.example.com:8443/a/b",
            Ok(Some(
                "https://api.example.com:8443/.well-known/oauth-protected-resource/a/b",
            )),
        ),
        (
            "plain http",
            "http://127.0.0.1:3000/",
            Ok(Some(
                "http://127.0.0.1:3000/.well-known/oauth-protected-resource",
            )),
        ),
        ("a name", "urn:example:api", Ok(None)),
        ("another scheme", "ftp://api.example.com/x", Ok(None)),
        ("nothing", "", Err(())),
        ("a host without a scheme", "api.example.com", Err(())),
        ("a path alone", "/mcp", Err(())),
        ("no host", "https://", Err(())),
        ("a fragment", "https://api.example.com/#f", Err(())),
        ("an empty fragment", "https://api.example.com/#", Err(())),
        ("a fragment of a name", "urn:example:api#f", Err(())),
        ("a backslash", "https://api.example.com/?a=\\", Err(())),
        ("a quote", "urn:\"x", Err(())),
        ("no slashes", "https:api.example.com", Err(())),
        ("a space", "https://api.example.com/a b", Err(())),
        ("a space in front", " https://api.example.com", Err(())),
        ("a newline", "https://api.example.com\n", Err(())),
        ("beyond ASCII", "https://api.example.com/é", Err(())),
    ];
    for (name, input, expected) in cases {
        check(&Case {
            name,
            input,
            expected,
        });
    }
}

#[test]
fn passwords_in_resources_are_refused_and_not_shown() {
    for input in [
        "https://u:canary@api.example.com",
        "https://canary@api.example.com",
    ] {
        let error = metadata_of(input).unwrap_err();
        assert_eq!(parts(&error), ("invalid secret", "resource"));
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}
