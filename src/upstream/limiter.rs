//! How often Clerk is called: within its rate limits, and in such a way that a flood of unknown tokens
//! never costs a known one its refresh.
//!
//! A token bucket with a reserve. Calls for unknown tokens stop where the reserve begins, those for
//! known ones go on to the last drop; so the known ones have the whole rate for themselves when they
//! need it, and the unknown ones have what is left. No kept crate knows such priorities.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::Priority;
use crate::clock::{Now, millis};

/// The bucket for one of Clerk's APIs. A layer without a limit has none.
pub(super) struct Limiter {
    bucket: Option<Mutex<Bucket>>,
}

impl Limiter {
    /// `calls` in ten seconds, all of them at once if need be.
    pub(super) fn new(calls: Option<u32>) -> Self {
        Self {
            bucket: calls.map(|calls| Mutex::new(Bucket::full(calls))),
        }
    }

    /// Takes one call, or says when there is one.
    pub(super) fn take(&self, priority: Priority, now: Now) -> Result<(), Duration> {
        match &self.bucket {
            Some(bucket) => bucket
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(priority, now),
            None => Ok(()),
        }
    }
}

/// In units of which a call costs [`CALL`], and one is gained per millisecond for each call of the
/// rate. So all numbers are whole.
#[derive(Debug)]
struct Bucket {
    rate: u64,
    level: u64,
    filled_at: Option<u64>,
}

impl Bucket {
    fn full(calls: u32) -> Self {
        let rate = u64::from(calls);
        Self {
            rate,
            level: rate * CALL,
            filled_at: None,
        }
    }

    fn take(&mut self, priority: Priority, now: Now) -> Result<(), Duration> {
        let capacity = self.rate * CALL;
        let elapsed = now.mono.saturating_sub(self.filled_at.unwrap_or(now.mono));
        self.level = self
            .level
            .saturating_add(elapsed.saturating_mul(self.rate))
            .min(capacity);
        self.filled_at = Some(now.mono);
        let reserve = match priority {
            Priority::Document | Priority::Refresh | Priority::Returning => 0,
            Priority::FirstSeen => capacity / 4,
        };
        let needed = reserve + CALL;
        if self.level < needed {
            let missing = needed - self.level;
            return Err(Duration::from_millis(missing.div_ceil(self.rate)));
        }
        self.level -= CALL;
        Ok(())
    }
}

/// How long an endpoint is left alone because it said so (429).
#[derive(Debug, Default)]
pub(super) struct Pause {
    /// On the monotonic clock, in milliseconds.
    until: AtomicU64,
}

impl Pause {
    /// Leaves the endpoint alone for a while from now on.
    pub(super) fn begin(&self, delay: Duration, now: Now) {
        let delay = millis(delay);
        self.until
            .fetch_max(now.mono.saturating_add(delay), Ordering::Relaxed);
    }

    /// How much of it is left.
    pub(super) fn check(&self, now: Now) -> Result<(), Duration> {
        match self.until.load(Ordering::Relaxed).saturating_sub(now.mono) {
            0 => Ok(()),
            left => Err(Duration::from_millis(left)),
        }
    }
}

/// What a call costs: the number of milliseconds in ten seconds, the length of Clerk's windows.
const CALL: u64 = 10_000;

#[cfg(test)]
mod tests;
