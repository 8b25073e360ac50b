//! Invalidation: results from before a certain moment no longer count.
//!
//! Each invalidation gets the next number, its *epoch*. A verification reads the current epoch before it calls Clerk.
//! Its result is later than all invalidations up to that epoch. An invalidation leaves a mark for earlier results:
//! those of verifications in flight, and cached entries that it cannot find by their key. An invalidation therefore
//! searches nothing, and a race has one outcome: the invalidation wins.
//!
//! An invalidation has one of two effects. After `again`, a token is verified again. After `end`, a revocation, no
//! earlier verdict counts again, the token's own signature included: see [`ends`].
//!
//! A hit costs one atomic load. It reads the marks only if its entry is older than the latest invalidation. If none of
//! them concerns the entry, the entry moves to the latest epoch, so that each entry is examined once per invalidation.
//!
//! The number of marks is bounded. When there are many, the cache is swept: all invalidated entries are removed. After
//! that, the marks concern only verifications in flight. One floor replaces them: those verifications are not cached.

mod by_scope;
mod ends;
mod scope;
#[cfg(feature = "fleet")]
mod times;

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    sync::{PoisonError, atomic::Ordering},
};

pub(super) use self::by_scope::Dropped;
pub(crate) use self::scope::{Properties, Scope};
#[cfg(feature = "fleet")]
use self::times::Times;
use self::{by_scope::Age, ends::Ends};
#[cfg(feature = "fleet")]
pub(crate) use self::{
    by_scope::{MAX_OTHERS, MAX_TOKENS},
    times::{CLOCK_MARGIN, InvalidationId},
};
use crate::{
    clock::Now,
    observe::Effect,
    sync::{AtomicU64, RwLock, RwLockReadGuard, RwLockWriteGuard, single_flight::SingleFlight},
    token::digest::TokenDigest,
};

/// All invalidations that a result may still be older than.
#[derive(Debug)]
pub(super) struct Invalidations {
    latest: AtomicU64,
    marks: RwLock<Marks>,
    /// The longest time for which a result may be used, in milliseconds.
    longest_life: u64,
}

/// The time and the identity of an invalidation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    /// The time at which this replica applies it.
    now: Now,
    /// The time at which it was made, by the wall clock in milliseconds. It is not later than now.
    at: u64,
    /// The time before which evidence of other replicas does not count, by the wall clock in milliseconds.
    #[cfg(feature = "fleet")]
    time: u64,
    #[cfg(feature = "fleet")]
    id: Option<InvalidationId>,
}

impl Made {
    /// An invalidation by this process.
    pub(crate) fn here(now: Now) -> Self {
        Self {
            now,
            at: now.wall,
            #[cfg(feature = "fleet")]
            time: now.wall,
            #[cfg(feature = "fleet")]
            id: None,
        }
    }

    /// Adds the id under which other replicas receive it.
    #[cfg(feature = "fleet")]
    pub(crate) fn with_id(self, id: InvalidationId) -> Self {
        Self {
            id: Some(id),
            ..self
        }
    }

    /// An invalidation that another replica made at `at`, and that the store's log has at `position`. A time in the
    /// future counts as now: a clock that is ahead must not reject tokens that are issued later.
    #[cfg(feature = "fleet")]
    pub(crate) fn elsewhere(id: InvalidationId, at: u64, position: u64, now: Now) -> Self {
        Self {
            now,
            at: at.min(now.wall),
            time: at.max(position).min(now.wall),
            id: Some(id),
        }
    }
}

#[derive(Debug, Default)]
struct Marks {
    /// The epoch before which every result is invalidated.
    floor: u64,
    /// The epoch before which every result that is not in the cache is invalidated.
    under_way_floor: u64,
    /// The epoch of the latest invalidation of each scope, by its name.
    latest: HashMap<u64, u64>,
    ends: Ends,
    /// `None` if no evidence comes from other replicas.
    #[cfg(feature = "fleet")]
    times: Option<Times>,
    /// Hashes scopes with a random key to names of a fixed size. Two scopes with one name would only be invalidated
    /// together.
    names: RandomState,
}

/// True if there are so many marks that the cache should be swept, see [`Invalidations::replace_marks`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) struct Many(pub(super) bool);

impl Invalidations {
    /// `longest_life`: the longest time for which a result may be used, in milliseconds.
    pub(super) fn new(longest_life: u64) -> Self {
        Self {
            latest: AtomicU64::default(),
            marks: RwLock::default(),
            longest_life,
        }
    }

    /// Keeps what evidence of other replicas is compared with.
    #[cfg(feature = "fleet")]
    pub(super) fn with_times(self) -> Self {
        self.write().times = Some(Times::default());
        self
    }

    /// Returns true if evidence comes from other replicas.
    #[cfg(feature = "fleet")]
    pub(super) fn has_times(&self) -> bool {
        self.read().times.is_some()
    }

    /// Returns the epoch of a verification that begins now.
    pub(super) fn epoch(&self) -> u64 {
        self.latest.load(Ordering::SeqCst)
    }

    /// Invalidates all earlier results of a scope in this replica.
    pub(super) fn again(&self, scope: Scope<&str>) -> Many {
        self.invalidate(|marks, epoch| {
            let name = marks.names.hash_one(scope);
            marks.invalidate(scope, name, epoch);
        })
    }

    /// Adds an invalidation.
    pub(super) fn apply(&self, scope: Scope<&str>, effect: Effect, made: Made) -> (Many, Dropped) {
        let mut dropped = Dropped(false);
        let many = self.invalidate(|marks, epoch| {
            let name = marks.names.hash_one(scope);
            let age = Age {
                epoch,
                set: made.now.mono,
            };
            marks.invalidate(scope, name, epoch);
            #[cfg(feature = "fleet")]
            marks.date(scope, name, age, made, self.longest_life);
            if effect == Effect::End {
                let life = self.longest_life.max(ends::LIFE);
                dropped = marks.ends.add(scope, name, age, made.at, life);
            }
        });
        (many, dropped)
    }

    /// Raises the time of an invalidation that was applied before.
    #[cfg(feature = "fleet")]
    pub(super) fn repeat(&self, scope: Scope<&str>, made: Made) {
        let mut marks = self.write();
        let name = marks.names.hash_one(scope);
        let age = Age {
            epoch: self.latest.load(Ordering::Relaxed),
            set: made.now.mono,
        };
        marks.date(scope, name, age, made, self.longest_life);
    }

    /// Returns true if an invalidation rejects evidence of another replica, for which Clerk was called at `called_at`.
    /// `after`: the invalidations that the other replica had applied before.
    #[cfg(feature = "fleet")]
    pub(super) fn rejects_evidence(
        &self,
        token: Properties<'_>,
        called_at: u64,
        after: &[InvalidationId],
    ) -> bool {
        let marks = self.read();
        let names = marks.named(token);
        let times = marks.times.as_ref();
        times.is_some_and(|times| times.reject(called_at, after, names))
    }

    /// Returns the recent invalidations that concern a token and that were applied up to an epoch.
    #[cfg(feature = "fleet")]
    pub(super) fn applied(
        &self,
        token: Properties<'_>,
        epoch: u64,
        now: Now,
    ) -> Vec<InvalidationId> {
        let marks = self.read();
        let names = marks.named(token);
        let times = marks.times.as_ref();
        times.map_or_else(Vec::new, |times| times.applied(epoch, now.wall, names))
    }

    /// Invalidates the verification in flight for a token. No mark is needed if there is none: the caller removes the
    /// cached entry by its key after this call.
    ///
    /// The mark is set while no verification can start or end. An outcome is either cached before the mark, and then
    /// removed, or finds the mark.
    pub(super) fn again_under_way<T>(
        &self,
        flights: &SingleFlight<TokenDigest, T>,
        key: TokenDigest,
    ) -> Many
    where
        T: Clone + Send + Sync + 'static,
    {
        flights.inspect(&key, |is_under_way| {
            if is_under_way {
                self.again(Scope::Token(key))
            } else {
                Many(false)
            }
        })
    }

    /// Returns true if nothing was invalidated since this epoch.
    #[inline]
    pub(super) fn is_latest(&self, epoch: u64) -> bool {
        self.latest.load(Ordering::Acquire) <= epoch
    }

    /// Returns true if a cached result of this epoch was invalidated since.
    pub(super) fn is_cached_invalid(&self, epoch: u64, token: Properties<'_>) -> bool {
        !self.is_latest(epoch) && self.read().is_invalid(epoch, token)
    }

    /// Returns true if the cached result was invalidated since its epoch. Otherwise its epoch moves to the latest one,
    /// so that it is not examined again before the next invalidation.
    pub(super) fn examine(&self, epoch: &AtomicU64, token: Properties<'_>) -> bool {
        let from = epoch.load(Ordering::Relaxed);
        if self.is_latest(from) {
            return false;
        }
        let marks = self.read();
        if marks.is_invalid(from, token) {
            return true;
        }
        // Ordering: no invalidation is added while the marks are locked, so all up to this one were compared.
        epoch.fetch_max(self.latest.load(Ordering::Relaxed), Ordering::Relaxed);
        false
    }

    /// Returns true if a result of this epoch that is not in the cache was invalidated since. It must not be cached.
    pub(super) fn is_invalid(&self, epoch: u64, token: Properties<'_>) -> bool {
        !self.is_latest(epoch) && self.read().is_under_way_invalid(epoch, token)
    }

    /// Returns true if a token that is verified by its signature alone was revoked. `issued_at`: in Unix seconds.
    pub(super) fn is_ended(&self, token: Properties<'_>, issued_at: Option<i64>) -> bool {
        // Nothing was ever invalidated.
        if self.is_latest(0) {
            return false;
        }
        let marks = self.read();
        marks.ends.reject(marks.named(token), issued_at)
    }

    /// Returns true if a request may wait for a verification of this epoch that another request started. If the request
    /// already waited for one in vain (`again`), it may wait only for one that no invalidation before its arrival can
    /// overtake. It therefore waits for two verifications at most. For `called` and `arrived`, see
    /// [`counts`](Self::counts).
    pub(super) fn may_join(
        &self,
        called: u64,
        arrived: u64,
        token: Properties<'_>,
        again: bool,
    ) -> bool {
        called >= arrived || !again && !self.is_invalid(called, token)
    }

    /// Returns true if a result counts for a request that shares it: Clerk was called after every invalidation that had
    /// returned before the request arrived, or no such invalidation concerns the token. `called` is the epoch of the
    /// verification, and `arrived` is the epoch of the request. A revocation since the call invalidates the result
    /// for all requests.
    ///
    /// The marks keep only the latest invalidation of a token. An invalidation after the request's arrival can
    /// therefore reject a result that began before it. The request then waits for one more verification, which it
    /// starts itself.
    pub(super) fn counts(&self, called: u64, arrived: u64, token: Properties<'_>) -> bool {
        if self.is_latest(called) {
            return true;
        }
        let marks = self.read();
        !marks.ends.is_later(called, marks.named(token))
            && (called >= arrived || !marks.is_under_way_invalid(called, token))
    }

    /// Replaces all marks by a floor for verifications in flight.
    ///
    /// `sweep` removes all results from the cache that [`is_cached_invalid`](Self::is_cached_invalid). When it begins,
    /// no result from before the floor may be about to enter the cache.
    pub(super) fn replace_marks(&self, sweep: impl FnOnce()) {
        let latest = {
            let mut marks = self.write();
            let latest = self.latest.load(Ordering::Relaxed);
            marks.under_way_floor = latest;
            latest
        };
        sweep();
        let mut marks = self.write();
        marks.latest.retain(|_, epoch| *epoch > latest);
    }

    fn invalidate(&self, set: impl FnOnce(&mut Marks, u64)) -> Many {
        let mut marks = self.write();
        let epoch = self.latest.load(Ordering::Relaxed) + 1;
        set(&mut marks, epoch);
        // Ordering: the mark is set before the new epoch is stored. A thread that reads the new epoch waits for the
        // lock and finds the mark. For all later readers, a result of the old epoch is older than the mark.
        self.latest.store(epoch, Ordering::SeqCst);
        Many(marks.latest.len() > MANY)
    }

    fn read(&self) -> RwLockReadGuard<'_, Marks> {
        self.marks.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Marks> {
        self.marks.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Marks {
    fn invalidate(&mut self, scope: Scope<&str>, name: u64, epoch: u64) {
        if scope == Scope::All {
            self.floor = epoch;
            self.latest.clear();
        } else {
            self.latest.insert(name, epoch);
        }
    }

    #[cfg(feature = "fleet")]
    fn date(&mut self, scope: Scope<&str>, name: u64, age: Age, made: Made, life: u64) {
        if let Some(times) = &mut self.times {
            times.add(scope, name, age, (made.time, made.id), life);
        }
    }

    fn is_invalid(&self, epoch: u64, token: Properties<'_>) -> bool {
        let is_later = |(_, name)| self.latest.get(&name).is_some_and(|mark| *mark > epoch);
        self.floor > epoch || self.named(token).any(is_later)
    }

    /// Returns the same for a result that is not in the cache.
    fn is_under_way_invalid(&self, epoch: u64, token: Properties<'_>) -> bool {
        self.under_way_floor > epoch || self.is_invalid(epoch, token)
    }

    /// Returns the scopes that concern a token, with their names.
    fn named<'a>(&self, token: Properties<'a>) -> impl Iterator<Item = (Scope<&'a str>, u64)> {
        token
            .scopes()
            .map(|scope| (scope, self.names.hash_one(scope)))
    }
}

/// The number of marks above which the cache is swept. They take some MiB at most.
const MANY: usize = 10_000;

#[cfg(test)]
mod tests;
