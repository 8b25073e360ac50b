//! [`ApiKeys`]: API keys of users and organizations.

use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::checks::{Hidden, Problems, check_scope, parse, untyped::in_two_steps};

/// API keys of users and organizations (`ak_…`), verified by the Backend API with the
/// [`secret_key`](crate::ClerkConfigBuilder::secret_key), which is mandatory.
///
/// In a file it is the table `accept.api_key`, with `required_scopes`. `Debug` shows no text of it.
#[derive(Clone, Default, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields, expecting = "a table")]
#[must_use = "pass it to `ClerkConfigBuilder::accept`"]
pub struct ApiKeys {
    #[serde(deserialize_with = "parse::deserialize_list")]
    pub(crate) required_scopes: Vec<String>,
}

/// Reads the table in two steps, so that no value of it gets into an error.
impl<'de> Deserialize<'de> for ApiKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        in_two_steps(deserializer, Self::deserialize)
    }
}

impl ApiKeys {
    /// Accepts API keys with any scopes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the scopes that every key must have, all of them. Default: none, since they depend on the application.
    /// Scopes are compared byte for byte, unless [`scope_implies`](crate::ClerkConfigBuilder::scope_implies) is set.
    pub fn required_scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.required_scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn check(&self, problems: &mut Problems) {
        let option = "accept.api_key.required_scopes";
        problems.check_each(option, &self.required_scopes, check_scope);
    }
}

impl super::sealed::Sealed for ApiKeys {
    fn into_kind(self) -> super::Kind {
        super::Kind::ApiKey(self)
    }
}

/// Redacts all texts, since any of them may be a misplaced secret.
impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys")
            .field("required_scopes", &Hidden::list(&self.required_scopes))
            .finish()
    }
}
