//! Reading values from text: from the environment, and from files through serde.

use std::{fmt, marker::PhantomData, time::Duration};

use secrecy::SecretString;
use serde::{
    Deserialize, Deserializer,
    de::{self, SeqAccess, Visitor},
};

use super::{JwtAlgorithm, Named, may_be_secret};
use crate::token::Kinds;

/// A duration: a number of seconds, or humantime's `1m 30s`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text).ok(),
    }
}

/// A list: separated by commas or white space.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split([',', ' ', '\t', '\n', '\r'])
        .filter(|entry| !entry.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

/// A list of ids, or `*` for any.
pub(super) fn named(text: &str) -> Named {
    match text.trim() {
        "*" => Named::Any,
        text => Named::Listed(list(text)),
    }
}

/// A set of kinds, each by one of its names.
pub(super) fn kinds(text: &str) -> Option<Kinds> {
    list(text).iter().map(|name| word(name)).collect()
}

pub(super) fn deserialize_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    struct Seconds;

    impl Visitor<'_> for Seconds {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number of seconds or a duration such as \"30s\"")
        }

        fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Duration, E> {
            Ok(Duration::from_secs(seconds))
        }

        fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Duration, E> {
            u64::try_from(seconds)
                .map(Duration::from_secs)
                .map_err(|_| E::invalid_value(de::Unexpected::Signed(seconds), &self))
        }

        fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Duration, E> {
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| E::invalid_value(de::Unexpected::Float(seconds), &self))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            // Any other text may be a secret in the wrong place.
            let unexpected = match may_be_secret(text) {
                true => de::Unexpected::Other("another text"),
                false => de::Unexpected::Str(text),
            };
            duration(text).ok_or_else(|| E::invalid_value(unexpected, &self))
        }
    }

    deserializer.deserialize_any(Seconds)
}

pub(super) fn deserialize_list<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: From<Vec<String>>,
{
    deserializer.deserialize_any(Entries(|text| list(text).into(), PhantomData))
}

pub(super) fn deserialize_kinds<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Kinds, D::Error> {
    let names: Vec<String> = deserialize_list(deserializer)?;
    let unknown = || de::Error::custom("a kind is `oauth`, `session`, `api_key` or `machine`");
    kinds(&names.join(" ")).ok_or_else(unknown)
}

pub(super) fn deserialize_algorithms<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<JwtAlgorithm>, D::Error> {
    let names: Vec<String> = deserialize_list(deserializer)?;
    let algorithms: Option<_> = names.iter().map(|name| word(name)).collect();
    algorithms.ok_or_else(|| de::Error::custom("an algorithm is `RS256`, `RS384` or `RS512`"))
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Entries(named, PhantomData))
    }
}

impl From<Vec<String>> for Named {
    fn from(clients: Vec<String>) -> Self {
        Self::Listed(clients)
    }
}

/// A sequence of strings, or one string for a function to take apart.
struct Entries<T>(fn(&str) -> T, PhantomData<T>);

impl<'de, T: From<Vec<String>>> Visitor<'de> for Entries<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of strings, or a string with commas or spaces between them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        Ok(self.0(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<T, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_element::<String>()? {
            entries.push(entry);
        }
        Ok(entries.into())
    }
}

/// A secret. What stands there instead of a string is not repeated in the error.
pub(super) fn deserialize_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SecretString, D::Error> {
    match String::deserialize(deserializer) {
        Ok(secret) => Ok(secret.into()),
        Err(_) => Err(de::Error::custom(
            "`client_secret` and `secret_key` must be strings",
        )),
    }
}

/// A word out of a fixed set, spelled as serde spells it.
pub(super) fn word<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    T::deserialize(de::value::StrDeserializer::<de::value::Error>::new(text)).ok()
}
