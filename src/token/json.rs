//! A strict reader for JSON from Clerk and from tokens: no member may appear twice, and none may have another type
//! than expected. Nothing is guessed.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value};

use super::scope::is_scope_byte;

/// A JSON object in which no member appears twice. RFC 8259 §4 does not define the meaning of duplicates, and an
/// attacker can exploit two readers that differ in it.
pub(crate) struct Members(pub(crate) Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;

        impl<'de> Visitor<'de> for Unique {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some(name) = access.next_key::<String>()? {
                    if members.contains_key(&name) {
                        return Err(de::Error::custom("duplicate member"));
                    }
                    members.insert(name, access.next_value()?);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Unique)
    }
}

/// A JSON object of which only the members of `T` are read. The others are skipped, even if they are nested too deeply for
/// a tree of values. Serde's derived readers also accept an array in the place of an object.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Typed<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Typed<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(access)).map(Object)
            }
        }

        deserializer.deserialize_map(Typed(PhantomData))
    }
}

/// Returns true if there is a member of this name. Null counts as absent.
pub(crate) fn is_present(members: &Map<String, Value>, name: &str) -> bool {
    members.get(name).is_some_and(|value| !value.is_null())
}

/// Reads a string. Clerk's schema has `null` for unknown values, so null counts as absent.
pub(crate) fn text(value: Option<Value>) -> Result<Option<String>, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("a member that must be a string is not a string"),
    }
}

/// Reads a boolean, which is false if it is absent or null.
pub(crate) fn flag(value: Option<&Value>) -> Result<bool, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err("a member that must be a boolean is not a boolean"),
    }
}

/// Reads a string or an array of strings (RFC 7519 §4.1.3).
pub(crate) fn texts(value: Option<Value>) -> Result<Option<Vec<String>>, &'static str> {
    match value {
        Some(Value::Array(entries)) => entries
            .into_iter()
            .map(|entry| match entry {
                Value::String(text) => Ok(text),
                _ => Err("an array of strings has an entry that is not a string"),
            })
            .collect::<Result<_, _>>()
            .map(Some),
        other => Ok(text(other)?.map(|text| vec![text])),
    }
}

/// Reads the scopes of a token or an answer as one text, with single spaces between them. All sources use this
/// reader. `value`: a text with spaces between scopes, or an array of scopes.
///
/// A scope consists of `%x21 / %x23-5B / %x5D-7E` (RFC 6749 §3.3). A text is split only at spaces; an entry of an
/// array is not split. An entry that is not a scope, such as one with a tab or another space, is left out: it grants
/// nothing, and the token may be valid without it.
pub(crate) fn scopes(value: Option<Value>) -> Result<Option<String>, &'static str> {
    let is_scope = |entry: &&str| !entry.is_empty() && entry.bytes().all(is_scope_byte);
    Ok(match value {
        Some(Value::Array(_)) => texts(value)?.map(|entries| {
            let scopes: Vec<&str> = entries.iter().map(|it| &**it).filter(is_scope).collect();
            scopes.join(" ")
        }),
        value => text(value)?.map(|text| {
            let scopes: Vec<&str> = text.split(' ').filter(is_scope).collect();
            scopes.join(" ")
        }),
    })
}

/// Reads a NumericDate (RFC 7519 §2). A fraction is cut off, so that a token never lives longer because of it. A
/// number that does not fit saturates.
pub(crate) fn seconds(value: Option<Value>) -> Result<Option<i64>, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => Ok(Some(match (number.as_i64(), number.as_u64()) {
            (Some(seconds), _) => seconds,
            (None, Some(_)) => i64::MAX,
            (None, None) => floor(number.as_f64().ok_or("a time is not a number")?),
        })),
        Some(_) => Err("a time is not a number"),
    }
}

#[expect(
    clippy::as_conversions,
    reason = "from float to integer, `as` saturates"
)]
fn floor(seconds: f64) -> i64 {
    seconds.floor() as i64
}
