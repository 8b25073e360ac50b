//! Parsers for values from text: from the environment, and from files through serde.

use std::{fmt, marker::PhantomData, time::Duration};

use secrecy::SecretString;
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, SeqAccess, Visitor},
};

use super::{Hidden, untyped::Misfit};

/// A list of client or machine ids, or any id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Any,
    Listed(Vec<String>),
}

impl Named {
    /// Returns a replacement for `Debug` output.
    pub(crate) fn hidden(&self) -> Hidden {
        match self {
            Self::Any => Hidden::any(),
            Self::Listed(entries) => Hidden::list(entries),
        }
    }
}

/// Parses a duration: a number of seconds, or humantime's `1m 30s`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text).ok(),
    }
}

/// Parses a list, separated by commas or white space.
pub(crate) fn list(text: &str) -> Vec<String> {
    text.split([',', ' ', '\t', '\n', '\r'])
        .filter(|entry| !entry.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

/// Parses a list of ids, or `*` for any.
pub(crate) fn named(text: &str) -> Named {
    match text.trim() {
        "*" => Named::Any,
        text => Named::Listed(list(text)),
    }
}

pub(crate) fn deserialize_duration<'de, D: Deserializer<'de>>(
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
            // Any other text may be a misplaced secret.
            let unexpected = de::Unexpected::Other("another text");
            duration(text).ok_or_else(|| E::invalid_value(unexpected, &self))
        }
    }

    deserializer.deserialize_any(Seconds)
}

pub(crate) fn deserialize_list<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: From<Vec<String>>,
{
    deserializer.deserialize_any(Entries(|text| list(text).into(), PhantomData))
}

pub(crate) fn deserialize_algorithms<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
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

/// A visitor for a sequence of strings, or for one string that a function splits.
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

/// Reads a secret. The error does not repeat a value of another type.
pub(crate) fn deserialize_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<SecretString, D::Error> {
    let message = "`client_secret`, `secret_key` and `machine_secret_key` must be strings";
    secret_text(deserializer, message).map(Into::into)
}

pub(crate) fn deserialize_secret_option<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SecretString>, D::Error> {
    deserialize_secret(deserializer).map(Some)
}

/// Reads a list of secrets. The error does not repeat a value of another type.
#[cfg(any(feature = "webhooks", feature = "fleet"))]
pub(crate) fn deserialize_secrets<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<SecretString>, D::Error> {
    let secrets: Vec<String> = deserialize_list(deserializer)
        .map_err(|_: D::Error| de::Error::custom("the secrets must be a list of strings"))?;
    Ok(secrets.into_iter().map(Into::into).collect())
}

/// Reads a text that may be a secret.
pub(crate) fn secret_text<'de, D: Deserializer<'de>>(
    deserializer: D,
    message: &'static str,
) -> Result<String, D::Error> {
    String::deserialize(deserializer).map_err(|_| de::Error::custom(message))
}

/// Reads an optional duration.
pub(crate) fn deserialize_duration_option<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    deserialize_duration(deserializer).map(Some)
}

/// Reads a word of a fixed set. The error does not repeat the text, which may be a secret.
pub(crate) fn deserialize_word<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> Deserialize<'a>,
{
    let text = String::deserialize(deserializer)?;
    T::deserialize(de::value::StrDeserializer::<Misfit>::new(&text)).map_err(de::Error::custom)
}

pub(crate) fn deserialize_word_option<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> Deserialize<'a>,
{
    deserialize_word(deserializer).map(Some)
}

/// Parses a word of a fixed set, in serde's spelling.
pub(crate) fn word<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    T::deserialize(de::value::StrDeserializer::<de::value::Error>::new(text)).ok()
}
