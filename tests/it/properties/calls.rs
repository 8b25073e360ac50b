//! The calls of an MCP request, for an oracle: all readers find them, or there are none.

use super::json::{self, Json};

/// The name of a tool, the name of another method, or neither for a response.
pub type Call = (Option<String>, Option<String>);

/// The calls of a body, or `None` if readers may disagree about them.
pub fn calls(body: &[u8]) -> Option<Vec<Call>> {
    match json::document(body)? {
        Json::Array(messages) if !messages.is_empty() => messages.iter().map(call).collect(),
        message => Some(vec![call(&message)?]),
    }
}

fn call(message: &Json) -> Option<Call> {
    let members = object(message, &["method", "params", "result", "error"])?;
    let params = match only(members, "params")? {
        Some(Json::Null) | None => &[],
        Some(params) => object(params, &["name"])?,
    };
    let name = text(only(params, "name")?)?;
    let method = text(only(members, "method")?)?;
    let has = |name: &str| members.iter().any(|(other, _)| other == name);
    match (method, has("result") || has("error")) {
        (Some("tools/call"), false) => Some((Some(name?.to_owned()), None)),
        (Some(method), false) => Some((None, Some(method.to_owned()))),
        (None, true) => Some((None, None)),
        _ => None,
    }
}

/// The members of an object, none of which looks like one of these names to one reader alone.
fn object<'a>(value: &'a Json, names: &[&str]) -> Option<&'a [(String, Json)]> {
    let Json::Object(members) = value else {
        return None;
    };
    let folded = |name: &str| name.replace('ſ', "s").to_ascii_lowercase();
    let is_clear = |(name, value): &(String, Json)| {
        let is_known = names.contains(&&**name);
        let is_similar = names.contains(&&*folded(name));
        !name.starts_with(PRIVATE) && (is_known || !is_similar) && is_plain(value)
    };
    members.iter().all(is_clear).then_some(members)
}

/// Whether no name inside of a value has a meaning for serde_json. A number cannot stand for a call.
fn is_plain(value: &Json) -> bool {
    match value {
        Json::Array(values) => values.iter().all(is_plain),
        Json::Object(members) => members.iter().all(|(name, value)| {
            let is_number = name.strip_prefix(PRIVATE) == Some("Number");
            (is_number || !name.starts_with(PRIVATE)) && is_plain(value)
        }),
        _ => true,
    }
}

/// The member of a name, which must not be there twice.
fn only<'a>(members: &'a [(String, Json)], name: &str) -> Option<Option<&'a Json>> {
    let mut found = members.iter().filter(|(other, _)| other == name);
    let first = found.next().map(|(_, value)| value);
    found.next().is_none().then_some(first)
}

/// A text, which may be absent.
fn text(value: Option<&Json>) -> Option<Option<&str>> {
    match value {
        None => Some(None),
        Some(Json::Text(text)) => Some(Some(text)),
        Some(_) => None,
    }
}

const PRIVATE: &str = "$serde_json::private::";
