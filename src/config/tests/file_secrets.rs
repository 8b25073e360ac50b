//! Secrets in the wrong field of a file. No error and no `Debug` of the configuration repeats them.

use std::error::Error;

use serde_json::{Value, json};

use crate::{
    ClerkConfig, ClerkConfigBuilder,
    config::Resource,
    kinds::{ApiKeys, MachineTokens, OAuthTokens},
};

/// The text of every canary.
const CANARY: &str = "sk_live_canary9876543210";

/// Fields that take a number. A number in them is not a secret in the wrong field.
const NUMBERS: [&str; 8] = [
    "leeway",
    "max_token_length",
    "cache_ttl",
    "cache_capacity",
    "stale_if_error",
    "timeout",
    "attempt_timeout",
    "rate_limit",
];

fn base() -> Value {
    json!({
        "instance": "clerk.example.com",
        "secret_key": "sk_test_1",
        "resource": { "uri": "https://api.example.com" },
        "accept": {
            "oauth": { "client_id": "client_1", "client_secret": "s" },
            "session": {},
            "api_key": {},
            "machine": { "addressed_to": ["mch_1"] },
        },
        "fleet": {
            "url": "redis://127.0.0.1:1",
            "secret": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        },
    })
}

/// All tables of a file.
const TABLES: [&str; 8] = [
    "",
    "/resource",
    "/accept",
    "/accept/oauth",
    "/accept/session",
    "/accept/api_key",
    "/accept/machine",
    "/fleet",
];

/// Returns the fields of a table, from the error about an unknown one.
fn fields(table: &str) -> Vec<String> {
    let mut file = base();
    file.pointer_mut(table).unwrap()["nonsense"] = json!(1);
    let error = from_json(&file).build().unwrap_err().to_string();
    let (_, known) = error.split_once("`nonsense`").unwrap();
    let names = known.split('`').skip(1).step_by(2);
    names.map(ToOwned::to_owned).collect()
}

fn from_json(file: &Value) -> ClerkConfigBuilder {
    serde_json::from_str(&file.to_string()).unwrap()
}

/// Returns all texts of an error.
fn texts(error: &dyn Error) -> String {
    let mut texts = format!("{error} {error:?} {error:#?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        texts += &format!(" {error} {error:?}");
        cause = error.source();
    }
    texts
}

#[track_caller]
fn check(name: &str, text: &str) {
    for part in ["canary", "9876543210"] {
        assert!(!text.contains(part), "{name}: {text}");
    }
}

/// Checks a builder, and what becomes of it.
fn check_builder(name: &str, builder: ClerkConfigBuilder) -> bool {
    check(name, &format!("{builder:?} {builder:#?}"));
    match builder.transport(super::Silent).build() {
        Ok(config) => {
            check(name, &format!("{config:?} {config:#?}"));
            true
        }
        Err(error) => {
            check(name, &texts(&error));
            false
        }
    }
}

#[test]
fn a_secret_in_any_field_is_not_repeated() {
    let forms = [
        json!(CANARY),
        json!([CANARY]),
        json!({ CANARY: CANARY }),
        json!({ "uri": { CANARY: CANARY } }),
        json!(9_876_543_210_u64),
        json!(-9_876_543_210_i64),
        json!(9_876_543_210.5),
        json!([9_876_543_210_u64]),
    ];
    let (mut fitting, mut misfitting) = (0, 0);
    for table in TABLES {
        for field in fields(table) {
            for form in &forms {
                if form.is_number() && NUMBERS.contains(&&*field) {
                    continue;
                }
                let mut file = base();
                file.pointer_mut(table).unwrap()[&field] = form.clone();
                let name = format!("{table}/{field}: {form}");
                match check_builder(&name, from_json(&file)) {
                    true => fitting += 1,
                    false => misfitting += 1,
                }
                if let Err(error) = serde_json::from_value::<ClerkConfig>(file.clone()) {
                    check(&name, &texts(&error));
                }
                // Errors of this format contain the whole file.
                let text = toml::to_string(&file).unwrap();
                check_builder(&name, toml::from_str(&text).unwrap());
            }
        }
    }
    assert!(misfitting > 200 && fitting > 5, "{misfitting}, {fitting}");
}

#[test]
fn a_secret_in_the_place_of_a_name_or_a_table_is_not_repeated() {
    for table in TABLES {
        for form in [json!(1), json!(CANARY), json!({})] {
            let mut file = base();
            file.pointer_mut(table).unwrap()[CANARY] = form;
            assert!(!check_builder(table, from_json(&file)), "{table}");
            let text = toml::to_string(&file).unwrap();
            assert!(
                !check_builder(table, toml::from_str(&text).unwrap()),
                "{table}"
            );
        }
    }
    for file in [json!(CANARY), json!([CANARY]), json!(9_876_543_210_u64)] {
        assert!(!check_builder("the whole file", from_json(&file)));
    }
}

#[test]
fn a_kind_that_is_read_alone_does_not_repeat_it_either() {
    fn texts_of<T: for<'de> serde::Deserialize<'de>>(file: &Value) -> String {
        let outcome = serde_json::from_str::<T>(&file.to_string());
        texts(&outcome.err().unwrap())
    }
    for file in [
        json!({ "unprefixed": CANARY, "jwts": CANARY, "uri": [CANARY] }),
        json!({ CANARY: 1 }),
        json!(CANARY.len()),
        json!([CANARY]),
    ] {
        check("OAuth", &texts_of::<OAuthTokens>(&file));
        check("API keys", &texts_of::<ApiKeys>(&file));
        check("machines", &texts_of::<MachineTokens>(&file));
        check("resource", &texts_of::<Resource>(&file));
    }
}

#[test]
fn the_field_and_the_types_are_named() {
    for (name, pointer, field, value, expected) in [
        (
            "a text for a number",
            "",
            "rate_limit",
            json!("many"),
            "`rate_limit` cannot be used: invalid type: text, expected u32",
        ),
        (
            "a table for a text",
            "",
            "instance",
            json!({}),
            "`instance` cannot be used: invalid type: table, expected a string",
        ),
        (
            "a text for a switch",
            "/accept/oauth",
            "unprefixed",
            json!("yes"),
            "`accept.oauth` cannot be used: `unprefixed`: invalid type: text, expected a boolean",
        ),
        (
            "an unknown word",
            "",
            "users",
            json!("on"),
            "`users` cannot be used: unknown word, expected one of `off`, `best-effort`, `required`",
        ),
        (
            "a duration",
            "",
            "cache_ttl",
            json!("soon"),
            "`cache_ttl` cannot be used: invalid value, expected a number of seconds or a duration \
             such as \"30s\"",
        ),
    ] {
        let mut file = base();
        file.pointer_mut(pointer).unwrap()[field] = value;
        let error = from_json(&file).build().unwrap_err();
        assert_eq!(error.to_string(), expected, "{name}");
    }
}
