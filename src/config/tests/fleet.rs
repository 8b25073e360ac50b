//! The option `fleet`: from code, files and the environment.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{Silent, builder};
use crate::{
    ClerkConfigBuilder,
    fleet::{Fleet, FleetConfig, MemoryStore},
    observe::recorded::Lines,
    testing::ManualClock,
};

/// 32 bytes in base64, three times.
const SECRETS: [&str; 3] = [
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "__77__77__77__77__77__77__77__77__77__77_-8=",
    "SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSQ=",
];

/// Option, variable and message of each problem.
fn problems(builder: ClerkConfigBuilder) -> Vec<(String, Option<String>, String)> {
    let shown = format!("{builder:?} {builder:#?}");
    let error = builder.build().err();
    let texts = format!("{shown} {error:?} {error:#?}");
    for secret in SECRETS.into_iter().chain(["canary"]) {
        assert!(!texts.contains(secret), "{secret} in {texts}");
    }
    let problems = error.iter().flat_map(crate::ConfigError::problems);
    let parts = problems.map(|problem| {
        (
            problem.option().to_owned(),
            problem.variable().map(ToOwned::to_owned),
            problem.message().to_owned(),
        )
    });
    parts.collect()
}

/// A configuration with the table `fleet` of a file.
#[track_caller]
fn file(fleet: &Value) -> ClerkConfigBuilder {
    let text = with_fleet(fleet).to_string();
    serde_json::from_str::<ClerkConfigBuilder>(&text)
        .unwrap()
        .transport(Silent)
}

fn with_fleet(fleet: &Value) -> Value {
    json!({
        "instance": "clerk.example.com",
        "accept": { "oauth": { "client_id": "client_1", "client_secret": "secret" } },
        "fleet": fleet,
    })
}

fn environment(variables: &[(&str, &str)]) -> ClerkConfigBuilder {
    let usual = [
        ("CLERK_DOMAIN", "clerk.example.com"),
        ("CLERK_OAUTH_CLIENT_ID", "client_1"),
        ("CLERK_OAUTH_CLIENT_SECRET", "secret"),
    ];
    let all = usual.iter().chain(variables);
    let owned = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    ClerkConfigBuilder::from_variables(owned).transport(Silent)
}

const URL: &str = "rediss://user:canary@cache.internal:6380/1";

fn fleet() -> Fleet {
    Fleet::redis(URL, SECRETS[0])
}

fn memory(secret: &str) -> Fleet {
    Fleet::store(MemoryStore::new(ManualClock::new()), secret)
}

fn certificate() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let parameters = rcgen::CertificateParams::new(["cache.internal".to_owned()]).unwrap();
    parameters.self_signed(&key).unwrap().pem()
}

#[track_caller]
fn built(builder: ClerkConfigBuilder) -> Option<FleetConfig> {
    let config = builder.build().unwrap();
    let shown = format!("{config:?} {config:#?} {:?}", config.fleet);
    for hidden in SECRETS.into_iter().chain(["canary", "cache.internal"]) {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
    config.fleet
}

/// The position of each key's secret in `SECRETS`.
fn order(fleet: &FleetConfig) -> Vec<usize> {
    let of = |secret: &str| built(builder().fleet(memory(secret))).unwrap().keys[0].token_secret();
    let known = SECRETS.map(of);
    let keys = fleet.keys.iter().map(|it| it.token_secret());
    keys.map(|key| known.iter().position(|it| *it == key).unwrap())
        .collect()
}

#[test]
fn there_is_no_fleet_by_default() {
    assert!(built(builder()).is_none());
    assert!(built(environment(&[])).is_none());
    let empty = [("CLERK_FLEET_URL", ""), ("CLERK_FLEET_SECRET", " ")];
    assert!(built(environment(&empty)).is_none());
}

#[test]
fn the_first_secret_of_each_source_comes_first() {
    let [first, second, third] = SECRETS;
    let list = format!("{second}, {first},{third}");
    for (name, builder, expected) in [
        ("code", builder().fleet(fleet()), &[0][..]),
        (
            "code, three",
            builder().fleet(fleet().other_secrets([third, second])),
            &[0, 2, 1],
        ),
        (
            "a file",
            file(&json!({ "url": URL, "secret": second })),
            &[1],
        ),
        (
            "a file, two",
            file(&json!({ "url": URL, "secret": second, "other_secrets": [first] })),
            &[1, 0],
        ),
        (
            "a file, a text of two",
            file(&json!({
                "url": URL,
                "secret": format!("{third}\n"),
                "other_secrets": format!("{first} {second}"),
            })),
            &[2, 0, 1],
        ),
        (
            "the environment",
            environment(&[("CLERK_FLEET_URL", URL), ("CLERK_FLEET_SECRET", third)]),
            &[2],
        ),
        (
            "the environment, three",
            environment(&[("CLERK_FLEET_URL", URL), ("CLERK_FLEET_SECRET", &list)]),
            &[1, 0, 2],
        ),
        (
            "code in place of the environment",
            environment(&[("CLERK_FLEET_URL", URL), ("CLERK_FLEET_SECRET", &list)])
                .fleet(memory(third)),
            &[2],
        ),
        (
            "code in place of half an environment",
            environment(&[("CLERK_FLEET_SECRET", "canary")]).fleet(memory(third)),
            &[2],
        ),
    ] {
        let fleet = built(builder).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(order(&fleet), expected, "{name}");
    }
}

#[test]
fn each_authenticator_has_its_own_connection() {
    let config = built(builder().fleet(fleet())).unwrap();
    assert!(!Arc::ptr_eq(&config.store(), &config.store()));
}

#[tokio::test]
async fn a_store_of_the_users_own_is_used() {
    let store = MemoryStore::new(ManualClock::new());
    let fleet = Fleet::store(store.clone(), SECRETS[0]);
    let config = built(builder().fleet(fleet)).unwrap();
    assert!(config.store().get("name").await.unwrap().is_none());
    assert_eq!(store.calls(), 1);
}

#[test]
fn certificates_of_an_authority_are_read() {
    let pem = certificate();
    let with = |pem: &str| fleet().root_certificates(pem);
    assert!(built(builder().fleet(with(&pem))).is_some());
    let both = format!("{pem}\n{}", certificate());
    assert!(built(builder().fleet(with(&both))).is_some());
    let table = json!({ "url": URL, "secret": SECRETS[0], "root_certificates": pem });
    assert!(built(file(&table)).is_some());
}

#[test]
fn a_password_in_clear_text_is_a_warning() {
    for (url, expected) in [
        ("redis://:canary@cache.internal", 1),
        ("redis://user:canary@10.0.0.1", 1),
        ("redis://:canary@[fd00::1]", 1),
        ("rediss://:canary@cache.internal", 0),
        ("redis://cache.internal", 0),
        ("redis://:canary@localhost", 0),
        ("redis://:canary@127.0.0.1", 0),
        ("redis://:canary@[::1]", 0),
    ] {
        let log = Lines::default();
        let guard = log.subscribe();
        built(builder().fleet(Fleet::redis(url, SECRETS[0])));
        drop(guard);
        let lines = log.take();
        assert_eq!(lines.len(), expected, "{url}: {lines:?}");
        for line in lines {
            assert!(
                line.starts_with("WARN the password of the shared store"),
                "{line}"
            );
            assert!(!line.contains("canary"), "{line}");
        }
    }
}

#[test]
fn what_cannot_be_used_is_a_problem() {
    struct Case {
        name: &'static str,
        input: ClerkConfigBuilder,
        /// The option, and a part of the message.
        expected: (&'static str, &'static str),
    }
    let [secret, other, _] = SECRETS;
    let case = |name, fleet: Fleet, option, message| Case {
        name,
        input: builder().fleet(fleet),
        expected: (option, message),
    };
    let url = |url: &str| Fleet::redis(url, secret);
    let cases = [
        case("no URL", url(" "), "fleet.url", "is missing or empty"),
        case(
            "no scheme",
            url("canary:6379"),
            "fleet.url",
            "redis or rediss",
        ),
        case("http", url("http://canary"), "fleet.url", "redis or rediss"),
        case("no host", url("redis:canary"), "fleet.url", "no host"),
        case(
            "a query",
            url("rediss://canary/#insecure"),
            "fleet.url",
            "must end after",
        ),
        case(
            "a secret as the URL",
            url(other),
            "fleet.url",
            "it is not a URL",
        ),
        case(
            "no secret",
            memory(""),
            "fleet.secret",
            "is missing or empty",
        ),
        case("a word", memory("canary"), "fleet.secret", "not 32 bytes"),
        case(
            "31 bytes",
            memory("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg=="),
            "fleet.secret",
            "not 32 bytes",
        ),
        case(
            "a list as the secret",
            memory(&format!("{secret},{other}")),
            "fleet.secret",
            "`other_secrets`",
        ),
        case(
            "a bad further secret",
            memory(secret).other_secrets([other, "canary"]),
            "fleet.other_secrets",
            "not 32 bytes",
        ),
        case(
            "an empty further secret",
            memory(secret).other_secrets([""]),
            "fleet.other_secrets",
            "is missing or empty",
        ),
        case(
            "the secret once more",
            memory(secret).other_secrets([secret]),
            "fleet.other_secrets",
            "twice",
        ),
        case(
            "the secret once more in the other spelling",
            memory(other).other_secrets([secret, "//77//77//77//77//77//77//77//77//77//77/+8"]),
            "fleet.other_secrets",
            "twice",
        ),
        case(
            "no certificate",
            fleet().root_certificates("canary"),
            "fleet.root_certificates",
            "no certificates",
        ),
        case(
            "certificates without TLS",
            url("redis://localhost").root_certificates(certificate()),
            "fleet.root_certificates",
            "write rediss://",
        ),
        case(
            "certificates for a store of the user's own",
            memory(secret).root_certificates(certificate()),
            "fleet.root_certificates",
            "a store of your own",
        ),
        Case {
            name: "a short TTL",
            input: builder()
                .fleet(fleet())
                .cache_ttl(Duration::from_millis(4_999)),
            expected: ("cache_ttl", "at least 5 seconds"),
        },
        Case {
            name: "no cache",
            input: builder().fleet(fleet()).cache_ttl(Duration::ZERO),
            expected: ("cache_ttl", "at least 5 seconds"),
        },
    ];
    for Case {
        name,
        input,
        expected,
    } in cases
    {
        let found = problems(input);
        let [(option, variable, message)] = &*found else {
            panic!("{name}: {found:?}");
        };
        assert_eq!((&**option, variable), (expected.0, &None), "{name}");
        assert!(message.contains(expected.1), "{name}: {message}");
    }
    let five = builder().fleet(fleet()).cache_ttl(Duration::from_secs(5));
    assert!(built(five).is_some());
    assert!(built(builder().cache_ttl(Duration::ZERO)).is_none());
}

#[test]
fn problems_of_the_environment_name_the_variable() {
    let [secret, other, _] = SECRETS;
    let twice = format!("{secret},{other},{secret}");
    let bad = format!("{secret} canary");
    for (variables, expected) in [
        (
            &[("CLERK_FLEET_URL", URL)][..],
            &[("fleet.secret", None)][..],
        ),
        (&[("CLERK_FLEET_SECRET", secret)], &[("fleet.url", None)]),
        (
            &[
                ("CLERK_FLEET_URL", "http://canary"),
                ("CLERK_FLEET_SECRET", secret),
            ],
            &[("fleet.url", Some("CLERK_FLEET_URL"))],
        ),
        (
            &[("CLERK_FLEET_URL", URL), ("CLERK_FLEET_SECRET", "canary")],
            &[("fleet.secret", Some("CLERK_FLEET_SECRET"))],
        ),
        (
            &[("CLERK_FLEET_URL", URL), ("CLERK_FLEET_SECRET", &twice)],
            &[("fleet.other_secrets", Some("CLERK_FLEET_SECRET"))],
        ),
        (
            &[("CLERK_FLEET_URL", URL), ("CLERK_FLEET_SECRET", &bad)],
            &[("fleet.other_secrets", Some("CLERK_FLEET_SECRET"))],
        ),
        (
            &[
                ("CLERK_FLEET_URL", URL),
                ("CLERK_FLEET_SECRET", secret),
                ("CLERK_CACHE_TTL", "4"),
            ],
            &[("cache_ttl", Some("CLERK_CACHE_TTL"))],
        ),
        (
            &[
                ("CLERK_FLEET_URL", "\"rediss://canary\""),
                ("CLERK_FLEET_SECRET", secret),
            ],
            &[("fleet.url", Some("CLERK_FLEET_URL"))],
        ),
    ] {
        let found = problems(environment(variables));
        let found: Vec<_> = found
            .iter()
            .map(|(option, variable, _)| (&**option, variable.as_deref()))
            .collect();
        assert_eq!(found, expected, "{variables:?}");
    }
}

#[test]
fn a_value_of_another_type_is_not_repeated() {
    for (name, table, expected) in [
        ("a number", json!({ "url": 4711 }), "must be strings"),
        ("a list", json!({ "secret": [4711] }), "must be strings"),
        (
            "a number as the list",
            json!({ "other_secrets": 4711 }),
            "must be a list of strings",
        ),
        (
            "a table in the list",
            json!({ "other_secrets": [{ "4711": 4711 }] }),
            "must be a list of strings",
        ),
        (
            "certificates in a list",
            json!({ "root_certificates": ["4711"] }),
            "must be strings",
        ),
        ("an unknown field", json!({ "urls": "4711" }), "`url`"),
        ("a text", json!("4711"), "a table with `url` and `secret`"),
        (
            "a list of tables",
            json!([{ "url": "4711" }]),
            "a table with `url` and `secret`",
        ),
    ] {
        let text = with_fleet(&table).to_string();
        let builder = serde_json::from_str::<ClerkConfigBuilder>(&text).unwrap();
        let error = builder.build().unwrap_err();
        let error = error.to_string();
        assert!(error.contains(expected), "{name}: {error}");
        assert!(
            name == "no table" || !error.contains("4711"),
            "{name}: {error}"
        );
    }
}
