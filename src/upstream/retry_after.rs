//! The pause that an endpoint asked for with a 429.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Priority;
use crate::clock::{Now, millis};

/// Holds calls to one endpoint back after a 429.
///
/// The pause concerns all tokens alike, and may be longer than it needs to be. So a call for a token in
/// use or for a document probes after 1, 2, 4 and then every 8 seconds; if it succeeds, the pause is over.
/// If no such call comes for a second, one for a token that was valid before is the probe. A token never
/// seen is not: everyone can send one.
#[derive(Debug, Default)]
pub(super) struct RetryAfterGate(Mutex<Pause>);

/// Moments of the monotonic clock, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pause {
    until: u64,
    /// When the next probe may be made.
    probe_from: u64,
    /// How long after it the one after it may be.
    interval: u64,
}

/// The permission to pass the gate. A probe that is dropped without being sent may be made by another call.
pub(super) struct Pass {
    gate: Arc<RetryAfterGate>,
    probe: Option<Probe>,
}

struct Probe {
    before: Pause,
    after: Pause,
    is_sent: bool,
}

impl RetryAfterGate {
    /// Lets a call pass.
    ///
    /// # Errors
    ///
    /// How long it takes until one of this priority may pass.
    pub(super) fn enter(self: &Arc<Self>, priority: Priority, now: Now) -> Result<Pass, Duration> {
        let mut pause = self.lock();
        let probe = if now.mono < pause.until {
            let from = match priority {
                Priority::Document | Priority::Refresh => pause.probe_from,
                Priority::Returning => pause.probe_from.saturating_add(HEAD_START),
                Priority::FirstSeen => pause.until,
            };
            let from = from.min(pause.until);
            if now.mono < from {
                return Err(Duration::from_millis(from - now.mono));
            }
            let before = *pause;
            pause.probe_from = now.mono.saturating_add(pause.interval);
            pause.interval = (pause.interval * 2).min(LONGEST_INTERVAL);
            Some(Probe {
                before,
                after: *pause,
                is_sent: false,
            })
        } else {
            None
        };
        Ok(Pass {
            gate: Arc::clone(self),
            probe,
        })
    }

    /// Begins a pause, or prolongs the one there is.
    pub(super) fn begin(&self, delay: Duration, now: Now) {
        let until = now.mono.saturating_add(millis(delay));
        let mut pause = self.lock();
        if now.mono < pause.until {
            pause.until = pause.until.max(until);
        } else {
            *pause = Pause {
                until,
                probe_from: now.mono.saturating_add(FIRST_INTERVAL),
                interval: 2 * FIRST_INTERVAL,
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pause> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    pub(super) fn is_probe(&self) -> bool {
        self.probe.is_some()
    }

    /// Notes that the call is sent.
    pub(super) fn sent(&mut self) {
        if let Some(probe) = &mut self.probe {
            probe.is_sent = true;
        }
    }

    /// Notes that the call succeeded, which ends the pause. A call that was not a probe was sent before the
    /// pause began, and shows nothing.
    pub(super) fn succeeded(self) {
        if let Some(probe) = &self.probe {
            let mut pause = self.gate.lock();
            // Unless Clerk asked for a longer one meanwhile.
            if pause.until == probe.after.until {
                *pause = Pause::default();
            }
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(probe) = &self.probe
            && !probe.is_sent
        {
            let mut pause = self.gate.lock();
            if *pause == probe.after {
                *pause = probe.before;
            }
        }
    }
}

/// In milliseconds: how long after a 429 the first probe is made.
const FIRST_INTERVAL: u64 = 1_000;

/// In milliseconds: how far apart later probes are at most.
const LONGEST_INTERVAL: u64 = 8_000;

/// In milliseconds: for how long only tokens in use may make a probe that is due.
const HEAD_START: u64 = 1_000;

#[cfg(test)]
mod tests;
