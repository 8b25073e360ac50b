//! The kinds of tokens beside those of OAuth, and the keys to the Backend API.

use super::FakeClerk;
use super::keys;
use super::tokens::{ApiKeyBuilder, MachineTokenBuilder, SessionBuilder};
use super::webhooks;

impl FakeClerk {
    /// Prepares a session token for a user.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let clerk = fake_clerk::FakeClerk::start()?;
    /// let jwt = clerk
    ///     .session("user_2abc")
    ///     .organization("org_2abc", "acme", "admin")
    ///     .permissions(["org:billing:read"])
    ///     .issue();
    /// assert_eq!(jwt.split('.').count(), 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn session(&self, user_id: impl Into<String>) -> SessionBuilder<'_> {
        SessionBuilder::new(&self.state, user_id.into())
    }

    /// Prepares an API key for a user, an organization or a machine, which the prefix of the id shows:
    /// `user_`, `org_`, `mch_`.
    pub fn api_key(&self, subject: impl Into<String>) -> ApiKeyBuilder<'_> {
        ApiKeyBuilder::new(&self.state, subject.into())
    }

    /// Prepares a machine-to-machine token from this machine, `mch_…`.
    pub fn machine_token(&self, machine_id: impl Into<String>) -> MachineTokenBuilder<'_> {
        MachineTokenBuilder::new(&self.state, machine_id.into())
    }

    /// Returns the secret key of the Backend API, `sk_test_…`.
    #[must_use]
    pub fn secret_key(&self) -> String {
        self.state.secret_key.clone()
    }

    /// Creates a secret key for a machine, `ak_…`. With it, the machine verifies machine-to-machine tokens
    /// that are issued for it.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers for it.
    #[must_use]
    pub fn machine_secret_key(&self, machine_id: impl Into<String>) -> String {
        let key = format!("ak_{}", keys::api_key_text());
        let mut ledger = self.state.lock();
        ledger.machine_keys.insert(key.clone(), machine_id.into());
        key
    }

    /// Revokes an OAuth token, also a JWT, which Clerk's own endpoint does not revoke, an API key or an
    /// opaque machine-to-machine token. It ignores other JWTs, since no endpoint verifies them.
    pub fn revoke(&self, token: &str) {
        let mut ledger = self.state.lock();
        if let Some(token) = ledger.tokens.get_mut(token) {
            token.revoked = true;
        }
        if let Some(credential) = ledger.credentials.get_mut(token) {
            credential.revoked = true;
        }
    }

    /// Deletes a user, so that the Backend API answers 404, and revokes the user's OAuth tokens and API keys.
    /// [`save`](super::UserBuilder::save) restores the user, but not the tokens. Sends `user.deleted` to the
    /// [webhook endpoints](Self::webhooks).
    pub fn delete_user(&self, user_id: impl Into<String>) {
        let user_id = user_id.into();
        let mut ledger = self.state.lock();
        for token in ledger.tokens.values_mut() {
            token.revoked |= token.subject == user_id;
        }
        for credential in ledger.credentials.values_mut() {
            credential.revoked |= credential.subject == user_id;
        }
        let mut user = ledger.user(&user_id);
        user.deleted = true;
        let data = webhooks::deleted("user", &user_id);
        ledger.users.insert(user_id, user);
        self.state.notify(&mut ledger, "user.deleted", &data);
    }
}
