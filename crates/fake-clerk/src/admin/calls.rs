//! The received calls, as the page lists them.

use std::collections::VecDeque;

use http::request::Parts;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::endpoint::Endpoint;
use crate::reply::Reply;
use crate::state::State;

/// The number of calls that the page lists.
const LISTED: usize = 200;

/// The number of characters of a path that the page lists.
const PATH: usize = 120;

/// The last calls, without queries, headers and bodies, since these hold secrets.
#[derive(Default)]
pub(crate) struct CallLog {
    calls: VecDeque<Call>,
    begun: u64,
}

struct Call {
    serial: u64,
    /// Milliseconds since the Unix epoch.
    at: u64,
    method: String,
    path: String,
    endpoint: Option<Endpoint>,
    outcome: Outcome,
}

#[derive(Clone, Copy)]
enum Outcome {
    Waiting,
    Answered { status: u16, micros: u64 },
    Dropped { micros: u64 },
}

impl CallLog {
    pub(super) fn clear(&mut self) {
        self.calls.clear();
    }

    /// The calls, newest first.
    pub(super) fn view(&self) -> Vec<Value> {
        self.calls.iter().rev().map(Call::view).collect()
    }

    fn end(&mut self, serial: u64, outcome: Outcome) {
        // The log was cleared since this call began.
        if let Some(call) = self.calls.iter_mut().find(|call| call.serial == serial) {
            call.outcome = outcome;
        }
    }
}

impl Call {
    fn view(&self) -> Value {
        let (outcome, status, micros) = match self.outcome {
            Outcome::Waiting => ("waiting", None, None),
            Outcome::Answered { status, micros } => ("answered", Some(status), Some(micros)),
            Outcome::Dropped { micros } => ("dropped", None, Some(micros)),
        };
        json!({
            "id": self.serial,
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "endpoint": self.endpoint.map(Endpoint::name),
            "outcome": outcome,
            "status": status,
            "micros": micros,
        })
    }
}

/// A call without an answer yet. If it drops before the answer, its connection ended.
pub(crate) struct Running<'a> {
    state: &'a State,
    serial: u64,
    start: Instant,
    /// The status of the answer, once there is one.
    status: Option<u16>,
}

impl<'a> Running<'a> {
    /// Adds a call to the log if the admin page is on.
    pub(crate) fn begin(
        state: &'a State,
        head: &Parts,
        endpoint: Option<Endpoint>,
    ) -> Option<Self> {
        state.admin.then(|| {
            let mut ledger = state.lock();
            let at = u64::try_from(ledger.time().as_millis()).unwrap_or(u64::MAX);
            let log = &mut ledger.call_log;
            log.begun += 1;
            let serial = log.begun;
            if log.calls.len() == LISTED {
                log.calls.pop_front();
            }
            log.calls.push_back(Call {
                serial,
                at,
                method: head.method.as_str().chars().take(20).collect(),
                path: head.uri.path().chars().take(PATH).collect(),
                endpoint,
                outcome: Outcome::Waiting,
            });
            Self {
                state,
                serial,
                start: Instant::now(),
                status: None,
            }
        })
    }

    pub(crate) fn answered(mut self, reply: &Reply) {
        self.status = Some(reply.status().as_u16());
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let micros = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let outcome = match self.status {
            Some(status) => Outcome::Answered { status, micros },
            None => Outcome::Dropped { micros },
        };
        self.state.lock().call_log.end(self.serial, outcome);
    }
}
