//! The rate limit: never more calls than the limit in any window of ten seconds.
//!
//! A ring holds the start times of the last calls. A call may start if fewer calls than its share of the limit started
//! within the last ten seconds. The whole rate is usable, and a slot is free again exactly ten seconds after its call.
//! The limit is checked before a call waits for a place in flight, but it must hold when the call is sent. A call
//! therefore reserves its slot first and starts later.
//!
//! Optional calls, for profiles that are not required, do not count against the share of a verification, because they
//! would take calls from it. They do count against the limit, and use at most a quarter of it. A verification stops at
//! the share of the next higher priority, optional calls included, so that both leave that reserved part free.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::Purpose;
#[cfg(feature = "fleet")]
use super::shared_limit::{CountCalls, SharedLimit};
use crate::{
    clock::{Clock, Now},
    sync::{Mutex, MutexGuard},
};

/// The rate limit of one Clerk API.
#[derive(Clone)]
pub(super) struct RateLimiter {
    /// `None` if calls are not limited.
    ring: Option<Arc<Mutex<Ring>>>,
    /// `None` if other replicas do not share the limit.
    #[cfg(feature = "fleet")]
    shared: Option<Arc<SharedLimit>>,
}

/// The right to start one call. Dropping it frees the slot, unless the call was started.
pub(super) struct Reservation {
    ring: Option<Arc<Mutex<Ring>>>,
    is_optional: bool,
}

/// The call times. They come from a clock that is never set. An earlier time than before counts as the latest time,
/// because threads may lock the ring in another order than they read the clock.
struct Ring {
    limit: usize,
    latest: Duration,
    all: Starts,
    needed: Starts,
    optional: Starts,
}

#[derive(Default)]
struct Starts {
    /// The start times of the last calls, in order: at most as many as the limit.
    times: VecDeque<Duration>,
    /// The number of calls that have reserved a slot and not started.
    reserved: usize,
}

impl RateLimiter {
    /// `calls`: the number of calls that may start in ten seconds.
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
        Self {
            ring,
            #[cfg(feature = "fleet")]
            shared: None,
        }
    }

    /// Shares the limit with the replicas that have this counter.
    #[cfg(feature = "fleet")]
    pub(super) fn shared_by(self, counter: Arc<dyn CountCalls>) -> Self {
        let limit = self.ring.as_ref().map(|ring| lock(ring).limit);
        Self {
            shared: limit.map(|limit| Arc::new(SharedLimit::new(limit, counter))),
            ..self
        }
    }

    /// Counts a call among those of all replicas, right before it is sent: the count cannot be given back.
    ///
    /// # Errors
    ///
    /// Returns the time until the shared limit may allow the call.
    pub(super) async fn count(&self, purpose: Purpose, clock: &dyn Clock) -> Result<(), Duration> {
        #[cfg(feature = "fleet")]
        if let Some(shared) = &self.shared {
            return shared.admit(purpose, clock).await;
        }
        #[cfg(not(feature = "fleet"))]
        let _ = (purpose, clock);
        Ok(())
    }

    /// Notes a 429 from Clerk.
    pub(super) fn too_many_requests(&self, now: Now) {
        #[cfg(feature = "fleet")]
        if let Some(shared) = &self.shared {
            shared.too_many_requests(now);
        }
        #[cfg(not(feature = "fleet"))]
        let _ = (self, now);
    }

    /// Reserves the start of a call.
    ///
    /// # Errors
    ///
    /// Returns the time until a slot may be free.
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
    /// Records that the call starts now.
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
    /// Reserves a slot only while fewer calls than the limit have started or are reserved. A start does not change
    /// their sum, so the limit also holds at each start.
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

    /// Returns the starts of this sort alone.
    fn own(&mut self, is_optional: bool) -> &mut Starts {
        if is_optional {
            &mut self.optional
        } else {
            &mut self.needed
        }
    }

    /// Returns the time, which never goes backwards here.
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
        // The call at this position started `unreserved` calls ago. If it started before the window, the bound holds.
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

/// The length of the window in which Clerk counts calls.
const WINDOW: Duration = Duration::from_secs(10);

/// The shortest wait that a caller can use.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests;
