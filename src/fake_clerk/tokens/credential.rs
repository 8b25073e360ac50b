//! What the Backend API knows of API keys and of opaque machine-to-machine tokens.

use serde_json::Value;

use super::life::Life;

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fake_clerk) enum Family {
    ApiKey,
    MachineToken,
}

/// A record that stands for a secret text, by which the ledger finds it.
#[derive(Clone, Debug)]
pub(in crate::fake_clerk) struct Credential {
    pub(in crate::fake_clerk) family: Family,
    /// Not the secret itself, although it begins the same way.
    pub(in crate::fake_clerk) id: String,
    /// The place in the order of issue, which the ledger gives.
    pub(in crate::fake_clerk) serial: u64,
    pub(in crate::fake_clerk) subject: String,
    pub(in crate::fake_clerk) scopes: Vec<String>,
    pub(in crate::fake_clerk) claims: Value,
    pub(in crate::fake_clerk) life: Life,
    pub(in crate::fake_clerk) revoked: bool,
    /// When it was verified last, in Unix time in seconds.
    pub(in crate::fake_clerk) last_used_at: Option<u64>,
    /// Of API keys alone.
    pub(in crate::fake_clerk) name: String,
    /// Of API keys alone.
    pub(in crate::fake_clerk) created_by: Option<String>,
}

impl Credential {
    pub(in crate::fake_clerk) fn is_active(&self, now: u64) -> bool {
        !self.revoked && !self.life.has_ended(now)
    }
}
