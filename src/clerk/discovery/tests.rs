use serde_json::{Value, json};

use super::{Endpoints, Trust};

const ISSUER: &str = "https://clerk.example.com";

fn trust() -> Trust {
    Trust {
        issuers: [ISSUER.to_owned()].into(),
        bases: [ISSUER, "https://auth.example.com", "http://127.0.0.1:4000"]
            .map(str::to_owned)
            .into(),
    }
}

/// The metadata of the instance, and one member otherwise.
fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut metadata = json!({
        "issuer": ISSUER,
        "introspection_endpoint": "https://clerk.example.com/oauth/token_info",
        "userinfo_endpoint": "https://clerk.example.com/oauth/userinfo",
        "jwks_uri": "https://clerk.example.com/.well-known/jwks.json",
        "token_endpoint": "https://evil.example/nobody/asks/there",
    });
    metadata[name] = value.into();
    metadata
}

fn read(metadata: &Value) -> Result<Endpoints, &'static str> {
    trust().endpoints(metadata.as_object().unwrap())
}

#[test]
fn addresses_are_taken_as_they_are() {
    let endpoints = read(&with("issuer", ISSUER)).unwrap();
    let expected = Endpoints {
        introspection: "https://clerk.example.com/oauth/token_info"
            .parse()
            .unwrap(),
        userinfo: "https://clerk.example.com/oauth/userinfo".parse().unwrap(),
        keys: "https://clerk.example.com/.well-known/jwks.json"
            .parse()
            .unwrap(),
    };
    assert_eq!(endpoints, expected);
}

#[test]
fn issuer_is_the_configured_one_byte_for_byte() {
    for issuer in [
        json!("https://clerk.example.com/"),
        json!("https://CLERK.example.com"),
        json!("https://clerk.example.com:443"),
        json!("http://clerk.example.com"),
        json!("https://evil.example"),
        json!(""),
        json!(null),
        json!([ISSUER]),
    ] {
        let expected = Err("the metadata has another issuer");
        assert_eq!(read(&with("issuer", issuer.clone())), expected, "{issuer}");
    }
}

#[test]
fn addresses_are_of_origins_that_are_named() {
    let origin = "an address in the metadata is not below a base URL that is configured";
    let lacks = "the metadata lacks an address";
    let parts = "an address in the metadata has user info or a fragment";
    let no_url = "an address in the metadata is not a URL";
    let cases: [(&str, Value, Option<&str>); 17] = [
        (
            "of a named origin",
            json!("https://auth.example.com/x"),
            None,
        ),
        ("of a named port", json!("http://127.0.0.1:4000/x"), None),
        (
            "with a query",
            json!("https://clerk.example.com/x?y=1"),
            None,
        ),
        (
            "with the usual port",
            json!("https://clerk.example.com:443/x"),
            None,
        ),
        ("in capitals", json!("HTTPS://CLERK.EXAMPLE.COM/x"), None),
        (
            "of another origin",
            json!("https://evil.example/x"),
            Some(origin),
        ),
        (
            "of a subdomain",
            json!("https://a.clerk.example.com/x"),
            Some(origin),
        ),
        (
            "of a longer name",
            json!("https://clerk.example.com.evil/x"),
            Some(origin),
        ),
        (
            "of another port",
            json!("https://clerk.example.com:8443/x"),
            Some(origin),
        ),
        (
            "by plain http",
            json!("http://clerk.example.com/x"),
            Some(origin),
        ),
        ("of no origin", json!("data:text/plain,x"), Some(origin)),
        (
            "with user info",
            json!("https://a:b@clerk.example.com/x"),
            Some(parts),
        ),
        (
            "with a fragment",
            json!("https://clerk.example.com/x#y"),
            Some(parts),
        ),
        ("relative", json!("/oauth/token_info"), Some(no_url)),
        ("empty", json!(""), Some(no_url)),
        ("null", json!(null), Some(lacks)),
        ("a number", json!(7), Some(lacks)),
    ];
    for (case, value, expected) in cases {
        for name in ["introspection_endpoint", "userinfo_endpoint", "jwks_uri"] {
            let outcome = read(&with(name, value.clone())).err();
            assert_eq!(outcome, expected, "{name} {case}");
        }
    }
}

#[test]
fn behind_a_proxy_the_other_paths_of_its_host_are_not_trusted() {
    const PROXY: &str = "https://app.example.com/__clerk";
    let bases = |further: &[&str]| {
        let bases = [ISSUER, PROXY].iter().chain(further);
        bases.map(|base| (*base).to_owned()).collect()
    };
    let trust = |further: &[&str]| Trust {
        issuers: bases(&[]),
        bases: bases(further),
    };
    let read = |trust: &Trust, address: &str| {
        let mut metadata = with("issuer", PROXY);
        metadata["jwks_uri"] = address.into();
        trust.endpoints(metadata.as_object().unwrap()).is_ok()
    };
    for (name, address, expected) in [
        ("below the proxy", "https://app.example.com/__clerk/x", true),
        (
            "the root of the proxy",
            "https://app.example.com/__clerk/",
            true,
        ),
        (
            "at the host of the instance",
            "https://clerk.example.com/x",
            true,
        ),
        ("the proxy itself", "https://app.example.com/__clerk", false),
        (
            "a query of the proxy",
            "https://app.example.com/__clerk?x=/",
            false,
        ),
        ("the root", "https://app.example.com/", false),
        ("another path", "https://app.example.com/uploads/x", false),
        ("a longer name", "https://app.example.com/__clerkx/x", false),
        ("capitals", "https://app.example.com/__CLERK/x", false),
        (
            "a dot segment",
            "https://app.example.com/__clerk/../x",
            false,
        ),
        (
            "an encoded one",
            "https://app.example.com/__clerk/%2e%2e/x",
            false,
        ),
        (
            "backslashes",
            "https://app.example.com/__clerk\\..\\x",
            false,
        ),
        (
            "an encoded slash",
            "https://app.example.com/__clerk/..%2fx",
            false,
        ),
        (
            "an encoded name",
            "https://app.example.com/%5f_clerk/x",
            false,
        ),
        (
            "another port",
            "https://app.example.com:8443/__clerk/x",
            false,
        ),
        ("plain http", "http://app.example.com/__clerk/x", false),
        ("another host", "https://evil.example/__clerk/x", false),
    ] {
        assert_eq!(read(&trust(&[]), address), expected, "{name}");
    }
    // The configuration can name the whole host.
    let host = trust(&["https://app.example.com"]);
    assert!(read(&host, "https://app.example.com/other"));
    // Each issuer of the instance may be named, and no other.
    for (issuer, expected) in [
        (ISSUER, true),
        (PROXY, true),
        ("https://app.example.com", false),
        ("https://app.example.com/__clerk/", false),
        ("https://app.example.com/other", false),
    ] {
        let metadata = with("issuer", issuer);
        let read = trust(&[]).endpoints(metadata.as_object().unwrap());
        assert_eq!(read.is_ok(), expected, "{issuer}");
    }
}
