use serde_json::{Map, Value, json};

use super::{Entitlement, Entitlements, has};

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("{other} is no object"),
    }
}

fn plans(list: &str, is_in_organization: bool) -> Vec<Entitlement> {
    let claims = members(json!({ "v": 2, "pla": list }));
    let read = Entitlements::of_session(&claims, is_in_organization);
    read.map_or_else(Vec::new, |read| read.plans().to_vec())
}

#[test]
fn a_list_has_names_and_scopes() {
    struct Case {
        name: &'static str,
        input: &'static str,
        /// Name, of the organization, of the user.
        expected: &'static [(&'static str, bool, bool)],
    }
    for Case {
        name,
        input,
        expected,
    } in [
        Case {
            name: "of each scope",
            input: "o:pro,u:basic,ou:x,uo:y",
            expected: &[
                ("pro", true, false),
                ("basic", false, true),
                ("x", true, true),
                ("y", true, true),
            ],
        },
        Case {
            name: "spaces around an entry",
            input: " o:pro\t,\nu:basic ",
            expected: &[("pro", true, false), ("basic", false, true)],
        },
        Case {
            name: "a space within an entry belongs to the name",
            input: "o: pro",
            expected: &[(" pro", true, false)],
        },
        Case {
            name: "an unknown scope grants nothing",
            input: "x:pro,O:pro,org:pro,:pro,u:basic",
            expected: &[("basic", false, true)],
        },
        Case {
            name: "no name, a further colon",
            input: "o:,o:a:b,u:basic",
            expected: &[("basic", false, true)],
        },
        Case {
            name: "an entry without a colon",
            input: "o:pro,basic",
            expected: &[],
        },
        Case {
            name: "an empty entry",
            input: "o:pro,",
            expected: &[],
        },
        Case {
            name: "empty",
            input: "",
            expected: &[],
        },
    ] {
        let found = plans(input, true);
        let found: Vec<_> = found
            .iter()
            .map(|plan| (plan.name(), plan.of_organization(), plan.of_user()))
            .collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn without_an_organization_only_the_user_has_plans() {
    let found = plans("o:pro,u:basic,ou:x", false);
    let found: Vec<_> = found
        .iter()
        .map(|plan| (plan.name(), plan.of_organization(), plan.of_user()))
        .collect();
    assert_eq!(found, [("basic", false, true), ("x", false, true)]);
}

#[test]
fn only_a_text_in_a_token_of_version_2_is_a_list() {
    for (name, claims, expected) in [
        ("version 2", json!({ "v": 2, "pla": "u:a" }), true),
        ("no version", json!({ "pla": "u:a" }), false),
        ("version 1", json!({ "v": 1, "pla": "u:a" }), false),
        ("version 3", json!({ "v": 3, "pla": "u:a" }), false),
        (
            "no version at all",
            json!({ "v": "2", "pla": "u:a" }),
            false,
        ),
        ("an array", json!({ "v": 2, "pla": ["u:a"] }), false),
        ("an object", json!({ "v": 2, "pla": { "u": "a" } }), false),
        ("null", json!({ "v": 2, "pla": null }), false),
        ("absent", json!({ "v": 2 }), false),
        // Each list on its own.
        (
            "beside an unreadable list",
            json!({ "v": 2, "pla": "u:a", "fea": "b" }),
            true,
        ),
    ] {
        let read = Entitlements::of_session(&members(claims), true);
        assert_eq!(read.is_some(), expected, "{name}");
    }
    let features = members(json!({ "v": 2, "fea": "o:dashboard", "pla": 7 }));
    let read = Entitlements::of_session(&features, true).unwrap();
    assert!(read.plans().is_empty());
    assert_eq!(read.features()[0].name(), "dashboard");
}

#[test]
fn a_needed_name_has_the_grammar_of_clerk() {
    let list = plans("o:pro,u:basic,ou:both,o: x", true);
    for (needed, expected) in [
        ("pro", true),
        ("org:pro", true),
        ("o:pro", true),
        ("organization:pro", true),
        ("user:pro", false),
        ("u:pro", false),
        ("basic", true),
        ("org:basic", false),
        ("user:basic", true),
        ("u:basic", true),
        ("both", true),
        ("org:both", true),
        ("user:both", true),
        ("Pro", false),
        ("pr", false),
        ("prox", false),
        (" pro", false),
        ("x", false),
        (" x", true),
        // Unknown scopes, and what is no name.
        ("team:pro", false),
        ("ORG:pro", false),
        ("ou:pro", false),
        (":pro", false),
        ("pro:", false),
        ("org:", false),
        ("org", false),
        ("", false),
        (":", false),
        ("org:pro:", false),
        ("org:org:pro", false),
        ("org:pro:x", false),
    ] {
        assert_eq!(has(&list, needed), expected, "{needed:?}");
    }
    assert!(!has(&[], "") && !has(&[], "pro"));
}

#[test]
fn debug_shows_no_name() {
    let shown = format!("{:?}", plans("o:canary", true));
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn size_counts_every_name() {
    let size = |list: &str| {
        let claims = members(json!({ "v": 2, "fea": list }));
        Entitlements::of_session(&claims, true).unwrap().size()
    };
    let least = size_of::<Entitlements>() + size_of::<Entitlement>();
    assert_eq!(size("o:x"), least + 1);
    assert_eq!(size("o:12345"), least + 5);
    assert_eq!(size("o:x,o:12"), least + size_of::<Entitlement>() + 3);
}
