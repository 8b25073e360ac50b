use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{ClerkConfig, ClerkConfigBuilder, Enrichment, JwtAlgorithm, Named, OpaqueTokens};

#[track_caller]
fn read(value: Value) -> ClerkConfigBuilder {
    serde_json::from_str(&value.to_string()).unwrap()
}

#[track_caller]
fn rejects(name: &str, value: &Value) {
    let outcome: Result<ClerkConfigBuilder, _> = serde_json::from_str(&value.to_string());
    assert!(outcome.is_err(), "{name}: {value}");
}

#[test]
fn every_field_is_read() {
    let builder = read(json!({
        "domain": "clerk.example.com",
        "client_id": "client_1",
        "client_secret": "s",
        "required_scopes": ["email", "profile"],
        "allowed_clients": ["client_2"],
        "audiences": ["https://a.example"],
        "require_audience": true,
        "resource": "https://api.example.com",
        "resource_name": "An API",
        "resource_documentation": "https://docs.example.com",
        "scopes_supported": ["email", "mcp:admin"],
        "enrichment": "required",
        "opaque_tokens": "any",
        "max_token_length": 8192,
        "leeway": 7,
        "cache_ttl": 8,
        "cache_capacity": 9,
        "stale_if_error": 10,
        "timeout": 11,
        "attempt_timeout": 12,
    }));
    assert_eq!(builder.domain, "clerk.example.com");
    assert_eq!(builder.client_id, "client_1");
    assert_eq!(builder.client_secret.expose_secret(), "s");
    assert_eq!(builder.required_scopes, ["email", "profile"]);
    let clients = Named::Listed(vec!["client_2".to_owned()]);
    assert_eq!(builder.allowed_clients, Some(clients));
    assert_eq!(builder.audiences, ["https://a.example"]);
    assert!(builder.require_audience);
    assert_eq!(builder.resource.as_deref(), Some("https://api.example.com"));
    assert_eq!(builder.resource_name.as_deref(), Some("An API"));
    let documentation = builder.resource_documentation.as_deref();
    assert_eq!(documentation, Some("https://docs.example.com"));
    let scopes = ["email", "mcp:admin"].map(ToOwned::to_owned).to_vec();
    assert_eq!(builder.scopes_supported, Some(scopes));
    assert_eq!(builder.enrichment, Enrichment::Required);
    assert_eq!(builder.opaque_tokens, OpaqueTokens::Any);
    assert_eq!(builder.max_token_length, 8192);
    assert_eq!(builder.leeway, Duration::from_secs(7));
    assert_eq!(builder.cache_ttl, Duration::from_secs(8));
    assert_eq!(builder.cache_capacity, 9);
    assert_eq!(builder.stale_if_error, Duration::from_secs(10));
    assert_eq!(builder.timeout, Duration::from_secs(11));
    assert_eq!(builder.attempt_timeout, Duration::from_secs(12));
}

#[test]
fn durations_have_two_forms() {
    for (name, input, expected) in [
        ("seconds", json!(30), Duration::from_secs(30)),
        ("none", json!(0), Duration::ZERO),
        ("a fraction", json!(1.5), Duration::from_millis(1_500)),
        ("seconds as text", json!("30"), Duration::from_secs(30)),
        ("a unit", json!("30s"), Duration::from_secs(30)),
        ("two units", json!("1m 30s"), Duration::from_secs(90)),
        ("milliseconds", json!("250ms"), Duration::from_millis(250)),
    ] {
        for field in [
            "leeway",
            "cache_ttl",
            "stale_if_error",
            "timeout",
            "attempt_timeout",
        ] {
            let builder = read(json!({ field: input }));
            let found = match field {
                "leeway" => builder.leeway,
                "cache_ttl" => builder.cache_ttl,
                "stale_if_error" => builder.stale_if_error,
                "timeout" => builder.timeout,
                _ => builder.attempt_timeout,
            };
            assert_eq!(found, expected, "{name}: {field}");
        }
    }
    for (name, input) in [
        ("negative", json!(-1)),
        ("a negative fraction", json!(-0.5)),
        ("beyond all", json!(1e300)),
        ("a word", json!("soon")),
        ("a negative text", json!("-1s")),
        ("empty", json!("")),
        ("null", json!(null)),
        ("a list", json!([30])),
        ("a switch", json!(true)),
    ] {
        rejects(name, &json!({ "cache_ttl": input }));
    }
}

/// Formats that tell signed numbers apart, unlike JSON.
#[test]
fn signed_seconds_are_read_unless_negative() {
    use serde::de::{IntoDeserializer, value::Error};

    let read = |seconds: i64| {
        super::super::parse::deserialize_duration(IntoDeserializer::<Error>::into_deserializer(
            seconds,
        ))
    };
    assert_eq!(read(30), Ok(Duration::from_secs(30)));
    assert_eq!(read(0), Ok(Duration::ZERO));
    assert!(read(-1).is_err());
}

#[test]
fn lists_have_two_forms() {
    let two = ["email", "profile"].map(ToOwned::to_owned).to_vec();
    for (name, input) in [
        ("a list", json!(["email", "profile"])),
        ("with spaces", json!("email profile")),
        ("with commas", json!("email, profile")),
    ] {
        let builder = read(json!({
            "required_scopes": input,
            "audiences": input,
            "scopes_supported": input,
        }));
        assert_eq!(builder.required_scopes, two, "{name}");
        assert_eq!(builder.scopes_supported.as_ref(), Some(&two), "{name}");
        assert_eq!(builder.audiences, two, "{name}");
    }
    let builder = read(json!({ "required_scopes": [], "audiences": "" }));
    assert!(builder.required_scopes.is_empty() && builder.audiences.is_empty());
    for (name, input) in [
        ("a number", json!(1)),
        ("a list of numbers", json!([1])),
        ("null", json!(null)),
        ("an object", json!({})),
    ] {
        rejects(name, &json!({ "required_scopes": input }));
        rejects(name, &json!({ "audiences": input }));
        rejects(name, &json!({ "scopes_supported": input }));
    }
}

#[test]
fn algorithms_are_a_list_as_others_are() {
    let two = vec![JwtAlgorithm::Rs256, JwtAlgorithm::Rs512];
    for (name, input) in [
        ("a list", json!(["RS256", "RS512"])),
        ("with spaces", json!("RS256 RS512")),
        ("with commas", json!("RS256, RS512")),
    ] {
        let builder = read(json!({ "jwt_algorithms": input }));
        assert_eq!(builder.jwt_algorithms, two, "{name}");
    }
    let none = read(json!({ "jwt_algorithms": "" }));
    assert!(none.jwt_algorithms.is_empty(), "which nothing is built of");
    for (name, input) in [
        ("none", json!("none")),
        ("symmetric", json!(["RS256", "HS256"])),
        ("in small letters", json!("rs256")),
        ("two in one", json!(["RS256 RS512"])),
        ("a number", json!(256)),
        ("null", json!(null)),
    ] {
        rejects(name, &json!({ "jwt_algorithms": input }));
    }
}

#[test]
fn clients_have_three_forms() {
    let listed = |clients: &[&str]| {
        Some(Named::Listed(
            clients.iter().map(|client| (*client).to_owned()).collect(),
        ))
    };
    for (name, input, expected) in [
        ("null", json!(null), None),
        ("a star", json!("*"), Some(Named::Any)),
        ("a text", json!("a,b"), listed(&["a", "b"])),
        ("a list", json!(["a", "b"]), listed(&["a", "b"])),
        ("a star in a list is a name", json!(["*"]), listed(&["*"])),
        ("an empty list", json!([]), listed(&[])),
    ] {
        let builder = read(json!({ "allowed_clients": input }));
        assert_eq!(builder.allowed_clients, expected, "{name}");
    }
    rejects("a switch", &json!({ "allowed_clients": true }));
}

#[test]
fn key_is_another_name_for_the_domain() {
    let builder = read(json!({ "publishable_key": "pk_test_x" }));
    assert_eq!(builder.domain, "pk_test_x");
    rejects(
        "both",
        &json!({ "publishable_key": "pk_test_x", "domain": "a.example" }),
    );
}

#[test]
fn unknown_fields_are_rejected() {
    for name in [
        "cache_tll",
        "Domain",
        "danger",
        "transport",
        "clock",
        "scope_implies",
    ] {
        rejects(name, &json!({ name: 1 }));
    }
    rejects("another enrichment", &json!({ "enrichment": "on" }));
    rejects("other tokens", &json!({ "opaque_tokens": "all" }));
    rejects("a negative capacity", &json!({ "cache_capacity": -1 }));
    rejects(
        "a text for a switch",
        &json!({ "require_audience": "true" }),
    );
}

#[test]
fn nothing_given_is_the_default() {
    let builder = read(json!({}));
    let default = ClerkConfigBuilder::default();
    assert_eq!(builder.domain, "");
    assert_eq!(builder.client_secret.expose_secret(), "");
    assert_eq!(builder.allowed_clients, default.allowed_clients);
    assert_eq!(builder.scopes_supported, None);
    assert_eq!(builder.enrichment, default.enrichment);
    assert_eq!(builder.opaque_tokens, default.opaque_tokens);
    assert_eq!(builder.cache_ttl, default.cache_ttl);
    assert_eq!(builder.max_token_length, default.max_token_length);
}

#[test]
fn configuration_is_checked_as_it_is_read() {
    let outcome: Result<ClerkConfig, _> = serde_json::from_value(json!({
        "domain": "clerk.example.com",
        "client_id": "client_1",
        "client_secret": "canary\n",
    }));
    let text = outcome.unwrap_err().to_string();
    assert!(text.contains("client_secret"), "{text}");
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn a_secret_of_another_type_is_not_repeated() {
    for value in [
        json!(1_234_567_890),
        json!(["1234567890"]),
        json!({"x": "1234567890"}),
    ] {
        let value = json!({ "client_secret": value }).to_string();
        let error = serde_json::from_str::<ClerkConfig>(&value).unwrap_err();
        assert!(!error.to_string().contains("1234567890"), "{error}");
        assert!(error.to_string().contains("client_secret"), "{error}");
    }
}
