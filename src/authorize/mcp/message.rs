//! The calls in a JSON-RPC message, read in one pass.
//!
//! This reader and the server behind it must find the same calls in the same bytes, or a caller could reach a tool
//! without its scopes. So the reader accepts only messages that all servers read in the same way. It keeps the method
//! and the name, and builds no tree.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

/// What one message makes the server do, as far as rules depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call<'a> {
    /// `tools/call`, with the name of the tool.
    Tool(&'a str),
    /// A request or a notification of any other method.
    Method(&'a str),
    /// A response to a request of the server.
    Response,
}

/// The reason why the calls of a body are unknown: servers may disagree about it, or it is not a JSON-RPC message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

/// Reads a body, and passes each call in it to `each`. A body is one message or a batch.
///
/// # Errors
///
/// If a server could find other calls than this reader. The calls that `each` already got do not count then.
///
/// * The body is not JSON in UTF-8 (RFC 8259 §8.1), is nested deeper than 128 levels, or has bytes after its end.
/// * A message has `method`, `params` or `params.name` twice, or a member that differs from one of them only by its
///   case. Some readers take the first, some the last, and some ignore the case. `params.name` is not a string.
/// * A member has a name of serde_json's own (`$serde_json::private::…`). If another crate enables a feature of
///   serde_json, such a member stands for another value.
/// * A message is not an object, or has neither a method nor a result, or both. `params` is not an object: some readers
///   accept an array by position.
pub(crate) fn read(body: &[u8], each: impl FnMut(Call<'_>)) -> Result<(), Ambiguous> {
    // serde_json does not check the text of values that it skips.
    let text = str::from_utf8(body).map_err(|_| Ambiguous)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    Body(each)
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|_| Ambiguous)
}

// === a body ===

/// Reads one message or a batch.
struct Body<F>(F);

impl<'de, F: FnMut(Call<'_>)> DeserializeSeed<'de> for Body<F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(Call<'_>)> Visitor<'de> for Body<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC message or a batch of them")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, members: A) -> Result<(), A::Error> {
        self.0(Message::read(members)?.call()?);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut messages: A) -> Result<(), A::Error> {
        let mut is_empty = true;
        while let Some(message) = messages.next_element::<Message>()? {
            is_empty = false;
            self.0(message.call()?);
        }
        match is_empty {
            true => Err(A::Error::custom("an empty batch")),
            false => Ok(()),
        }
    }
}

// === a message ===

/// The members of a message that rules depend on.
#[derive(Default)]
struct Message {
    method: Option<String>,
    params: Option<Params>,
    /// True if the message has a result or an error.
    is_response: bool,
}

impl Message {
    fn read<'de, A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        let mut message = Self::default();
        while let Some(name) = members.next_key_seed(OneOf(&MEMBERS))? {
            match name {
                Some("method") => once(&mut message.method, &mut members)?,
                Some("params") => once(&mut message.params, &mut members)?,
                known => {
                    message.is_response |= known.is_some();
                    members.next_value::<Skipped>()?;
                }
            }
        }
        Ok(message)
    }

    fn call<E: Error>(&self) -> Result<Call<'_>, E> {
        match (self.method.as_deref(), self.is_response) {
            (Some(TOOLS_CALL), false) => {
                let name = self
                    .params
                    .as_ref()
                    .and_then(|params| params.name.as_deref());
                let name = name.ok_or_else(|| E::custom("a call of a tool without its name"))?;
                Ok(Call::Tool(name))
            }
            (Some(method), false) => Ok(Call::Method(method)),
            (None, true) => Ok(Call::Response),
            (Some(_), true) | (None, false) => Err(E::custom("neither a request nor a response")),
        }
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Message;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON-RPC message")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Message, A::Error> {
                Message::read(members)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

// === params ===

/// The parameters of a message. Absent and null are the same.
#[derive(Default)]
struct Params {
    name: Option<String>,
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Params;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of parameters")
            }

            fn visit_unit<E>(self) -> Result<Params, E> {
                Ok(Params::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Params, A::Error> {
                let mut params = Params::default();
                while let Some(name) = members.next_key_seed(OneOf(&["name"]))? {
                    match name {
                        Some(_) => once(&mut params.name, &mut members)?,
                        None => members.next_value::<Skipped>().map(drop)?,
                    }
                }
                Ok(params)
            }
        }

        deserializer.deserialize_any(Members)
    }
}

/// Reads the value of a member that must not occur twice.
fn once<'de, T, A>(slot: &mut Option<T>, members: &mut A) -> Result<(), A::Error>
where
    T: Deserialize<'de>,
    A: MapAccess<'de>,
{
    match slot.replace(members.next_value()?) {
        Some(_) => Err(A::Error::custom("a member occurs twice")),
        None => Ok(()),
    }
}

// === names of members ===

/// Reads the name of a member: one of these, or `None` for any other. Rejects names that servers may read in different
/// ways.
struct OneOf(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for OneOf {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for OneOf {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        if name.starts_with(PRIVATE) {
            return Err(E::custom("a name of serde_json's own"));
        }
        let found = self
            .0
            .iter()
            .find(|known| is_same_but_for_case(known, name));
        match found {
            Some(known) if *known != name => Err(E::custom("a name in another case")),
            found => Ok(found.copied()),
        }
    }
}

/// Returns true if two names are equal for readers that ignore the case. Such readers also take `ſ` for `s`.
fn is_same_but_for_case(one: &str, other: &str) -> bool {
    let folded = |name| str::chars(name).flat_map(char::to_uppercase);
    folded(one).eq(folded(other))
}

// === values without a meaning for rules ===

/// Any value, read in full. [`IgnoredAny`](serde::de::IgnoredAny) would accept values that other readers reject, and
/// any depth.
struct Skipped;

impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Skipped {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self, A::Error> {
        while values.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<AnyName, Self>()?.is_some() {}
        Ok(self)
    }
}

/// The name of a member inside of a value without a meaning for rules.
struct AnyName;

impl<'de> Deserialize<'de> for AnyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Self)
    }
}

impl Visitor<'_> for AnyName {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self, E> {
        // serde_json presents each number as such an object if another crate enables `arbitrary_precision`.
        match name.starts_with(PRIVATE) && name != NUMBER {
            true => Err(E::custom("a name of serde_json's own")),
            false => Ok(self),
        }
    }
}

/// The members of a message that rules depend on. The last two make it a response.
const MEMBERS: [&str; 4] = ["method", "params", "result", "error"];
pub(crate) const TOOLS_CALL: &str = "tools/call";

/// The names that serde_json reserves for itself begin with this.
const PRIVATE: &str = "$serde_json::private::";
const NUMBER: &str = "$serde_json::private::Number";

#[cfg(test)]
mod tests;
