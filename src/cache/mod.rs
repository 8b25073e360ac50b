//! The cache of verification results: positive entries, negative entries, and verifications in flight.
//!
//! Positive and negative entries have separate stores, so that a flood of rejected tokens does not evict a positive
//! entry. The cache belongs to one configuration: an entry is a result under its rules. The cache itself never calls
//! Clerk.

mod negative;
mod positive;
mod hot_index;
mod invalidation;
mod store;
mod returning;
mod user;
mod verdict;

use std::{sync::Arc, time::Duration};

#[cfg(feature = "fleet")]
pub(crate) use self::invalidation::{CLOCK_MARGIN, InvalidationId, MAX_OTHERS, MAX_TOKENS};
#[cfg(feature = "fleet")]
pub(crate) use self::user::USER_TTL;
use self::{
    invalidation::{Dropped, Invalidations, Many},
    negative::Negative,
    positive::Positive,
    returning::Returning,
};
pub(crate) use self::{
    invalidation::{Made, Properties, Scope},
    user::{FetchedUser, UserCache},
    verdict::Arrival,
};
use crate::{
    AuthError, ClerkClaims,
    claims::entry::{Entry, Lifetimes},
    clock::{Now, millis},
    observe::Effect,
    sync::single_flight::{self, SingleFlight},
    token::digest::{TokenDigest, TokenHasher},
};

/// The outcome of a verification.
pub(crate) type Outcome = single_flight::Outcome<Arc<Entry>>;

/// The result of a lookup for a positive entry.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// The token has a valid entry. `needs_touch`: true if this hit must touch the store, which otherwise does not
    /// record that the entry is in use. `refresh`: true if the entry is close to its end, and this request must start a
    /// verification in the background.
    Hit {
        claims: ClerkClaims,
        needs_touch: bool,
        refresh: bool,
    },
    /// The entry is no longer fresh, Clerk was recently unavailable, and stale-if-error permits its use meanwhile.
    Stale { claims: ClerkClaims },
    /// The token has no valid entry. `was_good`: true if it had one until recently.
    Unknown { was_good: bool },
}

/// The cache of verification results, see the module docs.
pub(crate) struct Cache {
    hasher: TokenHasher,
    lifetimes: Lifetimes,
    positive: Positive,
    negative: Negative,
    returning: Returning,
    invalidations: Invalidations,
    pub(crate) flights: Arc<SingleFlight<TokenDigest, Arc<Entry>>>,
}

impl Cache {
    /// `capacity`: the number of positive entries. A tenth as many negative entries are kept. `timeout`: the longest
    /// duration of a verification.
    pub(crate) fn new(
        hasher: TokenHasher,
        lifetimes: Lifetimes,
        capacity: u64,
        timeout: Duration,
    ) -> Self {
        let longest = lifetimes.longest();
        Self {
            hasher,
            lifetimes,
            positive: Positive::new(capacity, longest),
            negative: Negative::new((capacity / 10).max(1), longest),
            returning: Returning::new(),
            invalidations: Invalidations::new(millis(longest.saturating_add(timeout))),
            flights: SingleFlight::new(timeout),
        }
    }

    pub(crate) fn key(&self, token: impl AsRef<[u8]>) -> TokenDigest {
        self.hasher.key(token)
    }

    /// Looks up a positive entry. Always inlined into its caller, like the functions that it calls on a hit. Otherwise
    /// the result is copied through memory several times.
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

    /// Returns the cached rejection of a token that has no positive entry.
    pub(crate) fn get_negative(&self, key: TokenDigest, now: Now) -> Option<AuthError> {
        let rejection = self.negative.get(&key)?;
        if self
            .invalidations
            .is_cached_invalid(rejection.epoch, Properties::of_token(key))
        {
            self.negative.invalidate(&key);
        } else if let Some(error) = rejection.error(now) {
            return Some(error);
        } else {
            self.negative.remove_expired(&key);
        }
        None
    }

    /// Removes an entry that has expired or is invalidated. Returns true if it was not invalidated.
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

    /// Returns the lookup result for an entry. `None` if the entry has expired or is invalidated.
    #[inline]
    fn judge(&self, entry: &Arc<Entry>, now: Now) -> Option<Lookup> {
        // The usual case: nothing was invalidated since, and the end is far. It takes two checks and reads no claims.
        if self.invalidations.is_latest(entry.epoch()) && entry.is_young(now) {
            return Some(Lookup::Hit {
                claims: ClerkClaims::of(Arc::clone(entry)),
                needs_touch: entry.needs_touch(self.positive.touch_window()),
                refresh: false,
            });
        }
        self.judge_closely(entry, now)
    }

    /// Slow path for an entry that may be invalidated or is close to its end. Out of line, to keep the hit path small.
    #[inline(never)]
    fn judge_closely(&self, entry: &Arc<Entry>, now: Now) -> Option<Lookup> {
        if self.is_invalid(entry) || !entry.is_usable(now) {
            return None;
        }
        let claims = ClerkClaims::of(Arc::clone(entry));
        // A fresh entry is also usable.
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

    /// Records a hit: a request whose token was accepted.
    pub(crate) fn hit(&self, key: &TokenDigest, needs_touch: bool) {
        self.positive.hit(key, needs_touch);
    }

    /// Records a request whose token had a negative entry.
    pub(crate) fn hit_negative(&self) {
        self.negative.hit();
    }

    /// Records a miss: a request whose token must be verified.
    pub(crate) fn missed(&self, key: TokenDigest) {
        self.positive.missed(&key);
        self.negative.missed();
    }

    /// Records a verification that was started ahead of the entry's end.
    pub(crate) fn refreshing(&self) {
        self.positive.refreshing();
    }

    /// Returns true if a cached entry was invalidated at any time since its verification began.
    fn is_invalid(&self, entry: &Entry) -> bool {
        let token = Properties::of(*entry.key(), entry.claims());
        self.invalidations.examine(&entry.epoch, token)
    }

    /// Returns true if a token was valid before. A flood of first-seen tokens must not delay it.
    pub(crate) fn is_returning(&self, key: TokenDigest, now: Now) -> bool {
        self.returning.contains(key, now)
    }

    /// Returns the claims that may be used while Clerk is unavailable: an older entry, if the configuration allows it,
    /// or one that was added meanwhile.
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

    /// Returns the epoch of the latest invalidation. A request reads it when it arrives, and a verification before it
    /// calls Clerk.
    pub(crate) fn epoch(&self) -> u64 {
        self.invalidations.epoch()
    }

    /// Invalidates tokens. A verification in flight does not count for requests that arrive after this, and is not
    /// cached. Returns true if the effect is [`Effect::End`] and older revocations of single tokens were dropped.
    pub(crate) fn invalidate(&self, scope: Scope<&str>, effect: Effect, made: Made) -> bool {
        let (Many(are_many), Dropped(are_dropped)) = match (effect, scope) {
            (Effect::Again, Scope::Token(key)) if !self.takes_evidence() => {
                let many = self.invalidations.again_under_way(&self.flights, key);
                (many, Dropped(false))
            }
            _ => self.invalidations.apply(scope, effect, made),
        };
        match scope {
            Scope::Token(key) => {
                self.positive.invalidate(&key);
                self.negative.invalidate(&key);
                self.returning.remove(key);
            }
            Scope::Subject(subject) => {
                self.flights.settle();
                self.returning.remove_subject(subject);
            }
            Scope::Session(_) | Scope::Member { .. } | Scope::Organization(_) => {
                self.flights.settle();
            }
            Scope::All => {
                self.flights.settle();
                self.positive.clear();
                self.negative.clear();
                self.returning.clear();
            }
        }
        if are_many {
            self.sweep();
        }
        are_dropped
    }

    /// Takes evidence from other replicas as well.
    #[cfg(feature = "fleet")]
    pub(crate) fn with_evidence_of_others(self) -> Self {
        Self {
            invalidations: self.invalidations.with_times(),
            ..self
        }
    }

    /// Raises the time of an invalidation that was applied before.
    #[cfg(feature = "fleet")]
    pub(crate) fn repeat(&self, scope: Scope<&str>, made: Made) {
        self.invalidations.repeat(scope, made);
    }

    /// Returns true if an invalidation rejects the evidence of another replica, see
    /// [`Invalidations::rejects_evidence`].
    #[cfg(feature = "fleet")]
    pub(crate) fn rejects_evidence(
        &self,
        token: Properties<'_>,
        called_at: u64,
        after: &[InvalidationId],
    ) -> bool {
        self.invalidations.rejects_evidence(token, called_at, after)
    }

    /// Returns the recent invalidations that concern a token and that were applied up to an epoch.
    #[cfg(feature = "fleet")]
    pub(crate) fn applied(
        &self,
        token: Properties<'_>,
        epoch: u64,
        now: Now,
    ) -> Vec<InvalidationId> {
        self.invalidations.applied(token, epoch, now)
    }

    /// Returns true if evidence comes from other replicas. Then every invalidation is kept: the store may have evidence
    /// about a token that is not cached here.
    fn takes_evidence(&self) -> bool {
        #[cfg(feature = "fleet")]
        return self.invalidations.has_times();
        #[cfg(not(feature = "fleet"))]
        false
    }

    /// Removes all invalidated entries, so that their marks need not be kept.
    #[cold]
    fn sweep(&self) {
        self.invalidations.replace_marks(|| {
            self.flights.settle();
            self.positive.remove_all(|entry| self.is_invalid(entry));
        });
    }

    /// Returns the numbers of positive and negative entries.
    pub(crate) fn len(&self) -> (u64, u64) {
        (self.positive.len(), self.negative.len())
    }
}

#[cfg(test)]
mod tests;
