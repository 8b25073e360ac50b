//! A bounded map from keys to what is known of them: the only file that names moka.
//!
//! It bounds and it resists floods (TinyLFU admits a newcomer only if it is asked for more often than
//! what it would replace). It decides nothing about time: deadlines are in the entries.

use std::time::Duration;

use moka::{notification::RemovalCause, sync::Cache};

use super::digest::{PrehashedHasher, TokenDigest};
use crate::observe::StoreMetrics;

/// Why a store let go of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// It was there for the longest life.
    Expired,
    /// There was no room for it.
    Evicted,
    /// Somebody asked for it: it was replaced, removed or cleared.
    Explicit,
}

/// A store of values of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Store<V: Clone + Send + Sync + 'static> {
    cache: Cache<TokenDigest, V, PrehashedHasher>,
}

impl<V: Clone + Send + Sync + 'static> Store<V> {
    /// A store that holds `capacity` units of weight, and forgets what was not replaced for
    /// `longest_life`. The latter only frees memory: entries say themselves how long they are good.
    ///
    /// It tells of every value that it lets go of.
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

    /// Removes a value, and says whether there was one.
    pub(super) fn take(&self, key: &TokenDigest) -> bool {
        self.cache.remove(key).is_some()
    }

    pub(super) fn clear(&self) {
        self.cache.invalidate_all();
    }

    /// How many entries there are, after what is due has been cleaned up.
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
            // Whoever asked for it knows why.
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
