//! The effects of a verification's outcome on the waiting requests and on the cache.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Cache, Outcome, Properties};
use crate::{
    AuthError, AuthErrorKind,
    claims::entry::{Acceptance, Entry, NegativeEntry},
    clock::Now,
    token::digest::TokenDigest,
};

/// The arrival of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// The latest invalidation that had returned by then.
    pub(crate) epoch: u64,
    /// The deadline of the request, over all verifications that it waits for.
    pub(crate) deadline: Instant,
}

impl Cache {
    /// Returns true if a request may wait for a verification of this epoch.
    pub(crate) fn may_join(
        &self,
        key: TokenDigest,
        epoch: u64,
        arrival: Arrival,
        again: bool,
    ) -> bool {
        let token = Properties::of_token(key);
        self.invalidations
            .may_join(epoch, arrival.epoch, token, again)
    }

    /// Returns true if the outcome of a verification of this epoch counts for a request.
    pub(crate) fn counts(
        &self,
        key: TokenDigest,
        epoch: u64,
        arrival: Arrival,
        outcome: &Outcome,
    ) -> bool {
        let token = match outcome {
            Ok(entry) => Properties::of(key, entry.claims()),
            // The verification gave no result about the token.
            Err(error) if !error.kind().is_authoritative() => return true,
            Err(_) => Properties::of_token(key),
        };
        self.invalidations.counts(epoch, arrival.epoch, token)
    }

    /// Converts the result of a verification into its outcome, without caching it.
    ///
    /// A token that is verified by its signature alone is rejected if it was revoked: no server was called that would
    /// reject it.
    pub(crate) fn conclude(
        &self,
        key: TokenDigest,
        epoch: u64,
        result: Result<impl Acceptance, AuthError>,
        now: Now,
    ) -> Outcome {
        let verified = result?;
        let is_local = verified.is_local();
        let entry = Entry::new(verified, key, epoch, self.lifetimes, now);
        let claims = entry.claims();
        if is_local
            && self
                .invalidations
                .is_ended(Properties::of(key, claims), claims.issued_at)
        {
            return Err(AuthErrorKind::Inactive.into());
        }
        Ok(Arc::new(entry))
    }

    /// Caches the outcome of a verification, if it may be cached. `is_called_for`: true if Clerk must be called for
    /// tokens of this kind.
    pub(crate) fn remember(
        &self,
        key: TokenDigest,
        epoch: u64,
        outcome: &Outcome,
        is_called_for: bool,
        now: Now,
    ) {
        let is_invalid = |token| self.invalidations.is_invalid(epoch, token);
        match outcome {
            Ok(entry) => {
                let claims = entry.claims();
                if is_invalid(Properties::of(key, claims)) {
                    return;
                }
                if is_called_for {
                    self.returning
                        .insert(key, &claims.subject, entry.expires(), now);
                }
                if entry.is_fresh(now) {
                    self.positive.insert(entry);
                    self.negative.invalidate(&key);
                } else {
                    self.positive.remove(&key);
                }
            }
            Err(error) => {
                if is_invalid(Properties::of_token(key)) {
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
