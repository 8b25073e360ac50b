//! Where hits are looked up: every good token that the store remembers, in a plain set.
//!
//! The store bounds and resists floods, and a look at it costs seven times as much as one at a set, for
//! it notes who is in use. So the set answers, and the store is told now and then, see `positive.rs`.
//!
//! It has nothing but pointers to entries, which have their keys: so small, it is more often in the processor's caches
//! than the entries are. Whoever makes a shard larger looks at all its entries once more.
//!
//! The set is in shards, so that a writer stops a few readers only. Readers of one shard do not meet: each thread
//! has a part of the lock to itself, where all requests of a service may come with one token.

#![expect(clippy::mutable_key_type, reason = "the key of an entry never changes")]

use std::{
    borrow::Borrow,
    collections::HashSet,
    hash::{Hash, Hasher},
    sync::{Arc, PoisonError},
};

use super::{
    digest::{PrehashedHasher, TokenDigest},
    entry::Entry,
};
use crate::sync::ShardedLock;

#[derive(Debug)]
pub(super) struct HotIndex {
    shards: Box<[Shard; SHARDS]>,
}

/// In a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard {
    entries: ShardedLock<Entries>,
}

type Entries = HashSet<ByDigest, PrehashedHasher>;

/// An entry that is known by its key.
#[derive(Clone, Debug)]
struct ByDigest(Arc<Entry>);

impl Borrow<TokenDigest> for ByDigest {
    fn borrow(&self) -> &TokenDigest {
        self.0.key()
    }
}

impl Hash for ByDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key().hash(state);
    }
}

impl PartialEq for ByDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for ByDigest {}

impl HotIndex {
    pub(super) fn new() -> Self {
        let shards: Box<[Shard]> = (0..SHARDS).map(|_| Shard::default()).collect();
        Self {
            shards: shards.try_into().expect("there are as many"),
        }
    }

    /// Reads an entry in its place, so that a hit need not count one more owner of it.
    #[inline(always)]
    pub(super) fn read<T>(
        &self,
        key: &TokenDigest,
        read: impl FnOnce(&Arc<Entry>) -> T,
    ) -> Option<T> {
        let entries = self.shard(key).entries.read();
        entries
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .map(|held| read(&held.0))
    }

    pub(super) fn insert(&self, entry: Arc<Entry>) {
        let key = *entry.key();
        // Freed when the lock is.
        let _old = self.change(&key, |entries| entries.replace(ByDigest(entry)));
    }

    /// Whether there was one to remove.
    pub(super) fn remove(&self, key: &TokenDigest) -> bool {
        let old = self.change(key, |entries| entries.take(key));
        old.is_some()
    }

    /// Removes this very entry, and no later one of the same token.
    pub(super) fn remove_entry(&self, entry: &Arc<Entry>) {
        let key = entry.key();
        let _old = self.change(key, |entries| {
            let held = entries.get(key);
            let is_same = held.is_some_and(|held| Arc::ptr_eq(&held.0, entry));
            is_same.then(|| entries.take(key))
        });
    }

    /// How many there were.
    pub(super) fn clear(&self) -> usize {
        let clear = |shard: &Shard| {
            let entries = shard.entries.write();
            let old = std::mem::take(&mut *entries.unwrap_or_else(PoisonError::into_inner));
            old.len()
        };
        self.shards.iter().map(clear).sum()
    }

    /// The entries with a property. Readers of one shard at a time are in the way of its writers.
    pub(super) fn find_all(&self, property: impl Fn(&Entry) -> bool) -> Vec<Arc<Entry>> {
        let mut found = Vec::new();
        for shard in self.shards.iter() {
            let entries = shard.entries.read();
            let entries = entries.unwrap_or_else(PoisonError::into_inner);
            let with = entries.iter().filter(|held| property(&held.0));
            found.extend(with.map(|held| Arc::clone(&held.0)));
        }
        found
    }

    #[cfg(test)]
    pub(super) fn for_each(&self, mut visit: impl FnMut(&Arc<Entry>)) {
        for shard in self.shards.iter() {
            let entries = shard.entries.read().unwrap().clone();
            entries.iter().for_each(|held| visit(&held.0));
        }
    }

    fn change<T>(&self, key: &TokenDigest, change: impl FnOnce(&mut Entries) -> T) -> T {
        let entries = self.shard(key).entries.write();
        change(&mut entries.unwrap_or_else(PoisonError::into_inner))
    }

    fn shard(&self, key: &TokenDigest) -> &Shard {
        &self.shards[key.shard() % SHARDS]
    }
}

/// More than there are cores that would get in each other's way, and few enough to take no room.
const SHARDS: usize = 64;
