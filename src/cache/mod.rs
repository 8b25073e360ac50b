//! What is known of tokens: good ones, bad ones, and those that are being asked about.
//!
//! Good and bad ones are apart, so that a flood of bad tokens evicts no good one. The cache belongs to
//! one configuration: an entry is a verdict under its rules. Nothing here asks anybody.

mod negative;
mod entry;
mod positive;
mod hot_index;
mod invalidation;
mod digest;
mod store;
mod returning;
pub(crate) mod single_flight;
mod user;
mod verdict;

use std::{sync::Arc, time::Duration};

pub(crate) use self::{
    digest::{TokenDigest, TokenHasher},
    entry::{Entry, Lifetimes},
    single_flight::{Join, Landed, Outcome, SingleFlight},
    user::UserCache,
    verdict::Arrival,
};
use self::{
    invalidation::{Invalidations, Many},
    negative::Negative,
    positive::Positive,
    returning::Returning,
};
use crate::{AuthError, ClerkClaims, clock::Now};

/// Whether a token is known to be good.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// It is good. `needs_touch`: the store has not heard lately that it is in use. `refresh`: the end of
    /// the entry is near, and it is on this request to have it verified again in the background.
    Hit {
        claims: ClerkClaims,
        needs_touch: bool,
        refresh: bool,
    },
    /// It was good, Clerk could not be asked a moment ago, and old verdicts may be used meanwhile.
    Stale { claims: ClerkClaims },
    /// It is not known to be good. `was_good`: an entry says that it was, a moment ago.
    Unknown { was_good: bool },
}

/// See the module docs.
pub(crate) struct Cache {
    keyer: TokenHasher,
    lifetimes: Lifetimes,
    positive: Positive,
    negative: Negative,
    returning: Returning,
    invalidations: Invalidations,
    pub(crate) flights: Arc<SingleFlight<TokenDigest, Arc<Entry>>>,
}

impl Cache {
    /// `capacity` is the number of good tokens that are remembered; a tenth as many bad ones are.
    /// `timeout`: how long a verification takes at most.
    pub(crate) fn new(
        keyer: TokenHasher,
        lifetimes: Lifetimes,
        capacity: u64,
        timeout: Duration,
    ) -> Self {
        let longest = lifetimes.longest();
        Self {
            keyer,
            lifetimes,
            positive: Positive::new(capacity, longest),
            negative: Negative::new((capacity / 10).max(1), longest),
            returning: Returning::new(),
            invalidations: Invalidations::default(),
            flights: SingleFlight::new(timeout),
        }
    }

    pub(crate) fn key(&self, token: impl AsRef<[u8]>) -> TokenDigest {
        self.keyer.key(token)
    }

    /// Looks for a good token. Always in its caller's place, as what it calls on the way of a hit: else what is
    /// found goes through memory a few times.
    #[inline(always)]
    pub(crate) fn get_positive(&self, key: &TokenDigest, now: Now) -> Lookup {
        match self.positive.read(key, |entry| self.judge(entry, now)) {
            Some(Some(lookup)) => lookup,
            Some(None) => Lookup::Unknown {
                was_good: self.forget(*key),
            },
            None => Lookup::Unknown { was_good: false },
        }
    }

    /// Why a token is rejected, if that is remembered. Of one that is not known to be good.
    pub(crate) fn get_negative(&self, key: TokenDigest, now: Now) -> Option<AuthError> {
        let rejection = self.negative.get(&key)?;
        if self
            .invalidations
            .is_cached_invalid(rejection.epoch, key, None)
        {
            self.negative.invalidate(&key);
        } else if let Some(error) = rejection.error(now) {
            return Some(error);
        } else {
            self.negative.remove_expired(&key);
        }
        None
    }

    /// Removes an entry that is over, or invalidated. Whether it was good to its end.
    #[cold]
    fn forget(&self, key: TokenDigest) -> bool {
        let is_invalid = |entry: &Arc<Entry>| self.is_invalid(entry);
        let was_good = self.positive.read(&key, is_invalid) == Some(false);
        if was_good {
            self.positive.remove_expired(&key);
        } else {
            self.positive.invalidate(&key);
        }
        was_good
    }

    /// What an entry is good for; nothing, where it is over.
    #[inline]
    fn judge(&self, entry: &Arc<Entry>, now: Now) -> Option<Lookup> {
        // Nearly always nothing was invalidated since, and the end is far: two looks, none at the claims.
        if self.invalidations.is_latest(entry.epoch) && entry.is_young(now) {
            return Some(Lookup::Hit {
                claims: ClerkClaims::of(Arc::clone(entry)),
                needs_touch: entry.needs_touch(self.positive.touch_window()),
                refresh: false,
            });
        }
        self.judge_closely(entry, now)
    }

    /// The same of one that may be invalidated, or whose end is near. Apart, so that others need not carry its weight.
    #[inline(never)]
    fn judge_closely(&self, entry: &Arc<Entry>, now: Now) -> Option<Lookup> {
        if self.is_invalid(entry) || !entry.is_usable(now) {
            return None;
        }
        let claims = ClerkClaims::of(Arc::clone(entry));
        // What is fresh is usable, too.
        if entry.is_fresh(now) {
            return Some(Lookup::Hit {
                claims,
                needs_touch: entry.needs_touch(self.positive.touch_window()),
                refresh: entry.claim_refresh(now),
            });
        }
        if entry.is_bridging(now) {
            return Some(Lookup::Stale {
                claims: claims.into_stale(),
            });
        }
        Some(Lookup::Unknown { was_good: true })
    }

    /// Notes a request that was let through.
    pub(crate) fn hit(&self, key: &TokenDigest, needs_touch: bool) {
        self.positive.hit(key, needs_touch);
    }

    /// Notes a request whose token was known to be bad.
    pub(crate) fn hit_negative(&self) {
        self.negative.hit();
    }

    /// Notes a request whose token has to be asked about.
    pub(crate) fn missed(&self, key: TokenDigest) {
        self.positive.missed(&key);
        self.negative.missed();
    }

    /// Notes a verification that was started ahead of time.
    pub(crate) fn refreshing(&self) {
        self.positive.refreshing();
    }

    /// Whether an entry of the cache was invalidated, at any time since its verification began.
    fn is_invalid(&self, entry: &Entry) -> bool {
        let subject = &entry.claims().subject;
        self.invalidations
            .is_cached_invalid(entry.epoch, *entry.key(), Some(subject))
    }

    /// Whether a token was valid before, so that a flood of tokens never seen must not keep it out.
    pub(crate) fn is_returning(&self, key: TokenDigest, now: Now) -> bool {
        self.returning.contains(key, now)
    }

    /// What may be used while Clerk is unavailable: an older verdict, if the configuration allows it, or one that
    /// has come meanwhile.
    pub(crate) fn bridge(&self, key: &TokenDigest, now: Now) -> Option<ClerkClaims> {
        let bridge = |entry: &Arc<Entry>| {
            let claims = ClerkClaims::of(Arc::clone(entry));
            if self.is_invalid(entry) || !entry.is_usable(now) {
                None
            } else if entry.is_fresh(now) {
                Some(claims)
            } else {
                Some(claims.into_stale())
            }
        };
        self.positive.read(key, bridge).flatten()
    }

    /// The number of the latest invalidation: that of a request that arrives now, or of a verification that is
    /// about to call Clerk.
    pub(crate) fn epoch(&self) -> u64 {
        self.invalidations.epoch()
    }

    /// Forgets a token. A verification of it that is under way does not count for requests that arrive after
    /// this, and is not remembered.
    pub(crate) fn invalidate(&self, token: &str) {
        let key = self.key(token);
        let Many(are_many) = self.invalidations.invalidate_under_way(&self.flights, key);
        self.positive.invalidate(&key);
        self.negative.invalidate(&key);
        self.returning.remove(key);
        if are_many {
            self.sweep();
        }
    }

    /// Forgets all tokens of a subject.
    pub(crate) fn invalidate_subject(&self, subject: &str) {
        let Many(are_many) = self.invalidations.invalidate_subject(subject);
        self.flights.settle();
        self.returning.remove_subject(subject);
        if are_many {
            self.sweep();
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.invalidations.invalidate_all();
        self.flights.settle();
        self.positive.clear();
        self.negative.clear();
        self.returning.clear();
    }

    /// Removes what is invalidated, so that its marks need not be kept.
    #[cold]
    fn sweep(&self) {
        self.invalidations.replace_marks(|| {
            self.flights.settle();
            self.positive.remove_all(|entry| self.is_invalid(entry));
        });
    }

    /// How many good and bad tokens are remembered.
    pub(crate) fn len(&self) -> (u64, u64) {
        (self.positive.len(), self.negative.len())
    }
}

#[cfg(test)]
mod tests;
