//! The circuit breaker: a Clerk that is down is not called by every request, and no request waits for it in
//! vain.
//!
//! It counts server errors, silence and broken connections. An answer that one token can provoke counts for
//! nothing, or one caller could open it for all others. Our own, since only the decoder knows which answers
//! those are, and since time must be an argument for tests to hold it.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Priority;
use crate::{
    clock::{Clock, Now, millis},
    observe::{BreakerState, EndpointObserver},
};

/// Lets calls through while they succeed. After [`FAILURES_TO_OPEN`] failures in a row it lets nothing
/// through for [`PAUSE`], then one call as a probe. If a call for a token that is in use or was valid before
/// was turned away in the meantime, a token never seen is not the probe until another pause has passed.
pub(super) struct Breaker {
    state: Mutex<State>,
    /// In milliseconds: how long a probe takes at most. One that takes longer is on a runtime that is parked or
    /// blocked, and another call may probe.
    longest_probe: u64,
    clock: Arc<dyn Clock>,
    observer: Arc<EndpointObserver>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// All is well, or was until so many failures ago.
    Closed { failures: u32 },
    /// Nothing passes before `until`, a moment of the monotonic clock, and no token never seen before
    /// `first_seen_from`.
    Open { until: u64, first_seen_from: u64 },
    /// One call is trying whether all is well again, and is overdue at `until`. `is_awaited`: one of a higher
    /// priority than a token never seen was turned away meanwhile.
    Probing { is_awaited: bool, until: u64 },
}

/// What a call shows of Clerk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Clerk does its work.
    Success,
    /// Clerk does not do its work.
    Failure,
    /// Nothing.
    Nothing,
}

/// A call that was let through. It must tell what it showed; one that is dropped after it was sent, at a
/// deadline for instance, failed.
pub(super) struct Permit {
    breaker: Arc<Breaker>,
    is_probe: bool,
    /// What a drop shows.
    evidence: Evidence,
}

impl State {
    /// What it looks like from outside.
    fn seen(self) -> BreakerState {
        match self {
            Self::Closed { .. } => BreakerState::Closed,
            Self::Open { .. } => BreakerState::Open,
            Self::Probing { .. } => BreakerState::HalfOpen,
        }
    }

    /// Opens, or stays open, until this moment.
    fn open(until: u64, is_awaited: bool) -> Self {
        let head_start = if is_awaited { PAUSE_MS } else { 0 };
        Self::Open {
            until,
            first_seen_from: until.saturating_add(head_start),
        }
    }

    /// Whether a call may pass at this moment, and what becomes of the state by it. Otherwise, how
    /// long none of this priority passes.
    ///
    /// - Closed => Closed
    /// - Open => (Open | Probing)
    /// - Probing => Probing
    fn admit(
        self,
        priority: Priority,
        longest_probe: u64,
        now: Now,
    ) -> (Self, Result<(), Duration>) {
        let probing = Self::Probing {
            is_awaited: false,
            until: now.mono.saturating_add(longest_probe),
        };
        let is_first_seen = priority == Priority::FirstSeen;
        match self {
            Self::Closed { .. } => (self, Ok(())),
            Self::Open {
                until,
                first_seen_from,
            } => {
                let from = if is_first_seen {
                    first_seen_from
                } else {
                    until
                };
                if now.mono >= from {
                    return (probing, Ok(()));
                }
                let next = if is_first_seen {
                    self
                } else {
                    Self::open(until, true)
                };
                (next, Err(Duration::from_millis(from - now.mono)))
            }
            Self::Probing { until, .. } if now.mono >= until => (probing, Ok(())),
            Self::Probing { is_awaited, until } => {
                let is_awaited = is_awaited || !is_first_seen;
                (Self::Probing { is_awaited, until }, Err(PAUSE))
            }
        }
    }

    /// What becomes of the state by a call that ended, or was not made after all.
    ///
    /// - Closed => (Closed | Open)
    /// - Probing => (Closed | Open), by the probe alone
    /// - Open => Open: the call began before it opened, and shows nothing of what came since.
    fn record(self, evidence: Evidence, is_probe: bool, now: Now) -> Self {
        let pause_over = now.mono.saturating_add(PAUSE_MS);
        match (self, evidence) {
            (Self::Closed { .. }, Evidence::Success) => Self::Closed { failures: 0 },
            (Self::Closed { failures }, Evidence::Failure) if failures + 1 < FAILURES_TO_OPEN => {
                Self::Closed {
                    failures: failures + 1,
                }
            }
            (Self::Closed { .. }, Evidence::Failure) => Self::open(pause_over, false),
            (Self::Probing { .. }, Evidence::Success) if is_probe => Self::Closed { failures: 0 },
            (Self::Probing { is_awaited, .. }, Evidence::Failure) if is_probe => {
                Self::open(pause_over, is_awaited)
            }
            // The next one may be the probe at once.
            (Self::Probing { is_awaited, .. }, Evidence::Nothing) if is_probe => {
                Self::open(now.mono, is_awaited)
            }
            (state, _) => state,
        }
    }
}

impl Breaker {
    /// `attempt_timeout`: how long a call takes at most, once it is sent.
    pub(super) fn new(
        attempt_timeout: Duration,
        clock: Arc<dyn Clock>,
        observer: Arc<EndpointObserver>,
    ) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::Closed { failures: 0 }),
            // It may wait for a place in flight before it is sent, which another call holds for as long.
            longest_probe: millis(attempt_timeout.saturating_mul(2).saturating_add(PAUSE)),
            clock,
            observer,
        })
    }

    /// Lets a call through.
    ///
    /// # Errors
    ///
    /// How long none of this priority passes.
    pub(super) fn admit(self: &Arc<Self>, priority: Priority) -> Result<Permit, Duration> {
        let mut state = self.lock();
        let (next, verdict) = state.admit(priority, self.longest_probe, self.clock.now());
        self.change(&mut state, next);
        verdict.map(|()| Permit {
            breaker: Arc::clone(self),
            is_probe: matches!(next, State::Probing { .. }),
            evidence: Evidence::Nothing,
        })
    }

    /// Whether calls pass freely.
    pub(super) fn is_closed(&self) -> bool {
        matches!(*self.lock(), State::Closed { .. })
    }

    fn record(&self, evidence: Evidence, is_probe: bool) {
        let mut state = self.lock();
        let next = state.record(evidence, is_probe, self.clock.now());
        self.change(&mut state, next);
    }

    /// Tells of what can be seen from outside, while the state is locked: what is told last is what holds.
    fn change(&self, state: &mut State, next: State) {
        let before = mem::replace(state, next);
        if before.seen() != next.seen() {
            self.observer.breaker(next.seen());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    pub(super) fn is_probe(&self) -> bool {
        self.is_probe
    }

    /// Notes that the call is sent. From now on, dropping it without a word is a failure.
    pub(super) fn sent(&mut self) {
        self.evidence = Evidence::Failure;
    }

    /// Tells what the call showed.
    pub(super) fn settle(mut self, evidence: Evidence) {
        self.evidence = evidence;
    }
}

impl Drop for Permit {
    /// Without it, a probe that is given up at its deadline would leave the breaker waiting for its
    /// outcome, and nothing would pass ever again.
    fn drop(&mut self) {
        self.breaker.record(self.evidence, self.is_probe);
    }
}

/// Enough that a Clerk that fails every other time is still asked (five would be reached every few dozen
/// calls, ten once in two thousand), few enough that one that is down is noticed at once.
const FAILURES_TO_OPEN: u32 = 10;

/// So at most one call a second reaches a Clerk that is down.
const PAUSE: Duration = Duration::from_millis(PAUSE_MS);
const PAUSE_MS: u64 = 1_000;

#[cfg(test)]
mod tests;
