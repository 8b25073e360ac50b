//! The bad tokens. A store of their own, so that a flood of them evicts no good one.

use std::{sync::Arc, time::Duration};

use super::{
    digest::TokenDigest,
    entry::NegativeEntry,
    store::{Release, Store},
};
use crate::observe::StoreMetrics;

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

    /// Notes that a token was asked for and known to be bad.
    pub(super) fn hit(&self) {
        self.metrics.hit();
    }

    /// Notes that a token was asked for and not there.
    pub(super) fn missed(&self) {
        self.metrics.missed();
    }

    pub(super) fn insert(&self, key: TokenDigest, rejection: NegativeEntry) {
        self.metrics.inserted();
        self.store.insert(key, rejection);
    }

    /// Removes what is over.
    pub(super) fn remove_expired(&self, key: &TokenDigest) {
        if self.store.take(key) {
            self.metrics.expired();
        }
    }

    /// Removes what no longer holds.
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
