mod exchange;
mod values;

use serde_json::{Value, json};

use super::TokenInfo;
use crate::AuthErrorKind;

/// What is read of a body, if it is an answer at all.
#[track_caller]
fn read(name: &str, body: impl AsRef<[u8]>) -> TokenInfo {
    match TokenInfo::from_introspection(body.as_ref()) {
        Ok(answer) => answer,
        Err(error) => panic!("{name}: {error}"),
    }
}

#[track_caller]
fn reject(name: &str, body: impl AsRef<[u8]>) {
    let body = body.as_ref();
    for _ in 0..2 {
        let error = TokenInfo::from_introspection(body).unwrap_err();
        assert_eq!(
            error.kind(),
            AuthErrorKind::InvalidUpstreamResponse,
            "{name}"
        );
        assert!(!error.kind().is_authoritative(), "{name}");
    }
}

#[test]
fn active_is_the_literal_true_or_false() {
    struct Case {
        name: &'static str,
        input: &'static [u8],
        /// Whether it says active; `None` where it is no answer.
        expected: Option<bool>,
    }

    #[track_caller]
    fn check(case: &Case) {
        match case.expected {
            Some(active) => {
                assert_eq!(read(case.name, case.input).active, active, "{}", case.name);
            }
            None => reject(case.name, case.input),
        }
    }

    let cases: &[(&str, &[u8], Option<bool>)] = &[
        ("true", br#"{"active":true}"#, Some(true)),
        ("false", br#"{"active":false}"#, Some(false)),
        (
            "with white space",
            b" \t\r\n{ \"active\" : true } \n",
            Some(true),
        ),
        // C038
        ("missing", br#"{}"#, None),
        ("missing among others", br#"{"sub":"user_1","exp":1}"#, None),
        // C039 B33 B34
        ("\"true\"", br#"{"active":"true"}"#, None),
        ("\"false\"", br#"{"active":"false"}"#, None),
        ("\"TRUE\"", br#"{"active":"TRUE"}"#, None),
        ("an empty text", br#"{"active":""}"#, None),
        ("1", br#"{"active":1}"#, None),
        ("0", br#"{"active":0}"#, None),
        ("null", br#"{"active":null}"#, None),
        ("an array", br#"{"active":[]}"#, None),
        ("true in an array", br#"{"active":[true]}"#, None),
        ("an object", br#"{"active":{}}"#, None),
        ("TRUE", br#"{"active":TRUE}"#, None),
        ("True", br#"{"active":True}"#, None),
        // C040
        ("both", br#"{"active":false,"active":true}"#, None),
        (
            "both, the other way",
            br#"{"active":true,"active":false}"#,
            None,
        ),
        ("twice the same", br#"{"active":true,"active":true}"#, None),
        // C041
        (
            "another case beside it",
            br#"{"active":false,"Active":true}"#,
            Some(false),
        ),
        (
            "another case before it",
            br#"{"Active":true,"active":false}"#,
            Some(false),
        ),
        ("another case alone", br#"{"Active":true}"#, None),
        // C042
        ("nested", br#"{"data":{"active":true}}"#, None),
        ("nested in an array", br#"[{"active":true}]"#, None),
        // C043
        ("escaped", br#"{"\u0061ctive":true}"#, Some(true)),
        (
            "escaped and plain",
            br#"{"\u0061ctive":true,"active":true}"#,
            None,
        ),
        (
            "plain and escaped",
            br#"{"active":false,"activ\u0065":true}"#,
            None,
        ),
        ("a byte order mark", b"\xef\xbb\xbf{\"active\":true}", None),
        ("something behind it", br#"{"active":true}x"#, None),
        ("a NUL behind it", b"{\"active\":true}\0", None),
        ("two documents", br#"{"active":true}{"active":true}"#, None),
        ("two lines", b"{\"active\":true}\n{\"active\":true}", None),
        ("a comment", br#"{"active":true/**/}"#, None),
        ("a comment line", b"{\"active\":true}//", None),
        ("a comma at the end", br#"{"active":true,}"#, None),
        ("single quotes", br#"{'active':true}"#, None),
        ("no quotes", br#"{active:true}"#, None),
        ("cut off", br#"{"active":true"#, None),
        // C044 B31 B37
        ("null for a document", b"null", None),
        ("true for a document", b"true", None),
        ("an array for a document", b"[]", None),
        ("a text for a document", br#""active""#, None),
        ("a number for a document", b"1", None),
        ("nothing", b"", None),
        ("white space", b"  \n", None),
        ("HTML", b"<html>", None),
        ("a form", b"active=true", None),
        // C045
        ("no UTF-8", b"{\"active\":true,\"sub\":\"\xff\"}", None),
        (
            "no UTF-8 in an unknown member",
            b"{\"active\":true,\"x\":\"\xc0\x80\"}",
            None,
        ),
        ("no UTF-8 in a name", b"{\"active\":true,\"\xff\":1}", None),
        (
            "half a surrogate pair",
            br#"{"active":true,"sub":"\ud800"}"#,
            None,
        ),
        (
            "half a pair in a name",
            br#"{"active":true,"\udc00":1}"#,
            None,
        ),
        ("UTF-16", b"{\0\"\0a\0", None),
        // C049
        ("beyond any float", br#"{"active":true,"x":1e400}"#, None),
        ("not a number", br#"{"active":true,"x":NaN}"#, None),
        ("infinity", br#"{"active":true,"x":Infinity}"#, None),
        ("a leading zero", br#"{"active":true,"x":01}"#, None),
        // C053
        (
            "inactive in Clerk's other form",
            br#"{"active":false}"#,
            Some(false),
        ),
        (
            "Clerk's other form",
            br#"{"scopes":["a"],"revoked":false,"expired":false}"#,
            None,
        ),
        ("revoked", br#"{"active":true,"revoked":true}"#, Some(false)),
        ("expired", br#"{"active":true,"expired":true}"#, Some(false)),
        (
            "neither",
            br#"{"active":true,"revoked":false,"expired":false}"#,
            Some(true),
        ),
        (
            "revoked, then not expired",
            br#"{"revoked":true,"active":true,"expired":false}"#,
            Some(false),
        ),
    ];
    for (name, input, expected) in cases {
        check(&Case {
            name,
            input,
            expected: *expected,
        });
    }
}

#[test]
fn no_member_stands_twice() {
    for (name, value, other) in [
        ("active", json!(true), json!(true)),
        ("sub", json!("user_1"), json!("user_2")),
        ("client_id", json!("client_1"), json!("client_2")),
        ("scope", json!("a"), json!("b")),
        ("aud", json!("a"), json!(["a"])),
        ("iss", json!("https://a"), json!("https://b")),
        ("exp", json!(1), json!(2)),
        ("nbf", json!(1), json!(2)),
        ("iat", json!(1), json!(2)),
        ("org_id", json!("org_1"), json!("org_2")),
        ("token_type", json!("Bearer"), json!("DPoP")),
        ("token_use", json!("access_token"), json!("id_token")),
        ("cnf", json!({ "jkt": "x" }), json!(null)),
        ("revoked", json!(true), json!(false)),
        ("expired", json!(true), json!(false)),
        ("unknown", json!(1), json!(2)),
        ("", json!(1), json!(2)),
    ] {
        let active = if name == "active" {
            ""
        } else {
            "\"active\":true,"
        };
        for (first, second) in [(&value, &other), (&other, &value), (&value, &value)] {
            let body = format!("{{{active}\"{name}\":{first},\"{name}\":{second}}}");
            reject(&body, &body);
            let apart = format!("{{\"{name}\":{first},\"between\":1,{active}\"{name}\":{second}}}");
            reject(&apart, &apart);
            if let Some(letter) = name.chars().next() {
                // C043
                let escaped = format!("\\u{:04x}{}", u32::from(letter), &name[1..]);
                let body = format!("{{{active}\"{name}\":{first},\"{escaped}\":{second}}}");
                reject(&body, &body);
            }
        }
    }
    // Whatever an inactive answer says besides.
    reject("inactive", r#"{"active":false,"sub":"a","sub":"b"}"#);
}

#[test]
fn known_member_is_of_its_type_or_null() {
    let values = || {
        [
            json!(true),
            json!(1),
            json!(1.5),
            json!("text"),
            json!(["text"]),
            json!([1]),
            json!([["text"]]),
            json!([null]),
            json!(["text", 1]),
            json!({}),
        ]
    };
    // C059 C065 C070 C073
    let texts = [
        "sub",
        "client_id",
        "scope",
        "iss",
        "org_id",
        "token_type",
        "token_use",
    ];
    for name in texts {
        for value in values() {
            let body = json!({ "active": true, name: value }).to_string();
            if value.is_string() {
                read(name, &body);
            } else {
                reject(&body, &body);
            }
        }
        read(name, json!({ "active": true, name: null }).to_string());
    }
    for name in ["exp", "nbf", "iat"] {
        for value in values() {
            let body = json!({ "active": true, name: value }).to_string();
            if value.is_number() {
                read(name, &body);
            } else {
                reject(&body, &body);
            }
        }
        // C059 B33
        reject(
            name,
            json!({ "active": true, name: "1700000000" }).to_string(),
        );
        // C061
        read(name, json!({ "active": true, name: null }).to_string());
    }
    for value in values() {
        let body = json!({ "active": true, "aud": value }).to_string();
        if value.is_string() || value == json!(["text"]) {
            read("aud", &body);
        } else {
            reject(&body, &body);
        }
    }
}

#[test]
fn every_member_is_read() {
    let answer = read(
        "full",
        json!({
            "active": true,
            "sub": "user_1",
            "client_id": "client_1",
            "scope": "email profile",
            "aud": ["a", "b"],
            "iss": "https://clerk.example.com",
            "exp": 3,
            "nbf": 1,
            "iat": 2,
            "org_id": "org_1",
            "token_type": "Bearer",
            "token_use": "access_token",
            "cnf": { "jkt": "x" },
            "jti": "j",
            "username": "ada",
        })
        .to_string(),
    );
    assert!(answer.active);
    assert_eq!(answer.sub.as_deref(), Some("user_1"));
    assert_eq!(answer.client_id.as_deref(), Some("client_1"));
    assert_eq!(answer.scope.as_deref(), Some("email profile"));
    assert_eq!(answer.aud, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(answer.iss.as_deref(), Some("https://clerk.example.com"));
    assert_eq!(
        (answer.exp, answer.nbf, answer.iat),
        (Some(3), Some(1), Some(2))
    );
    assert_eq!(answer.org_id.as_deref(), Some("org_1"));
    assert_eq!(answer.token_type.as_deref(), Some("Bearer"));
    assert_eq!(answer.token_use.as_deref(), Some("access_token"));
    assert!(answer.confirmation);
    // What the claims have no field for.
    let other = json!({
        "nbf": 1,
        "token_type": "Bearer",
        "token_use": "access_token",
        "cnf": { "jkt": "x" },
        "jti": "j",
        "username": "ada",
    });
    assert_eq!(Value::Object(answer.other), other);
}

#[test]
fn absent_and_null_members_are_unknown() {
    let names = [
        "sub",
        "client_id",
        "scope",
        "aud",
        "iss",
        "exp",
        "nbf",
        "iat",
        "org_id",
        "token_type",
        "token_use",
        "cnf",
    ];
    let mut nulls = json!({ "active": true });
    for name in names {
        nulls[name] = Value::Null;
    }
    // C055 C061
    for (name, body) in [("absent", json!({ "active": true })), ("null", nulls)] {
        let answer = read(name, body.to_string());
        assert!(answer.active, "{name}");
        assert_eq!(answer.sub, None, "{name}");
        assert_eq!(answer.client_id, None, "{name}");
        assert_eq!(answer.scope, None, "{name}");
        assert_eq!(answer.aud, None, "{name}");
        assert_eq!(answer.iss, None, "{name}");
        assert_eq!(
            (answer.exp, answer.nbf, answer.iat),
            (None, None, None),
            "{name}"
        );
        assert_eq!(answer.org_id, None, "{name}");
        assert_eq!(answer.token_type, None, "{name}");
        assert_eq!(answer.token_use, None, "{name}");
        assert!(!answer.confirmation, "{name}");
    }
}

#[test]
fn inactive_answer_says_nothing_else() {
    // C054
    let body = json!({
        "active": false,
        "sub": "user_1",
        "client_id": "client_1",
        "exp": "not even a number",
        "x": 1,
    });
    let answer = read("inactive", body.to_string());
    assert!(!answer.active);
    assert_eq!(
        (answer.sub, answer.client_id, answer.exp),
        (None, None, None)
    );
    assert!(answer.other.is_empty());
}

#[test]
fn debug_shows_whether_active_alone() {
    let body = json!({ "active": true, "sub": "user_canary", "x": "canary" }).to_string();
    let answer = read("canary", body);
    for shown in [format!("{answer:?}"), format!("{answer:#?}")] {
        assert!(shown.contains("active: true"), "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
    }
    let error = TokenInfo::from_introspection(br#"{"active":"canary"}"#).unwrap_err();
    assert!(
        !format!("{error:?} {error}").contains("canary"),
        "{error:?}"
    );
}
