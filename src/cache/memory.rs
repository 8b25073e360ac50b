//! A bounded map from keys to what is known of them: the only file that names moka.
//!
//! It bounds and it resists floods (TinyLFU admits a newcomer only if it is asked for more often than
//! what it would replace). It decides nothing about time: deadlines are in the entries.

use std::time::Duration;

use moka::sync::{Cache, CacheBuilder};

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
        Self::build(Self::builder(capacity, longest_life, weight))
    }

    /// One that tells of every value that it lets go of: evicted, replaced, removed or cleared.
    pub(super) fn with_listener(
        capacity: u64,
        longest_life: Duration,
        weight: fn(&V) -> u32,
        released: impl Fn(&Key, &V) + Send + Sync + 'static,
    ) -> Self {
        let builder = Self::builder(capacity, longest_life, weight);
        Self::build(builder.eviction_listener(move |key, value, _| released(&key, &value)))
    }

    fn builder(
        capacity: u64,
        longest_life: Duration,
        weight: fn(&V) -> u32,
    ) -> CacheBuilder<Key, V, Cache<Key, V>> {
        Cache::builder()
            .max_capacity(capacity)
            .time_to_live(longest_life)
            .weigher(move |_, value| weight(value))
    }

    fn build(builder: CacheBuilder<Key, V, Cache<Key, V>>) -> Self {
        Self {
            cache: builder.build_with_hasher(KeyHasher::default()),
        }
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
