//! Where hits are looked up: every good token that the store remembers, in a plain map.
//!
//! The store bounds and resists floods, and a look at it costs seven times as much as one at a map, for
//! it notes who is in use. So the map answers, and the store is told now and then, see `good.rs`.
//!
//! The map is in shards, so that neither a writer nor the count of hits stops more than a few readers.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use super::{
    entry::Entry,
    key::{Key, KeyHasher},
};
use crate::sync::{AtomicU64, RwLock};

#[derive(Debug)]
pub(super) struct Index {
    shards: Box<[Shard]>,
}

/// In cache lines of its own (two, since processors fetch them in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    by_key: RwLock<HashMap<Key, Arc<Entry>, KeyHasher>>,
    hits: AtomicU64,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
        }
    }

    /// Reads an entry in its place, so that a hit need not count one more owner of it.
    #[inline(always)]
    pub(super) fn read<T>(&self, key: &Key, read: impl FnOnce(&Arc<Entry>) -> T) -> Option<T> {
        let by_key = self.shard(key).by_key.read();
        by_key
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .map(read)
    }

    pub(super) fn insert(&self, key: Key, entry: Arc<Entry>) {
        // Freed when the lock is.
        let _old = self.change(&key, |by_key| by_key.insert(key, entry));
    }

    /// Whether there was one to remove.
    pub(super) fn remove(&self, key: &Key) -> bool {
        let old = self.change(key, |by_key| by_key.remove(key));
        old.is_some()
    }

    /// Removes this very entry, and no later one of the same token.
    pub(super) fn remove_entry(&self, key: &Key, entry: &Arc<Entry>) {
        let _old = self.change(key, |by_key| {
            let is_same = by_key.get(key).is_some_and(|held| Arc::ptr_eq(held, entry));
            is_same.then(|| by_key.remove(key))
        });
    }

    /// How many there were.
    pub(super) fn clear(&self) -> usize {
        let clear = |shard: &Shard| {
            let old =
                std::mem::take(&mut *shard.by_key.write().unwrap_or_else(PoisonError::into_inner));
            old.len()
        };
        self.shards.iter().map(clear).sum()
    }

    pub(super) fn count_hit(&self, key: &Key) {
        self.shard(key).hits.fetch_add(1, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn for_each(&self, mut visit: impl FnMut(&Key, &Arc<Entry>)) {
        for shard in &self.shards {
            let by_key = shard.by_key.read().unwrap().clone();
            by_key.iter().for_each(|(key, entry)| visit(key, entry));
        }
    }

    /// How many hits have been counted.
    pub(super) fn hits(&self) -> u64 {
        let hits = |shard: &Shard| shard.hits.load(Ordering::Relaxed);
        self.shards.iter().map(hits).sum()
    }

    fn change<T>(
        &self,
        key: &Key,
        change: impl FnOnce(&mut HashMap<Key, Arc<Entry>, KeyHasher>) -> T,
    ) -> T {
        let by_key = self.shard(key).by_key.write();
        change(&mut by_key.unwrap_or_else(PoisonError::into_inner))
    }

    fn shard(&self, key: &Key) -> &Shard {
        &self.shards[key.shard() % SHARDS]
    }
}

/// More than there are cores that would get in each other's way, and few enough to take no room.
const SHARDS: usize = 64;
