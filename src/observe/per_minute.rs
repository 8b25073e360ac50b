//! At most one log line a minute for each of those who cause them, in bounded memory.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, PoisonError},
};

use crate::clock::Now;

/// Says who may cause a log line now. A caller chooses its name, so it is kept as a keyed hash, and beyond
/// [`MAX_NAMES`] of them all others share one line a minute.
#[derive(Debug, Default)]
pub(super) struct PerMinute {
    hasher: RandomState,
    recent: Mutex<Recent>,
}

/// Who caused a line within a minute, and when, in milliseconds of the monotonic clock.
#[derive(Debug, Default)]
struct Recent {
    lines: Vec<(u64, u64)>,
    /// The line of all who are not in the list.
    shared: Option<(u64, u64)>,
}

impl PerMinute {
    /// Whether this one caused no line within a minute; then it causes one now.
    pub(super) fn allows(&self, name: impl Hash, now: Now) -> bool {
        let name = self.hasher.hash_one(name);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let Recent { lines, shared } = &mut *recent;
        // Threads read the clock and come here in different orders: an earlier moment is as good as the same.
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
