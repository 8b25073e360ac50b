//! The log lines and metrics of the link to a shared store. No name, id, address or token appears.

use std::{
    error::Error,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    FleetState, FleetWait, LabelledCounters, Priority, SharedEvent,
    events::cause,
    handle::{Counter, Gauge, Histogram, counter, gauge, histogram},
    metrics::{
        CACHE_EVENTS, FLEET_DROPPED, FLEET_OUTBOX, FLEET_STATE, FLEET_WAITS, REVOCATION_LAG,
    },
    per_minute::PerMinute,
};
use crate::clock::Now;

/// A problem of a shared store that only its operator can solve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "redis"),
    allow(dead_code, reason = "only Redis reports them")
)]
pub(crate) enum StoreFault {
    /// The store is a copy that can only be read.
    ReadOnly,
    /// The store does not have a command that is needed.
    LacksCommand,
}

/// Records what happens to the link of one authenticator.
pub(crate) struct FleetObserver {
    state: Gauge,
    outbox: Gauge,
    dropped: Counter,
    lag: Histogram,
    drops: PerMinute,
    logged: Mutex<Logged>,
}

/// The lines that are not repeated until the opposite has happened.
#[derive(Default)]
struct Logged {
    /// True if the last line was that the fleet is live. `None` before the first line.
    is_live: Option<bool>,
    fault: Option<StoreFault>,
    clocks_differ: bool,
    rejects: bool,
}

impl FleetObserver {
    pub(crate) fn new() -> Self {
        let observer = Self {
            state: gauge(FLEET_STATE, &[]),
            outbox: gauge(FLEET_OUTBOX, &[]),
            dropped: counter(FLEET_DROPPED, &[]),
            lag: histogram(REVOCATION_LAG, &[]),
            drops: PerMinute::default(),
            logged: Mutex::default(),
        };
        observer.set(FleetState::Joining);
        observer
    }

    /// Records the state. The link calls it before and after each step, so that a cut without a failed call is seen, too.
    pub(crate) fn state(&self, state: FleetState) {
        self.set(state);
        match state {
            FleetState::Joining => {}
            FleetState::Live => self.live(state),
            FleetState::Cut => self.cut(state, None),
        }
    }

    /// Records a failed call. The first one without a state before is a cut, too: the store was never reached.
    pub(crate) fn failed(
        &self,
        error: &(dyn Error + 'static),
        fault: Option<StoreFault>,
        state: FleetState,
    ) {
        self.set(state);
        if let Some(fault) = fault {
            let is_known = self.logged().fault.replace(fault) == Some(fault);
            match fault {
                _ if is_known => {}
                StoreFault::ReadOnly => tracing::error!(
                    fleet.state = state.as_str(),
                    "store is read-only: the address must be that of the primary"
                ),
                StoreFault::LacksCommand => tracing::error!(
                    fleet.state = state.as_str(),
                    "store lacks a command: Redis 6.2 or Valkey 7.2 is needed, or a later version"
                ),
            }
        }
        self.cut(state, Some(error));
    }

    /// Records an exchange that succeeded. `skew`: the store's clock minus ours, in milliseconds.
    pub(crate) fn exchanged(&self, clocks_agree: bool, skew: i64) {
        let mut logged = self.logged();
        logged.fault = None;
        let is_new = !clocks_agree && !logged.clocks_differ;
        logged.clocks_differ = !clocks_agree;
        drop(logged);
        if is_new {
            tracing::error!(
                fleet.skew_ms = skew,
                "clock differs from the store's: the store is not used until they agree"
            );
        }
    }

    /// Records that messages were sent to a log, and if it rejected one of them.
    pub(crate) fn sent(&self, has_rejected: bool) {
        let was_rejected = std::mem::replace(&mut self.logged().rejects, has_rejected);
        if has_rejected && !was_rejected {
            tracing::error!(
                "store rejects revocations: they have effect on this replica only. It is full, or its access rules lack `XADD`"
            );
        }
    }

    /// Records the messages that wait to be published, and how many were dropped since the last call.
    pub(crate) fn outbox(&self, len: usize, dropped: u64, now: Now) {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.outbox.set(f64::from(len));
        self.dropped.increment(dropped);
        if dropped > 0 && self.drops.allows((), now) {
            tracing::warn!(
                "invalidations of single tokens were dropped: more than 100,000 wait for the store"
            );
        }
    }

    /// Records the time from an invalidation on any replica until its message came here.
    pub(crate) fn received(&self, lag: Duration) {
        self.lag.record(lag.as_secs_f64());
    }

    fn live(&self, state: FleetState) {
        if self.logged().is_live.replace(true) != Some(true) {
            tracing::info!(fleet.state = state.as_str(), "clerk fleet is live");
        }
    }

    fn cut(&self, state: FleetState, error: Option<&(dyn Error + 'static)>) {
        if self.logged().is_live.replace(false) != Some(false) {
            tracing::warn!(
                fleet.state = state.as_str(),
                cause = error.map(cause),
                "clerk fleet is cut off"
            );
        }
    }

    fn set(&self, state: FleetState) {
        self.state.set(match state {
            FleetState::Joining => 0.0,
            FleetState::Live => 1.0,
            FleetState::Cut => 2.0,
        });
    }

    fn logged(&self) -> MutexGuard<'_, Logged> {
        self.logged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates the counters of looks in the store.
pub(crate) fn shared_store() -> LabelledCounters<SharedEvent> {
    LabelledCounters::new(SharedEvent::ALL, |event| {
        let labels = [("store", "shared"), ("event", event.as_str())];
        counter(CACHE_EVENTS, &labels)
    })
}

/// Creates the counters of waits for the evidence of other replicas.
pub(crate) fn fleet_waits() -> LabelledCounters<(FleetWait, Priority)> {
    // Documents are not shared.
    let priorities = [Priority::Refresh, Priority::Returning, Priority::FirstSeen];
    let all = FleetWait::ALL.into_iter();
    let all = all.flat_map(|result| priorities.map(|priority| (result, priority)));
    LabelledCounters::new(all, |(result, priority)| {
        let labels = [("result", result.as_str()), ("priority", priority.as_str())];
        counter(FLEET_WAITS, &labels)
    })
}

/// Logs a URL by which a password would cross a network in clear text.
#[cfg(feature = "redis")]
pub(crate) fn clear_text_password() {
    tracing::warn!(
        "the password of the shared store crosses the network in clear text: write rediss:// in the URL"
    );
}

#[cfg(test)]
mod tests;
