//! The positive entries: the store, which decides which ones are kept, and the hot index, which is read.
//!
//! Every entry in the index is in the store, or is about to be. An entry is inserted into the index first, and leaves
//! it when the store removes the entry for any reason. The bound of the store therefore also bounds the index.
//!
//! The store must know which entries are in use, or it evicts the wrong ones. It evicts only on insertion. Time is
//! therefore counted in insertions: the first hit of an entry in every touch window touches the store, and
//! [`TOUCH_WINDOWS`] windows fill the store once. If little is inserted, hits rarely touch the store.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    hot_index::HotIndex,
    store::{Release, Store},
};
use crate::{
    claims::entry::Entry,
    observe::StoreMetrics,
    sync::{AtomicU32, AtomicU64},
    token::digest::TokenDigest,
};

pub(super) struct Positive {
    index: Arc<HotIndex>,
    store: Store<Arc<Entry>>,
    insertions: AtomicU64,
    touch_window: AtomicU32,
    /// The number of insertions per touch window.
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

    /// Records a miss. The store admits a new entry only if its token is looked up more often than the one that it
    /// would replace.
    pub(super) fn missed(&self, key: &TokenDigest) {
        self.metrics.missed();
        self.touch(key);
    }

    /// Returns the current touch window.
    pub(super) fn touch_window(&self) -> u32 {
        self.touch_window.load(Ordering::Relaxed)
    }

    /// Records a hit, and touches the store if `needs_touch`.
    pub(super) fn hit(&self, key: &TokenDigest, needs_touch: bool) {
        self.metrics.hit();
        if needs_touch {
            self.touch(key);
        }
    }

    /// Touches the store: it records that the entry is in use.
    #[cold]
    fn touch(&self, key: &TokenDigest) {
        drop(self.store.get(key));
    }

    pub(super) fn insert(&self, entry: &Arc<Entry>) {
        // Ordering: the index first. If the store removed the entry before the index had it, the entry would stay in
        // the index forever.
        self.index.insert(Arc::clone(entry));
        self.metrics.inserted();
        self.store.insert(*entry.key(), Arc::clone(entry));
        let insertions = self.insertions.fetch_add(1, Ordering::Relaxed);
        let touch_window = insertions / self.touch_window_len % u64::from(u32::MAX);
        self.touch_window
            .store(u32::try_from(touch_window).unwrap_or(0), Ordering::Relaxed);
    }

    /// Records a verification that was started ahead of the entry's end.
    pub(super) fn refreshing(&self) {
        self.metrics.refreshed_ahead();
    }

    /// Removes an expired entry.
    pub(super) fn remove_expired(&self, key: &TokenDigest) {
        if self.remove(key) {
            self.metrics.expired();
        }
    }

    /// Removes an entry that is no longer valid.
    pub(super) fn invalidate(&self, key: &TokenDigest) {
        if self.remove(key) {
            self.metrics.invalidated(1);
        }
    }

    /// Removes an entry. Returns true if there was one.
    pub(super) fn remove(&self, key: &TokenDigest) -> bool {
        let was_there = self.index.remove(key);
        self.store.remove(key);
        was_there
    }

    /// Removes all entries that are no longer valid.
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

/// Enough windows to distinguish a token in use from tokens that occur once, while the store fills.
const TOUCH_WINDOWS: u64 = 64;

#[cfg(test)]
mod tests;
