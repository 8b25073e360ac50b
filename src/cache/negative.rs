//! The negative entries. They have a separate store, so that a flood of rejected tokens does not evict a positive
//! entry.

use std::{sync::Arc, time::Duration};

use super::store::{Release, Store};
use crate::{claims::entry::NegativeEntry, observe::StoreMetrics, token::digest::TokenDigest};

pub(super) struct Negative {
    store: Store<NegativeEntry>,
    metrics: Arc<StoreMetrics>,
}

impl Negative {
    pub(super) fn new(capacity: u64, longest_life: Duration) -> Self {
        let metrics = Arc::new(StoreMetrics::negative());
        let released = {
            let metrics = Arc::clone(&metrics);
            move |_: &TokenDigest, _: &NegativeEntry, release: Release| release.count(&metrics)
        };
        Self {
            store: Store::new(capacity, longest_life, |_| 1, released),
            metrics,
        }
    }

    pub(super) fn get(&self, key: &TokenDigest) -> Option<NegativeEntry> {
        self.store.get(key)
    }

    /// Records a hit.
    pub(super) fn hit(&self) {
        self.metrics.hit();
    }

    /// Records a miss.
    pub(super) fn missed(&self) {
        self.metrics.missed();
    }

    pub(super) fn insert(&self, key: TokenDigest, rejection: NegativeEntry) {
        self.metrics.inserted();
        self.store.insert(key, rejection);
    }

    /// Removes an expired entry.
    pub(super) fn remove_expired(&self, key: &TokenDigest) {
        if self.store.take(key) {
            self.metrics.expired();
        }
    }

    /// Removes an entry that is no longer valid.
    pub(super) fn invalidate(&self, key: &TokenDigest) {
        if self.store.take(key) {
            self.metrics.invalidated(1);
        }
    }

    pub(super) fn clear(&self) {
        self.metrics.invalidated(self.store.len());
        self.store.clear();
    }

    pub(super) fn len(&self) -> u64 {
        self.store.len()
    }
}
