//! The pause of an endpoint after a 429.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::Priority;
use crate::clock::{Now, millis};

/// Holds back calls to one endpoint after a 429.
///
/// The pause applies to all tokens, and may be longer than necessary. A call for a token in use or for a document
/// therefore probes after 1, 2, 4 and then every 8 seconds. If the probe succeeds, the pause ends. If no such call
/// comes for one second, a call for a token that was valid before may probe. A first-seen token never probes, because
/// any client can send one.
#[derive(Debug, Default)]
pub(super) struct RetryAfterGate(Mutex<Pause>);

/// Moments of the monotonic clock, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pause {
    until: u64,
    /// The moment from which the next probe may be made.
    probe_from: u64,
    /// The interval between the next probe and the one after it.
    interval: u64,
}

/// The permission to pass the gate. If a probe is dropped before it is sent, another call may probe.
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
    /// Returns the time until a call of this priority may pass.
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

    /// Begins a pause, or prolongs the current one.
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

    /// Records that the call is sent.
    pub(super) fn sent(&mut self) {
        if let Some(probe) = &mut self.probe {
            probe.is_sent = true;
        }
    }

    /// Records that the call succeeded. A successful probe ends the pause. Any other call was sent before the pause
    /// began, so it gives no evidence.
    pub(super) fn succeeded(self) {
        if let Some(probe) = &self.probe {
            let mut pause = self.gate.lock();
            // Another 429 may have prolonged the pause meanwhile.
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

/// The time from a 429 to the first probe, in milliseconds.
const FIRST_INTERVAL: u64 = 1_000;

/// The longest interval between probes, in milliseconds.
const LONGEST_INTERVAL: u64 = 8_000;

/// The time in which only a token in use or a document may make a due probe, in milliseconds.
const HEAD_START: u64 = 1_000;

#[cfg(test)]
mod tests;
