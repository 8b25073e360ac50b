//! Invalidation: a verdict from before a certain moment no longer counts.
//!
//! Each invalidation gets the next number, its *epoch*. A verification notes, before it calls Clerk, which
//! epoch it is: its verdict is later than all invalidations up to there. An invalidation leaves a mark for
//! the verdicts that are earlier: those of verifications under way, and those in the cache that it does not
//! find by their key. So nothing has to be searched to invalidate, and a race has one outcome: the
//! invalidation wins.
//!
//! A hit pays one atomic load, and a look at the marks only if its verdict is older than the latest
//! invalidation.
//!
//! Marks are bounded. When there are many, the cache is swept: what they invalidate is removed. After that they
//! concern verifications under way alone, and one floor replaces them: those verifications are not cached.

use std::{
    collections::HashMap,
    sync::{PoisonError, atomic::Ordering},
};

use super::{
    digest::{PrehashedHasher, TokenDigest},
    single_flight::SingleFlight,
};
use crate::sync::{AtomicU64, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// All invalidations that a verdict may still be older than.
#[derive(Debug, Default)]
pub(super) struct Invalidations {
    latest: AtomicU64,
    marks: RwLock<Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    /// Every verdict before this is invalidated.
    floor: u64,
    /// So is every verdict before this that is not in the cache.
    under_way_floor: u64,
    subjects: HashMap<Box<str>, u64>,
    tokens: HashMap<TokenDigest, u64, PrehashedHasher>,
}

/// The marks are so many that the cache should be swept: see [`Invalidations::replace_marks`].
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

    /// Invalidates what is under way for a key. Without a verification under way there is nothing that a mark
    /// would be needed for: what is cached is removed by its key, after this.
    ///
    /// The mark is set while none starts or ends: an outcome is remembered before, and so removed, or finds the
    /// mark.
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

    /// Whether nothing at all was invalidated since this epoch.
    #[inline]
    pub(super) fn is_latest(&self, epoch: u64) -> bool {
        self.latest.load(Ordering::Acquire) <= epoch
    }

    /// Whether a verdict of this epoch that is in the cache was invalidated since.
    pub(super) fn is_cached_invalid(
        &self,
        epoch: u64,
        key: TokenDigest,
        subject: Option<&str>,
    ) -> bool {
        !self.is_latest(epoch) && self.read().is_invalid(epoch, key, subject)
    }

    /// Whether a verdict of this epoch that is not in the cache was invalidated since: it must not get there.
    pub(super) fn is_invalid(&self, epoch: u64, key: TokenDigest, subject: Option<&str>) -> bool {
        if self.is_latest(epoch) {
            return false;
        }
        let marks = self.read();
        marks.under_way_floor > epoch || marks.is_invalid(epoch, key, subject)
    }

    /// Whether a request may wait for a verification of this epoch, which another request started. If it has
    /// waited in vain for one, only for one that it cannot be overtaken by: so it waits for two at the most.
    /// `called` and `arrived` as for [`counts`](Self::counts).
    pub(super) fn may_join(
        &self,
        called: u64,
        arrived: u64,
        key: TokenDigest,
        again: bool,
    ) -> bool {
        called >= arrived || !again && !self.is_invalid(called, key, None)
    }

    /// Whether a verdict counts for a request that shares it: Clerk was called after every invalidation that
    /// had returned before the request arrived, or none of them concerns the token. `called` and `arrived` are
    /// the epochs of the verification and of the request.
    ///
    /// The marks keep only the latest invalidation of a token. So one that came after the request arrived can
    /// reject a verdict that began before it: the request then waits for one more, which is its own.
    pub(super) fn counts(
        &self,
        called: u64,
        arrived: u64,
        key: TokenDigest,
        subject: Option<&str>,
    ) -> bool {
        called >= arrived || !self.is_invalid(called, key, subject)
    }

    /// Replaces all marks by a floor for verifications under way.
    ///
    /// `sweep` removes from the cache all verdicts that [`is_cached_invalid`](Self::is_cached_invalid). When it
    /// begins, no verdict from before the floor may be on its way into the cache.
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
        // Ordering: after the mark is set. A thread that sees the new epoch waits for the lock and finds the
        // mark. A verdict of the old epoch is older than the mark for all who look later.
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

/// How many marks are kept: some MiB at the most.
const MANY: usize = 10_000;

#[cfg(test)]
mod tests;
