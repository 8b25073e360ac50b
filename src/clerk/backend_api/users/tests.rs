use serde_json::{Value, json};

use super::{super::tests::response, decode, is_id};
use crate::AuthErrorKind;

fn user(changes: &[(&str, Value)]) -> String {
    let mut user = json!({
        "object": "user",
        "id": "user_1",
        "first_name": "Ada",
        "banned": false,
        "locked": false,
    });
    for (name, value) in changes {
        user[*name] = value.clone();
    }
    user.to_string()
}

#[test]
fn answer_is_a_user_or_says_that_there_is_none() {
    struct Case {
        name: &'static str,
        input: (u16, String),
        expected: Result<Option<&'static str>, AuthErrorKind>,
    }

    #[track_caller]
    fn check(case: &Case) {
        let (status, body) = &case.input;
        let found =
            decode(&response(*status, "application/json", body)).map_err(|error| error.kind());
        let found = found.as_ref().map(|user| Some(&*user.as_ref()?.0));
        assert_eq!(found, case.expected.as_ref().copied(), "{}", case.name);
    }

    let broken = Err(AuthErrorKind::InvalidUpstreamResponse);
    let with = |name, value| (200, user(&[(name, value)]));
    let hidden = |banned, metadata: &str| {
        let with_metadata = format!(r#"{{"unsafe_metadata":{metadata},"#);
        let user = user(&[("banned", json!(banned))]);
        (200, user.replacen('{', &with_metadata, 1))
    };
    let errors = r#"{"errors":[{"code":"resource_not_found"}]}"#.to_owned();
    for (name, input, expected) in [
        ("as documented", (200, user(&[])), Ok(Some("user_1"))),
        ("banned", with("banned", json!(true)), Ok(None)),
        ("banned is null", with("banned", json!(null)), broken),
        ("banned is a text", with("banned", json!("false")), broken),
        (
            "nothing about a ban",
            (200, r#"{"id":"user_1"}"#.to_owned()),
            broken,
        ),
        // fault A6
        (
            "deprovisioned",
            with("deprovisioned", json!(true)),
            Ok(None),
        ),
        (
            "not deprovisioned",
            with("deprovisioned", json!(false)),
            Ok(Some("user_1")),
        ),
        (
            "deprovisioned is null",
            with("deprovisioned", json!(null)),
            Ok(Some("user_1")),
        ),
        (
            "deprovisioned is a text",
            with("deprovisioned", json!("true")),
            broken,
        ),
        (
            "banned, and deprovisioned is a number",
            (
                200,
                user(&[("banned", json!(true)), ("deprovisioned", json!(1))]),
            ),
            broken,
        ),
        // No tree of values has room for these.
        (
            "nested too deeply",
            hidden(false, &format!("{}{}", "[".repeat(200), "]".repeat(200))),
            broken,
        ),
        (
            "banned, and nested too deeply",
            hidden(true, &format!("{}{}", "[".repeat(200), "]".repeat(200))),
            Ok(None),
        ),
        ("banned, and a number", hidden(true, "1e999"), Ok(None)),
        (
            "banned, and half a character",
            hidden(true, r#""\ud800""#),
            Ok(None),
        ),
        (
            "banned twice",
            (200, user(&[]).replacen('{', r#"{"banned":true,"#, 1)),
            broken,
        ),
        (
            "an array",
            (200, r#"["user_1",true,null]"#.to_owned()),
            broken,
        ),
        // It keeps from signing in, for a while, and anybody can bring it about.
        ("locked", with("locked", json!(true)), Ok(Some("user_1"))),
        (
            "without an id",
            (200, r#"{"banned":false}"#.to_owned()),
            broken,
        ),
        ("id is a number", with("id", json!(1)), broken),
        ("another object", with("object", json!("session")), broken),
        (
            "id twice",
            (200, user(&[]).replacen('{', r#"{"id":"user_2","#, 1)),
            broken,
        ),
        ("deleted", (404, errors.clone()), Ok(None)),
        ("404 of a proxy", (404, "{}".to_owned()), broken),
        (
            "our key",
            (401, errors.clone()),
            Err(AuthErrorKind::CredentialsRejected),
        ),
        ("422", (422, errors), broken),
    ] {
        check(&Case {
            name,
            input,
            expected,
        });
    }
}

#[test]
fn id_is_part_of_a_path_and_nothing_else() {
    for (id, expected) in [
        ("user_2NNEqL2nrIRdJ194ndJqAHwEfxC", true),
        ("user_a-b_c", true),
        ("user_", true),
        ("", false),
        ("org_1", false),
        ("User_1", false),
        ("user_../organizations/org_1", false),
        ("user_.", false),
        ("user_1?x=1", false),
        ("user_1#x", false),
        ("user_1/x", false),
        ("user_1%2fx", false),
        ("user_1\\x", false),
        ("user_1 ", false),
        ("user_1\n", false),
        ("user_ü", false),
    ] {
        assert_eq!(is_id(id), expected, "{id:?}");
    }
    assert!(is_id(&format!("user_{}", "a".repeat(250))));
    assert!(!is_id(&format!("user_{}", "a".repeat(251))));
}
