//! A limit of one log line per minute for each name, in bounded memory.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, PoisonError},
};

use crate::clock::Now;

/// Decides which names may cause a log line now. Clients choose the names, so they are stored as keyed hashes. Beyond
/// [`MAX_NAMES`] names, all others share one line per minute.
#[derive(Debug, Default)]
pub(super) struct PerMinute {
    hasher: RandomState,
    recent: Mutex<Recent>,
}

/// The names that caused a line within the last minute, and the times in milliseconds of the monotonic clock.
#[derive(Debug, Default)]
struct Recent {
    lines: Vec<(u64, u64)>,
    /// The line that all names outside of the list share.
    shared: Option<(u64, u64)>,
}

impl PerMinute {
    /// Returns true if this name caused no line within the last minute. It then counts as a line now.
    pub(super) fn allows(&self, name: impl Hash, now: Now) -> bool {
        let name = self.hasher.hash_one(name);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let Recent { lines, shared } = &mut *recent;
        // Threads read the clock and lock the list in different orders. An earlier time counts as the same time.
        let is_recent = |line: &(u64, u64)| now.mono.saturating_sub(line.1) < MINUTE;
        lines.retain(is_recent);
        *shared = shared.filter(is_recent);
        if lines.iter().chain(&*shared).any(|line| line.0 == name) {
            return false;
        }
        if lines.len() < MAX_NAMES {
            lines.push((name, now.mono));
            return true;
        }
        let is_free = shared.is_none();
        if is_free {
            *shared = Some((name, now.mono));
        }
        is_free
    }
}

const MINUTE: u64 = 60_000;

const MAX_NAMES: usize = 64;

#[cfg(test)]
mod tests;
