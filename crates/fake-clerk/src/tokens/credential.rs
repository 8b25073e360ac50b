//! What the Backend API knows of API keys and of opaque machine-to-machine tokens.

use serde_json::Value;

use super::life::Life;

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    ApiKey,
    MachineToken,
}

/// A record that stands for a secret text, by which the ledger finds it.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub(crate) family: Family,
    /// Not the secret itself, although it begins the same way.
    pub(crate) id: String,
    /// The place in the order of issue, which the ledger gives.
    pub(crate) serial: u64,
    pub(crate) subject: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) claims: Value,
    pub(crate) life: Life,
    pub(crate) revoked: bool,
    /// When it was verified last, in Unix time in seconds.
    pub(crate) last_used_at: Option<u64>,
    /// Of API keys alone.
    pub(crate) name: String,
    /// Of API keys alone.
    pub(crate) created_by: Option<String>,
}

impl Credential {
    pub(crate) fn is_active(&self, now: u64) -> bool {
        !self.revoked && !self.life.has_ended(now)
    }
}
