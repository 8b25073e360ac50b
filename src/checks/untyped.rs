//! [`Untyped`]: a value of a file, before its type is checked.
//!
//! serde's own errors repeat a value that does not fit its field, and the value may be a secret in the wrong field. Some
//! formats also quote the line, or the whole file, in every error that a `Deserialize` returns. So a file is read in two
//! steps: first into this type, which accepts every value, and then from this type into the options, with an error that
//! names fields and types only.

use std::{fmt, vec};

use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeSeed, MapAccess, SeqAccess, Unexpected, Visitor, value::StringDeserializer,
    },
    forward_to_deserialize_any,
};

use super::may_be_secret;

/// A value of any type.
pub(crate) enum Untyped {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    /// In the order of the file. A repeated name is an error of the second step.
    Table(Vec<(String, Self)>),
}

/// The reason why a value does not fit. It contains no value.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// The names of the fields, from the outermost to the innermost.
    path: Vec<String>,
    reason: String,
}

impl Misfit {
    fn new(reason: impl fmt::Display) -> Self {
        Self {
            path: Vec::new(),
            reason: reason.to_string(),
        }
    }

    /// Returns the path of the field. Empty if the whole file does not fit.
    pub(crate) fn path(&self) -> String {
        self.path.join(".")
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

/// Reads a type in two steps, for a type whose own deserializer is `read`.
pub(crate) fn in_two_steps<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: fn(Untyped) -> Result<T, Misfit>,
) -> Result<T, D::Error> {
    read(Untyped::deserialize(deserializer)?).map_err(de::Error::custom)
}

impl<'de> Deserialize<'de> for Untyped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Anything;

        impl<'de> Visitor<'de> for Anything {
            type Value = Untyped;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Untyped, E> {
                Ok(Untyped::Null)
            }

            fn visit_none<E>(self) -> Result<Untyped, E> {
                Ok(Untyped::Null)
            }

            fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Untyped, D::Error> {
                Untyped::deserialize(inner)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Untyped, E> {
                Ok(Untyped::Bool(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Untyped, E> {
                Ok(Untyped::Unsigned(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Untyped, E> {
                Ok(Untyped::Signed(value))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Untyped, E> {
                Ok(Untyped::Float(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Untyped, E> {
                Ok(Untyped::Text(value.to_owned()))
            }

            fn visit_string<E>(self, value: String) -> Result<Untyped, E> {
                Ok(Untyped::Text(value))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Untyped, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = access.next_element()? {
                    entries.push(entry);
                }
                Ok(Untyped::List(entries))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Untyped, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = access.next_entry()? {
                    fields.push(field);
                }
                Ok(Untyped::Table(fields))
            }
        }

        deserializer.deserialize_any(Anything)
    }
}

impl<'de> Deserializer<'de> for Untyped {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Unsigned(value) => visitor.visit_u64(value),
            Self::Signed(value) => visitor.visit_i64(value),
            Self::Float(value) => visitor.visit_f64(value),
            Self::Text(value) => visitor.visit_string(value),
            Self::List(entries) => visitor.visit_seq(Entries(entries.into_iter())),
            Self::Table(fields) => visitor.visit_map(Fields {
                rest: fields.into_iter(),
                current: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self {
            Self::Null => visitor.visit_none(),
            value => visitor.visit_some(value),
        }
    }

    /// Rejects a list, whose entries serde would assign to the fields in their order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self {
            Self::List(_) => Err(de::Error::invalid_type(Unexpected::Seq, &visitor)),
            value => value.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Entries(vec::IntoIter<Untyped>);

impl<'de> SeqAccess<'de> for Entries {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Misfit> {
        self.0
            .next()
            .map(|entry| seed.deserialize(entry))
            .transpose()
    }
}

/// The fields of a table. Adds the name of a field to the errors about its value.
struct Fields {
    rest: vec::IntoIter<(String, Untyped)>,
    current: Option<(String, Untyped)>,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        let key = StringDeserializer::new(name.clone());
        self.current = Some((name, value));
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let (name, value) = self
            .current
            .take()
            .unwrap_or((String::new(), Untyped::Null));
        seed.deserialize(value).map_err(|mut misfit| {
            // The name of a field that is not known has been rejected by now.
            misfit.path.insert(0, name);
            misfit
        })
    }
}

/// Names types and fields, and no value. A name that may be a secret is left out.
impl de::Error for Misfit {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::new(reason)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let found = type_of(&found);
        Self::new(format_args!("invalid type: {found}, expected {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format_args!("invalid value, expected {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format_args!("unknown word, expected {}", one_of(expected)))
    }

    fn unknown_field(name: &str, expected: &'static [&'static str]) -> Self {
        let expected = one_of(expected);
        match may_be_secret(name) {
            true => Self::new(format_args!("unknown field, expected {expected}")),
            false => Self::new(format_args!("unknown field `{name}`, expected {expected}")),
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "`{}`: ", self.path())?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Misfit {}

fn type_of(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "number",
        Unexpected::Str(_) | Unexpected::Char(_) => "text",
        Unexpected::Seq => "list",
        Unexpected::Map => "table",
        Unexpected::Unit | Unexpected::Option => "null",
        _ => "type",
    }
}

fn one_of(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "none".to_owned(),
        1 => names.concat(),
        _ => format!("one of {}", names.join(", ")),
    }
}
