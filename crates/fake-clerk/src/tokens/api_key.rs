//! The builder of API keys.

use std::time::Duration;

use serde_json::Value;

use super::credential::{Credential, Family};
use super::life::Life;
use crate::keys;
use crate::state::State;

/// A builder of an API key; made by [`FakeClerk::api_key`](crate::FakeClerk::api_key).
#[derive(Debug)]
#[must_use = "there is no key until `issue` is called"]
pub struct ApiKeyBuilder<'a> {
    state: &'a State,
    subject: String,
    name: String,
    scopes: Vec<String>,
    claims: Value,
    created_by: Option<String>,
    lifetime: Option<Duration>,
    expired: bool,
}

impl<'a> ApiKeyBuilder<'a> {
    pub(crate) fn new(state: &'a State, subject: String) -> Self {
        let created_by = subject.starts_with("user_").then(|| subject.clone());
        Self {
            state,
            subject,
            name: "Test key".to_owned(),
            scopes: Vec::new(),
            claims: Value::Null,
            created_by,
            lifetime: None,
            expired: false,
        }
    }

    /// Sets the name of the key.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Grants exactly these scopes; by default none.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the claims of the key; the default is null.
    pub fn claims(mut self, claims: Value) -> Self {
        self.claims = claims;
        self
    }

    /// Sets the creator. The default is the subject if it is a user, and null otherwise.
    pub fn created_by(mut self, user_id: impl Into<String>) -> Self {
        self.created_by = Some(user_id.into());
        self
    }

    /// Sets the lifetime of the key, in whole seconds; by default it does not expire.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Sets the time of issue so that the key expired an hour ago.
    pub fn expired(mut self) -> Self {
        self.expired = true;
        self
    }

    /// Issues the key: `ak_` and base64 that contains a slash and padding.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers for it.
    #[must_use]
    pub fn issue(self) -> String {
        let text = format!("ak_{}", keys::api_key_text());
        let mut ledger = self.state.lock();
        if self.subject.starts_with("user_") {
            ledger.meet(&self.subject);
        }
        let key = Credential {
            family: Family::ApiKey,
            id: format!("ak_{}", keys::hexadecimal(32)),
            serial: 0,
            subject: self.subject,
            scopes: self.scopes,
            claims: self.claims,
            life: Life::new(ledger.now(), self.lifetime, self.expired),
            revoked: false,
            last_used_at: None,
            name: self.name,
            created_by: self.created_by,
        };
        ledger.insert_credential(text.clone(), key);
        text
    }
}
