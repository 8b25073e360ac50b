use serde_json::{Value, json};

use super::*;

/// What an event does: `effect scope`, `none`, or the reason why it cannot be read.
fn outcome(body: &[u8]) -> String {
    match read(body) {
        Ok(Event::Other) => "none".to_owned(),
        Ok(Event::Invalidation {
            name,
            effect,
            scope,
        }) => {
            assert!(body.windows(name.len()).any(|it| it == name.as_bytes()));
            let effect = effect.as_str();
            match scope {
                Scope::Session(id) => format!("{effect} session {id}"),
                Scope::Subject(id) => format!("{effect} subject {id}"),
                Scope::Member {
                    subject,
                    organization,
                } => {
                    format!("{effect} member {subject} {organization}")
                }
                Scope::Organization(id) => format!("{effect} organization {id}"),
                Scope::All => format!("{effect} all"),
                Scope::Token(_) => unreachable!("no event names a token"),
            }
        }
        Err(Unreadable::Json) => "not JSON".to_owned(),
        Err(Unreadable::Member) => "unreadable".to_owned(),
    }
}

fn event(name: &str, data: &Value) -> Vec<u8> {
    json!({"object": "event", "type": name, "instance_id": "ins_1", "timestamp": 1, "data": data})
        .to_string()
        .into_bytes()
}

#[test]
fn each_event_has_its_effect() {
    let id = json!({"id": "x_1"});
    let user = |members: Value| {
        let mut user = json!({"id": "user_1", "banned": false, "deprovisioned": false});
        for (name, value) in members.as_object().unwrap() {
            user[name] = value.clone();
        }
        user
    };
    let member = json!({
        "id": "orgmem_1",
        "organization": {"id": "org_1"},
        "public_user_data": {"user_id": "user_1"},
    });
    for (name, data, expected) in [
        ("session.revoked", id.clone(), "end session x_1"),
        ("session.ended", id.clone(), "end session x_1"),
        ("session.removed", id.clone(), "end session x_1"),
        ("session.created", id.clone(), "none"),
        ("session.pending", id.clone(), "none"),
        ("user.deleted", id.clone(), "end subject x_1"),
        ("user.deleted", json!({"deleted": true}), "again all"),
        ("user.created", id.clone(), "none"),
        ("user.updated", user(json!({})), "again subject user_1"),
        (
            "user.updated",
            user(json!({"banned": true})),
            "end subject user_1",
        ),
        (
            "user.updated",
            user(json!({"deprovisioned": true})),
            "end subject user_1",
        ),
        (
            "user.updated",
            user(json!({"deprovisioned": null})),
            "again subject user_1",
        ),
        (
            "user.updated",
            json!({"id": "user_1", "banned": false}),
            "again subject user_1",
        ),
        (
            "organizationMembership.created",
            member.clone(),
            "again member user_1 org_1",
        ),
        (
            "organizationMembership.updated",
            member.clone(),
            "again member user_1 org_1",
        ),
        (
            "organizationMembership.deleted",
            member.clone(),
            "end member user_1 org_1",
        ),
        (
            "organizationMembership.deleted",
            json!({"organization": {"id": "org_1"}}),
            "end organization org_1",
        ),
        (
            "organizationMembership.updated",
            json!({"organization": {"id": "org_1"}, "public_user_data": null}),
            "again organization org_1",
        ),
        ("organization.created", id.clone(), "none"),
        ("organization.updated", id.clone(), "again organization x_1"),
        ("organization.deleted", id.clone(), "end organization x_1"),
        (
            "organization.deleted",
            json!({"deleted": true}),
            "again all",
        ),
        ("role.updated", id.clone(), "none"),
        ("Session.revoked", id.clone(), "none"),
        ("session.revoked ", id.clone(), "none"),
        ("", id.clone(), "none"),
        // Nothing is expected of an event without effect.
        ("email.created", json!(7), "none"),
        ("unknown.type", Value::Null, "none"),
    ] {
        assert_eq!(outcome(&event(name, &data)), expected, "{name} {data}");
    }
}

#[test]
fn members_that_are_read_have_their_type() {
    let user = |members: &str| format!(r#"{{"type":"user.updated","data":{{{members}}}}}"#);
    let member = |members: &str| {
        format!(r#"{{"type":"organizationMembership.deleted","data":{{{members}}}}}"#)
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (name, body, expected) in [
        ("empty", String::new(), "not JSON"),
        ("not JSON", "type=user.deleted".to_owned(), "not JSON"),
        (
            "cut off",
            r#"{"type":"user.deleted","data":{"id":"user_1"}"#.to_owned(),
            "not JSON",
        ),
        (
            "more behind",
            r#"{"type":"user.created"} {}"#.to_owned(),
            "not JSON",
        ),
        ("an array", r#"["user.deleted"]"#.to_owned(), "unreadable"),
        ("a text", r#""user.deleted""#.to_owned(), "unreadable"),
        ("null", "null".to_owned(), "unreadable"),
        (
            "no type",
            r#"{"data":{"id":"user_1"}}"#.to_owned(),
            "unreadable",
        ),
        ("a null type", r#"{"type":null}"#.to_owned(), "unreadable"),
        (
            "a type of numbers",
            r#"{"type":1}"#.to_owned(),
            "unreadable",
        ),
        (
            "a type twice",
            r#"{"type":"user.created","data":{"id":"user_1"},"type":"user.deleted"}"#.to_owned(),
            "unreadable",
        ),
        (
            "a type twice, once escaped",
            r#"{"type":"user.created","data":{"id":"u"},"\u0074ype":"user.deleted"}"#.to_owned(),
            "unreadable",
        ),
        (
            "data twice",
            r#"{"type":"user.deleted","data":{"id":"a"},"data":{"id":"b"}}"#.to_owned(),
            "unreadable",
        ),
        (
            "no data",
            r#"{"type":"user.deleted"}"#.to_owned(),
            "unreadable",
        ),
        (
            "null data",
            r#"{"type":"user.deleted","data":null}"#.to_owned(),
            "unreadable",
        ),
        (
            "an array as data",
            r#"{"type":"user.deleted","data":["user_1"]}"#.to_owned(),
            "unreadable",
        ),
        (
            "an id twice",
            user(r#""id":"a","id":"b","banned":false"#),
            "unreadable",
        ),
        (
            "an id of numbers",
            user(r#""id":1,"banned":false"#),
            "unreadable",
        ),
        (
            "an empty id",
            user(r#""id":"","banned":false"#),
            "unreadable",
        ),
        (
            "a null id",
            user(r#""id":null,"banned":false"#),
            "unreadable",
        ),
        ("no id", user(r#""banned":true"#), "unreadable"),
        ("no ban", user(r#""id":"a""#), "unreadable"),
        (
            "a null ban",
            user(r#""id":"a","banned":null"#),
            "unreadable",
        ),
        (
            "a ban as text",
            user(r#""id":"a","banned":"true""#),
            "unreadable",
        ),
        (
            "a ban as number",
            user(r#""id":"a","banned":1"#),
            "unreadable",
        ),
        (
            "a ban twice",
            user(r#""id":"a","banned":true,"banned":false"#),
            "unreadable",
        ),
        (
            "deprovisioned as text",
            user(r#""id":"a","banned":false,"deprovisioned":"false""#),
            "unreadable",
        ),
        (
            "an empty deleted id",
            r#"{"type":"user.deleted","data":{"id":""}}"#.to_owned(),
            "unreadable",
        ),
        (
            "no organization",
            member(r#""public_user_data":{"user_id":"a"}"#),
            "unreadable",
        ),
        (
            "an organization's id alone",
            member(r#""organization":"org_1""#),
            "unreadable",
        ),
        (
            "an array as organization",
            member(r#""organization":["org_1"],"public_user_data":{"user_id":"a"}"#),
            "unreadable",
        ),
        (
            "no user id",
            member(r#""organization":{"id":"org_1"},"public_user_data":{}"#),
            "unreadable",
        ),
        // What is not read may have any form.
        (
            "other members twice",
            user(r#""id":"a","banned":true,"name":1,"name":[2]"#),
            "end subject a",
        ),
        (
            "deep nesting",
            user(&format!(r#""id":"a","banned":true,"deep":{deep}"#)),
            "end subject a",
        ),
        (
            "order",
            r#"{"data":{"id":"a"},"more":{"type":"user.created"},"type":"user.deleted"}"#
                .to_owned(),
            "end subject a",
        ),
    ] {
        assert_eq!(outcome(body.as_bytes()), expected, "{name}");
    }
}
