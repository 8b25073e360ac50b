//! Scripted misbehaviour of one endpoint.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::Full;
use tokio::sync::watch;

use super::reply::{self, Reply};

/// A way for an endpoint to misbehave, set with [`FakeClerk::fail`](super::FakeClerk::fail).
///
/// A fault holds until it is healed, or for a number of requests with [`times`](Self::times).
#[derive(Clone, Debug)]
#[must_use = "a fault does nothing until it is given to `FakeClerk::fail`"]
pub struct Fault {
    name: &'static str,
    action: Action,
    times: Option<usize>,
}

/// The effect of a fault on a request.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Answer(Answer),
    Delay(Duration),
    Hang,
    Reset,
}

/// A complete scripted answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Fault {
    /// Answers with `status` and, unless [`body`](Self::body) replaces it, a Clerk-shaped error.
    ///
    /// # Panics
    ///
    /// If `status` is not a final status, from 200 to 999.
    pub fn status(status: u16) -> Self {
        let status = final_status(status);
        let message = status.canonical_reason().unwrap_or("Scripted failure");
        let body = reply::clerk_envelope("fake_clerk_fault", message);
        Self::json("status", status, body.to_string())
    }

    /// Answers with exactly this status, content type and body.
    ///
    /// # Panics
    ///
    /// If `status` is not a final status, from 200 to 999, or `content_type` is not a header value.
    pub fn answer(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::json("answer", final_status(status), body).header(CONTENT_TYPE.as_str(), content_type)
    }

    /// Answers as without the fault, but after `time`. Over sockets, the time passes on the real clock. Over
    /// [`FakeClerk::transport`](super::FakeClerk::transport), it passes on the Tokio clock of the caller,
    /// which may be paused.
    pub fn delay(time: Duration) -> Self {
        Self::new("delay", Action::Delay(time))
    }

    /// Accepts the request and never answers.
    ///
    /// The request waits until its client leaves or the fake is dropped. When the endpoint is healed, the
    /// request is answered as without the fault, even if [`times`](Self::times) has run out.
    pub fn hang() -> Self {
        Self::new("hang", Action::Hang)
    }

    /// Closes the connection with a TCP reset instead of answering. In process, the server is unreachable.
    ///
    /// Over HTTP/2 all requests on that connection fail with it.
    pub fn reset() -> Self {
        Self::new("reset", Action::Reset)
    }

    /// Answers 200 with JSON that ends in the middle.
    pub fn malformed() -> Self {
        Self::json("malformed", StatusCode::OK, r#"{"active":true,"sub":"#)
    }

    /// Answers 200 with `bytes` bytes of valid JSON, most of them padding in one string.
    ///
    /// Below 30 bytes, the body is white space, since such an object does not fit.
    pub fn oversized(bytes: usize) -> Self {
        let (start, end) = (r#"{"active":false,"padding":""#, r#""}"#);
        let body = match bytes.checked_sub(start.len() + end.len()) {
            Some(padding) => [start, &"x".repeat(padding), end].concat(),
            None => " ".repeat(bytes),
        };
        Self::json("oversized", StatusCode::OK, body)
    }

    /// Adds a header to the answer, in place of one of the same name.
    ///
    /// # Panics
    ///
    /// If the fault does not answer (a delay, a hang, a reset), if name or value are not valid, or if the
    /// header is `content-length` or `transfer-encoding`, which the server sets.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("the name must be that of a header");
        let value: HeaderValue = value.parse().expect("the value must fit in a header");
        assert!(
            ![CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name),
            "the server frames its answers itself"
        );
        self.scripted().headers.insert(name, value);
        self
    }

    /// Replaces the body of the answer; its content type stays `application/json`, unless
    /// [`header`](Self::header) changes it.
    ///
    /// # Panics
    ///
    /// If the fault does not answer (a delay, a hang, a reset).
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.scripted().body = body.into();
        self
    }

    /// Ends the fault after `requests` requests.
    pub fn times(mut self, requests: usize) -> Self {
        self.times = Some(requests);
        self
    }

    fn new(name: &'static str, action: Action) -> Self {
        Self {
            name,
            action,
            times: None,
        }
    }

    fn json(name: &'static str, status: StatusCode, body: impl Into<Bytes>) -> Self {
        Self::new(
            name,
            Action::Answer(Answer {
                status,
                headers: HeaderMap::from_iter([(CONTENT_TYPE, reply::JSON)]),
                body: body.into(),
            }),
        )
    }

    /// Returns a short description of the fault.
    fn describe(&self) -> String {
        let what = match &self.action {
            Action::Answer(answer) if ["status", "answer"].contains(&self.name) => {
                format!("{} {}", self.name, answer.status.as_u16())
            }
            Action::Delay(time) => format!("delay {} ms", time.as_millis()),
            Action::Answer(_) | Action::Hang | Action::Reset => self.name.to_owned(),
        };
        match self.times {
            Some(times) => format!("{what}, {times}×"),
            None => what,
        }
    }

    fn scripted(&mut self) -> &mut Answer {
        match &mut self.action {
            Action::Answer(answer) => answer,
            Action::Delay(_) | Action::Hang | Action::Reset => {
                panic!("only a fault that answers has headers and a body")
            }
        }
    }
}

fn final_status(status: u16) -> StatusCode {
    StatusCode::from_u16(status)
        .ok()
        .filter(|status| !status.is_informational())
        .expect("the status of an answer must be from 200 to 999")
}

impl Answer {
    pub(super) fn into_reply(self) -> Reply {
        let mut reply = Reply::new(Full::new(self.body));
        *reply.status_mut() = self.status;
        *reply.headers_mut() = self.headers;
        reply
    }
}

/// The faults of one endpoint that have not ended, in the order of their calls.
#[derive(Debug, Default)]
pub(super) struct Faults {
    queue: VecDeque<Fault>,
    healed: watch::Sender<()>,
}

/// The effect of a fault on one request.
#[derive(Debug)]
pub(super) struct Strike {
    pub(super) action: Action,
    /// Changes when the endpoint is healed.
    pub(super) healed: watch::Receiver<()>,
}

impl Faults {
    pub(super) fn push(&mut self, fault: Fault) {
        // A fault after an endless one would never apply, so the new fault replaces the endless one.
        if self.queue.back().is_some_and(|last| last.times.is_none()) {
            self.queue.pop_back();
        }
        if fault.times != Some(0) {
            self.queue.push_back(fault);
        }
    }

    pub(super) fn strike(&mut self) -> Option<Strike> {
        let fault = self.queue.front_mut()?;
        let action = fault.action.clone();
        if let Some(times) = &mut fault.times {
            *times -= 1;
            if *times == 0 {
                self.queue.pop_front();
            }
        }
        Some(Strike {
            action,
            healed: self.healed.subscribe(),
        })
    }

    /// Returns descriptions of the faults, in their order.
    pub(super) fn describe(&self) -> Vec<String> {
        self.queue.iter().map(Fault::describe).collect()
    }

    pub(super) fn heal(&mut self) {
        self.queue.clear();
        self.healed.send_replace(());
    }
}
