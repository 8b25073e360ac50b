//! The ids of events that were answered, so that a repeated delivery has no effect.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
};

use crate::clock::{Deadline, Now};

/// Remembers the last [`CAPACITY`] ids for ten minutes, as keyed hashes. The least recently used one goes first.
///
/// The signature covers the id, so a sender cannot choose ids whose hashes collide.
#[derive(Debug, Default)]
pub(super) struct RecentIds {
    hasher: RandomState,
    ids: Mutex<VecDeque<(u64, Deadline)>>,
}

impl RecentIds {
    /// Returns true if the id was inserted within the last ten minutes.
    pub(super) fn contains(&self, id: &str, now: Now) -> bool {
        let id = self.hasher.hash_one(id);
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.retain(|(_, deadline)| !deadline.has_passed(now));
        let found = ids.iter().position(|(known, _)| *known == id);
        let found = found.and_then(|at| ids.remove(at));
        ids.extend(found);
        found.is_some()
    }

    /// Inserts the id of an event that was answered with success. Earlier, a retry of a failed delivery would have no
    /// effect.
    pub(super) fn insert(&self, id: &str, now: Now) {
        let id = self.hasher.hash_one(id);
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.len() == CAPACITY {
            ids.pop_front();
        }
        ids.push_back((id, Deadline::after(now, LIFE)));
    }
}

/// The number of ids.
const CAPACITY: usize = 1024;

/// In milliseconds: the whole time in which a timestamp is accepted.
const LIFE: u64 = 600_000;

#[cfg(test)]
mod tests;
