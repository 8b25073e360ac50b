use std::time::Duration;

use secrecy::ExposeSecret;

use super::{ClerkConfig, ClerkConfigBuilder, Enrichment, Named, OpaqueTokens, parts};
use crate::{ConfigError, OAuthEndpoint, ProfileSource};

fn read(variables: &[(&str, &str)]) -> Result<ClerkConfigBuilder, ConfigError> {
    ClerkConfigBuilder::from_variables(|name| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

/// What one variable with one value makes of a field.
#[track_caller]
fn check<T: std::fmt::Debug + PartialEq>(
    name: &str,
    field: fn(&ClerkConfigBuilder) -> T,
    cases: &[(&str, T)],
) {
    for (value, expected) in cases {
        let builder = read(&[(name, value)]).unwrap();
        assert_eq!(field(&builder), *expected, "{name}={value:?}");
    }
    let unset = field(&ClerkConfigBuilder::default());
    for value in ["", " ", "\t\n"] {
        let builder = read(&[(name, value)]).unwrap();
        assert_eq!(field(&builder), unset, "{name}={value:?}");
    }
}

fn owned(entries: &[&str]) -> Vec<String> {
    entries.iter().map(|entry| (*entry).to_owned()).collect()
}

#[test]
fn domain_or_key_names_the_instance() {
    let domain = |builder: &ClerkConfigBuilder| builder.domain.clone();
    let cases = [
        ("clerk.example.com", "clerk.example.com".to_owned()),
        (" clerk.example.com\n", "clerk.example.com".to_owned()),
    ];
    check("CLERK_DOMAIN", domain, &cases);
    let cases = [
        ("pk_test_YS5iYyQ", "pk_test_YS5iYyQ".to_owned()),
        (" pk_test_YS5iYyQ ", "pk_test_YS5iYyQ".to_owned()),
    ];
    check("CLERK_PUBLISHABLE_KEY", domain, &cases);

    let both = |host| {
        read(&[
            ("CLERK_PUBLISHABLE_KEY", "pk_test_x"),
            ("CLERK_DOMAIN", host),
        ])
    };
    assert_eq!(both("a.example").unwrap().domain, "a.example");
    assert_eq!(
        both(" ").unwrap().domain,
        "pk_test_x",
        "an empty domain counts as none"
    );
}

#[test]
fn credentials_are_taken_as_they_are() {
    let cases = [("client_1", "client_1".to_owned())];
    check(
        "CLERK_OAUTH_CLIENT_ID",
        |builder| builder.client_id.clone(),
        &cases,
    );
    let cases = [("s e!", "s e!".to_owned())];
    let secret = |builder: &ClerkConfigBuilder| builder.client_secret.expose_secret().to_owned();
    check("CLERK_OAUTH_CLIENT_SECRET", secret, &cases);
}

#[test]
fn lists_are_separated_by_spaces_or_commas() {
    let cases = [
        ("email", owned(&["email"])),
        ("email profile", owned(&["email", "profile"])),
        ("email,profile", owned(&["email", "profile"])),
        (" email ,, profile ,", owned(&["email", "profile"])),
        (
            "email\tprofile\r\nopenid",
            owned(&["email", "profile", "openid"]),
        ),
        (",", owned(&[])),
        ("user:org:read", owned(&["user:org:read"])),
    ];
    check(
        "CLERK_REQUIRED_SCOPES",
        |builder| builder.required_scopes.clone(),
        &cases,
    );
    check(
        "CLERK_AUDIENCES",
        |builder| builder.audiences.clone(),
        &cases,
    );
}

#[test]
fn clients_are_a_list_or_a_star() {
    let listed = |entries| Some(Named::Listed(owned(entries)));
    let cases = [
        ("*", Some(Named::Any)),
        (" * ", Some(Named::Any)),
        ("client_1", listed(&["client_1"])),
        ("client_1, client_2", listed(&["client_1", "client_2"])),
        ("*,client_1", listed(&["*", "client_1"])),
        ("**", listed(&["**"])),
        (",", listed(&[])),
    ];
    check(
        "CLERK_ALLOWED_CLIENTS",
        |builder| builder.allowed_clients.clone(),
        &cases,
    );
}

#[test]
fn backend_api_is_found() {
    let cases = [
        ("sk_test_1", "sk_test_1".to_owned()),
        (" sk_test_1\n", "sk_test_1".to_owned()),
    ];
    let key = |builder: &ClerkConfigBuilder| builder.secret_key.expose_secret().to_owned();
    check("CLERK_SECRET_KEY", key, &cases);
    let cases = [
        ("https://a.example/v1", "https://a.example/v1".to_owned()),
        (" https://a.example ", "https://a.example".to_owned()),
    ];
    let url = |builder: &ClerkConfigBuilder| builder.backend_api_url.clone();
    check("CLERK_API_URL", url, &cases);
    let cases = [
        ("introspection", OAuthEndpoint::Introspection),
        ("backend-api", OAuthEndpoint::BackendApi),
    ];
    check(
        "CLERK_OAUTH_ENDPOINT",
        |builder| builder.oauth_endpoint,
        &cases,
    );
    let cases = [
        ("userinfo", ProfileSource::Userinfo),
        (" backend-api ", ProfileSource::BackendApi),
    ];
    check(
        "CLERK_PROFILE_SOURCE",
        |builder| builder.profile_source,
        &cases,
    );
}

#[test]
fn resource_is_taken() {
    let cases = [("https://a.example/", Some("https://a.example/".to_owned()))];
    check("CLERK_RESOURCE", |builder| builder.resource.clone(), &cases);
}

#[test]
fn durations_are_seconds_or_say_their_unit() {
    let cases = [
        ("0", Duration::ZERO),
        ("45", Duration::from_secs(45)),
        (" 45 ", Duration::from_secs(45)),
        ("45s", Duration::from_secs(45)),
        ("1m 30s", Duration::from_secs(90)),
        ("500ms", Duration::from_millis(500)),
        ("18446744073709551615", Duration::from_secs(u64::MAX)),
    ];
    check("CLERK_CACHE_TTL", |builder| builder.cache_ttl, &cases);
    check(
        "CLERK_STALE_IF_ERROR",
        |builder| builder.stale_if_error,
        &cases,
    );
}

#[test]
fn words_are_spelled_as_documented() {
    let cases = [
        ("off", Enrichment::Off),
        ("best-effort", Enrichment::BestEffort),
        (" required ", Enrichment::Required),
    ];
    check("CLERK_ENRICH", |builder| builder.enrichment, &cases);
    let cases = [
        ("prefixed", OpaqueTokens::Prefixed),
        ("any", OpaqueTokens::Any),
    ];
    check(
        "CLERK_OPAQUE_TOKENS",
        |builder| builder.opaque_tokens,
        &cases,
    );
}

#[test]
fn unreadable_value_names_its_variable() {
    for (name, value) in [
        ("CLERK_CACHE_TTL", "soon"),
        ("CLERK_CACHE_TTL", "-1"),
        ("CLERK_CACHE_TTL", "30 parsecs"),
        ("CLERK_CACHE_TTL", "18446744073709551616"),
        ("CLERK_STALE_IF_ERROR", "never"),
        ("CLERK_STALE_IF_ERROR", "-5s"),
        ("CLERK_ENRICH", "on"),
        ("CLERK_ENRICH", "Off"),
        ("CLERK_ENRICH", "best_effort"),
        ("CLERK_OPAQUE_TOKENS", "all"),
        ("CLERK_OPAQUE_TOKENS", "Any"),
    ] {
        let error = read(&[(name, value)]).unwrap_err();
        assert_eq!(parts(&error), ("environment", name), "{value}");
        let text = error.to_string();
        assert!(text.contains(name) && text.contains(value), "{text}");
    }
}

#[test]
fn nothing_set_is_told_at_build() {
    let error = ClerkConfig::try_from(read(&[]).unwrap()).unwrap_err();
    assert_eq!(parts(&error), ("missing", "domain"));
}

#[test]
fn out_of_range_is_told_at_build() {
    let builder = read(&[
        ("CLERK_DOMAIN", "clerk.example.com"),
        ("CLERK_OAUTH_CLIENT_ID", "client_1"),
        ("CLERK_OAUTH_CLIENT_SECRET", "s"),
        ("CLERK_CACHE_TTL", "301"),
    ]);
    let error = builder.unwrap().build().unwrap_err();
    assert_eq!(parts(&error), ("out of range", "cache_ttl"));
}
