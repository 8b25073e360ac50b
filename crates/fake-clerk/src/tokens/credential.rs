//! The records of API keys and of opaque machine-to-machine tokens.

use serde_json::Value;

use super::life::Life;

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    ApiKey,
    MachineToken,
}

/// The record of a secret text, which is its key in the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub(crate) family: Family,
    /// Not the secret, although it has the same prefix.
    pub(crate) id: String,
    /// The position in the order of issue, set by the ledger.
    pub(crate) serial: u64,
    pub(crate) subject: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) claims: Value,
    pub(crate) life: Life,
    pub(crate) revoked: bool,
    /// The time of the last verification, in Unix time in seconds.
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
