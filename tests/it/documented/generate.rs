//! Objects of a documented shape, in which each choice is random: optional members are absent, nullable ones are null,
//! texts and numbers are as long as they may be, and members are present that Clerk does not document yet.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::{
    shape::{Shape, departures},
    tables::{self, named},
};

/// Makes an object of this shape.
pub fn object(random: &mut Rng, shape: Shape) -> Value {
    let mut members = Map::new();
    for line in shape.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, kind) = line.split_once(' ').unwrap();
        let (name, is_required) = match name.strip_suffix('!') {
            Some(name) => (name, true),
            None => (name, false),
        };
        if is_required || random.bool() {
            members.insert(name.to_owned(), value(random, name, kind.trim()));
        }
    }
    for number in 0..random.usize(..3) {
        members.insert(format!("unknown_{number}"), anything(random));
    }
    Value::Object(members)
}

/// Gives a member one of these values. A member that is absent or null stays so in a quarter of the cases.
pub fn vary(random: &mut Rng, object: &mut Value, name: &str, values: &[Value]) {
    let is_known = object.get(name).is_some_and(|value| !value.is_null());
    if is_known || random.u8(..4) > 0 {
        object[name] = values[random.usize(..values.len())].clone();
    }
}

/// Makes a value that may stand for anything.
pub fn anything(random: &mut Rng) -> Value {
    match random.u8(..10) {
        0 => Value::Null,
        1 => json!(random.bool()),
        2 => number(random),
        3 => json!([1]),
        4 => json!({"id": 1, "": {}}),
        5 => metadata(random),
        _ => json!(text(random)),
    }
}

fn value(random: &mut Rng, name: &str, kind: &str) -> Value {
    let kind = match kind.strip_suffix('?') {
        Some(_) if random.bool() => return Value::Null,
        Some(kind) => kind,
        None => kind,
    };
    if let Some(text) = kind.strip_prefix('=') {
        return json!(text);
    }
    if let Some(prefix) = kind.strip_prefix("id:") {
        return json!(format!("{prefix}{:032x}", random.u128(..)));
    }
    if let Some(name) = kind.strip_prefix("one:") {
        return object(random, named(name));
    }
    if let Some(name) = kind.strip_prefix("list:") {
        return (0..random.usize(..3))
            .map(|_| object(random, named(name)))
            .collect();
    }
    match kind {
        // An id is the only text that is never empty.
        "string" if name == "id" || name.ends_with("_id") => {
            json!(format!("{name}_{}", random.u32(..)))
        }
        "string" => json!(text(random)),
        "boolean" => json!(random.bool()),
        "integer" => json!(time(random)),
        "number" if random.bool() => json!(f64::from(random.u32(..)) + 0.5),
        "number" => json!(time(random)),
        "object" => metadata(random),
        "any" => anything(random),
        // The fake has none of these. Clerk has objects there.
        "empty" => (0..random.usize(..3)).map(|_| metadata(random)).collect(),
        "strings" => (0..random.usize(..3)).map(|_| text(random)).collect(),
        other => panic!("there is no type {other}"),
    }
}

fn text(random: &mut Rng) -> String {
    match random.u8(..32) {
        0 => String::new(),
        1 => "é漢😀 \u{0}\u{85}\u{202e}\"\\/<!--".to_owned(),
        2 => "x".repeat(random.usize(..4_000)),
        _ => format!("text_{}", random.u32(..)),
    }
}

fn time(random: &mut Rng) -> u64 {
    match random.u8(..4) {
        0 => 0,
        1 => 1_700_000_000,
        2 => 1_700_000_000_000,
        _ => u64::MAX >> random.u8(1..63),
    }
}

fn number(random: &mut Rng) -> Value {
    match random.u8(..6) {
        0 => json!(u64::MAX),
        1 => json!(i64::MIN),
        2 => json!(-2.25),
        3 => json!(1e300),
        4 => json!(0),
        _ => json!(random.u32(..)),
    }
}

/// Metadata, as an application or a user writes it. A hundred levels are within the bound of the readers.
fn metadata(random: &mut Rng) -> Value {
    match random.u8(..8) {
        0 => json!({}),
        1 => (0..100).fold(json!({}), |inner, _| json!({"deeper": inner})),
        2 => json!({"sub": "user_2", "active": true, "banned": true, "aud": "x"}),
        _ => json!({"text": text(random), "number": number(random), "list": [null, true]}),
    }
}

#[test]
fn generated_objects_have_the_documented_members() {
    let mut random = Rng::with_seed(1);
    for shape in [
        tables::INTROSPECTION,
        tables::USERINFO,
        tables::OPENID_CONFIGURATION,
        tables::AUTHORIZATION_SERVER,
        tables::OAUTH_TOKEN,
        tables::MACHINE_TOKEN,
        tables::API_KEY,
        tables::CLERK_ERRORS,
    ] {
        for _ in 0..50 {
            let mut answer = object(&mut random, shape);
            let wrong = departures(&answer, shape);
            let is_unknown = |text: &String| text.contains("unknown_");
            assert!(wrong.iter().all(is_unknown), "{wrong:?}");
            // The check finds what is wrong.
            answer["unknown_0"] = json!(1);
            assert_ne!(departures(&answer, shape), Vec::<String>::new());
        }
    }
}
