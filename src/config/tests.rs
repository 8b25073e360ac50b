mod accept;
mod audience;
mod backend;
mod bounds;
mod discovery;
mod env;
mod file_secrets;
#[cfg(all(feature = "redis", feature = "test-util"))]
mod fleet;
mod instance;
mod names;
mod proxy;
#[cfg(feature = "jwt")]
mod jwt;
mod resource;
mod serde;
mod settings;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{self, BoxFuture};
use http::{Request, Response};

use crate::{
    ClerkConfig, ClerkConfigBuilder, ConfigError,
    clerk::http::{Transport, TransportError},
    kinds::{AcceptedKind, OAuthSource, OAuthTokens},
};

const SECRET: &str = "canary-secret";

/// A transport that nobody uses, so that no certificates are read.
struct Silent;

impl Transport for Silent {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(future::pending())
    }
}

/// A verifier that is never used.
struct Never;

impl crate::verify::Verify for Never {
    fn verify<'a>(
        &'a self,
        _: crate::verify::VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<crate::clerk::TokenInfo, crate::AuthError>> {
        Box::pin(future::pending())
    }
}

fn builder() -> ClerkConfigBuilder {
    accepting(oauth())
}

/// A configuration that accepts this kind alone.
fn accepting(kind: impl AcceptedKind) -> ClerkConfigBuilder {
    nothing().accept(kind)
}

fn nothing() -> ClerkConfigBuilder {
    ClerkConfig::builder("clerk.example.com").transport(Silent)
}

fn oauth() -> OAuthTokens {
    OAuthTokens::introspection("client_1", SECRET)
}

/// What is wrong with the first option, and its name.
fn parts(error: &ConfigError) -> (&'static str, &str) {
    let problem = &error.problems()[0];
    (kind_of(problem.message()), problem.option())
}

fn kind_of(message: &str) -> &'static str {
    let kinds = [
        ("is missing or empty: ", "missing"),
        ("cannot be \"", "invalid"),
        ("cannot be used: ", "invalid secret"),
        ("is ", "out of range"),
    ];
    let found = kinds.iter().find(|(start, _)| message.starts_with(start));
    found.unwrap_or_else(|| panic!("{message}")).1
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
    if let Err(error) = &outcome {
        assert_eq!(error.problems().len(), 1, "{}: {error}", case.name);
        let (_, field) = parts(error);
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
    let id = Some(("invalid secret", "accept.oauth.client_id"));
    let secret = Some(("invalid secret", "accept.oauth.client_secret"));
    let with = |id: &str, secret: &str| accepting(OAuthTokens::introspection(id, secret));
    check_all([
        ("as given by Clerk", builder(), None),
        (
            "no id",
            with("", SECRET),
            Some(("missing", "accept.oauth.client_id")),
        ),
        (
            "no secret",
            with("client_1", ""),
            Some(("missing", "accept.oauth.client_secret")),
        ),
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
            builder().timeout(ms(999)).attempt_timeout(ms(1_000)),
            range("attempt_timeout"),
        ),
        // fault H9a
        ("a short whole alone", builder().timeout(ms(500)), None),
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
    let scopes = Some(("invalid", "accept.oauth.required_scopes"));
    let clients = Some(("invalid", "accept.oauth.allowed_clients"));
    let audiences = Some(("invalid", "accept.oauth.audiences"));
    let scope = |scope: &str| accepting(oauth().required_scopes(["email", scope]));
    let client = |client: &str| accepting(oauth().allow_clients(["client_1", client]));
    let audience = |audience: &str| accepting(oauth().audiences(["https://a.example", audience]));
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
        ("any client", accepting(oauth().allow_any_client()), None),
        ("two clients", client("client_2"), None),
        ("a client with a space", client("client 2"), None),
        (
            "no clients",
            accepting(oauth().allow_clients([""; 0])),
            Some(("missing", "accept.oauth.allowed_clients")),
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
fn one_error_has_all_problems() {
    // fault H9j, B44
    let oauth = OAuthTokens::introspection("", "")
        .required_scopes(["", "a b"])
        .allow_clients([""; 0])
        .audiences([""]);
    let resource = crate::config::Resource::new("")
        .name("")
        .documentation("")
        .scopes_supported([""]);
    let mut input = ClerkConfig::builder("")
        .accept(oauth)
        .cache_ttl(Duration::from_secs(301))
        .stale_if_error(Duration::from_secs(601))
        .leeway(Duration::from_secs(61))
        .timeout(Duration::ZERO)
        .attempt_timeout(Duration::ZERO)
        .cache_capacity(0)
        .max_token_length(0)
        .rate_limit(1)
        .jwt_algorithms([])
        .backend_api_url("")
        .backend_api_version("")
        .secret_key("canary")
        .discover([""])
        .resource(resource)
        .transport(Silent);
    let error = input.clone().build().unwrap_err();
    let options: Vec<_> = error.problems().iter().map(|it| it.option()).collect();
    let expected = [
        "instance",
        "cache_ttl",
        "stale_if_error",
        "leeway",
        "timeout",
        "attempt_timeout",
        "cache_capacity",
        "rate_limit",
        "max_token_length",
        "jwt_algorithms",
        "accept.oauth.client_id",
        "accept.oauth.client_secret",
        "accept.oauth.required_scopes",
        "accept.oauth.required_scopes",
        "accept.oauth.audiences",
        "accept.oauth.allowed_clients",
        "backend_api_url",
        "backend_api_version",
        "secret_key",
        "discover",
        "resource",
        "resource.name",
        "resource.documentation",
        "resource.scopes_supported",
    ];
    assert_eq!(options, expected);
    // A line for each, in `Debug` as in `Display`, since `main` prints an error by `Debug`.
    let shown = error.to_string();
    assert_eq!(format!("{error:?}"), shown);
    assert_eq!(format!("{error:#?}"), shown);
    assert_eq!(shown.lines().count(), 1 + expected.len(), "{shown}");
    assert!(shown.starts_with("the configuration has 24 problems:\n- `instance` is missing"));
    for problem in error.problems() {
        assert!(shown.contains(problem.message()), "{shown}");
        assert_eq!(problem.variable(), None);
    }
    assert!(!shown.contains("canary"), "{shown}");
    // A problem alone is a line.
    input = builder().leeway(Duration::from_secs(61));
    let shown = input.build().unwrap_err().to_string();
    assert_eq!(shown, "`leeway` is 61s, but must be at most 60 seconds");
}

#[test]
fn offending_value_is_shown_unless_secret() {
    let text = |builder: ClerkConfigBuilder| builder.build().unwrap_err().to_string();
    let of = |instance: &str| ClerkConfigBuilder {
        instance: instance.to_owned(),
        ..builder()
    };
    assert!(text(of("ftp://h")).starts_with("`instance` cannot be \"ftp://h\": "));
    assert!(text(of("")).starts_with("`instance` is missing or empty: "));
    assert!(text(accepting(oauth().allow_clients(["é"]))).contains("\"é\""));
    assert!(text(accepting(oauth().required_scopes(["a b"]))).contains("\"a b\""));
    assert!(text(builder().cache_capacity(0)).starts_with("`cache_capacity` is 0, but must be "));
    assert!(text(builder().leeway(Duration::from_secs(61))).contains("61s"));
}

#[test]
fn debug_shows_no_secret() {
    let encoded = {
        use base64::{Engine, engine::general_purpose::STANDARD};
        STANDARD.encode(format!("client_1:{SECRET}"))
    };
    let config = accepting(oauth().required_scopes(["email"]));
    let config = config.build().unwrap();
    let OAuthSource::Introspection(credentials) = &config.oauth else {
        panic!("{:?}", config.oauth);
    };
    for (name, shown) in [
        ("builder", format!("{:?}", builder())),
        ("builder, pretty", format!("{:#?}", builder())),
        ("configuration", format!("{config:?}")),
        ("configuration, pretty", format!("{config:#?}")),
        ("credentials", format!("{credentials:?} {:?}", config.oauth)),
    ] {
        assert!(!shown.contains("canary"), "{name}: {shown}");
        assert!(!shown.contains(&encoded), "{name}: {shown}");
    }
    assert!(credentials.to_str().unwrap().ends_with(&encoded));
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
