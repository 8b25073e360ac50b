//! Key sets: whatever the text, no key is had that the oracle does not see, and an unreadable set has none.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tower_clerk::fuzzing::key_set_has;

#[path = "../../tests/it/properties/json.rs"]
mod json;

use self::json::Json;

fuzz_target!(|body: &[u8]| {
    let has = key_set_has(body, "ins_1");
    let Some(members) = json::members(body) else {
        assert_eq!(has, None);
        return;
    };
    let keys = members.iter().find(|(name, _)| name == "keys");
    let Some((_, Json::Array(keys))) = keys else {
        assert_eq!(has, None);
        return;
    };
    let usable: Vec<_> = keys.iter().filter_map(kid).collect();
    if has.is_some() {
        assert!(!usable.is_empty());
    }
    if has == Some(true) {
        assert!(usable.contains(&"ins_1"));
    }
});

/// The name of a key that may be of use: whether its numbers are those of a key is not looked at. Of a member
/// that stands twice, any may count: the set is Clerk's, and no caller's.
fn kid(key: &Json) -> Option<&str> {
    let Json::Object(members) = key else {
        return None;
    };
    let says = |name: &str, text: &str| {
        let mut values = members.iter().filter(|(other, _)| other == name);
        values.any(|(_, value)| *value == Json::Text(text.to_owned()))
    };
    let is_there = |name: &str| members.iter().any(|(other, _)| other == name);
    let is_usable = says("kty", "RSA")
        && (!is_there("use") || says("use", "sig"))
        && (!is_there("alg")
            || ["RS256", "RS384", "RS512"]
                .iter()
                .any(|alg| says("alg", alg)))
        && is_there("n")
        && is_there("e");
    let is_ours = is_usable && says("kid", "ins_1");
    let kid = members.iter().find_map(|(name, value)| match value {
        Json::Text(kid) if name == "kid" => Some(&**kid),
        _ => None,
    })?;
    is_usable.then_some(if is_ours { "ins_1" } else { kid })
}
