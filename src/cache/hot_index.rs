//! The hot index: all positive entries of the store in a plain set, in which hits are looked up.
//!
//! The store enforces the bound and resists floods. A lookup in the store costs seven times as much as one in a set,
//! because the store records which entries are in use. Lookups therefore use this set, and touch the store only
//! occasionally, see `positive.rs`.
//!
//! The set holds only pointers to entries, and the entries hold their digests. The set is small, so it is more often
//! in the processor's caches than the entries are. The cost: when a shard grows, each of its entries is read once more.
//!
//! The set is sharded, so that a writer blocks few readers. Readers of one shard do not contend, even if all requests
//! of a service carry the same token: each thread has its own part of the lock.

#![expect(clippy::mutable_key_type, reason = "the key of an entry never changes")]

use std::{
    borrow::Borrow,
    collections::HashSet,
    hash::{Hash, Hasher},
    sync::{Arc, PoisonError},
};

use crate::{
    claims::entry::Entry,
    sync::ShardedLock,
    token::digest::{PrehashedHasher, TokenDigest},
};

#[derive(Debug)]
pub(super) struct HotIndex {
    shards: Box<[Shard; SHARDS]>,
}

/// Aligned to its own cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard {
    entries: ShardedLock<Entries>,
}

type Entries = HashSet<ByDigest, PrehashedHasher>;

/// An entry that is found by its digest.
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

    /// Reads an entry in place, so that a hit does not increment the reference count once more.
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
        // The old entry is freed after the lock is released.
        let _old = self.change(&key, |entries| entries.replace(ByDigest(entry)));
    }

    /// Removes the entry of a token. Returns true if there was one.
    pub(super) fn remove(&self, key: &TokenDigest) -> bool {
        let old = self.change(key, |entries| entries.take(key));
        old.is_some()
    }

    /// Removes exactly this entry. A later entry of the same token stays.
    pub(super) fn remove_entry(&self, entry: &Arc<Entry>) {
        let key = entry.key();
        let _old = self.change(key, |entries| {
            let held = entries.get(key);
            let is_same = held.is_some_and(|held| Arc::ptr_eq(&held.0, entry));
            is_same.then(|| entries.take(key))
        });
    }

    /// Removes all entries and returns their number.
    pub(super) fn clear(&self) -> usize {
        let clear = |shard: &Shard| {
            let entries = shard.entries.write();
            let old = std::mem::take(&mut *entries.unwrap_or_else(PoisonError::into_inner));
            old.len()
        };
        self.shards.iter().map(clear).sum()
    }

    /// Returns the entries with a property. It locks one shard at a time, so it blocks few writers.
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

/// More than the number of cores that would contend, and few enough to take little memory.
const SHARDS: usize = 64;
