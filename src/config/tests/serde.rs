use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{
    ClerkConfig, ClerkConfigBuilder, TokenKind,
    checks::parse::Named,
    kinds::{ApiKeys, AudiencePolicy, OAuthTokens},
    token::Kinds,
    verify::{Enrichment, JwtAlgorithm, JwtVerification},
};

#[track_caller]
fn read(value: Value) -> ClerkConfigBuilder {
    serde_json::from_str(&value.to_string()).unwrap()
}

/// The error about a file.
#[track_caller]
fn error(value: Value) -> String {
    read(value).build().unwrap_err().to_string()
}

/// OAuth tokens, whose table has this field.
fn oauth(field: &str, value: &Value) -> Result<OAuthTokens, serde_json::Error> {
    serde_json::from_str(&json!({ field: value }).to_string())
}

#[track_caller]
fn rejects(name: &str, value: &Value) {
    assert!(read(value.clone()).file_error.is_some(), "{name}: {value}");
}

#[test]
fn every_field_is_read() {
    let builder = read(json!({
        "instance": "clerk.example.com",
        "secret_key": "sk_test_1",
        "proxy_url": "https://app.example.com/__clerk",
        "backend_api_url": "https://b.example/v1",
        "backend_api_version": "2025-11-10",
        "resource": {
            "uri": "https://api.example.com",
            "name": "An API",
            "documentation": "https://docs.example.com",
            "scopes_supported": ["email", "mcp:admin"],
        },
        "users": "required",
        "jwt_keys": "backend-api",
        "jwt_algorithms": ["RS512"],
        "discover": ["https://auth.example.com"],
        "leeway": 7,
        "max_token_length": 8192,
        "cache_ttl": 8,
        "cache_capacity": 9,
        "stale_if_error": 10,
        "timeout": 11,
        "attempt_timeout": "10s",
        "rate_limit": 13,
        "log_token_ids": true,
        "danger_allow_http": true,
        "accept": {
            "oauth": {
                "verification": "introspection",
                "client_id": "client_1",
                "client_secret": "s",
                "required_scopes": ["email", "profile"],
                "allowed_clients": ["client_2"],
                "audiences": ["https://a.example"],
                "audience_policy": "require",
                "jwts": "introspect",
                "userinfo": "required",
                "unprefixed": true,
            },
            "api_key": { "required_scopes": "keys" },
            "machine": {
                "addressed_to": ["mch_1"],
                "machine_secret_key": "ak_1",
                "jwts": false,
            },
        },
    }));
    assert_eq!(builder.instance, "clerk.example.com");
    assert_eq!(builder.secret_key.expose_secret(), "sk_test_1");
    assert_eq!(builder.max_token_length, 8192);
    assert_eq!(builder.leeway, Duration::from_secs(7));
    assert_eq!(builder.cache_ttl, Duration::from_secs(8));
    assert_eq!(builder.cache_capacity, 9);
    assert_eq!(builder.stale_if_error, Duration::from_secs(10));
    assert_eq!(builder.timeout, Duration::from_secs(11));
    assert_eq!(builder.attempt_timeout, Some(Duration::from_secs(10)));
    assert_eq!(builder.rate_limit, Some(13));
    assert_eq!(builder.jwt_algorithms, [JwtAlgorithm::Rs512]);
    assert!(builder.log_token_ids);
    assert!(builder.danger_allow_http);

    let config = builder.transport(super::Silent).build();
    if cfg!(not(feature = "jwt")) {
        assert!(config.is_err(), "no token can have an audience");
        return;
    }
    let config = config.unwrap();
    assert_eq!(config.client_id.as_deref(), Some("client_1"));
    assert_eq!(config.users, Enrichment::Required);
    assert_eq!(config.userinfo, Enrichment::Required);
    assert!(config.accept_unprefixed);
    let [backend, machine] =
        [&config.backend, &config.machine_backend].map(|it| it.clone().unwrap());
    assert_eq!(backend.endpoint("/x"), "https://b.example/v1/x");
    assert_eq!(backend.version, "2025-11-10");
    assert_eq!(machine.credentials, "Bearer ak_1");
    let bases = [
        "https://clerk.example.com",
        "https://app.example.com/__clerk",
        "https://auth.example.com",
    ];
    assert_eq!(config.discovery_bases.as_deref().unwrap(), bases);
    #[cfg(feature = "jwt")]
    assert!(matches!(
        &config.jwt_keys,
        crate::config::keys::CheckedKeys::BackendApi(_)
    ));
    let rules = &config.rules;
    assert_eq!(rules.required_scopes, ["email", "profile"]);
    assert_eq!(rules.api_key_scopes, ["keys"]);
    assert_eq!(rules.allowed_clients.as_deref().unwrap(), ["client_2"]);
    assert_eq!(rules.audiences.oauth, ["https://a.example"]);
    assert_eq!(rules.audience_policies.oauth, AudiencePolicy::Require);
    assert_eq!(
        rules.audience_policies.session,
        AudiencePolicy::RejectForeign
    );
    assert_eq!(rules.machines.as_deref().unwrap(), ["mch_1"]);
    assert!(!config.machine_jwts);
    let metadata = config.resource_metadata.as_ref().unwrap();
    let document: Value = serde_json::from_slice(metadata.json()).unwrap();
    assert_eq!(document["resource_name"], "An API");
    assert_eq!(
        document["resource_documentation"],
        "https://docs.example.com"
    );
    assert_eq!(document["scopes_supported"], json!(["email", "mcp:admin"]));
}

#[cfg(feature = "jwt")]
#[test]
fn options_of_jwts_are_read() {
    let config = read(json!({
        "instance": "clerk.example.com",
        "accept": {
            "oauth": { "verification": "signature", "allowed_clients": "*" },
            "session": {
                "authorized_parties": "https://app.example.com",
                "cookie": true,
                "allow_pending": true,
                "audiences": "urn:us",
                "audience_policy": "observe",
            },
            "machine": { "addressed_to": "*", "jwts": true },
        },
    }));
    let config = config.transport(super::Silent).build().unwrap();
    assert_eq!(config.oauth_jwts, JwtVerification::Local);
    assert!(config.machine_jwts && config.session_cookie.is_some());
    let rules = &config.rules;
    assert_eq!(
        rules.accept,
        Kinds::from_iter([TokenKind::OAuth, TokenKind::Session, TokenKind::Machine])
    );
    assert_eq!((&rules.allowed_clients, &rules.machines), (&None, &None));
    assert_eq!(
        rules.authorized_parties.as_deref().unwrap(),
        ["https://app.example.com"]
    );
    assert!(rules.allow_pending);
    assert_eq!(rules.audiences.session, ["urn:us"]);
    assert_eq!(rules.audience_policies.session, AudiencePolicy::Observe);
    assert_eq!(rules.audience_policies.oauth, AudiencePolicy::RejectForeign);
}

#[test]
fn a_resource_is_a_text_or_a_table() {
    let resource = |value: Value| read(json!({ "resource": value })).resource.unwrap();
    assert_eq!(resource(json!("urn:x")).uri, "urn:x");
    assert_eq!(resource(json!({ "uri": "urn:x" })).uri, "urn:x");
    for (name, input, expected) in [
        (
            "a mistyped member",
            json!({ "uri": "urn:x", "nam": "x" }),
            "unknown field `nam`",
        ),
        ("no URI", json!({ "name": "x" }), "missing field `uri`"),
        ("a number", json!(1), "the URI of a resource"),
    ] {
        let error = error(json!({ "resource": input }));
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn unknown_kinds_and_options_are_named_with_the_known_ones() {
    // fault H9i
    for (name, input, expected) in [
        (
            "a kind",
            json!({ "oauht": {} }),
            &[
                "unknown field `oauht`",
                "`oauth`",
                "`session`",
                "`api_key`",
                "`machine`",
            ][..],
        ),
        (
            "an option of another kind",
            json!({ "api_key": { "authorized_parties": [] } }),
            &["unknown field `authorized_parties`", "`required_scopes`"],
        ),
        #[cfg(feature = "jwt")]
        (
            "scopes of session tokens",
            json!({ "session": { "required_scopes": [] } }),
            &[
                "unknown field `required_scopes`",
                "`authorized_parties`",
                "`cookie`",
                "`allow_pending`",
                "`audiences`",
                "`audience_policy`",
            ],
        ),
        (
            "a machine without one",
            json!({ "machine": {} }),
            &["missing field `addressed_to`"],
        ),
        ("a list of names", json!(["oauth"]), &["invalid"]),
    ] {
        let error = error(json!({ "accept": input }));
        for part in expected {
            assert!(error.contains(part), "{name}: {part}: {error}");
        }
    }
}

#[test]
fn code_replaces_a_kind_of_a_file_as_a_whole() {
    let file = || {
        read(json!({
            "instance": "clerk.example.com",
            "accept": {
                "oauth": { "client_id": "client_1", "client_secret": "s", "required_scopes": "email" },
            },
        }))
        .transport(super::Silent)
    };
    assert_eq!(file().build().unwrap().rules.required_scopes, ["email"]);
    let config = file().accept(super::oauth()).build().unwrap();
    assert!(config.rules.required_scopes.is_empty());
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
                _ => builder.attempt_timeout.unwrap(),
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
        crate::checks::parse::deserialize_duration(IntoDeserializer::<Error>::into_deserializer(
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
    let scopes = |value: Value| {
        let keys: Result<ApiKeys, _> = serde_json::from_value(json!({ "required_scopes": value }));
        keys.map(|keys| keys.required_scopes)
    };
    let fields = ["required_scopes", "audiences"];
    for (name, input) in [
        ("a list", json!(["email", "profile"])),
        ("with spaces", json!("email profile")),
        ("with commas", json!("email, profile")),
    ] {
        assert_eq!(scopes(input.clone()).unwrap(), two, "{name}");
        for field in fields {
            assert!(oauth(field, &input).is_ok(), "{name}: {field}");
        }
        let discovered = read(json!({ "discover": input })).discover;
        assert_eq!(discovered.as_ref(), Some(&two), "{name}");
    }
    assert!(scopes(json!([])).unwrap().is_empty() && scopes(json!("")).unwrap().is_empty());
    for (name, input) in [
        ("a number", json!(1)),
        ("a list of numbers", json!([1])),
        ("null", json!(null)),
        ("an object", json!({})),
    ] {
        for field in fields {
            assert!(oauth(field, &input).is_err(), "{name}: {field}");
        }
        let resource = json!({ "uri": "urn:x", "scopes_supported": input });
        rejects(name, &json!({ "resource": resource }));
        rejects(name, &json!({ "discover": input }));
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
        Named::Listed(clients.iter().map(|client| (*client).to_owned()).collect())
    };
    for (name, input, expected) in [
        ("a star", json!("*"), Named::Any),
        ("a text", json!("a,b"), listed(&["a", "b"])),
        ("a list", json!(["a", "b"]), listed(&["a", "b"])),
        ("a star in a list is a name", json!(["*"]), listed(&["*"])),
        ("an empty list", json!([]), listed(&[])),
    ] {
        let found: Named = serde_json::from_value(input.clone()).unwrap();
        assert_eq!(found, expected, "{name}");
        assert!(oauth("allowed_clients", &input).is_ok(), "{name}");
    }
    assert!(oauth("allowed_clients", &json!(null)).is_ok(), "none");
    assert!(oauth("allowed_clients", &json!(true)).is_err(), "a switch");
}

#[test]
fn unknown_fields_are_rejected() {
    for name in [
        "cache_tll",
        "Instance",
        "danger",
        "transport",
        "clock",
        "scope_implies",
        "environment",
        // As they were called before.
        "domain",
        "publishable_key",
        "client_id",
        "required_scopes",
    ] {
        rejects(name, &json!({ name: 1 }));
    }
    rejects("another enrichment", &json!({ "users": "on" }));
    rejects("a negative capacity", &json!({ "cache_capacity": -1 }));
    rejects(
        "a text for a switch",
        &json!({ "danger_allow_http": "true" }),
    );
    for (field, value) in [
        ("userinfo", json!("on")),
        ("verification", json!("custom")),
        ("unprefixed", json!("true")),
        ("audience_policy", json!("strict")),
        ("jwts", json!("remote")),
    ] {
        assert!(oauth(field, &value).is_err(), "{field}");
    }
}

#[test]
fn nothing_given_is_the_default() {
    let builder = read(json!({}));
    let default = ClerkConfigBuilder::default();
    assert_eq!(builder.instance, "");
    assert_eq!(builder.secret_key.expose_secret(), "");
    assert!(builder.resource.is_none());
    assert_eq!(builder.users, default.users);
    assert_eq!(builder.cache_ttl, default.cache_ttl);
    assert_eq!(builder.max_token_length, default.max_token_length);
    assert!(builder.accept.kinds().is_empty());
}

#[test]
fn configuration_is_checked_as_it_is_read() {
    let outcome: Result<ClerkConfig, _> = serde_json::from_value(json!({
        "instance": "clerk.example.com",
        "accept": { "oauth": { "client_id": "client_1", "client_secret": "canary\n" } },
        "cache_ttl": 301,
    }));
    let text = outcome.unwrap_err().to_string();
    // fault H9j
    assert!(
        text.contains("client_secret") && text.contains("cache_ttl"),
        "{text}"
    );
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn a_secret_of_another_type_is_not_repeated() {
    for value in [
        json!(1_234_567_890),
        json!(["1234567890"]),
        json!({"x": "1234567890"}),
    ] {
        let oauth = json!({ "client_secret": value });
        let machine = json!({ "addressed_to": "*", "machine_secret_key": value });
        for file in [
            json!({ "accept": { "oauth": oauth } }),
            json!({ "accept": { "machine": machine } }),
            json!({ "secret_key": value }),
        ] {
            let error = serde_json::from_str::<ClerkConfig>(&file.to_string()).unwrap_err();
            assert!(!error.to_string().contains("1234567890"), "{error}");
            assert!(error.to_string().contains("client_secret"), "{error}");
        }
        let file = json!({ "jwt_keys": value }).to_string();
        let error = serde_json::from_str::<ClerkConfig>(&file).unwrap_err();
        assert!(error.to_string().contains("jwt_keys"), "{error}");
        assert!(!error.to_string().contains("1234567890"), "{error}");
    }
}
