//! Revocations: an [`Effect::End`](crate::observe::Effect) also rejects tokens that are verified by their signature
//! alone. No server is called about such a token, so the replica itself must keep what has ended.
//!
//! A revocation is kept for at least [`LIFE`], which is longer than any session token lives. The bounds of their number are
//! those of [`ByScope`]: beyond them, one revocation of all tokens replaces many.

use super::{
    by_scope::{Age, ByScope, Dropped},
    scope::Scope,
};

/// The revocations of one replica.
#[derive(Debug, Default)]
pub(super) struct Ends(ByScope<End>);

/// The latest revocation of one scope.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    /// The number of the invalidation.
    epoch: u64,
    /// The time of the revocation on the wall clock, in milliseconds.
    at: u64,
}

impl Ends {
    /// Adds a revocation at `at`, by the wall clock in milliseconds. `name`: the hash of the scope. `life`: the time for
    /// which revocations are kept, in milliseconds.
    pub(super) fn add(
        &mut self,
        scope: Scope<&str>,
        name: u64,
        age: Age,
        at: u64,
        life: u64,
    ) -> Dropped {
        self.0.raise(scope, name, age, life, |earlier, _| End {
            epoch: age.epoch,
            // The wall clock may be set back. The time of a revocation never is.
            at: earlier.map_or(at, |earlier| earlier.at.max(at)),
        })
    }

    /// Returns true if a revocation rejects a token that is verified by its signature alone. `scopes`: the scopes that
    /// concern the token, with their hashes. `issued_at`: in Unix seconds; a token without it counts as old.
    ///
    /// A token and a session end forever. A subject may sign in again, so later tokens pass. The token's time has whole
    /// seconds, so one that was issued in the second of the revocation is rejected as well.
    pub(super) fn reject<'a>(
        &self,
        scopes: impl Iterator<Item = (Scope<&'a str>, u64)>,
        issued_at: Option<i64>,
    ) -> bool {
        let issued_at = issued_at.unwrap_or(0).max(0).cast_unsigned();
        let is_earlier =
            |end: &End| issued_at.saturating_mul(1000) <= end.at.saturating_add(SECOND);
        self.0.of(scopes).any(|(scope, end)| match scope {
            Scope::Token(_) | Scope::Session(_) => true,
            _ => is_earlier(end),
        })
    }

    /// Returns true if a revocation with a later number than `epoch` concerns a token.
    pub(super) fn is_later<'a>(
        &self,
        epoch: u64,
        scopes: impl Iterator<Item = (Scope<&'a str>, u64)>,
    ) -> bool {
        self.0.of(scopes).any(|(_, end)| end.epoch > epoch)
    }
}

/// The shortest time for which a revocation is kept, in milliseconds: 15 minutes.
pub(super) const LIFE: u64 = 900_000;

const SECOND: u64 = 1000;

#[cfg(test)]
mod tests;
