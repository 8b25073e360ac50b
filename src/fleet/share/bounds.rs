//! The bounds of looks and of waiting.

use std::{
    sync::{
        PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::LOOK;
use crate::{
    clock::{Now, millis},
    observe::Priority,
    sync::Mutex,
};

/// The bounds of what tokens that were not seen before may cost the store. Looks for other tokens have none.
///
/// The verifications that may look in a second are bounded, not their looks: a verification that waits looks many times,
/// so a bound on looks would end the waits of a burst of good tokens. Instead, the number of verifications that wait is
/// bounded. So a flood costs the store at most four commands for each verification that may look, and the looks of
/// [`WAITERS`].
pub(super) struct Looks {
    places: Semaphore,
    waiters: Semaphore,
    per_second: Option<u32>,
    /// A second of the monotonic clock, and the number of verifications that looked in it.
    made: Mutex<(u64, u32)>,
}

/// A place for a look, or for waiting.
pub(super) struct Place<'a>(#[expect(dead_code, reason = "held")] Option<SemaphorePermit<'a>>);

impl Looks {
    pub(super) fn new(per_second: Option<u32>) -> Self {
        Self {
            places: Semaphore::new(PLACES),
            waiters: Semaphore::new(WAITERS),
            per_second,
            made: Mutex::default(),
        }
    }

    /// Counts a verification. Returns false if too many began in this second, and it may not look.
    pub(super) fn allows(&self, priority: Priority, now: Now) -> bool {
        let Some(most) = self.per_second.filter(|_| is_bounded(priority)) else {
            return true;
        };
        let second = now.mono / 1000;
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.0 != second {
            *made = (second, 0);
        }
        made.1 = made.1.saturating_add(1);
        made.1 <= most
    }

    /// Returns a place for one look. `None` if there is none in time.
    pub(super) async fn place(&self, priority: Priority) -> Option<Place<'_>> {
        if !is_bounded(priority) {
            return Some(Place(None));
        }
        let place = timeout(LOOK, self.places.acquire()).await.ok()?;
        Some(Place(Some(place.ok()?)))
    }

    /// Returns a place for a verification that waits for evidence. `None` if there is none now.
    pub(super) fn wait(&self, priority: Priority) -> Option<Place<'_>> {
        if !is_bounded(priority) {
            return Some(Place(None));
        }
        Some(Place(Some(self.waiters.try_acquire().ok()?)))
    }
}

fn is_bounded(priority: Priority) -> bool {
    priority == Priority::FirstSeen
}

/// The time that a request may wait for the evidence of another replica.
pub(super) struct Patience {
    timeout: Duration,
    /// A decaying maximum of the durations of verifications, in milliseconds.
    slowest: AtomicU64,
    /// The number of waits in a row that ended without evidence.
    in_vain: AtomicU32,
    /// The time on the monotonic clock until which there is no waiting.
    over_until: AtomicU64,
}

impl Patience {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            slowest: AtomicU64::new(0),
            in_vain: AtomicU32::new(0),
            over_until: AtomicU64::new(0),
        }
    }

    /// Returns the longest wait of a request that has `rest` left: what its own calls to Clerk will not need, twice over.
    /// So waiting rejects no request that would pass without it.
    pub(super) fn of_a_request(&self, rest: Duration) -> Duration {
        let slowest = Duration::from_millis(self.slowest.load(Ordering::Relaxed));
        rest.saturating_sub(slowest * 2).min(self.timeout / 2)
    }

    /// Notes the duration of a verification.
    pub(super) fn verified(&self, elapsed: Duration) {
        let elapsed = millis(elapsed);
        let raise = |slowest: u64| Some(elapsed.max(slowest - slowest / 8));
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        _ = self.slowest.fetch_update(set, fetch, raise);
    }

    /// Notes a wait that ended with evidence.
    pub(super) fn rewarded(&self) {
        self.in_vain.store(0, Ordering::Relaxed);
    }

    /// Notes a wait that ended without evidence. After ten in a row there is no waiting for 30 s: some client of the store
    /// takes leases and delivers nothing.
    pub(super) fn exhausted(&self, now: Now) {
        if self.in_vain.fetch_add(1, Ordering::Relaxed) + 1 >= MOST_IN_VAIN {
            self.in_vain.store(0, Ordering::Relaxed);
            self.over_until
                .store(now.mono.saturating_add(REST), Ordering::Relaxed);
        }
    }

    /// Returns true if requests do not wait now.
    pub(super) fn is_over(&self, now: Now) -> bool {
        now.mono < self.over_until.load(Ordering::Relaxed)
    }
}

/// The number of looks in flight for tokens that were not seen before.
const PLACES: usize = 64;

/// The number of verifications that wait for evidence about tokens that were not seen before: more than twice a burst of a
/// hundred tokens. Their looks are at most some 10,000 a second.
const WAITERS: usize = 256;

const MOST_IN_VAIN: u32 = 10;

/// The time without waiting, in milliseconds.
const REST: u64 = 30_000;

#[cfg(test)]
mod tests;
