mod audience;
mod backend;
mod discovery;
mod env;
mod instance;
#[cfg(feature = "jwt")]
mod jwt;
mod resource;
mod serde;
mod settings;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{self, BoxFuture};
use http::{Request, Response};

use super::{ClerkConfig, ClerkConfigBuilder, Enrichment, JwtAlgorithm, Named, OpaqueTokens};
use crate::{ConfigError, Transport, TransportError};

const SECRET: &str = "canary-secret";

/// A transport that nobody uses, so that no certificates are read.
struct Silent;

impl Transport for Silent {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(future::pending())
    }
}

fn builder() -> ClerkConfigBuilder {
    ClerkConfig::builder("clerk.example.com")
        .client_credentials("client_1", SECRET)
        .transport(Silent)
}

/// Which variant an error is, and of which field.
fn parts(error: &ConfigError) -> (&'static str, &'static str) {
    match error {
        ConfigError::Missing { field, .. } => ("missing", *field),
        ConfigError::Invalid { field, .. } => ("invalid", *field),
        ConfigError::InvalidSecret { field, .. } => ("invalid secret", *field),
        ConfigError::OutOfRange { field, .. } => ("out of range", *field),
        ConfigError::Environment { name, .. } => ("environment", *name),
        ConfigError::HttpClient(_) => ("http client", ""),
    }
}

/// The variant and the field; `None` where it can be built.
type Wrong = Option<(&'static str, &'static str)>;

struct Case {
    name: &'static str,
    input: ClerkConfigBuilder,
    expected: Wrong,
}

#[track_caller]
fn check(case: Case) {
    let outcome = case.input.build();
    let found = outcome.as_ref().err().map(parts);
    assert_eq!(found, case.expected, "{}", case.name);
    if let Err(error) = outcome {
        let (_, field) = parts(&error);
        for shown in [
            error.to_string(),
            format!("{error:?}"),
            format!("{error:#?}"),
        ] {
            assert!(shown.contains(field), "{}: {shown}", case.name);
            assert!(!shown.contains("canary"), "{}: {shown}", case.name);
        }
    }
}

#[track_caller]
fn check_all<const N: usize>(cases: [(&'static str, ClerkConfigBuilder, Wrong); N]) {
    for (name, input, expected) in cases {
        check(Case {
            name,
            input,
            expected,
        });
    }
}

#[test]
fn credentials_are_visible_ascii_and_mandatory() {
    // fault D1: id and secret are easily swapped.
    let id = Some(("invalid secret", "client_id"));
    let secret = Some(("invalid secret", "client_secret"));
    let with = |id: &str, secret: &str| builder().client_credentials(id, secret);
    check_all([
        ("as given by Clerk", builder(), None),
        ("no id", with("", SECRET), Some(("missing", "client_id"))),
        (
            "no secret",
            with("client_1", ""),
            Some(("missing", "client_secret")),
        ),
        // B44
        ("neither", with("", ""), Some(("missing", "client_id"))),
        ("an id with the first VSCHAR", with(" ", SECRET), None),
        ("an id with the last VSCHAR", with("~", SECRET), None),
        ("an id below VSCHAR", with("a\u{1f}", SECRET), id),
        ("an id above VSCHAR", with("a\u{7f}", SECRET), id),
        ("an id with a newline", with("client_1\n", SECRET), id),
        ("an id beyond ASCII", with("cliént", SECRET), id),
        (
            "a secret with the first VSCHAR",
            with("client_1", "canary "),
            None,
        ),
        (
            "a secret with the last VSCHAR",
            with("client_1", "canary~"),
            None,
        ),
        (
            "a secret below VSCHAR",
            with("client_1", "canary\u{1f}"),
            secret,
        ),
        (
            "a secret above VSCHAR",
            with("client_1", "canary\u{7f}"),
            secret,
        ),
        (
            "a secret with a newline",
            with("client_1", "canary\n"),
            secret,
        ),
        ("a secret beyond ASCII", with("client_1", "canaryé"), secret),
    ]);
}

#[test]
fn numbers_are_bounded() {
    let ms = Duration::from_millis;
    let range = |field| Some(("out of range", field));
    let short = || builder().attempt_timeout(ms(10));
    check_all([
        ("no cache", builder().cache_ttl(ms(0)), None),
        ("the longest life", builder().cache_ttl(ms(300_000)), None),
        (
            "a longer life",
            builder().cache_ttl(ms(300_001)),
            range("cache_ttl"),
        ),
        // B38
        (
            "an endless life",
            builder().cache_ttl(Duration::MAX),
            range("cache_ttl"),
        ),
        (
            "the longest stale time",
            builder().stale_if_error(ms(600_000)),
            None,
        ),
        (
            "a longer stale time",
            builder().stale_if_error(ms(600_001)),
            range("stale_if_error"),
        ),
        ("no leeway", builder().leeway(ms(0)), None),
        ("the largest leeway", builder().leeway(ms(60_000)), None),
        (
            "a larger leeway",
            builder().leeway(ms(60_001)),
            range("leeway"),
        ),
        ("the shortest time", short().timeout(ms(10)), None),
        ("a shorter time", short().timeout(ms(9)), range("timeout")),
        ("the longest time", builder().timeout(ms(30_000)), None),
        (
            "a longer time",
            builder().timeout(ms(30_001)),
            range("timeout"),
        ),
        ("the shortest attempt", short(), None),
        (
            "a shorter attempt",
            builder().attempt_timeout(ms(9)),
            range("attempt_timeout"),
        ),
        (
            "as long as the whole",
            builder().attempt_timeout(ms(2_000)),
            None,
        ),
        (
            "longer than the whole",
            builder().attempt_timeout(ms(2_001)),
            range("attempt_timeout"),
        ),
        (
            "a whole shorter than the attempt",
            builder().timeout(ms(999)),
            range("attempt_timeout"),
        ),
        ("the smallest cache", builder().cache_capacity(1), None),
        (
            "a smaller cache",
            builder().cache_capacity(0),
            range("cache_capacity"),
        ),
        (
            "the largest cache",
            builder().cache_capacity(10_000_000),
            None,
        ),
        (
            "a larger cache",
            builder().cache_capacity(10_000_001),
            range("cache_capacity"),
        ),
        ("the shortest limit", builder().max_token_length(64), None),
        (
            "a shorter limit",
            builder().max_token_length(63),
            range("max_token_length"),
        ),
        (
            "the longest limit",
            builder().max_token_length(16_384),
            None,
        ),
        (
            "a longer limit",
            builder().max_token_length(16_385),
            range("max_token_length"),
        ),
    ]);
}

#[test]
fn texts_follow_their_grammars() {
    let scopes = Some(("invalid", "required_scopes"));
    let clients = Some(("invalid", "allowed_clients"));
    let audiences = Some(("invalid", "audiences"));
    let scope = |scope: &str| builder().required_scopes(["email", scope]);
    let client = |client: &str| builder().allow_clients(["client_1", client]);
    let audience = |audience: &str| builder().audiences(["https://a.example", audience]);
    check_all([
        ("the first scope byte", scope("!"), None),
        ("the last scope byte", scope("~"), None),
        ("around the backslash", scope("[]"), None),
        ("a scope with a colon", scope("user:org:read"), None),
        ("an empty scope", scope(""), scopes),
        ("two scopes in one", scope("a b"), scopes),
        ("a scope with a quote", scope("a\"b"), scopes),
        ("a scope with a backslash", scope("a\\b"), scopes),
        ("a scope with a tab", scope("a\tb"), scopes),
        ("a scope with a delete", scope("a\u{7f}"), scopes),
        ("a scope beyond ASCII", scope("é"), scopes),
        ("any client", builder().allow_any_client(), None),
        ("two clients", client("client_2"), None),
        ("a client with a space", client("client 2"), None),
        (
            "no clients",
            builder().allow_clients([""; 0]),
            Some(("missing", "allowed_clients")),
        ),
        ("an empty client", client(""), clients),
        ("a client with a newline", client("a\n"), clients),
        ("a client beyond ASCII", client("é"), clients),
        ("an audience", audience("urn:x"), None),
        ("an empty audience", audience(""), audiences),
        ("an audience with a space", audience("a b"), audiences),
        ("an audience beyond ASCII", audience("é"), audiences),
        (
            "a resource",
            builder().resource("https://api.example.com"),
            None,
        ),
        (
            "a bad resource",
            builder().resource("api"),
            Some(("invalid", "resource")),
        ),
    ]);
}

#[test]
fn first_bad_field_is_told_of() {
    let mut input = ClerkConfig::builder("")
        .client_credentials("", "")
        .cache_ttl(Duration::from_secs(301))
        .stale_if_error(Duration::from_secs(601))
        .leeway(Duration::from_secs(61))
        .timeout(Duration::ZERO)
        .attempt_timeout(Duration::ZERO)
        .cache_capacity(0)
        .max_token_length(0)
        .required_scopes([""])
        .allow_clients([""; 0])
        .audiences([""])
        .resource("")
        .resource_name("")
        .resource_documentation("")
        .scopes_supported([""])
        .transport(Silent);
    let mut expect = |field: &str, mend: fn(ClerkConfigBuilder) -> ClerkConfigBuilder| {
        let error = input.clone().build().unwrap_err();
        assert_eq!(parts(&error).1, field);
        input = mend(input.clone());
    };
    expect("domain", |mut input| {
        input.domain = "clerk.example.com".to_owned();
        input
    });
    expect("client_id", |input| {
        input.client_credentials("client_1", "")
    });
    expect("client_secret", |input| {
        input.client_credentials("client_1", SECRET)
    });
    expect("cache_ttl", |input| {
        input.cache_ttl(Duration::from_secs(300))
    });
    expect("stale_if_error", |input| {
        input.stale_if_error(Duration::from_secs(600))
    });
    expect("leeway", |input| input.leeway(Duration::from_secs(60)));
    expect("timeout", |input| input.timeout(Duration::from_secs(1)));
    expect("attempt_timeout", |input| {
        input.attempt_timeout(Duration::from_secs(1))
    });
    expect("cache_capacity", |input| input.cache_capacity(1));
    expect("max_token_length", |input| input.max_token_length(64));
    expect("required_scopes", |input| input.required_scopes(["email"]));
    expect("allowed_clients", ClerkConfigBuilder::allow_any_client);
    expect("audiences", |input| input.audiences(["a"]));
    expect("resource", |input| input.resource("urn:x"));
    expect("resource_name", |input| input.resource_name("x"));
    expect("resource_documentation", |input| {
        input.resource_documentation("https://x")
    });
    expect("scopes_supported", |input| input.scopes_supported(["x"]));
    assert!(input.build().is_ok());
}

#[test]
fn offending_value_is_shown_unless_secret() {
    let text = |builder: ClerkConfigBuilder| builder.build().unwrap_err().to_string();
    let with_domain = |domain: &str| ClerkConfigBuilder {
        domain: domain.to_owned(),
        ..builder()
    };
    assert!(text(with_domain("ftp://h")).starts_with("`domain` cannot be \"ftp://h\": "));
    assert!(text(with_domain("")).starts_with("`domain` is missing or empty: "));
    assert!(text(builder().allow_clients(["é"])).contains("\"é\""));
    assert!(text(builder().required_scopes(["a b"])).contains("\"a b\""));
    assert!(text(builder().cache_capacity(0)).starts_with("`cache_capacity` is 0, but must be "));
    assert!(text(builder().leeway(Duration::from_secs(61))).contains("61s"));
}

#[test]
fn debug_shows_no_secret() {
    let encoded = {
        use base64::{Engine, engine::general_purpose::STANDARD};
        STANDARD.encode(format!("client_1:{SECRET}"))
    };
    let config = builder().required_scopes(["email"]).build().unwrap();
    for (name, shown) in [
        ("builder", format!("{:?}", builder())),
        ("builder, pretty", format!("{:#?}", builder())),
        ("configuration", format!("{config:?}")),
        ("configuration, pretty", format!("{config:#?}")),
        ("credentials", format!("{:?}", config.credentials)),
    ] {
        assert!(!shown.contains("canary"), "{name}: {shown}");
        assert!(!shown.contains(&encoded), "{name}: {shown}");
    }
    assert!(
        config
            .credentials
            .as_ref()
            .unwrap()
            .to_str()
            .unwrap()
            .ends_with(&encoded)
    );
    let shown = format!("{config:?}");
    for expected in ["https://clerk.example.com", "cache_ttl: 30s"] {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
    // fault D1: an id and a secret are two texts of one form.
    for hidden in ["client_1", "email"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
    let shown = format!("{:?}", builder());
    assert!(shown.contains("clerk.example.com"), "{shown}");
}
