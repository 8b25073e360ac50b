//! The builder of machine-to-machine tokens.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::category::Category;
use super::credential::{Credential, Family};
use super::life::Life;
use crate::keys;
use crate::state::State;

const ONE_HOUR: Duration = Duration::from_secs(3600);

/// A builder of a machine-to-machine token; made by
/// [`FakeClerk::machine_token`](crate::FakeClerk::machine_token).
#[derive(Debug)]
#[must_use = "there is no token until `issue` is called"]
pub struct MachineTokenBuilder<'a> {
    state: &'a State,
    subject: String,
    scopes: Vec<String>,
    claims: Map<String, Value>,
    lifetime: Option<Duration>,
    expired: bool,
    format: Format,
    category: Category,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Opaque,
    Jwt,
}

impl<'a> MachineTokenBuilder<'a> {
    pub(crate) fn new(state: &'a State, subject: String) -> Self {
        Self {
            state,
            subject,
            scopes: Vec::new(),
            claims: Map::new(),
            lifetime: Some(ONE_HOUR),
            expired: false,
            format: Format::Opaque,
            category: Category::Machine,
        }
    }

    /// Issues the token for exactly these machines, `mch_…`, which Clerk calls its scopes; by default
    /// for none.
    pub fn scopes(mut self, machines: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = machines.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a claim to the token. In a JWT it replaces a claim of the same name; null removes that claim.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Sets the lifetime of the token, in whole seconds; the default is one hour.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Issues a token that does not expire. A JWT then lacks `exp`.
    pub fn never_expires(mut self) -> Self {
        self.lifetime = None;
        self
    }

    /// Sets the time of issue so that the token expired an hour ago.
    pub fn expired(mut self) -> Self {
        self.expired = true;
        self
    }

    /// Issues a JWT; the default is an opaque token. A JWT cannot be revoked, and the Backend API does
    /// not verify it.
    pub fn jwt(mut self) -> Self {
        self.format = Format::Jwt;
        self
    }

    /// Writes this category into the header of a JWT; the default is [`Category::Machine`].
    pub fn category(mut self, category: Category) -> Self {
        self.category = category;
        self
    }

    /// Issues the token.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers for it.
    #[must_use]
    pub fn issue(self) -> String {
        let life = Life::new(self.state.lock().now(), self.lifetime, self.expired);
        match self.format {
            Format::Opaque => self.opaque(life),
            Format::Jwt => self.signed(life),
        }
    }

    fn opaque(self, life: Life) -> String {
        let text = format!("mt_{}", keys::alphanumeric(32));
        let token = Credential {
            family: Family::MachineToken,
            id: format!("mt_{}", keys::hexadecimal(32)),
            serial: 0,
            subject: self.subject,
            scopes: self.scopes,
            claims: Value::Object(self.claims),
            life,
            revoked: false,
            last_used_at: None,
            name: String::new(),
            created_by: None,
        };
        let mut ledger = self.state.lock();
        ledger.insert_credential(text.clone(), token);
        text
    }

    fn signed(self, life: Life) -> String {
        let mut payload = json!({
            "iss": self.state.issuer,
            "sub": self.subject,
            "iat": life.issued_at,
            "nbf": life.not_before(),
            "exp": life.expires_at,
            "jti": format!("mt_{}", keys::hexadecimal(32)),
            "aud": self.scopes,
            "scopes": self.scopes.join(" "),
        });
        if let Value::Object(payload) = &mut payload {
            payload.extend(self.claims);
            payload.retain(|_, value| !value.is_null());
        }
        let category = self.category.value();
        self.state.sign(keys::PLAIN, category, &payload)
    }
}
