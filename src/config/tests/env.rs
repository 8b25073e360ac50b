//! The environment.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::{Silent, oauth};
use crate::{
    ClerkConfig, ClerkConfigBuilder, TokenKind,
    kinds::{ApiKeys, AudiencePolicy, MachineTokens, OAuthSource},
    token::Kinds,
    verify::{Enrichment, JwtVerification, policy::AudiencePolicies},
};

type Variables<'a> = &'a [(&'a str, &'a str)];

fn read(variables: Variables<'_>) -> ClerkConfigBuilder {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    ClerkConfigBuilder::from_variables(variables.iter().map(owned)).transport(Silent)
}

/// The instance, and credentials for every kind.
const USUAL: [(&str, &str); 4] = [
    ("CLERK_DOMAIN", "clerk.example.com"),
    ("CLERK_OAUTH_CLIENT_ID", "client_1"),
    ("CLERK_OAUTH_CLIENT_SECRET", "s"),
    ("CLERK_SECRET_KEY", "sk_test_1"),
];

/// What these variables make beside the usual ones.
fn usual(variables: Variables<'_>) -> ClerkConfigBuilder {
    let usual = USUAL
        .iter()
        .filter(|(name, _)| !variables.iter().any(|(other, _)| other == name));
    let all: Vec<_> = usual.chain(variables).copied().collect();
    read(&all)
}

#[track_caller]
fn built(variables: Variables<'_>) -> ClerkConfig {
    usual(variables).build().unwrap()
}

/// Option and variable of each problem.
fn problems(builder: ClerkConfigBuilder) -> Vec<(String, Option<String>)> {
    let Err(error) = builder.build() else {
        return Vec::new();
    };
    let text = format!("{error} {error:?}");
    assert!(!text.contains("canary"), "{text}");
    let owned = error.problems().iter().map(|problem| {
        let variable = problem.variable().map(ToOwned::to_owned);
        (problem.option().to_owned(), variable)
    });
    owned.collect()
}

/// What one variable with one value makes of the configuration.
#[track_caller]
fn check<T: std::fmt::Debug + PartialEq>(
    name: &str,
    others: Variables<'_>,
    field: fn(&ClerkConfig) -> T,
    cases: &[(&str, T)],
) {
    for (value, expected) in cases {
        let variables: Vec<_> = others.iter().copied().chain([(name, *value)]).collect();
        assert_eq!(field(&built(&variables)), *expected, "{name}={value:?}");
    }
}

fn owned(entries: &[&str]) -> Vec<String> {
    entries.iter().map(|entry| (*entry).to_owned()).collect()
}

#[test]
fn domain_or_key_names_the_instance() {
    // fault E7: all values are trimmed.
    let issuer = |config: &ClerkConfig| config.issuer().to_owned();
    let example = || "https://clerk.example.com".to_owned();
    let cases = [
        ("clerk.example.com", example()),
        (" clerk.example.com\n", example()),
    ];
    check("CLERK_DOMAIN", &[], issuer, &cases);
    let none = ("CLERK_DOMAIN", "");
    let cases = [
        ("pk_test_YS5iYyQ", "https://a.bc".to_owned()),
        (" pk_test_YS5iYyQ ", "https://a.bc".to_owned()),
    ];
    check("CLERK_PUBLISHABLE_KEY", &[none], issuer, &cases);
    let cases = [("pk_test_YS5iYyQ", "https://a.bc".to_owned())];
    let blank = ("CLERK_DOMAIN", " ");
    check("CLERK_PUBLISHABLE_KEY", &[blank], issuer, &cases);
    // fault H8: of one instance.
    let same = ("CLERK_DOMAIN", "https://a.bc/");
    check("CLERK_PUBLISHABLE_KEY", &[same], issuer, &cases);
    let key = ("CLERK_PUBLISHABLE_KEY", "pk_test_YS5iYyQ");
    let found = problems(usual(&[key]));
    let expected = ("instance".to_owned(), Some("CLERK_DOMAIN".to_owned()));
    assert_eq!(found, [expected], "of two instances");
}

#[test]
fn credentials_are_trimmed() {
    // fault E7
    let client = |config: &ClerkConfig| config.client_id.clone();
    let cases = [
        ("client_1", Some("client_1".to_owned())),
        (" client_1\n", Some("client_1".to_owned())),
    ];
    check("CLERK_OAUTH_CLIENT_ID", &[], client, &cases);
    let authorization = |config: &ClerkConfig| match &config.oauth {
        OAuthSource::Introspection(value) => value.clone(),
        other => panic!("{other:?}"),
    };
    let expected = authorization(&built(&[]));
    let cases = [("s", expected.clone()), ("\ts\r\n", expected)];
    check("CLERK_OAUTH_CLIENT_SECRET", &[], authorization, &cases);
    let key = |config: &ClerkConfig| config.backend.clone().map(|it| it.credentials);
    let expected = key(&built(&[]));
    check("CLERK_SECRET_KEY", &[], key, &[(" sk_test_1\n", expected)]);
}

#[test]
fn quotes_and_spaces_are_not_part_of_a_value() {
    // fault E7
    for (name, value) in [
        ("CLERK_DOMAIN", "\"clerk.example.com\""),
        ("CLERK_DOMAIN", "clerk.example.com "),
        ("CLERK_DOMAIN", "clerk .example.com"),
        ("CLERK_OAUTH_CLIENT_ID", "'client_canary'"),
        ("CLERK_OAUTH_CLIENT_ID", "client canary"),
        ("CLERK_OAUTH_CLIENT_SECRET", "\"canary\""),
        ("CLERK_OAUTH_CLIENT_SECRET", "canary\n2"),
        ("CLERK_SECRET_KEY", "\"sk_test_canary\""),
        ("CLERK_SECRET_KEY", "sk_test canary"),
        ("CLERK_REQUIRED_SCOPES", "\"email profile\""),
        ("CLERK_RESOURCE", "'https://api.example.com'"),
        ("CLERK_API_URL", "\"https://api.clerk.com\""),
        ("CLERK_CACHE_TTL", "\"30s\""),
    ] {
        let found = problems(usual(&[(name, value)]));
        if value.ends_with(' ') {
            assert!(found.is_empty(), "{name}={value}: {found:?}");
            continue;
        }
        assert_eq!(found.len(), 1, "{name}={value}: {found:?}");
        assert_eq!(found[0].1.as_deref(), Some(name), "{found:?}");
    }
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
        ("user:org:read", owned(&["user:org:read"])),
        (",", owned(&[])),
    ];
    let scopes = |config: &ClerkConfig| config.rules.required_scopes.clone();
    check("CLERK_REQUIRED_SCOPES", &[], scopes, &cases);
    let kinds = ("CLERK_ACCEPT", "oauth,api_key");
    let scopes = |config: &ClerkConfig| config.rules.api_key_scopes.clone();
    check("CLERK_REQUIRED_SCOPES", &[kinds], scopes, &cases);
    let audiences = |config: &ClerkConfig| config.rules.audiences.oauth.clone();
    check("CLERK_AUDIENCES", &[], audiences, &cases);
}

#[test]
fn clients_and_machines_are_a_list_or_a_star() {
    let cases = [
        ("*", None),
        (" * ", None),
        ("client_1", Some(owned(&["client_1"]))),
        ("client_1, client_2", Some(owned(&["client_1", "client_2"]))),
        ("*,client_1", Some(owned(&["*", "client_1"]))),
        ("**", Some(owned(&["**"]))),
    ];
    let clients = |config: &ClerkConfig| config.rules.allowed_clients.clone();
    check("CLERK_ALLOWED_CLIENTS", &[], clients, &cases);
    let found = problems(usual(&[("CLERK_ALLOWED_CLIENTS", ",")]));
    assert_eq!(found.len(), 1, "an empty list");
    let cases = [
        ("*", None),
        ("mch_1 mch_2", Some(owned(&["mch_1", "mch_2"]))),
    ];
    let machines = |config: &ClerkConfig| config.rules.machines.clone();
    let kinds = ("CLERK_ACCEPT", "machine");
    check("CLERK_MACHINES", &[kinds], machines, &cases);
}

#[test]
fn the_key_of_a_machine_is_read() {
    // fault E9
    let of = |variables: Variables<'_>| {
        let config = built(variables);
        let key = |backend: &Option<crate::clerk::backend_api::Backend>| {
            let backend = backend.as_ref()?;
            backend.credentials.to_str().ok().map(ToOwned::to_owned)
        };
        (key(&config.backend), key(&config.machine_backend))
    };
    let machine = [
        ("CLERK_ACCEPT", "machine"),
        ("CLERK_MACHINES", "mch_1"),
        ("CLERK_MACHINE_SECRET_KEY", " ak_1\n"),
    ];
    let ours = Some("Bearer sk_test_1".to_owned());
    let its = Some("Bearer ak_1".to_owned());
    assert_eq!(of(&machine), (ours, its.clone()), "both");
    let alone: Vec<_> = machine
        .into_iter()
        .chain([("CLERK_SECRET_KEY", "")])
        .collect();
    assert_eq!(of(&alone), (None, its), "that of the machine");
    let neither = [machine[0], machine[1], ("CLERK_SECRET_KEY", "")];
    let expected = "accept.machine.machine_secret_key";
    assert_eq!(problems(usual(&neither))[0].0, expected);
    // Credentials of a kind that is not accepted are ignored.
    assert!(problems(usual(&[("CLERK_MACHINE_SECRET_KEY", "ak_1")])).is_empty());
}

#[test]
fn options_of_all_kinds_are_read() {
    let cases = [
        ("0", Duration::ZERO),
        ("45", Duration::from_secs(45)),
        (" 45 ", Duration::from_secs(45)),
        ("45s", Duration::from_secs(45)),
        ("1m 30s", Duration::from_secs(90)),
        ("500ms", Duration::from_millis(500)),
    ];
    check("CLERK_CACHE_TTL", &[], |config| config.cache_ttl, &cases);
    let limit = |config: &ClerkConfig| config.stale_if_error;
    check("CLERK_STALE_FOR", &[], limit, &cases);
    check(
        "CLERK_TIMEOUT",
        &[],
        |config| config.timeout,
        &[
            ("3", Duration::from_secs(3)),
            ("500ms", Duration::from_millis(500)),
        ],
    );
    check(
        "CLERK_RATE_LIMIT",
        &[],
        |config| config.rate_limit,
        &[("0", None), (" 250 ", Some(250))],
    );
    let proxy = |config: &ClerkConfig| config.frontend().issuer().to_owned();
    check(
        "CLERK_PROXY_URL",
        &[],
        proxy,
        &[
            (
                "https://a.example/__clerk",
                "https://a.example/__clerk".to_owned(),
            ),
            ("", "https://clerk.example.com".to_owned()),
        ],
    );
    let url = |config: &ClerkConfig| config.backend.clone().unwrap().endpoint("/x").to_string();
    check(
        "CLERK_API_URL",
        &[],
        url,
        &[
            ("https://a.example/v1", "https://a.example/v1/x".to_owned()),
            (" https://a.example ", "https://a.example/v1/x".to_owned()),
        ],
    );
    let resource = |config: &ClerkConfig| {
        config
            .resource_metadata
            .as_ref()
            .map(|it| it.url().to_owned())
    };
    let metadata = "https://a.example/.well-known/oauth-protected-resource";
    check(
        "CLERK_RESOURCE",
        &[],
        resource,
        &[("https://a.example/", Some(metadata.to_owned()))],
    );
    let http = ("CLERK_DANGER_ALLOW_HTTP", "1");
    let issuer = |config: &ClerkConfig| config.issuer().to_owned();
    check(
        "CLERK_DOMAIN",
        &[http],
        issuer,
        &[("http://clerk:4000", "http://clerk:4000".to_owned())],
    );
    // Values beyond what any option allows are read, and rejected by `build`.
    let far = usual(&[("CLERK_CACHE_TTL", "18446744073709551615")]);
    assert_eq!(far.cache_ttl, Duration::from_secs(u64::MAX));
}

#[test]
fn options_of_oauth_tokens_are_read() {
    use Enrichment::{BestEffort, Off, Required};

    let enrichment = |config: &ClerkConfig| (config.users, config.userinfo);
    check(
        "CLERK_ENRICH",
        &[],
        enrichment,
        &[
            ("off", (Off, Off)),
            ("best-effort", (Off, BestEffort)),
            (" required ", (Off, Required)),
        ],
    );
    let users = ("CLERK_PROFILE_SOURCE", "backend-api");
    check(
        "CLERK_ENRICH",
        &[users],
        enrichment,
        &[
            ("", (BestEffort, Off)),
            ("off", (Off, BestEffort)),
            ("best-effort", (BestEffort, Off)),
            ("required", (Required, Off)),
        ],
    );
    check(
        "CLERK_PROFILE_SOURCE",
        &[],
        enrichment,
        &[
            ("userinfo", (Off, BestEffort)),
            (" backend-api ", (BestEffort, Off)),
        ],
    );
    let unprefixed = |config: &ClerkConfig| config.accept_unprefixed;
    check(
        "CLERK_OPAQUE_TOKENS",
        &[],
        unprefixed,
        &[("prefixed", false), ("any", true)],
    );
    let is_backend = |config: &ClerkConfig| matches!(config.oauth, OAuthSource::BackendApi);
    let clients = ("CLERK_ALLOWED_CLIENTS", "client_1");
    check(
        "CLERK_OAUTH_ENDPOINT",
        &[clients],
        is_backend,
        &[("introspection", false), ("backend-api", true)],
    );
}

#[cfg(feature = "jwt")]
#[test]
fn options_of_jwts_are_read() {
    use JwtVerification::{Introspect, Local, LocalThenIntrospect};

    let jwts = |config: &ClerkConfig| config.oauth_jwts;
    check(
        "CLERK_OAUTH_JWTS",
        &[],
        jwts,
        &[
            ("introspect", Introspect),
            ("local", Local),
            ("local-then-introspect", LocalThenIntrospect),
        ],
    );
    // Without credentials, the signature alone verifies.
    let none = [
        ("CLERK_OAUTH_CLIENT_ID", ""),
        ("CLERK_OAUTH_CLIENT_SECRET", ""),
        ("CLERK_ALLOWED_CLIENTS", "*"),
    ];
    let is_none = |config: &ClerkConfig| matches!(config.oauth, OAuthSource::None);
    check("CLERK_OAUTH_JWTS", &none, is_none, &[("local", true)]);
    let both: Vec<_> = none
        .into_iter()
        .chain([("CLERK_OAUTH_JWTS", "local-then-introspect")])
        .collect();
    assert_eq!(problems(usual(&both)).len(), 2, "id and secret are missing");

    let session = ("CLERK_ACCEPT", "session");
    let parties = |config: &ClerkConfig| config.rules.authorized_parties.clone();
    check(
        "CLERK_AUTHORIZED_PARTIES",
        &[session],
        parties,
        &[(
            "https://a.example,https://b.example",
            Some(owned(&["https://a.example", "https://b.example"])),
        )],
    );
    let switches = [
        ("1", true),
        ("true", true),
        ("0", false),
        ("false", false),
        ("", false),
    ];
    let cookie = |config: &ClerkConfig| config.session_cookie.is_some();
    check("CLERK_SESSION_COOKIE", &[session], cookie, &switches);
    let audiences = |config: &ClerkConfig| config.rules.audiences.session.clone();
    check(
        "CLERK_AUDIENCES",
        &[session],
        audiences,
        &[("a b", owned(&["a", "b"]))],
    );
    let both = ("CLERK_ACCEPT", "oauth session");
    let policies = |config: &ClerkConfig| config.rules.audience_policies;
    let both_are = |policy| AudiencePolicies {
        oauth: policy,
        session: policy,
    };
    check(
        "CLERK_AUDIENCE_POLICY",
        &[both],
        policies,
        &[
            ("observe", both_are(AudiencePolicy::Observe)),
            ("reject-foreign", both_are(AudiencePolicy::RejectForeign)),
            ("require", both_are(AudiencePolicy::Require)),
        ],
    );
    let machine = [("CLERK_ACCEPT", "machine"), ("CLERK_MACHINES", "*")];
    let jwts = |config: &ClerkConfig| config.machine_jwts;
    check("CLERK_MACHINE_JWTS", &machine, jwts, &switches);
}

#[test]
fn kinds_are_named() {
    use TokenKind::{ApiKey, Machine, OAuth};

    let accept = |config: &ClerkConfig| config.rules.accept;
    let machines = ("CLERK_MACHINES", "*");
    check(
        "CLERK_ACCEPT",
        &[machines],
        accept,
        &[
            ("machine", Kinds::from_iter([Machine])),
            (
                "oauth, machine api_key",
                Kinds::from_iter([OAuth, Machine, ApiKey]),
            ),
            ("m2m_token", Kinds::from_iter([Machine])),
        ],
    );
    assert_eq!(built(&[]).rules.accept, Kinds::from_iter([OAuth]), "unset");
    for value in ["oauht", "oauth,", ",", "OAuth"] {
        let found = problems(usual(&[("CLERK_ACCEPT", value)]));
        let is_one = value == "oauth,";
        assert_eq!(found.is_empty(), is_one, "{value}: {found:?}");
    }
}

#[test]
fn code_replaces_a_kind_as_a_whole() {
    let scopes = [("CLERK_REQUIRED_SCOPES", "email"), ("CLERK_CACHE_TTL", "9")];
    let config = usual(&scopes).accept(oauth()).build().unwrap();
    assert!(config.rules.required_scopes.is_empty());
    assert_eq!(config.cache_ttl, Duration::from_secs(9), "it is of no kind");
    let config = usual(&scopes).cache_ttl(Duration::from_secs(8));
    assert_eq!(config.build().unwrap().cache_ttl, Duration::from_secs(8));
    // Kinds that the environment does not name are added to those that it names.
    let config = usual(&[("CLERK_ACCEPT", "oauth")]).accept(ApiKeys::new());
    let kinds = Kinds::from_iter([TokenKind::OAuth, TokenKind::ApiKey]);
    assert_eq!(config.build().unwrap().rules.accept, kinds);
    // Without names, only those of code are accepted.
    let config = usual(&[]).accept(ApiKeys::new()).build().unwrap();
    assert_eq!(config.rules.accept, Kinds::from_iter([TokenKind::ApiKey]));
}

#[test]
fn a_restriction_that_does_not_restrict_is_a_problem() {
    // fault H8, fault H9i
    let name = |name: &'static str| Some(name);
    for (variables, expected) in [
        (
            &[("CLERK_ALLOWED_CLIENTS", "a"), ("CLERK_ACCEPT", "api_key")][..],
            name("CLERK_ALLOWED_CLIENTS"),
        ),
        (
            &[("CLERK_AUDIENCES", "a"), ("CLERK_ACCEPT", "api_key")],
            name("CLERK_AUDIENCES"),
        ),
        (
            &[
                ("CLERK_AUDIENCE_POLICY", "require"),
                ("CLERK_ACCEPT", "api_key"),
            ],
            name("CLERK_AUDIENCE_POLICY"),
        ),
        (
            &[("CLERK_AUTHORIZED_PARTIES", "https://a.example")],
            name("CLERK_AUTHORIZED_PARTIES"),
        ),
        (&[("CLERK_MACHINES", "mch_1")], name("CLERK_MACHINES")),
        (
            &[
                ("CLERK_RESOURCE", "https://a.example"),
                ("CLERK_ACCEPT", "api_key"),
            ],
            None,
        ),
        (
            &[("CLERK_REQUIRED_SCOPES", "a"), ("CLERK_ACCEPT", "api_key")],
            None,
        ),
        // Kinds without scopes would pass.
        (
            &[
                ("CLERK_REQUIRED_SCOPES", "a"),
                ("CLERK_ACCEPT", "oauth machine"),
                ("CLERK_MACHINES", "*"),
            ],
            name("CLERK_REQUIRED_SCOPES"),
        ),
        // Set, but empty.
        (
            &[("CLERK_REQUIRED_SCOPES", "")],
            name("CLERK_REQUIRED_SCOPES"),
        ),
        (
            &[("CLERK_ALLOWED_CLIENTS", " ")],
            name("CLERK_ALLOWED_CLIENTS"),
        ),
        (&[("CLERK_AUDIENCES", "\n")], name("CLERK_AUDIENCES")),
        (
            &[("CLERK_AUTHORIZED_PARTIES", "")],
            name("CLERK_AUTHORIZED_PARTIES"),
        ),
        (&[("CLERK_MACHINES", "")], name("CLERK_MACHINES")),
        (&[("CLERK_RESOURCE", "")], name("CLERK_RESOURCE")),
        (&[("CLERK_ACCEPT", "")], name("CLERK_ACCEPT")),
        (&[("CLERK_CACHE_TTL", "")], None),
        (&[("CLERK_OAUTH_JWTS", " ")], None),
        // Credentials of a kind that is not accepted are ignored.
        (&[("CLERK_MACHINE_SECRET_KEY", "ak_1")], None),
    ] {
        let found = problems(usual(variables));
        let variables_of = |found: &[(String, Option<String>)]| -> Vec<Option<String>> {
            found.iter().map(|(_, variable)| variable.clone()).collect()
        };
        let expected: Vec<_> = expected.iter().map(|it| Some((*it).to_owned())).collect();
        assert_eq!(variables_of(&found), expected, "{variables:?}: {found:?}");
    }
    // A kind that code accepts is accepted.
    let machines = usual(&[("CLERK_MACHINES", "mch_1")]);
    let machines = machines.accept(MachineTokens::addressed_to(["mch_2"]));
    assert!(problems(machines).is_empty());
}

#[test]
fn unreadable_value_names_its_variable() {
    for (name, value) in [
        ("CLERK_CACHE_TTL", "soon"),
        ("CLERK_CACHE_TTL", "-1"),
        ("CLERK_CACHE_TTL", "30 parsecs"),
        ("CLERK_CACHE_TTL", "18446744073709551616"),
        ("CLERK_STALE_FOR", "never"),
        ("CLERK_STALE_FOR", "-5s"),
        ("CLERK_TIMEOUT", "long"),
        ("CLERK_RATE_LIMIT", "many"),
        ("CLERK_RATE_LIMIT", "-1"),
        ("CLERK_ENRICH", "on"),
        ("CLERK_ENRICH", "Off"),
        ("CLERK_ENRICH", "best_effort"),
        ("CLERK_OPAQUE_TOKENS", "all"),
        ("CLERK_OPAQUE_TOKENS", "Any"),
        ("CLERK_OAUTH_ENDPOINT", "backend"),
        ("CLERK_OAUTH_JWTS", "remote"),
        ("CLERK_AUDIENCE_POLICY", "strict"),
        ("CLERK_PROFILE_SOURCE", "users"),
        ("CLERK_ACCEPT", "sessions"),
        ("CLERK_DANGER_ALLOW_HTTP", "yes"),
    ] {
        let error = usual(&[(name, value)]).build().unwrap_err();
        let [problem] = error.problems() else {
            panic!("{name}={value}: {error}");
        };
        assert_eq!(problem.variable(), Some(name), "{value}");
        let text = error.to_string();
        assert!(text.contains(name) && text.contains(value), "{text}");
    }
}

#[test]
fn nothing_set_is_reported_at_build() {
    let found = problems(read(&[]));
    let options: Vec<_> = found.iter().map(|(option, _)| option.as_str()).collect();
    assert_eq!(
        options,
        [
            "instance",
            "accept.oauth.client_id",
            "accept.oauth.client_secret"
        ]
    );
}

#[test]
fn problems_of_environment_and_code_are_in_one_list() {
    // fault H9j
    let builder = usual(&[
        ("CLERK_CACHE_TTL", "301"),
        ("CLERK_ENRICH", "on"),
        ("CLERK_REQUIRED_SCOPES", "a\"b"),
        ("CLERK_SECRET_KEY", "canary"),
    ]);
    let found = problems(builder.leeway(Duration::from_secs(61)));
    let found: Vec<_> = found
        .iter()
        .map(|(option, variable)| (option.as_str(), variable.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            ("accept.oauth.userinfo", Some("CLERK_ENRICH")),
            ("cache_ttl", Some("CLERK_CACHE_TTL")),
            ("leeway", None),
            (
                "accept.oauth.required_scopes",
                Some("CLERK_REQUIRED_SCOPES")
            ),
            ("secret_key", Some("CLERK_SECRET_KEY")),
        ]
    );
    // A value that code has set since is not the environment's.
    let builder = usual(&[("CLERK_CACHE_TTL", "9")]);
    let found = problems(builder.cache_ttl(Duration::from_secs(301)));
    assert_eq!(found, [("cache_ttl".to_owned(), None)]);
}

#[test]
fn a_builder_shows_no_secret_of_the_environment() {
    let builder = usual(&[
        ("CLERK_OAUTH_CLIENT_SECRET", "canary"),
        ("CLERK_MACHINE_SECRET_KEY", "ak_canary"),
        ("CLERK_SECRET_KEY", "sk_test_canary"),
    ]);
    assert_eq!(builder.secret_key.expose_secret(), "sk_test_canary");
    let shown = format!("{builder:?} {builder:#?}");
    assert!(!shown.contains("canary"), "{shown}");
}

#[cfg(feature = "webhooks")]
#[test]
fn webhook_secrets_are_a_list() {
    let secret = "whsec_Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5Q2FuYXJ5";
    let count = |config: &ClerkConfig| config.webhook_keys.len();
    let two = format!("{secret}, {secret}");
    let cases = [("", 0), (secret, 1), (&*two, 2)];
    check("CLERK_WEBHOOK_SIGNING_SECRET", &[], count, &cases);
    let expected = (
        "webhook_secrets".to_owned(),
        Some("CLERK_WEBHOOK_SIGNING_SECRET".to_owned()),
    );
    for wrong in ["canary", "whsec_canary", "\"whsec_canary\""] {
        let builder = usual(&[("CLERK_WEBHOOK_SIGNING_SECRET", wrong)]);
        assert!(!format!("{builder:?}").contains("canary"));
        assert_eq!(problems(builder.clone()), std::slice::from_ref(&expected));
        if !wrong.starts_with('"') {
            // Code replaces the list.
            assert_eq!(problems(builder.webhook_secrets([secret])), []);
        }
    }
}

/// Clerk's own SDKs define the variable, so it may be set for another program.
#[cfg(not(feature = "webhooks"))]
#[test]
fn webhook_secrets_are_ignored_without_the_feature() {
    let builder = usual(&[("CLERK_WEBHOOK_SIGNING_SECRET", "\"canary\"")]);
    assert_eq!(problems(builder), []);
}
