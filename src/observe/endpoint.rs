//! The observation of one Clerk endpoint: its metrics, events and health.

use std::{error::Error, sync::Arc, time::Duration};

use http::StatusCode;
use tokio::time::Instant;

use super::{BreakerState, CallResult, HealthState, events, metrics::UpstreamMetrics};
use crate::{
    clock::Now,
    observe::{Endpoint, Priority},
};

/// Records what happens in the stack of an endpoint.
pub(crate) struct EndpointObserver {
    endpoint: Endpoint,
    health: Arc<HealthState>,
    metrics: UpstreamMetrics,
}

impl EndpointObserver {
    pub(crate) fn new(endpoint: Endpoint, health: Arc<HealthState>) -> Arc<Self> {
        Arc::new(Self {
            endpoint,
            health,
            metrics: UpstreamMetrics::new(endpoint),
        })
    }

    /// Records that a call begins. `about`: a digest of its token or subject.
    pub(crate) fn call(self: &Arc<Self>, about: Option<u64>) -> UpstreamCall {
        self.metrics.in_flight.increment(1.0);
        UpstreamCall {
            watch: Arc::clone(self),
            about,
            start: Instant::now(),
            is_over: false,
        }
    }

    /// Records that a call was not made.
    pub(crate) fn not_called(&self, why: &'static str) {
        let state = self.health.breaker_of(self.endpoint);
        events::not_called(self.endpoint, state, why);
    }

    /// Records that a call was not made because a bound or the rate limit was reached.
    pub(crate) fn shed(&self, priority: Priority, why: &'static str) {
        self.metrics.shed(priority);
        self.not_called(why);
    }

    /// Records that a call qualified for a retry.
    pub(crate) fn retry(&self, is_granted: bool) {
        self.metrics.retry(is_granted);
    }

    /// Records a change of the circuit breaker.
    pub(crate) fn breaker(&self, state: BreakerState) {
        let before = self.health.breaker_of(self.endpoint);
        self.health.breaker(self.endpoint, state);
        self.metrics.breaker(state);
        events::breaker(self.endpoint, before, state);
    }

    fn over(&self, result: CallResult, about: Option<u64>, now: Option<Now>, elapsed: Duration) {
        self.metrics.in_flight.decrement(1.0);
        self.metrics.duration.record(elapsed.as_secs_f64());
        self.metrics.request(result);
        self.health.called(self.endpoint, result, about, now);
        if self.endpoint == Endpoint::BackendUser && result == CallResult::CredentialsRejected {
            events::secret_key_rejected(self.endpoint, elapsed);
        }
    }
}

/// The timer of one call to Clerk. If it is dropped before [`over`](Self::over), the call was abandoned at a deadline.
pub(crate) struct UpstreamCall {
    watch: Arc<EndpointObserver>,
    about: Option<u64>,
    start: Instant,
    is_over: bool,
}

impl UpstreamCall {
    /// Records a response with any status.
    pub(crate) fn answered(&self, status: StatusCode) {
        events::answered(self.watch.endpoint, status, self.start.elapsed());
    }

    /// Records a call without a response.
    pub(crate) fn unanswered(&self, error: &(dyn Error + 'static)) {
        events::unanswered(self.watch.endpoint, error, self.start.elapsed());
    }

    /// Records the result of the call.
    pub(crate) fn over(mut self, result: CallResult, now: Now) {
        self.is_over = true;
        let elapsed = self.start.elapsed();
        self.watch.over(result, self.about, Some(now), elapsed);
    }
}

impl Drop for UpstreamCall {
    /// Records an abandoned call. Otherwise a call that is dropped at its deadline would stay in flight forever.
    fn drop(&mut self) {
        if !self.is_over {
            let elapsed = self.start.elapsed();
            self.watch
                .over(CallResult::Abandoned, self.about, None, elapsed);
            events::abandoned(self.watch.endpoint, elapsed);
        }
    }
}
