//! A bounded map from digests to cached values. Only this file names moka.
//!
//! The map enforces the capacity and resists floods: TinyLFU admits a new value only if its key is looked up more often
//! than the one that it would replace. Expiry is not decided here: the entries hold their deadlines.

use std::time::Duration;

use moka::{notification::RemovalCause, sync::Cache};

use crate::{
    observe::StoreMetrics,
    token::digest::{PrehashedHasher, TokenDigest},
};

/// The reason why a store removed a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// The value reached the longest lifetime.
    Expired,
    /// The capacity was exceeded.
    Evicted,
    /// A caller replaced, removed or cleared the value.
    Explicit,
}

/// A store of values of one type.
#[derive(Clone, Debug)]
pub(crate) struct Store<V: Clone + Send + Sync + 'static> {
    cache: Cache<TokenDigest, V, PrehashedHasher>,
}

impl<V: Clone + Send + Sync + 'static> Store<V> {
    /// Creates a store that holds `capacity` units of weight. It drops a value that was not replaced for
    /// `longest_life`, only to free memory: the entries hold their own deadlines.
    ///
    /// Calls `released` for every value that it removes.
    pub(super) fn new(
        capacity: u64,
        longest_life: Duration,
        weight: fn(&V) -> u32,
        released: impl Fn(&TokenDigest, &V, Release) + Send + Sync + 'static,
    ) -> Self {
        let cache = Cache::builder()
            .max_capacity(capacity)
            .time_to_live(longest_life)
            .weigher(move |_, value| weight(value))
            .eviction_listener(move |key, value, cause| released(&key, &value, cause.into()))
            .build_with_hasher(PrehashedHasher::default());
        Self { cache }
    }

    pub(crate) fn get(&self, key: &TokenDigest) -> Option<V> {
        self.cache.get(key)
    }

    pub(super) fn insert(&self, key: TokenDigest, value: V) {
        self.cache.insert(key, value);
    }

    pub(crate) fn remove(&self, key: &TokenDigest) {
        self.cache.invalidate(key);
    }

    /// Removes a value. Returns true if there was one.
    pub(super) fn take(&self, key: &TokenDigest) -> bool {
        self.cache.remove(key).is_some()
    }

    pub(super) fn clear(&self) {
        self.cache.invalidate_all();
    }

    /// Returns the number of entries, after pending removals.
    pub(crate) fn len(&self) -> u64 {
        self.cache.run_pending_tasks();
        self.cache.entry_count()
    }
}

impl Release {
    pub(super) fn count(self, metrics: &StoreMetrics) {
        metrics.released();
        match self {
            Self::Expired => metrics.expired(),
            Self::Evicted => metrics.evicted(),
            // The caller that removed the value counts it.
            Self::Explicit => {}
        }
    }
}

impl From<RemovalCause> for Release {
    fn from(cause: RemovalCause) -> Self {
        match cause {
            RemovalCause::Expired => Self::Expired,
            RemovalCause::Size => Self::Evicted,
            RemovalCause::Explicit | RemovalCause::Replaced => Self::Explicit,
        }
    }
}
