//! A bounded map from keys to what is known of them: the only file that names moka.
//!
//! It bounds and it resists floods (TinyLFU admits a newcomer only if it is asked for more often than
//! what it would replace). It decides nothing about time: deadlines are in the entries.

use std::time::Duration;

use moka::sync::Cache;

use super::key::{Key, KeyHasher};

/// A store of values of one kind.
#[derive(Clone, Debug)]
pub(super) struct Store<V: Clone + Send + Sync + 'static> {
    cache: Cache<Key, V, KeyHasher>,
}

impl<V: Clone + Send + Sync + 'static> Store<V> {
    /// A store that holds `capacity` units of weight, and forgets what was not replaced for
    /// `longest_life`. The latter only frees memory: entries say themselves how long they are good.
    pub(super) fn new(capacity: u64, longest_life: Duration, weight: fn(&V) -> u32) -> Self {
        let cache = Cache::builder()
            .max_capacity(capacity)
            .time_to_live(longest_life)
            .weigher(move |_, value| weight(value))
            .build_with_hasher(KeyHasher::default());
        Self { cache }
    }

    pub(super) fn get(&self, key: &Key) -> Option<V> {
        self.cache.get(key)
    }

    pub(super) fn insert(&self, key: Key, value: V) {
        self.cache.insert(key, value);
    }

    pub(super) fn remove(&self, key: &Key) {
        self.cache.invalidate(key);
    }

    pub(super) fn clear(&self) {
        self.cache.invalidate_all();
    }

    /// How many entries there are, after what is due has been cleaned up.
    pub(super) fn len(&self) -> u64 {
        self.cache.run_pending_tasks();
        self.cache.entry_count()
    }
}
