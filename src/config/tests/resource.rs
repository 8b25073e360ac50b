use serde_json::{Value, json};
use url::Url;

use super::{super::resource::metadata_of, ClerkConfigBuilder, builder, check_all, parts};

struct Case {
    name: &'static str,
    input: &'static str,
    /// Where the metadata is; an error where the resource cannot be one.
    expected: Result<Option<&'static str>, ()>,
}

#[track_caller]
fn check(case: &Case) {
    match metadata_of(case.input) {
        Ok(found) => assert_eq!(
            Ok(found.as_ref().map(Url::as_str)),
            case.expected,
            "{}",
            case.name
        ),
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
fn passwords_in_addresses_are_rejected_and_not_shown() {
    for input in [
        "https://u:canary@api.example.com",
        "https://canary@api.example.com",
        "https:u:canary@api.example.com",
        "https://u:canary@api.example.com/\n",
        "ftp:/u:canary@api.example.com#",
    ] {
        for (field, builder) in [
            ("resource", builder().resource(input)),
            (
                "resource_documentation",
                builder().resource_documentation(input),
            ),
        ] {
            let error = builder.build().unwrap_err();
            assert_eq!(parts(&error), ("invalid secret", field), "{input:?}");
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }
}

#[test]
fn what_the_metadata_says_is_checked() {
    let name = Some(("invalid", "resource_name"));
    let page = Some(("invalid", "resource_documentation"));
    let scopes = Some(("invalid", "scopes_supported"));
    let documentation = |url: &str| builder().resource_documentation(url);
    check_all([
        ("a name", builder().resource_name("An API, \u{e9}"), None),
        ("no name", builder().resource_name(""), name),
        ("a blank name", builder().resource_name(" \u{a0}"), name),
        ("a name of two lines", builder().resource_name("a\nb"), name),
        (
            "a page",
            documentation("https://docs.example.com/a?b=c#d"),
            None,
        ),
        (
            "a plain page",
            documentation("http://docs.example.com"),
            None,
        ),
        ("no page", documentation(""), page),
        ("a path", documentation("/docs"), page),
        ("a script", documentation("javascript:alert(1)"), page),
        ("a file", documentation("file:///etc/passwd"), page),
        ("a page with a space", documentation("https://a/b c"), page),
        ("a page with a quote", documentation("https://a/\""), page),
        (
            "a page beyond ASCII",
            documentation("https://a/\u{e9}"),
            page,
        ),
        (
            "a page without slashes",
            documentation("https:a.example"),
            page,
        ),
        ("a scope", builder().scopes_supported(["mcp:admin"]), None),
        ("no scopes", builder().scopes_supported([""; 0]), None),
        (
            "an empty scope",
            builder().scopes_supported(["a", ""]),
            scopes,
        ),
        ("two in one", builder().scopes_supported(["a b"]), scopes),
        ("a quote", builder().scopes_supported(["a\"b"]), scopes),
    ]);
}

#[test]
fn metadata_is_that_of_the_configuration() {
    let document = |builder: ClerkConfigBuilder| -> Value {
        let metadata = builder.build().unwrap().resource_metadata().unwrap();
        serde_json::from_slice(metadata.json()).unwrap()
    };
    // D26: exactly as configured, whatever a parser would make of it.
    let resource = "HTTPS://API.example.com:443/a/../mcp/?b=%7e";
    let usual = || builder().resource(resource).required_scopes(["email"]);
    let found = document(usual());
    assert_eq!(found["resource"], resource);
    // D28
    let issuer = "https://clerk.example.com";
    assert_eq!(found["authorization_servers"], json!([issuer]));
    assert_eq!(found["scopes_supported"], json!(["email"]));
    assert_eq!(found.as_object().unwrap().len(), 4);

    let found = document(
        usual()
            .resource_name("An API")
            .resource_documentation("https://docs.example.com")
            .scopes_supported(["email", "mcp:admin", "offline_access"]),
    );
    assert_eq!(found["scopes_supported"], json!(["email", "mcp:admin"]));
    assert_eq!(found["resource_name"], "An API");
    assert_eq!(found["resource_documentation"], "https://docs.example.com");

    let found = document(usual().scopes_supported([""; 0]));
    assert!(!found.as_object().unwrap().contains_key("scopes_supported"));
}

#[test]
fn no_web_address_no_metadata() {
    for (name, builder) in [
        ("no resource", builder()),
        ("a name alone", builder().resource_name("An API")),
        ("a URN", builder().resource("urn:example:api")),
    ] {
        let config = builder.build().unwrap();
        assert!(config.resource_metadata().is_none(), "{name}");
    }
}
