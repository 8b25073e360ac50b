//! Invalidation: what was verified before a certain moment no longer counts.
//!
//! Every invalidation is given the next number, its epoch. Every verification notes, before it asks
//! anybody, which epoch it is: its verdict holds against all invalidations up to there, and against
//! none that came later, even if it was already on its way. So nothing has to be searched or locked to
//! invalidate, and a race has one outcome: the invalidation wins.
//!
//! A hit pays one atomic load, and a look at the marks only while its verdict is older than the latest
//! invalidation.

use std::{
    collections::HashMap,
    sync::{PoisonError, atomic::Ordering},
    time::Duration,
};

use super::key::{Key, KeyHasher};
use crate::{
    clock::{Now, millis},
    sync::{AtomicU64, RwLock},
};

/// All invalidations that something in the cache may still be older than.
#[derive(Debug)]
pub(super) struct Voids {
    latest: AtomicU64,
    marks: RwLock<Marks>,
    /// For how long, in milliseconds, a mark matters: nothing in the cache is older.
    longest_life: u64,
}

#[derive(Debug, Default)]
struct Marks {
    /// Everything before this is void.
    floor: u64,
    subjects: HashMap<Box<str>, Mark>,
    tokens: HashMap<Key, Mark, KeyHasher>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    epoch: u64,
    set_at: u64,
}

impl Voids {
    pub(super) fn new(longest_life: Duration) -> Self {
        Self {
            latest: AtomicU64::new(0),
            marks: RwLock::default(),
            longest_life: millis(longest_life),
        }
    }

    /// The epoch of a verification that begins now.
    pub(super) fn epoch(&self) -> u64 {
        self.latest.load(Ordering::SeqCst)
    }

    pub(super) fn void_token(&self, key: Key, now: Now) {
        self.void(now, |marks, mark| {
            marks.tokens.insert(key, mark);
        });
    }

    pub(super) fn void_subject(&self, subject: &str, now: Now) {
        self.void(now, |marks, mark| {
            marks.subjects.insert(subject.into(), mark);
        });
    }

    pub(super) fn void_all(&self, now: Now) {
        self.void(now, |marks, mark| marks.void_all(mark.epoch));
    }

    /// Whether nothing at all has been invalidated since this epoch.
    #[inline]
    pub(super) fn is_latest(&self, epoch: u64) -> bool {
        self.latest.load(Ordering::Acquire) <= epoch
    }

    /// Whether a verdict of this epoch has been invalidated since.
    pub(super) fn is_void(&self, epoch: u64, key: Key, subject: Option<&str>) -> bool {
        if self.is_latest(epoch) {
            return false;
        }
        let marks = self.marks.read().unwrap_or_else(PoisonError::into_inner);
        let is_later = |mark: Option<&Mark>| mark.is_some_and(|mark| mark.epoch > epoch);
        marks.floor > epoch
            || is_later(marks.tokens.get(&key))
            || is_later(subject.and_then(|subject| marks.subjects.get(subject)))
    }

    fn void(&self, now: Now, set: impl FnOnce(&mut Marks, Mark)) {
        let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        let epoch = self.latest.load(Ordering::Relaxed) + 1;
        set(
            &mut marks,
            Mark {
                epoch,
                set_at: now.mono,
            },
        );
        marks.prune(now.mono.checked_sub(self.longest_life), epoch);
        // Ordering: after the mark is set. Who sees the new epoch waits for the lock and finds the
        // mark; who sees the old one is found older than the mark by all who look later.
        self.latest.store(epoch, Ordering::SeqCst);
    }
}

impl Marks {
    fn void_all(&mut self, epoch: u64) {
        self.floor = epoch;
        self.subjects.clear();
        self.tokens.clear();
    }

    /// Forgets marks that nothing can be older than, once there are many. Where that is not enough,
    /// everything is void: costly for a moment, and safe.
    fn prune(&mut self, horizon: Option<u64>, epoch: u64) {
        if self.len() <= MANY {
            return;
        }
        if let Some(horizon) = horizon {
            self.subjects.retain(|_, mark| mark.set_at > horizon);
            self.tokens.retain(|_, mark| mark.set_at > horizon);
        }
        if self.len() > MANY {
            self.void_all(epoch);
        }
    }

    fn len(&self) -> usize {
        self.subjects.len() + self.tokens.len()
    }
}

/// How many marks are kept: some MiB at the most.
const MANY: usize = 10_000;

#[cfg(test)]
mod tests;
