//! Comparing an answer with a table of members.

use serde_json::{Value, json};

use super::tables::{CLERK_ERRORS, OAUTH_ERROR, named};

/// The members of an object. One a line: `name type`, with `!` behind the name of a member that is required,
/// and `?` behind the type of one that may be null. An object has no other members.
///
/// The types: `string`, `boolean`, `integer`, `number`, `object`, `any`, `strings`, `list:NAME` and `one:NAME` for
/// objects with a table of their own, `empty` for an empty list, `id:PREFIX` for a prefix with 32 hexadecimal digits behind it, and
/// `=VALUE` for a text that is always the same.
pub type Shape = &'static str;

/// What the body of an answer must be.
pub enum Body {
    Empty,
    /// An object of this shape.
    Json(Shape),
    /// An error in Clerk's form, with this code; any, if it is empty.
    Clerk(&'static str),
    /// An error in OAuth's form, one of these.
    OAuth(&'static [&'static str]),
}

impl Body {
    #[track_caller]
    pub fn check(&self, name: &str, is_json: bool, body: &[u8]) {
        if matches!(self, Self::Empty) {
            assert!(body.is_empty() && !is_json, "{name}");
            return;
        }
        assert!(is_json, "{name}");
        let value: Value = serde_json::from_slice(body).unwrap();
        let shape = match self {
            Self::Json(shape) => shape,
            Self::Clerk(_) => CLERK_ERRORS,
            Self::OAuth(_) => OAUTH_ERROR,
            Self::Empty => return,
        };
        assert_eq!(
            departures(&value, shape),
            Vec::<String>::new(),
            "{name}: {value}"
        );
        match self {
            Self::Clerk(code) if !code.is_empty() => {
                assert_eq!(value["errors"][0]["code"], *code, "{name}");
            }
            Self::OAuth(errors) => {
                let error = value["error"].as_str().unwrap_or_default();
                assert!(errors.contains(&error), "{name}: {error}");
            }
            _ => {}
        }
    }
}

/// What is wrong with an object.
pub fn departures(value: &Value, shape: Shape) -> Vec<String> {
    let Some(object) = value.as_object() else {
        return vec!["no object".to_owned()];
    };
    let mut wrong = Vec::new();
    let mut known = Vec::new();
    for line in shape.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, kind) = line.split_once(' ').unwrap();
        let (name, is_required) = match name.strip_suffix('!') {
            Some(name) => (name, true),
            None => (name, false),
        };
        known.push(name);
        match object.get(name) {
            None if is_required => wrong.push(format!("{name} is missing")),
            None => {}
            Some(value) if is_of(value, kind.trim()) => {}
            Some(value) => wrong.push(format!("{name} is {value}")),
        }
    }
    let others = object.keys().filter(|name| !known.contains(&&***name));
    wrong.extend(others.map(|name| format!("{name} is not documented")));
    wrong
}

fn is_of(value: &Value, kind: &str) -> bool {
    let (kind, may_be_null) = match kind.strip_suffix('?') {
        Some(kind) => (kind, true),
        None => (kind, false),
    };
    if value.is_null() {
        return may_be_null;
    }
    if let Some(text) = kind.strip_prefix('=') {
        return value == text;
    }
    if let Some(prefix) = kind.strip_prefix("id:") {
        let digits = value.as_str().and_then(|text| text.strip_prefix(prefix));
        return digits.is_some_and(|digits| {
            digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
    }
    if let Some(name) = kind.strip_prefix("one:") {
        return departures(value, named(name)).is_empty();
    }
    if let Some(name) = kind.strip_prefix("list:") {
        let fits = |value: &Value| departures(value, named(name)).is_empty();
        return value.as_array().is_some_and(|list| list.iter().all(fits));
    }
    match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "object" => value.is_object(),
        "any" => true,
        "empty" => value.as_array().is_some_and(Vec::is_empty),
        "strings" => value
            .as_array()
            .is_some_and(|list| list.iter().all(Value::is_string)),
        other => panic!("there is no type {other}"),
    }
}

#[test]
fn departures_from_a_table_are_found() {
    const TABLE: Shape = "
        id!   id:oat_
        kind! =user
        end   integer?
        keys  list:key
    ";
    let good = json!({"id": format!("oat_{}", "0a".repeat(16)), "kind": "user"});
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    let cases = [
        ("least", good.clone(), 0),
        ("null", with("end", Value::Null), 0),
        ("no list members", with("keys", json!([])), 0),
        ("a member more", with("aud", json!("x")), 1),
        ("another type", with("end", json!("1")), 1),
        ("another text", with("kind", json!("users")), 1),
        ("null where it must not be", with("kind", Value::Null), 1),
        ("a short id", with("id", json!("oat_00")), 1),
        ("a bad list member", with("keys", json!([{}])), 1),
        ("nothing", json!({}), 2),
        ("no object", json!([]), 1),
    ];
    for (name, value, expected) in cases {
        assert_eq!(departures(&value, TABLE).len(), expected, "{name}");
    }
}
