//! The rate limit: never more calls than the limit in any window of ten seconds.
//!
//! A ring holds the start times of the last calls. A call starts if fewer than its share of the limit
//! started within the last ten seconds; so the whole rate can be used, and exactly ten seconds after a
//! call its slot is free again. The limit is checked before a call waits for a place in flight, and has
//! to hold for the moment in which it is sent. So a call reserves its slot first, and starts later.
//!
//! Optional calls, for profiles that are not required, do not count against the share of a verification:
//! they would take calls that it needs. They count for the limit, of which they use a quarter at most; and
//! a verification stops at the share of the next higher priority, optional calls included, so that they
//! never use up what is reserved for that one.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::Purpose;
use crate::sync::{Mutex, MutexGuard};

/// The rate limit of one of Clerk's APIs.
#[derive(Clone)]
pub(super) struct RateLimiter {
    /// `None`: there is no limit.
    ring: Option<Arc<Mutex<Ring>>>,
}

/// The right to start one call. Dropping it gives the slot back, unless the call was started.
pub(super) struct Reservation {
    ring: Option<Arc<Mutex<Ring>>>,
    is_optional: bool,
}

/// Times are those of any clock that is never set. One that shows an earlier time than before counts as
/// standing still: threads may read it in another order than they come here.
struct Ring {
    limit: usize,
    latest: Duration,
    all: Starts,
    needed: Starts,
    optional: Starts,
}

#[derive(Default)]
struct Starts {
    /// When the last calls started, in order: as many as the limit at most.
    times: VecDeque<Duration>,
    /// How many calls are yet to start.
    reserved: usize,
}

impl RateLimiter {
    /// `calls`: how many may start in ten seconds.
    pub(super) fn new(calls: Option<u32>) -> Self {
        let ring = calls.map(|calls| {
            Arc::new(Mutex::new(Ring {
                limit: usize::try_from(calls).unwrap_or(usize::MAX),
                latest: Duration::ZERO,
                all: Starts::default(),
                needed: Starts::default(),
                optional: Starts::default(),
            }))
        });
        Self { ring }
    }

    /// Reserves the start of a call.
    ///
    /// # Errors
    ///
    /// How long it takes until a slot may be free.
    pub(super) fn reserve(&self, purpose: Purpose, now: Duration) -> Result<Reservation, Duration> {
        if let Some(ring) = &self.ring {
            lock(ring).reserve(purpose, now)?;
        }
        Ok(Reservation {
            ring: self.ring.clone(),
            is_optional: purpose.is_optional(),
        })
    }
}

impl Reservation {
    /// Notes that the call starts now.
    pub(super) fn start(mut self, now: Duration) {
        if let Some(ring) = self.ring.take() {
            lock(&ring).start(self.is_optional, now);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(ring) = &self.ring {
            lock(ring).give_back(self.is_optional);
        }
    }
}

impl Ring {
    /// Every start was reserved while fewer calls than the limit had started or were reserved, and starting
    /// one changes nothing of their sum: so it holds at each start, too.
    fn reserve(&mut self, purpose: Purpose, now: Duration) -> Result<(), Duration> {
        let now = self.tick(now);
        let (ceiling, own) = (purpose.ceiling(self.limit), purpose.own_limit(self.limit));
        self.all.check(ceiling, now)?;
        self.own(purpose.is_optional()).check(own, now)?;
        self.own(purpose.is_optional()).reserved += 1;
        self.all.reserved += 1;
        Ok(())
    }

    fn start(&mut self, is_optional: bool, now: Duration) {
        let (limit, now) = (self.limit, self.tick(now));
        self.give_back(is_optional);
        self.all.note(limit, now);
        self.own(is_optional).note(limit, now);
    }

    fn give_back(&mut self, is_optional: bool) {
        self.all.reserved -= 1;
        self.own(is_optional).reserved -= 1;
    }

    /// Those that are counted apart from the others.
    fn own(&mut self, is_optional: bool) -> &mut Starts {
        if is_optional {
            &mut self.optional
        } else {
            &mut self.needed
        }
    }

    /// The time, which never runs backwards here.
    fn tick(&mut self, now: Duration) -> Duration {
        self.latest = self.latest.max(now);
        self.latest
    }
}

impl Starts {
    /// Checks that fewer calls than the bound started within the window or are yet to start.
    fn check(&self, bound: usize, now: Duration) -> Result<(), Duration> {
        let unreserved = bound.saturating_sub(self.reserved);
        if unreserved == 0 {
            return Err(SHORTEST_WAIT);
        }
        // As many calls ago, one started: fewer did so within the window if that one did so before it.
        let nth = self.times.len().checked_sub(unreserved);
        if let Some(start) = nth.and_then(|nth| self.times.get(nth)) {
            let age = now.saturating_sub(*start);
            if age < WINDOW {
                return Err((WINDOW - age).max(SHORTEST_WAIT));
            }
        }
        Ok(())
    }

    fn note(&mut self, limit: usize, now: Duration) {
        if self.times.len() >= limit {
            let oldest = self.times.pop_front();
            debug_assert!(oldest.is_none_or(|oldest| oldest + WINDOW <= now));
        }
        self.times.push_back(now);
    }
}

fn lock(ring: &Mutex<Ring>) -> MutexGuard<'_, Ring> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The length of Clerk's windows.
const WINDOW: Duration = Duration::from_secs(10);

/// The shortest wait that makes sense to name.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests;
