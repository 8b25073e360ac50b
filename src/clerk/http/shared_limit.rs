//! The rate limit of all replicas: their calls count together, in windows of ten seconds by the wall clock.
//!
//! The count of a call is its number in the window. A call may start if the estimate of the calls in the last ten seconds
//! is within the share of its priority. The estimate is the number of the call, and the part of the window before that
//! the last ten seconds overlap, as if its calls were spread evenly.
//!
//! 1. The limit of the replica alone comes first (`rate_limit`). It is the only one while the store may not be used, or
//!    gives no answer in time.
//! 2. Tokens never seen are paced: a flood in the first second of a window would otherwise use all of it.
//! 3. A count cannot be given back. The number of a rejected call is kept, and a later call of this replica takes it when
//!    it is due. So rejected calls use nothing up. A call that must be rejected is not counted.
//! 4. The store is not trusted. A count that is too low leaves the limit of the replica. A count that is too high slows
//!    calls down: one twentieth of the limit is each replica's own, for tokens that were valid before, unless Clerk
//!    responded with a 429 within the last minute.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::{Priority, Purpose};
use crate::{
    BoxFuture,
    clock::{Clock, Now},
    sync::{Mutex, MutexGuard},
};

/// Counts the calls of all replicas.
pub(crate) trait CountCalls: Send + Sync + 'static {
    /// Returns true while the count may be used.
    fn is_live(&self) -> bool;

    /// Counts a call, and returns the counts of its window and of the one before. `None` without an answer in time.
    fn count(&self, window: u64) -> BoxFuture<'_, Option<Counted>>;
}

/// The counts of a window, with the call that was just counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) number: u64,
    /// The calls in the window before.
    pub(crate) before: u64,
}

/// The limit that replicas share, as one of them applies it.
pub(super) struct SharedLimit {
    counter: Arc<dyn CountCalls>,
    counts: Mutex<Counts>,
}

/// What a replica knows of the counts. Pure.
struct Counts {
    limit: usize,
    window: u64,
    /// The greatest number in this window that is known here.
    latest: u64,
    /// The calls in the window before, as far as they are known here.
    before: u64,
    /// The numbers in this window that were counted and not used.
    unused: BTreeSet<u64>,
    /// The starts of calls that only the own part of the limit allowed, in milliseconds of the monotonic clock.
    own: VecDeque<u64>,
    /// The last 429 from Clerk, on the same clock. `None` if there was none.
    too_many: Option<u64>,
}

/// The decision on a call, without a new count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Start,
    /// The call has to be counted in this window first.
    Count(u64),
}

impl SharedLimit {
    pub(super) fn new(limit: usize, counter: Arc<dyn CountCalls>) -> Self {
        Self {
            counter,
            counts: Mutex::new(Counts::new(limit)),
        }
    }

    /// Counts a call that is about to be sent.
    ///
    /// # Errors
    ///
    /// Returns the time until the limit may allow it.
    pub(super) async fn admit(&self, purpose: Purpose, clock: &dyn Clock) -> Result<(), Duration> {
        if !self.counter.is_live() {
            return Ok(());
        }
        let decision = self.lock().decide(purpose, clock.now())?;
        let Decision::Count(window) = decision else {
            return Ok(());
        };
        match self.counter.count(window).await {
            Some(counted) => self.lock().counted(purpose, window, counted, clock.now()),
            None => Ok(()),
        }
    }

    /// Notes a 429.
    pub(super) fn too_many_requests(&self, now: Now) {
        self.lock().too_many = Some(now.mono);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            window: 0,
            latest: 0,
            before: 0,
            unused: BTreeSet::new(),
            own: VecDeque::new(),
            too_many: None,
        }
    }

    /// Decides on a call by what is known.
    ///
    /// # Errors
    ///
    /// Returns the time until the limit may allow the call.
    fn decide(&mut self, purpose: Purpose, now: Now) -> Result<Decision, Duration> {
        self.turn(now);
        // Another replica may have taken the next number, but none lower is left.
        let unused = self.unused.first().copied();
        let number = unused.unwrap_or(self.latest.saturating_add(1));
        match self.check(number, purpose, now) {
            Err(wait) => self.take_own(purpose, now, wait).map(|()| Decision::Start),
            Ok(()) if self.unused.pop_first().is_some() => Ok(Decision::Start),
            Ok(()) => Ok(Decision::Count(self.window)),
        }
    }

    /// Decides on a call that was counted.
    ///
    /// # Errors
    ///
    /// The same.
    fn counted(
        &mut self,
        purpose: Purpose,
        window: u64,
        counted: Counted,
        now: Now,
    ) -> Result<(), Duration> {
        self.turn(now);
        if window != self.window {
            // The window has ended meanwhile. The call is one of those before.
            let is_within = counted.number <= as_u64(purpose.share(self.limit));
            return is_within.then_some(()).ok_or(WINDOW);
        }
        self.latest = self.latest.max(counted.number);
        self.before = counted.before;
        let checked = self.check(counted.number, purpose, now);
        checked.or_else(|wait| {
            if self.unused.len() < MOST_UNUSED {
                self.unused.insert(counted.number);
            }
            self.take_own(purpose, now, wait)
        })
    }

    /// Begins a new window if the last one has ended.
    fn turn(&mut self, now: Now) {
        let window = now.wall / WINDOW_MS;
        if window == self.window {
            return;
        }
        // What the store returned before does not count on: it may have been wrong.
        self.window = window;
        (self.latest, self.before) = (0, 0);
        self.unused.clear();
    }

    /// Checks that the call of this number may start.
    fn check(&self, number: u64, purpose: Purpose, now: Now) -> Result<(), Duration> {
        let elapsed = now.wall % WINDOW_MS;
        let rest = WINDOW_MS - elapsed;
        let overlap = u128::from(self.before) * u128::from(rest) / u128::from(WINDOW_MS);
        let estimate = u128::from(number) + overlap;
        let share = as_u64(purpose.share(self.limit));
        let is_paced = purpose.priority() == Priority::FirstSeen;
        if estimate > u128::from(share) || is_paced && number > self.pace(elapsed) {
            return Err(Duration::from_millis(rest));
        }
        Ok(())
    }

    /// Returns the number up to which calls for tokens never seen may start: 5 % of the limit, and 60 % more in the course
    /// of the window.
    fn pace(&self, elapsed: u64) -> u64 {
        let percent = u128::from(5 * WINDOW_MS + 60 * elapsed);
        let pace = u128::from(as_u64(self.limit)) * percent / u128::from(100 * WINDOW_MS);
        u64::try_from(pace).unwrap_or(u64::MAX).max(1)
    }

    /// Takes a call of the part of the limit that is this replica's own.
    fn take_own(&mut self, purpose: Purpose, now: Now, wait: Duration) -> Result<(), Duration> {
        let is_known = purpose.priority() != Priority::FirstSeen && !purpose.is_optional();
        let has_passed = |then: u64, time| now.mono.saturating_sub(then) >= time;
        let is_slowed = self.too_many.is_some_and(|then| !has_passed(then, CALM));
        while self
            .own
            .front()
            .is_some_and(|it| has_passed(*it, WINDOW_MS))
        {
            self.own.pop_front();
        }
        if !is_known || is_slowed || self.own.len() >= (self.limit / 20).max(1) {
            return Err(wait);
        }
        self.own.push_back(now.mono);
        Ok(())
    }
}

fn as_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The length of a window, as that of the limit of one replica.
const WINDOW: Duration = Duration::from_secs(10);
const WINDOW_MS: u64 = 10_000;

/// The time without a 429 after which a replica uses its own part of the limit, in milliseconds.
const CALM: u64 = 60_000;

/// The most numbers that are kept. Calls that are counted at the same time have places in flight, of which there are as
/// many.
const MOST_UNUSED: usize = super::MAX_IN_FLIGHT;

#[cfg(test)]
mod tests;
