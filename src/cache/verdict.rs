//! What the outcome of a verification means: for the requests that wait for it, and for the cache.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Cache, Entry, Outcome, TokenDigest, entry::NegativeEntry};
use crate::{AuthError, clock::Now, verify::Verified};

/// When a request arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Which invalidations had returned by then.
    pub(crate) epoch: u64,
    /// How long the request waits at most, over all verifications that it waits for.
    pub(crate) deadline: Instant,
}

impl Cache {
    /// Whether a request may wait for a verification of this epoch.
    pub(crate) fn may_join(
        &self,
        key: TokenDigest,
        epoch: u64,
        arrival: Arrival,
        again: bool,
    ) -> bool {
        self.invalidations
            .may_join(epoch, arrival.epoch, key, again)
    }

    /// Whether the outcome of a verification of this epoch counts for a request.
    pub(crate) fn counts(
        &self,
        key: TokenDigest,
        epoch: u64,
        arrival: Arrival,
        outcome: &Outcome,
    ) -> bool {
        let subject = match outcome {
            Ok(entry) => Some(&*entry.claims().subject),
            // Nothing was found out.
            Err(error) if !error.kind().is_authoritative() => return true,
            Err(_) => None,
        };
        self.invalidations
            .counts(epoch, arrival.epoch, key, subject)
    }

    /// The outcome of a verification. It is not remembered yet.
    pub(crate) fn conclude(
        &self,
        key: TokenDigest,
        epoch: u64,
        result: Result<Verified, AuthError>,
        now: Now,
    ) -> Outcome {
        let verified = result?;
        let entry = Entry::new(verified, key, epoch, self.lifetimes, now);
        Ok(Arc::new(entry))
    }

    /// Remembers the outcome of a verification, if it may be remembered. `is_called_for`: Clerk has to be called
    /// for tokens of this kind.
    pub(crate) fn remember(
        &self,
        key: TokenDigest,
        epoch: u64,
        outcome: &Outcome,
        is_called_for: bool,
        now: Now,
    ) {
        let is_invalid = |subject| self.invalidations.is_invalid(epoch, key, subject);
        match outcome {
            Ok(entry) => {
                let subject = &*entry.claims().subject;
                if is_invalid(Some(subject)) {
                    return;
                }
                if is_called_for {
                    self.returning.insert(key, subject, entry.expires(), now);
                }
                if entry.is_fresh(now) {
                    self.positive.insert(entry);
                    self.negative.invalidate(&key);
                } else {
                    self.positive.remove(&key);
                }
            }
            Err(error) => {
                if is_invalid(None) {
                    return;
                }
                if error.kind().is_authoritative() {
                    self.returning.remove(key);
                    self.positive.invalidate(&key);
                } else {
                    self.positive.read(&key, |entry| entry.back_off(error, now));
                }
                if let Some(rejection) = NegativeEntry::new(error, epoch, now)
                    && !self.lifetimes.is_off()
                {
                    self.negative.insert(key, rejection);
                }
            }
        }
    }
}
