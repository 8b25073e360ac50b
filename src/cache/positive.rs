//! The good tokens: the store, which decides who is remembered, and the index of it, which is read.
//!
//! What is in the index is, or is about to be, in the store: an entry is put into the index first, and
//! leaves it when the store lets go of it, for whatever reason. So the index is bounded as the store is.
//!
//! The store must know who is in use, or it evicts the wrong ones; but it evicts only where something is
//! inserted. So time is counted in insertions: the store is told of the first hit of an entry in every
//! generation, of which [`TOUCH_WINDOWS`] fill it once. Where little is inserted, hits cost it nothing.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    digest::TokenDigest,
    entry::Entry,
    hot_index::HotIndex,
    store::{Release, Store},
};
use crate::{
    observe::StoreMetrics,
    sync::{AtomicU32, AtomicU64},
};

pub(super) struct Positive {
    index: Arc<HotIndex>,
    store: Store<Arc<Entry>>,
    insertions: AtomicU64,
    touch_window: AtomicU32,
    /// How many insertions make a generation.
    touch_window_len: u64,
    metrics: Arc<StoreMetrics>,
}

impl Positive {
    pub(super) fn new(capacity: u64, longest_life: Duration) -> Self {
        let index = Arc::new(HotIndex::new());
        let weight = |entry: &Arc<Entry>| entry.weight();
        let metrics = Arc::new(StoreMetrics::positive());
        let released = {
            let (index, metrics) = (Arc::clone(&index), Arc::clone(&metrics));
            move |_: &TokenDigest, entry: &Arc<Entry>, release: Release| {
                index.remove_entry(entry);
                release.count(&metrics);
            }
        };
        Self {
            index,
            store: Store::new(capacity, longest_life, weight, released),
            insertions: AtomicU64::new(0),
            touch_window: AtomicU32::new(0),
            touch_window_len: (capacity / TOUCH_WINDOWS).max(1),
            metrics,
        }
    }

    #[inline(always)]
    pub(super) fn read<T>(
        &self,
        key: &TokenDigest,
        read: impl FnOnce(&Arc<Entry>) -> T,
    ) -> Option<T> {
        self.index.read(key, read)
    }

    /// Notes that a token was asked for and not there. Of newcomers, the store admits those that are
    /// asked for more often than what they would replace.
    pub(super) fn missed(&self, key: &TokenDigest) {
        self.metrics.missed();
        self.touch(key);
    }

    /// The generation that it is now.
    pub(super) fn touch_window(&self) -> u32 {
        self.touch_window.load(Ordering::Relaxed)
    }

    /// Notes a hit, and tells the store where it is news.
    pub(super) fn hit(&self, key: &TokenDigest, needs_touch: bool) {
        self.metrics.hit();
        if needs_touch {
            self.touch(key);
        }
    }

    /// Tells the store that a token was asked for.
    #[cold]
    fn touch(&self, key: &TokenDigest) {
        drop(self.store.get(key));
    }

    pub(super) fn insert(&self, entry: &Arc<Entry>) {
        // Ordering: the index first. Were the store to let go of the entry before the index has it,
        // it would stay there for ever.
        self.index.insert(Arc::clone(entry));
        self.metrics.inserted();
        self.store.insert(*entry.key(), Arc::clone(entry));
        let insertions = self.insertions.fetch_add(1, Ordering::Relaxed);
        let touch_window = insertions / self.touch_window_len % u64::from(u32::MAX);
        self.touch_window
            .store(u32::try_from(touch_window).unwrap_or(0), Ordering::Relaxed);
    }

    /// Notes that a verification was started ahead of time.
    pub(super) fn refreshing(&self) {
        self.metrics.refreshed_ahead();
    }

    /// Removes what is over.
    pub(super) fn remove_expired(&self, key: &TokenDigest) {
        if self.remove(key) {
            self.metrics.expired();
        }
    }

    /// Removes what no longer holds.
    pub(super) fn invalidate(&self, key: &TokenDigest) {
        if self.remove(key) {
            self.metrics.invalidated(1);
        }
    }

    /// Whether there was anything to remove.
    pub(super) fn remove(&self, key: &TokenDigest) -> bool {
        let was_there = self.index.remove(key);
        self.store.remove(key);
        was_there
    }

    /// Removes what no longer holds, whatever its key.
    pub(super) fn remove_all(&self, is_invalid: impl Fn(&Entry) -> bool) {
        for entry in self.index.find_all(is_invalid) {
            self.invalidate(entry.key());
        }
    }

    pub(super) fn clear(&self) {
        let entries = self.index.clear();
        self.metrics
            .invalidated(u64::try_from(entries).unwrap_or(u64::MAX));
        self.store.clear();
    }

    pub(super) fn len(&self) -> u64 {
        self.store.len()
    }
}

/// Enough for a token in use to stand out from those that come once, while the store fills.
const TOUCH_WINDOWS: u64 = 64;

#[cfg(test)]
mod tests;
