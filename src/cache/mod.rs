//! What is known of tokens: good ones, bad ones, and those that are being asked about.
//!
//! Good and bad ones are apart, so that a flood of bad tokens evicts no good one. The cache belongs to
//! one configuration: an entry is a verdict under its rules. Nothing here asks anybody.

mod bad;
mod entry;
mod flight;
mod good;
mod index;
mod key;
mod memory;
mod user;
mod void;

use std::{sync::Arc, time::Duration};

use self::{bad::Bad, entry::Refusal, good::Good, void::Voids};
pub(crate) use self::{
    entry::{Entry, Lifetimes},
    flight::{Boarding, Flights, Outcome},
    key::{Key, Keyer},
    user::UserCache,
};
use crate::{AuthError, AuthErrorKind, ClerkClaims, clock::Now, verify::Verified};

/// Whether a token is known to be good.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// It is good. `is_news`: the store has not heard lately that it is in use. `refresh`: the end of
    /// the entry is near, and it is on this request to have it verified again in the background.
    Good {
        claims: ClerkClaims,
        is_news: bool,
        refresh: bool,
    },
    /// It was good, Clerk could not be asked a moment ago, and old verdicts may be used meanwhile.
    Stale { claims: ClerkClaims },
    /// It is not known to be good. `last`: it was, some time ago.
    Unknown { last: Option<Arc<Entry>> },
}

/// See the module docs.
pub(crate) struct Cache {
    keyer: Keyer,
    lifetimes: Lifetimes,
    good: Good,
    bad: Bad,
    voids: Voids,
    pub(crate) flights: Arc<Flights>,
}

impl Cache {
    /// `capacity` is the number of good tokens that are remembered; a tenth as many bad ones are.
    /// `longest_flight`: how long a verification takes at most.
    pub(crate) fn new(
        keyer: Keyer,
        lifetimes: Lifetimes,
        capacity: u64,
        longest_flight: Duration,
    ) -> Self {
        let longest = lifetimes.longest();
        Self {
            keyer,
            lifetimes,
            good: Good::new(capacity, longest),
            bad: Bad::new((capacity / 10).max(1), longest),
            voids: Voids::new(longest.saturating_add(longest_flight)),
            flights: Arc::default(),
        }
    }

    pub(crate) fn key(&self, token: impl AsRef<[u8]>) -> Key {
        self.keyer.key(token)
    }

    /// Looks for a good token. Always in its caller's place, as what it calls on the way of a hit: else what is
    /// found goes through memory a few times.
    #[inline(always)]
    pub(crate) fn get_good(&self, key: &Key, now: Now) -> Lookup {
        match self.good.read(key, |entry| self.judge(key, entry, now)) {
            Some(Some(lookup)) => lookup,
            Some(None) => {
                self.forget(*key);
                Lookup::Unknown { last: None }
            }
            None => Lookup::Unknown { last: None },
        }
    }

    /// Why a token is bad, if that is known. Of one that is not known to be good.
    pub(crate) fn get_bad(&self, key: Key, now: Now) -> Option<AuthErrorKind> {
        let refusal = self.bad.get(&key)?;
        if self.voids.is_void(refusal.epoch, key, None) {
            self.bad.invalidate(&key);
        } else if refusal.holds(now) {
            return Some(refusal.kind);
        } else {
            self.bad.remove_expired(&key);
        }
        None
    }

    /// Removes an entry that is over, or void.
    #[cold]
    fn forget(&self, key: Key) {
        let is_void = |entry: &Arc<Entry>| self.is_void(key, entry);
        if self.good.read(&key, is_void) == Some(true) {
            self.good.invalidate(&key);
        } else {
            self.good.remove_expired(&key);
        }
    }

    /// What an entry is good for; nothing, where it is over.
    #[inline]
    fn judge(&self, key: &Key, entry: &Arc<Entry>, now: Now) -> Option<Lookup> {
        // Nearly always nothing was invalidated since, and the end is far: two looks, none at the claims.
        if self.voids.is_latest(entry.epoch) && entry.is_young(now) {
            return Some(Lookup::Good {
                claims: ClerkClaims::of(Arc::clone(entry)),
                is_news: entry.is_news(self.good.generation()),
                refresh: false,
            });
        }
        self.judge_closely(key, entry, now)
    }

    /// The same of one that may be void, or whose end is near. Apart, so that others need not carry its weight.
    #[inline(never)]
    fn judge_closely(&self, key: &Key, entry: &Arc<Entry>, now: Now) -> Option<Lookup> {
        if self.is_void(*key, entry) || !entry.is_usable(now) {
            return None;
        }
        let claims = ClerkClaims::of(Arc::clone(entry));
        // What is fresh is usable, too.
        if entry.is_fresh(now) {
            return Some(Lookup::Good {
                claims,
                is_news: entry.is_news(self.good.generation()),
                refresh: entry.claim_refresh(now),
            });
        }
        if entry.is_bridging(now) {
            return Some(Lookup::Stale {
                claims: claims.into_stale(),
            });
        }
        Some(Lookup::Unknown {
            last: Some(Arc::clone(entry)),
        })
    }

    /// Notes a request that was let through.
    pub(crate) fn hit(&self, key: &Key, is_news: bool) {
        self.good.hit(key, is_news);
    }

    /// Notes a request whose token was known to be bad.
    pub(crate) fn hit_bad(&self) {
        self.bad.hit();
    }

    /// Notes a request whose token has to be asked about.
    pub(crate) fn missed(&self, key: Key) {
        self.good.missed(&key);
        self.bad.missed();
    }

    /// Notes a verification that was started ahead of time.
    pub(crate) fn refreshing(&self) {
        self.good.refreshing();
    }

    /// Whether an entry has been invalidated, at any time since its verification began.
    pub(crate) fn is_void(&self, key: Key, entry: &Entry) -> bool {
        self.voids
            .is_void(entry.epoch, key, Some(&entry.claims().subject))
    }

    /// Whether a token has been invalidated since this epoch.
    pub(crate) fn is_void_since(&self, key: Key, epoch: u64) -> bool {
        self.voids.is_void(epoch, key, None)
    }

    /// To be noted before a verification asks anybody; see [`settle`](Self::settle).
    pub(crate) fn epoch(&self) -> u64 {
        self.voids.epoch()
    }

    /// Remembers what a verification came to, if it may be remembered.
    pub(crate) fn settle(
        &self,
        key: Key,
        epoch: u64,
        result: Result<Verified, AuthError>,
        now: Now,
    ) -> Outcome {
        match result {
            Ok(verified) => {
                let entry = Arc::new(Entry::new(verified, key, epoch, self.lifetimes, now));
                if entry.is_fresh(now) {
                    self.good.insert(&entry);
                    self.bad.invalidate(&key);
                } else {
                    self.good.remove(&key);
                }
                Ok(entry)
            }
            Err(error) => {
                if error.kind().is_authoritative() {
                    self.good.invalidate(&key);
                    if !self.lifetimes.is_off() {
                        self.bad.insert(key, Refusal::new(error.kind(), epoch, now));
                    }
                } else {
                    let is_outage = error.kind().is_outage();
                    self.good.read(&key, |entry| entry.back_off(is_outage, now));
                }
                Err(error)
            }
        }
    }

    /// Forgets a token. A verification of it that is under way will not count.
    pub(crate) fn invalidate(&self, token: &str, now: Now) {
        let key = self.key(token);
        self.voids.void_token(key, now);
        self.good.invalidate(&key);
        self.bad.invalidate(&key);
    }

    /// Forgets all tokens of a subject.
    pub(crate) fn invalidate_subject(&self, subject: &str, now: Now) {
        self.voids.void_subject(subject, now);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self, now: Now) {
        self.voids.void_all(now);
        self.good.clear();
        self.bad.clear();
    }

    /// How many good and bad tokens are remembered.
    pub(crate) fn len(&self) -> (u64, u64) {
        (self.good.len(), self.bad.len())
    }
}

#[cfg(test)]
mod tests;
