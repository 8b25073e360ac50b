//! Where hits are looked up: every good token that the store remembers, in a plain map.
//!
//! The store bounds and resists floods, and a look at it costs seven times as much as one at a map, for
//! it notes who is in use. So the map answers, and the store is told now and then, see `good.rs`.
//!
//! The map is in shards, so that a writer stops a few readers only. Readers of one shard do not meet: each thread
//! has a part of the lock to itself, where all requests of a service may come with one token.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use super::{
    entry::Entry,
    key::{Key, KeyHasher},
};
use crate::sync::ShardedLock;

#[derive(Debug)]
pub(super) struct Index {
    shards: Box<[Shard; SHARDS]>,
}

/// In a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard {
    by_key: ShardedLock<HashMap<Key, Arc<Entry>, KeyHasher>>,
}

impl Index {
    pub(super) fn new() -> Self {
        let shards: Box<[Shard]> = (0..SHARDS).map(|_| Shard::default()).collect();
        Self {
            shards: shards.try_into().expect("there are as many"),
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

    #[cfg(test)]
    pub(super) fn for_each(&self, mut visit: impl FnMut(&Key, &Arc<Entry>)) {
        for shard in self.shards.iter() {
            let by_key = shard.by_key.read().unwrap().clone();
            by_key.iter().for_each(|(key, entry)| visit(key, entry));
        }
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
