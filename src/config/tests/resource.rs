use serde_json::{Value, json};
use url::Url;

use super::{super::resource::metadata_of, accepting, builder, check_all, kind_of, oauth, parts};
use crate::{ClerkConfigBuilder, config::Resource};

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
        Err(flaw) => {
            let message = flaw.message();
            assert_eq!(case.expected, Err(()), "{}: {message}", case.name);
            assert_eq!(kind_of(message), "invalid", "{}", case.name);
        }
    }
}

fn api() -> Resource {
    Resource::new("https://api.example.com")
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
                "resource.documentation",
                builder().resource(api().documentation(input)),
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
    let name = Some(("invalid", "resource.name"));
    let page = Some(("invalid", "resource.documentation"));
    let scopes = Some(("invalid", "resource.scopes_supported"));
    let documentation = |url: &str| builder().resource(api().documentation(url));
    let named = |name: &str| builder().resource(api().name(name));
    let supported =
        |scopes: &[&str]| builder().resource(api().scopes_supported(scopes.iter().copied()));
    check_all([
        ("a name", named("An API, \u{e9}"), None),
        ("no name", named(""), name),
        ("a blank name", named(" \u{a0}"), name),
        ("a name of two lines", named("a\nb"), name),
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
        ("a scope", supported(&["mcp:admin"]), None),
        ("no scopes", supported(&[]), None),
        ("an empty scope", supported(&["a", ""]), scopes),
        ("two in one", supported(&["a b"]), scopes),
        ("a quote", supported(&["a\"b"]), scopes),
    ]);
}

#[test]
fn metadata_is_that_of_the_configuration() {
    let document = |builder: ClerkConfigBuilder| -> Value {
        let metadata = builder.build().unwrap().resource_metadata.unwrap();
        serde_json::from_slice(metadata.json()).unwrap()
    };
    // D26: exactly as configured, whatever a parser would make of it.
    let resource = "HTTPS://API.example.com:443/a/../mcp/?b=%7e";
    let with = |resource: Resource| {
        let oauth = oauth().required_scopes(["email", "offline_access"]);
        accepting(oauth).resource(resource)
    };
    let usual = || with(Resource::new(resource));
    let found = document(usual());
    assert_eq!(found["resource"], resource);
    // D28
    let issuer = "https://clerk.example.com";
    assert_eq!(found["authorization_servers"], json!([issuer]));
    assert_eq!(found["scopes_supported"], json!(["email"]));
    assert_eq!(found.as_object().unwrap().len(), 4);

    let found = document(with(
        Resource::new(resource)
            .name("An API")
            .documentation("https://docs.example.com")
            .scopes_supported(["email", "mcp:admin", "offline_access"]),
    ));
    // fault E3: a list is served as written; the default leaves `offline_access` out, above.
    let scopes = json!(["email", "mcp:admin", "offline_access"]);
    assert_eq!(found["scopes_supported"], scopes);
    assert_eq!(found["resource_name"], "An API");
    assert_eq!(found["resource_documentation"], "https://docs.example.com");

    let found = document(with(Resource::new(resource).scopes_supported([""; 0])));
    assert!(
        !found
            .as_object()
            .unwrap()
            .contains_key("resource.scopes_supported")
    );
}

#[test]
fn no_web_address_no_metadata() {
    for (name, builder) in [
        ("no resource", builder()),
        (
            "a URN with a name",
            builder().resource(Resource::new("urn:example:api").name("An API")),
        ),
        ("a URN", builder().resource("urn:example:api")),
    ] {
        let config = builder.build().unwrap();
        assert!(config.resource_metadata.is_none(), "{name}");
    }
}
