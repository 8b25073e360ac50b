//! The circuit breaker: a Clerk that is down is not asked by every request, and no request waits for
//! it in vain.
//!
//! Our own, since what counts as a failure includes answers that break the contract, which only the
//! decoder knows, and since time must be an argument for tests to hold it.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    clock::{Clock, Now},
    observe::{BreakerState, Watch},
};

/// Lets calls through while they succeed. After [`FAILURES_TO_OPEN`] failures in a row it lets nothing
/// through for [`PAUSE`], then one call as a probe.
pub(super) struct Breaker {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    watch: Arc<Watch>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// All is well, or was until so many failures ago.
    Closed { failures: u32 },
    /// Nothing passes before this moment of the monotonic clock.
    Open { until: u64 },
    /// One call is trying whether all is well again.
    Probing,
}

/// A call that was let through. It must say how it ended; one that is dropped without a word, at a
/// deadline for instance, failed.
pub(super) struct Permit {
    breaker: Arc<Breaker>,
    is_settled: bool,
}

impl State {
    /// What it looks like from outside.
    fn seen(self) -> BreakerState {
        match self {
            Self::Closed { .. } => BreakerState::Closed,
            Self::Open { .. } => BreakerState::Open,
            Self::Probing => BreakerState::HalfOpen,
        }
    }

    /// Whether a call may pass at this moment, and what becomes of the state by it. Otherwise, how
    /// long nothing passes.
    ///
    /// - Closed => Closed
    /// - Open => (Open | Probing)
    /// - Probing => Probing
    fn admit(self, now: Now) -> (Self, Result<(), Duration>) {
        match self {
            Self::Closed { .. } => (self, Ok(())),
            Self::Open { until } if now.mono >= until => (Self::Probing, Ok(())),
            Self::Open { until } => (self, Err(Duration::from_millis(until - now.mono))),
            Self::Probing => (self, Err(PAUSE)),
        }
    }

    /// What becomes of the state by a call that ended.
    ///
    /// - Closed => (Closed | Open)
    /// - Probing => (Closed | Open)
    /// - Open => Open: the call began before it opened, and says nothing of what came since.
    fn record(self, is_success: bool, now: Now) -> Self {
        let open = Self::Open {
            until: now.mono.saturating_add(PAUSE_MS),
        };
        match self {
            Self::Open { .. } => self,
            Self::Closed { .. } | Self::Probing if is_success => Self::Closed { failures: 0 },
            Self::Closed { failures } if failures + 1 < FAILURES_TO_OPEN => Self::Closed {
                failures: failures + 1,
            },
            Self::Closed { .. } | Self::Probing => open,
        }
    }
}

impl Breaker {
    pub(super) fn new(clock: Arc<dyn Clock>, watch: Arc<Watch>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::Closed { failures: 0 }),
            clock,
            watch,
        })
    }

    /// Lets a call through, or says how long to stay away.
    pub(super) fn admit(self: &Arc<Self>) -> Result<Permit, Duration> {
        let mut state = self.lock();
        let (next, verdict) = state.admit(self.clock.now());
        self.change(&mut state, next);
        verdict.map(|()| Permit {
            breaker: Arc::clone(self),
            is_settled: false,
        })
    }

    /// Whether calls pass freely.
    pub(super) fn is_closed(&self) -> bool {
        matches!(*self.lock(), State::Closed { .. })
    }

    fn record(&self, is_success: bool) {
        let mut state = self.lock();
        let next = state.record(is_success, self.clock.now());
        self.change(&mut state, next);
    }

    /// Tells of what can be seen from outside, while the state is locked: what is told last is what holds.
    fn change(&self, state: &mut State, next: State) {
        let before = mem::replace(state, next);
        if before.seen() != next.seen() {
            self.watch.breaker(next.seen());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Takes the call back: it is not made after all. The next one may be the probe.
    pub(super) fn withdraw(mut self) {
        self.is_settled = true;
        let mut state = self.breaker.lock();
        if *state == State::Probing {
            let until = self.breaker.clock.now().mono;
            self.breaker.change(&mut state, State::Open { until });
        }
    }

    /// Says how the call ended.
    pub(super) fn settle(mut self, is_success: bool) {
        self.is_settled = true;
        self.breaker.record(is_success);
    }
}

impl Drop for Permit {
    /// Without it, a probe that is given up at its deadline would leave the breaker waiting for its
    /// outcome, and nothing would pass ever again.
    fn drop(&mut self) {
        if !self.is_settled {
            self.breaker.record(false);
        }
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
