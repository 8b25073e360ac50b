//! A bounded map from keys to what is known of them: the only file that names moka.
//!
//! It bounds and it resists floods (TinyLFU admits a newcomer only if it is asked for more often than
//! what it would replace). It decides nothing about time: deadlines are in the entries.

use std::time::Duration;

use moka::{
    policy::EvictionPolicy,
    sync::{Cache, CacheBuilder},
};

use super::key::{Key, KeyHasher};

/// A store of values of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Store<V: Clone + Send + Sync + 'static> {
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

    /// A store that holds `capacity` values, and forgets the one that was not asked for longest, and what
    /// was not asked for during `idle`. Newcomers are always let in: where what is not remembered is
    /// refused, they could not begin otherwise.
    pub(crate) fn least_recently_used(capacity: u64, idle: Duration) -> Self {
        let cache = Cache::builder()
            .max_capacity(capacity)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(idle.min(LONGEST_IDLE))
            .build_with_hasher(KeyHasher::default());
        Self { cache }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<V> {
        self.cache.get(key)
    }

    pub(super) fn insert(&self, key: Key, value: V) {
        self.cache.insert(key, value);
    }

    /// What is there, or else what is made now. One caller makes it, whoever else comes at that moment.
    pub(crate) fn get_or_insert_with(&self, key: Key, make: impl FnOnce() -> V) -> V {
        self.cache.entry(key).or_insert_with(make).into_value()
    }

    pub(crate) fn remove(&self, key: &Key) {
        self.cache.invalidate(key);
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

/// moka panics at more than a thousand years.
const LONGEST_IDLE: Duration = Duration::from_secs(365 * 86_400);
