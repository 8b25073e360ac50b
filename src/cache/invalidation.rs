//! Invalidation: results from before a certain moment no longer count.
//!
//! Each invalidation gets the next number, its *epoch*. A verification reads the current epoch before it calls Clerk.
//! Its result is later than all invalidations up to that epoch. An invalidation leaves a mark for earlier results:
//! those of verifications in flight, and cached entries that it cannot find by their key. An invalidation therefore
//! searches nothing, and a race has one outcome: the invalidation wins.
//!
//! A hit costs one atomic load. It reads the marks only if its entry is older than the latest invalidation.
//!
//! The number of marks is bounded. When there are many, the cache is swept: all invalidated entries are removed. After
//! that, the marks concern only verifications in flight. One floor replaces them: those verifications are not cached.

use std::{
    collections::HashMap,
    sync::{PoisonError, atomic::Ordering},
};

use crate::{
    sync::{AtomicU64, RwLock, RwLockReadGuard, RwLockWriteGuard, single_flight::SingleFlight},
    token::digest::{PrehashedHasher, TokenDigest},
};

/// All invalidations that a result may still be older than.
#[derive(Debug, Default)]
pub(super) struct Invalidations {
    latest: AtomicU64,
    marks: RwLock<Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    /// The epoch before which every result is invalidated.
    floor: u64,
    /// The epoch before which every result that is not in the cache is invalidated.
    under_way_floor: u64,
    subjects: HashMap<Box<str>, u64>,
    tokens: HashMap<TokenDigest, u64, PrehashedHasher>,
}

/// True if there are so many marks that the cache should be swept, see [`Invalidations::replace_marks`].
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) struct Many(pub(super) bool);

impl Invalidations {
    /// Returns the epoch of a verification that begins now.
    pub(super) fn epoch(&self) -> u64 {
        self.latest.load(Ordering::SeqCst)
    }

    pub(super) fn invalidate_token(&self, key: TokenDigest) -> Many {
        self.invalidate(|marks, epoch| {
            marks.tokens.insert(key, epoch);
        })
    }

    /// Invalidates the verification in flight for a key. No mark is needed if there is none: the caller removes the
    /// cached entry by its key after this call.
    ///
    /// The mark is set while no verification can start or end. An outcome is either cached before the mark, and then
    /// removed, or finds the mark.
    pub(super) fn invalidate_under_way<T>(
        &self,
        flights: &SingleFlight<TokenDigest, T>,
        key: TokenDigest,
    ) -> Many
    where
        T: Clone + Send + Sync + 'static,
    {
        flights.inspect(&key, |is_under_way| {
            if is_under_way {
                self.invalidate_token(key)
            } else {
                Many(false)
            }
        })
    }

    pub(super) fn invalidate_subject(&self, subject: &str) -> Many {
        self.invalidate(|marks, epoch| {
            marks.subjects.insert(subject.into(), epoch);
        })
    }

    pub(super) fn invalidate_all(&self) {
        let Many(_) = self.invalidate(|marks, epoch| {
            marks.floor = epoch;
            marks.subjects.clear();
            marks.tokens.clear();
        });
    }

    /// Returns true if nothing was invalidated since this epoch.
    #[inline]
    pub(super) fn is_latest(&self, epoch: u64) -> bool {
        self.latest.load(Ordering::Acquire) <= epoch
    }

    /// Returns true if a cached result of this epoch was invalidated since.
    pub(super) fn is_cached_invalid(
        &self,
        epoch: u64,
        key: TokenDigest,
        subject: Option<&str>,
    ) -> bool {
        !self.is_latest(epoch) && self.read().is_invalid(epoch, key, subject)
    }

    /// Returns true if a result of this epoch that is not in the cache was invalidated since. It must not be cached.
    pub(super) fn is_invalid(&self, epoch: u64, key: TokenDigest, subject: Option<&str>) -> bool {
        if self.is_latest(epoch) {
            return false;
        }
        let marks = self.read();
        marks.under_way_floor > epoch || marks.is_invalid(epoch, key, subject)
    }

    /// Returns true if a request may wait for a verification of this epoch that another request started. If the request
    /// already waited for one in vain (`again`), it may wait only for one that no invalidation before its arrival can
    /// overtake. It therefore waits for two verifications at most. For `called` and `arrived`, see
    /// [`counts`](Self::counts).
    pub(super) fn may_join(
        &self,
        called: u64,
        arrived: u64,
        key: TokenDigest,
        again: bool,
    ) -> bool {
        called >= arrived || !again && !self.is_invalid(called, key, None)
    }

    /// Returns true if a result counts for a request that shares it: Clerk was called after every invalidation that had
    /// returned before the request arrived, or no such invalidation concerns the token. `called` is the epoch of the
    /// verification, and `arrived` is the epoch of the request.
    ///
    /// The marks keep only the latest invalidation of a token. An invalidation after the request's arrival can
    /// therefore reject a result that began before it. The request then waits for one more verification, which it
    /// starts itself.
    pub(super) fn counts(
        &self,
        called: u64,
        arrived: u64,
        key: TokenDigest,
        subject: Option<&str>,
    ) -> bool {
        called >= arrived || !self.is_invalid(called, key, subject)
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
        marks.subjects.retain(|_, epoch| *epoch > latest);
        marks.tokens.retain(|_, epoch| *epoch > latest);
    }

    fn invalidate(&self, set: impl FnOnce(&mut Marks, u64)) -> Many {
        let mut marks = self.write();
        let epoch = self.latest.load(Ordering::Relaxed) + 1;
        set(&mut marks, epoch);
        // Ordering: the mark is set before the new epoch is stored. A thread that reads the new epoch waits for the
        // lock and finds the mark. For all later readers, a result of the old epoch is older than the mark.
        self.latest.store(epoch, Ordering::SeqCst);
        Many(marks.len() > MANY)
    }

    fn read(&self) -> RwLockReadGuard<'_, Marks> {
        self.marks.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Marks> {
        self.marks.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Marks {
    fn is_invalid(&self, epoch: u64, key: TokenDigest, subject: Option<&str>) -> bool {
        let is_later = |mark: Option<&u64>| mark.is_some_and(|mark| *mark > epoch);
        self.floor > epoch
            || is_later(self.tokens.get(&key))
            || is_later(subject.and_then(|subject| self.subjects.get(subject)))
    }

    fn len(&self) -> usize {
        self.subjects.len() + self.tokens.len()
    }
}

/// The number of marks above which the cache is swept. They take some MiB at most.
const MANY: usize = 10_000;

#[cfg(test)]
mod tests;
