use serde_json::{Value, json};

use super::*;
use crate::verify::TokenInfo;

fn evidence(answer: &Value, userinfo: Option<&Value>) -> Evidence {
    let userinfo = userinfo.map(|it| userinfo::parse(it.to_string().as_bytes()).unwrap());
    Evidence {
        called_at: 1_764_000_000_123,
        answer: TokenInfo::from_introspection(answer.to_string().as_bytes()).unwrap(),
        userinfo,
        complete: true,
    }
}

fn full() -> Value {
    json!({
        "active": true, "sub": "user_1", "client_id": "client_1", "scope": "email profile",
        "aud": ["a", "b"], "iss": "https://clerk.example.com", "exp": 2_000_000_000,
        "nbf": 1, "iat": 2, "org_id": "org_1", "token_type": "Bearer", "token_use": "access_token",
        "jti": "oat_id", "act": { "sub": "user_2", "act": { "sub": "user_3" } }, "custom": [1, null, { "a": 1.5 }],
    })
}

#[test]
fn reading_returns_what_was_written() {
    let userinfo = json!({ "sub": "user_1", "email": "a@example.com", "email_verified": true, "org_id": "org_1", "x": [1] });
    let mut answers = vec![full()];
    for name in full()
        .as_object()
        .unwrap()
        .keys()
        .filter(|it| *it != "active")
    {
        let mut without = full();
        without.as_object_mut().unwrap().remove(name);
        answers.push(without);
        let mut null = full();
        null[name] = Value::Null;
        answers.push(null);
    }
    let after = [[1; 16], [2; 16]];
    for answer in &answers {
        for userinfo in [None, Some(&userinfo)] {
            let written = evidence(answer, userinfo);
            let content = encode(&written).unwrap().finish(&after);
            let read = decode(&content).unwrap();
            assert_eq!(read.after, after);
            assert_eq!(read.evidence.called_at, written.called_at);
            assert!(read.evidence.complete && read.evidence.answer.active);
            assert!(!read.evidence.answer.is_local);
            // All other members appear in the content.
            let again = encode(&read.evidence).unwrap().finish(&after);
            assert_eq!(again, content, "{answer}");
            let TokenInfo {
                sub,
                client_id,
                scope,
                aud,
                iss,
                exp,
                nbf,
                iat,
                org_id,
                token_type,
                token_use,
                confirmation,
                token_id,
                actor,
                other,
                ..
            } = read.evidence.answer;
            let it = written.answer;
            assert_eq!(
                (sub, client_id, scope, aud),
                (it.sub, it.client_id, it.scope, it.aud)
            );
            assert_eq!((iss, exp, nbf, iat), (it.iss, it.exp, it.nbf, it.iat));
            assert_eq!(
                (org_id, token_type, token_use),
                (it.org_id, it.token_type, it.token_use)
            );
            assert_eq!(
                (confirmation, token_id, other),
                (it.confirmation, it.token_id, it.other)
            );
            assert!(actor == it.actor);
        }
    }
}

#[test]
fn evidence_that_does_not_count_elsewhere_is_not_written() {
    type Change = fn(&mut Evidence);
    let changes: [(&str, Change); 4] = [
        ("inactive", |it| it.answer.active = false),
        ("by a signature", |it| it.answer.is_local = true),
        ("incomplete", |it| it.complete = false),
        ("with the organization of a session", |it| {
            it.answer.organization = ActiveOrganization::Unreadable;
        }),
    ];
    assert!(encode(&evidence(&full(), None)).is_some());
    for (name, change) in changes {
        let mut evidence = evidence(&full(), None);
        change(&mut evidence);
        assert!(encode(&evidence).is_none(), "{name}");
    }
}

#[test]
fn content_that_is_not_understood_is_a_miss() {
    let content = encode(&evidence(&full(), None)).unwrap().finish(&[]);
    let good: Value = serde_json::from_slice(&content).unwrap();
    assert!(decode(&content).is_some());
    let mut cases = vec![
        Vec::new(),
        b"null".to_vec(),
        b"[]".to_vec(),
        content[..content.len() - 1].to_vec(),
        String::from_utf8(content.clone())
            .unwrap()
            .replacen('{', "{\"called_at\":1,", 1)
            .into_bytes(),
    ];
    let members = [
        ("", vec!["called_at", "info", "userinfo", "after"]),
        ("/info", vec!["other", "confirmation"]),
    ];
    for (path, names) in members {
        for name in names {
            let mut without = good.clone();
            let table = without.pointer_mut(path).unwrap().as_object_mut().unwrap();
            table.remove(name);
            cases.push(without.to_string().into_bytes());
            let mut other = good.clone();
            other.pointer_mut(path).unwrap()[name] = json!("text");
            cases.push(other.to_string().into_bytes());
        }
        let mut more = good.clone();
        more.pointer_mut(path).unwrap()["more"] = json!(1);
        cases.push(more.to_string().into_bytes());
    }
    for name in ["sub", "aud", "exp", "act", "token_id"] {
        let mut other = good.clone();
        other["info"][name] = json!({ "a": 1 });
        cases.push(other.to_string().into_bytes());
    }
    for after in [json!([1]), json!(["AAAA"]), json!(vec!["A".repeat(22); 17])] {
        let mut other = good.clone();
        other["after"] = after;
        cases.push(other.to_string().into_bytes());
    }
    for case in cases {
        assert!(
            decode(&case).is_none(),
            "{}",
            String::from_utf8_lossy(&case)
        );
    }
}

fn user() -> User {
    let members = json!({
        "primary_email_address_id": "idn_1",
        "email_addresses": [{ "id": "idn_1", "email_address": "ada@example.com", "verification": { "status": "verified" } }],
        "first_name": "Ada", "last_name": "Lovelace", "username": "ada", "image_url": "https://img.example.com/1",
        "public_metadata": { "a": [1, null] }, "unsafe_metadata": { "b": 1.5 }, "private_metadata": { "c": { "d": true } },
        "external_id": "ext_1", "created_at": 1, "updated_at": 2, "last_sign_in_at": null, "last_active_at": 4,
    });
    let Value::Object(members) = members else {
        unreachable!()
    };
    User::new("user_1", members)
}

#[test]
fn reading_a_user_returns_what_was_written() {
    let after = [[1; 16], [2; 16]];
    for user in [user(), User::new("user_1", Map::new())] {
        let content = encode_user(&user, 1_764_000_000_123).finish(&after);
        let read = decode_user(&content, "user_1").unwrap();
        assert_eq!(read.called_at, 1_764_000_000_123);
        assert_eq!(read.after, after);
        assert_eq!(read.user.to_members(), user.to_members());
        assert_eq!(read.user.private_metadata(), user.private_metadata());
        assert_eq!(read.user.profile().userinfo(), user.profile().userinfo());
        // All other members appear in the content.
        let again = encode_user(&read.user, read.called_at).finish(&after);
        assert_eq!(again, content);
    }
}

#[test]
fn content_that_is_not_understood_is_no_user() {
    let content = encode_user(&user(), 1).finish(&[]);
    let text = String::from_utf8(content.clone()).unwrap();
    let whole: Value = serde_json::from_slice(&content).unwrap();
    assert!(decode_user(&content, "user_1").is_some());
    for id in ["user_2", "", "user_1 "] {
        assert!(decode_user(&content, id).is_none(), "{id:?}");
    }
    for (pointer, value) in [
        ("/called_at", json!("1")),
        ("/called_at", json!(-1)),
        ("/after", json!(null)),
        ("/after", json!(["short"])),
        ("/user", json!(null)),
        ("/user/profile", json!([])),
        ("/user/profile", json!({})),
        ("/user/profile/sub", json!("user_2")),
        ("/user/external_id", json!(1)),
        ("/user/created_at", json!("1")),
        ("/user/created_at", json!(1.5)),
        ("/user/last_active_at", json!(null)),
    ] {
        let mut altered = whole.clone();
        *altered.pointer_mut(pointer).unwrap() = value.clone();
        let altered = altered.to_string();
        assert!(
            decode_user(altered.as_bytes(), "user_1").is_none(),
            "{pointer}: {value}"
        );
    }
    for pointer in ["", "/user"] {
        let mut more = whole.clone();
        let members = more.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        members.insert("more".to_owned(), json!(1));
        assert!(decode_user(more.to_string().as_bytes(), "user_1").is_none());
    }
    let twice = text.replacen('{', r#"{"called_at":2,"#, 1);
    assert!(decode_user(twice.as_bytes(), "user_1").is_none());
    // Evidence about a token is no user, and the other way round.
    let token = encode(&evidence(&full(), None)).unwrap().finish(&[]);
    assert!(decode_user(&token, "user_1").is_none());
    assert!(decode(&content).is_none());
}
