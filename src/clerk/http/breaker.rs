//! The circuit breaker of one endpoint: it stops calls while Clerk is down, so that no request waits in vain.
//!
//! It counts server errors, timeouts and broken connections. A response that one token can provoke does not count,
//! otherwise one caller could open the breaker for all callers. This crate implements its own breaker for two reasons:
//! only the decoder can recognize such responses, and tests need to control the time.

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

/// Accepts calls while they succeed. After [`FAILURES_TO_OPEN`] failures in a row, it rejects all calls for [`PAUSE`]
/// and then accepts one call as a probe. If it has meanwhile rejected a call for a token that is in use or was valid
/// before, a first-seen token may be the probe only after a second pause.
pub(super) struct Breaker {
    state: Mutex<State>,
    /// The longest duration of a probe, in milliseconds. A probe that takes longer is on a runtime that is parked or
    /// blocked, so another call may probe.
    longest_probe: u64,
    clock: Arc<dyn Clock>,
    observer: Arc<EndpointObserver>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Calls pass. `failures` counts the failures in a row.
    Closed { failures: u32 },
    /// No call passes before `until`, and no call for a first-seen token before `first_seen_from`. Both are moments of
    /// the monotonic clock.
    Open { until: u64, first_seen_from: u64 },
    /// One call is the probe. It is overdue at `until`. `is_awaited`: a call of a higher priority than a first-seen
    /// token was rejected during the probe.
    Probing { is_awaited: bool, until: u64 },
}

/// The evidence that a call gives about Clerk's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Clerk works.
    Success,
    /// Clerk does not work.
    Failure,
    /// The call gives no evidence.
    Nothing,
}

/// The permission to make one call. [`settle`](Self::settle) records the outcome. If the permit is dropped after the
/// call was sent, for instance at a deadline, the call counts as a failure.
pub(super) struct Permit {
    breaker: Arc<Breaker>,
    is_probe: bool,
    /// The evidence that a drop records.
    evidence: Evidence,
}

impl State {
    /// Returns the state that logs and metrics show.
    fn seen(self) -> BreakerState {
        match self {
            Self::Closed { .. } => BreakerState::Closed,
            Self::Open { .. } => BreakerState::Open,
            Self::Probing { .. } => BreakerState::HalfOpen,
        }
    }

    /// Returns an open state that lasts until this moment.
    fn open(until: u64, is_awaited: bool) -> Self {
        let head_start = if is_awaited { PAUSE_MS } else { 0 };
        Self::Open {
            until,
            first_seen_from: until.saturating_add(head_start),
        }
    }

    /// Returns the next state, and `Ok` if a call may pass at this moment. Otherwise the error is the time until a call
    /// of this priority may pass.
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

    /// Returns the state after a call that ended, or that was permitted but not made.
    ///
    /// - Closed => (Closed | Open)
    /// - Probing => (Closed | Open), only by the probe
    /// - Open => Open: the call began before the breaker opened, so it gives no evidence about the time since.
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
            // The next call may be the probe at once.
            (Self::Probing { is_awaited, .. }, Evidence::Nothing) if is_probe => {
                Self::open(now.mono, is_awaited)
            }
            (state, _) => state,
        }
    }
}

impl Breaker {
    /// `attempt_timeout`: the longest duration of a call, counted from when it is sent.
    pub(super) fn new(
        attempt_timeout: Duration,
        clock: Arc<dyn Clock>,
        observer: Arc<EndpointObserver>,
    ) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::Closed { failures: 0 }),
            // Before it is sent, a probe may wait for a place in flight. Another call holds that place for as long.
            longest_probe: millis(attempt_timeout.saturating_mul(2).saturating_add(PAUSE)),
            clock,
            observer,
        })
    }

    /// Permits a call.
    ///
    /// # Errors
    ///
    /// Returns the time until a call of this priority may pass.
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

    /// Returns true if the breaker is closed.
    pub(super) fn is_closed(&self) -> bool {
        matches!(*self.lock(), State::Closed { .. })
    }

    fn record(&self, evidence: Evidence, is_probe: bool) {
        let mut state = self.lock();
        let next = state.record(evidence, is_probe, self.clock.now());
        self.change(&mut state, next);
    }

    /// Reports a visible change while the state is locked, so that the last report is the current state.
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

    /// Records that the call is sent. From now on, a drop without an outcome is a failure.
    pub(super) fn sent(&mut self) {
        self.evidence = Evidence::Failure;
    }

    /// Records the outcome of the call.
    pub(super) fn settle(mut self, evidence: Evidence) {
        self.evidence = evidence;
    }
}

impl Drop for Permit {
    /// Records the evidence. Otherwise a probe that is dropped at its deadline would leave the breaker half-open, and
    /// no call would ever pass again.
    fn drop(&mut self) {
        self.breaker.record(self.evidence, self.is_probe);
    }
}

/// The number of failures in a row that opens the breaker. If every other call fails at random, five failures in a row
/// occur every few dozen calls and ten once in two thousand, so the breaker stays closed. If Clerk is down, ten
/// failures occur almost at once.
const FAILURES_TO_OPEN: u32 = 10;

/// At most one call per second reaches Clerk while it is down.
const PAUSE: Duration = Duration::from_millis(PAUSE_MS);
const PAUSE_MS: u64 = 1_000;

#[cfg(test)]
mod tests;
