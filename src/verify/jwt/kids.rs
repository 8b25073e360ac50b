//! Names of keys that the instance does not have: whoever sends tokens can make them up, and each would be
//! worth a fetch.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::clock::Now;

/// Names that a fetch did not find, with the moment, in milliseconds of the monotonic clock, from which
/// they are worth another.
#[derive(Debug, Default)]
pub(super) struct UnknownKids(Mutex<HashMap<String, u64>>);

impl UnknownKids {
    pub(super) fn contains(&self, kid: &str, now: Now) -> bool {
        self.lock().get(kid).is_some_and(|until| now.mono < *until)
    }

    pub(super) fn remember(&self, kid: &str, now: Now) {
        if kid.len() > MAX_LENGTH {
            return;
        }
        let mut kids = self.lock();
        kids.retain(|_, until| now.mono < *until);
        if kids.len() >= MAX_KIDS && !kids.contains_key(kid) {
            let oldest = kids.iter().min_by_key(|(_, until)| **until);
            if let Some(oldest) = oldest.map(|(kid, _)| kid.clone()) {
                kids.remove(&oldest);
            }
        }
        kids.insert(kid.to_owned(), now.mono.saturating_add(MEMORY));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how long, in milliseconds. Should the name come into use meanwhile, the set that has it counts.
const MEMORY: u64 = 60_000;

/// There is a fetch every ten seconds at the most: more than this are only found where many wait for one.
const MAX_KIDS: usize = 64;

/// In bytes; Clerk's have 31.
const MAX_LENGTH: usize = 256;

#[cfg(test)]
mod tests;
