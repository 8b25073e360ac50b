//! The metrics: names, labels and handles. The names are promised. A label never contains data of a request.
//!
//! The handles are created with the layer and kept, so that counting needs no lookup. They belong to the recorder that
//! is installed at that time. A recorder that is installed later receives nothing.

use super::{
    AudienceVerdict, BreakerState, CallResult, Effect, Origin, Outcome,
    handle::{Counter, Gauge, Histogram, counter, describe, gauge, histogram},
};
use crate::observe::{Endpoint, Priority};

const REQUESTS: &str = "clerk_auth_requests_total";
pub(super) const CACHE_EVENTS: &str = "clerk_auth_cache_events_total";
const CACHE_ENTRIES: &str = "clerk_auth_cache_entries";
const UPSTREAM_REQUESTS: &str = "clerk_auth_upstream_requests_total";
const UPSTREAM_DURATION: &str = "clerk_auth_upstream_duration_seconds";
const UPSTREAM_IN_FLIGHT: &str = "clerk_auth_upstream_in_flight";
const COALESCED: &str = "clerk_auth_coalesced_total";
const RETRIES: &str = "clerk_auth_retries_total";
const BREAKER_STATE: &str = "clerk_auth_breaker_state";
const OVERLOADED: &str = "clerk_auth_overloaded_total";
const STALE_SERVED: &str = "clerk_auth_stale_served_total";
const CREDENTIALS_REJECTED: &str = "clerk_auth_credentials_rejected_total";
const REVOCATIONS: &str = "clerk_auth_revocations_total";
const AUDIENCE: &str = "clerk_auth_audience_total";
#[cfg(feature = "webhooks")]
pub(super) const WEBHOOKS: &str = "clerk_auth_webhooks_total";
#[cfg(feature = "fleet")]
pub(super) const FLEET_STATE: &str = "clerk_auth_fleet_state";
#[cfg(feature = "fleet")]
pub(super) const FLEET_OUTBOX: &str = "clerk_auth_fleet_outbox";
#[cfg(feature = "fleet")]
pub(super) const FLEET_DROPPED: &str = "clerk_auth_fleet_dropped_total";
#[cfg(feature = "fleet")]
pub(super) const FLEET_WAITS: &str = "clerk_auth_fleet_waits_total";
#[cfg(feature = "fleet")]
pub(super) const REVOCATION_LAG: &str = "clerk_auth_revocation_lag_seconds";

/// The type of a metric.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Seconds,
}

/// Describes the metrics to the recorder.
pub(super) fn describe_all() {
    let texts = [
        (REQUESTS, Kind::Counter, "Requests by outcome."),
        (
            CACHE_EVENTS,
            Kind::Counter,
            "Events of the cache, by store (positive or negative verification results).",
        ),
        (CACHE_ENTRIES, Kind::Gauge, "Cache entries, by store."),
        (
            UPSTREAM_REQUESTS,
            Kind::Counter,
            "Requests to Clerk that have ended, by result. Each attempt counts.",
        ),
        (
            UPSTREAM_DURATION,
            Kind::Seconds,
            "Duration of a request to Clerk. Each attempt counts.",
        ),
        (
            UPSTREAM_IN_FLIGHT,
            Kind::Gauge,
            "Requests to Clerk in flight.",
        ),
        (
            COALESCED,
            Kind::Counter,
            "Requests that waited for a verification that another request had started.",
        ),
        (
            RETRIES,
            Kind::Counter,
            "Failed requests to Clerk that qualified for a retry, by whether the retry was granted.",
        ),
        (
            BREAKER_STATE,
            Kind::Gauge,
            "State of the circuit breaker of an endpoint: 0 closed, 1 half open, 2 open.",
        ),
        (
            OVERLOADED,
            Kind::Counter,
            "Requests to Clerk that were not sent: too many were waiting, or the rate limit was reached.",
        ),
        (
            STALE_SERVED,
            Kind::Counter,
            "Requests accepted with a stale entry while Clerk was unavailable.",
        ),
        (
            CREDENTIALS_REJECTED,
            Kind::Counter,
            "Verifications that failed because Clerk rejected the credentials of this service.",
        ),
        (
            REVOCATIONS,
            Kind::Counter,
            "Invalidations of tokens, by their origin and effect.",
        ),
        (
            AUDIENCE,
            Kind::Counter,
            "Verifications of OAuth and session tokens, by whether the audience names this service.",
        ),
        #[cfg(feature = "webhooks")]
        (
            WEBHOOKS,
            Kind::Counter,
            "Requests to the webhook endpoint, by result.",
        ),
        #[cfg(feature = "fleet")]
        (
            FLEET_STATE,
            Kind::Gauge,
            "State of the connection to the shared store: 0 joining, 1 live, 2 cut off.",
        ),
        #[cfg(feature = "fleet")]
        (
            FLEET_OUTBOX,
            Kind::Gauge,
            "Invalidations that wait to be published to the shared store.",
        ),
        #[cfg(feature = "fleet")]
        (
            FLEET_DROPPED,
            Kind::Counter,
            "Invalidations of single tokens that were dropped before they were published.",
        ),
        #[cfg(feature = "fleet")]
        (
            FLEET_WAITS,
            Kind::Counter,
            "Evidence that the shared store lacked at first, by whether another replica or this one got it.",
        ),
        #[cfg(feature = "fleet")]
        (
            REVOCATION_LAG,
            Kind::Seconds,
            "Time from an invalidation on any replica until its message came here.",
        ),
    ];
    for (name, kind, text) in texts {
        describe(name, kind, text);
    }
}

/// One counter for each value of a label.
#[derive(Debug)]
pub(crate) struct LabelledCounters<T>(Box<[(T, Counter)]>);

impl<T: Copy + PartialEq> LabelledCounters<T> {
    pub(super) fn new(values: impl IntoIterator<Item = T>, counter: impl Fn(T) -> Counter) -> Self {
        let counters = values.into_iter().map(|value| (value, counter(value)));
        Self(counters.collect())
    }

    pub(crate) fn increment(&self, value: T) {
        for (other, counter) in &self.0 {
            if *other == value {
                counter.increment(1);
            }
        }
    }
}

/// The metrics of requests and verifications.
pub(super) struct RequestMetrics {
    /// Separate from the others, so that a hit needs no lookup.
    pub(super) ok: Counter,
    others: LabelledCounters<Outcome>,
    pub(super) coalesced: Counter,
    pub(super) stale_served: Counter,
    pub(super) credentials_rejected: Counter,
}

impl RequestMetrics {
    pub(super) fn new() -> Self {
        let requests = |outcome: Outcome| counter(REQUESTS, &[("outcome", outcome.as_str())]);
        Self {
            ok: requests(Outcome::Ok),
            others: LabelledCounters::new(Outcome::OTHERS, requests),
            coalesced: counter(COALESCED, &[]),
            stale_served: counter(STALE_SERVED, &[]),
            credentials_rejected: counter(CREDENTIALS_REJECTED, &[]),
        }
    }

    pub(super) fn request(&self, outcome: Outcome) {
        if outcome == Outcome::Ok {
            self.ok.increment(1);
        } else {
            self.others.increment(outcome);
        }
    }
}

/// Creates the counters of invalidations.
pub(super) fn revocations() -> LabelledCounters<(Origin, Effect)> {
    let all = Origin::ALL.iter().copied();
    let all = all.flat_map(|origin| Effect::ALL.map(|effect| (origin, effect)));
    LabelledCounters::new(all, |(origin, effect)| {
        let labels = [("source", origin.as_str()), ("effect", effect.as_str())];
        counter(REVOCATIONS, &labels)
    })
}

/// Creates the counters of the audiences of verified tokens.
pub(super) fn audiences() -> LabelledCounters<AudienceVerdict> {
    LabelledCounters::new(AudienceVerdict::ALL, |verdict| {
        counter(AUDIENCE, &[("verdict", verdict.as_str())])
    })
}

/// The metrics of one store of the cache.
pub(crate) struct StoreMetrics {
    hit: Counter,
    miss: Counter,
    insert: Counter,
    expire: Counter,
    evict: Counter,
    invalidate: Counter,
    refresh_ahead: Option<Counter>,
    entries: Gauge,
}

impl StoreMetrics {
    /// Creates the metrics of the positive entries.
    pub(crate) fn positive() -> Self {
        let labels = [("store", POSITIVE), ("event", "refresh_ahead")];
        Self {
            refresh_ahead: Some(counter(CACHE_EVENTS, &labels)),
            ..Self::new(POSITIVE)
        }
    }

    /// Creates the metrics of the negative entries, which are never refreshed.
    pub(crate) fn negative() -> Self {
        Self::new(NEGATIVE)
    }

    fn new(store: &'static str) -> Self {
        let event = |event| counter(CACHE_EVENTS, &[("store", store), ("event", event)]);
        Self {
            hit: event("hit"),
            miss: event("miss"),
            insert: event("insert"),
            expire: event("expire"),
            evict: event("evict"),
            invalidate: event("invalidate"),
            refresh_ahead: None,
            entries: gauge(CACHE_ENTRIES, &[("store", store)]),
        }
    }

    pub(crate) fn hit(&self) {
        self.hit.increment(1);
    }

    pub(crate) fn missed(&self) {
        self.miss.increment(1);
    }

    pub(crate) fn inserted(&self) {
        self.insert.increment(1);
        self.entries.increment(1.0);
    }

    /// Counts that the store removed an entry, for any reason.
    pub(crate) fn released(&self) {
        self.entries.decrement(1.0);
    }

    pub(crate) fn expired(&self) {
        self.expire.increment(1);
    }

    pub(crate) fn evicted(&self) {
        self.evict.increment(1);
    }

    pub(crate) fn invalidated(&self, entries: u64) {
        self.invalidate.increment(entries);
    }

    pub(crate) fn refreshed_ahead(&self) {
        if let Some(counter) = &self.refresh_ahead {
            counter.increment(1);
        }
    }
}

/// The metrics of one endpoint.
pub(super) struct UpstreamMetrics {
    requests: LabelledCounters<CallResult>,
    pub(super) duration: Histogram,
    pub(super) in_flight: Gauge,
    retries_granted: Counter,
    retries_denied: Counter,
    overloaded: LabelledCounters<Priority>,
    breaker_state: Gauge,
}

impl UpstreamMetrics {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        let endpoint = ("endpoint", endpoint.as_str());
        let requests = |result: CallResult| {
            let labels = [endpoint, ("result", result.as_str())];
            counter(UPSTREAM_REQUESTS, &labels)
        };
        let retries = |decision| counter(RETRIES, &[("decision", decision)]);
        let overloaded = |priority: Priority| {
            let labels = [("priority", priority.as_str())];
            counter(OVERLOADED, &labels)
        };
        let metrics = Self {
            requests: LabelledCounters::new(CallResult::ALL, requests),
            duration: histogram(UPSTREAM_DURATION, &[endpoint]),
            in_flight: gauge(UPSTREAM_IN_FLIGHT, &[]),
            retries_granted: retries("granted"),
            retries_denied: retries("denied"),
            overloaded: LabelledCounters::new(Priority::ALL, overloaded),
            breaker_state: gauge(BREAKER_STATE, &[endpoint]),
        };
        metrics.breaker(BreakerState::Closed);
        metrics
    }

    pub(super) fn request(&self, result: CallResult) {
        self.requests.increment(result);
    }

    pub(super) fn retry(&self, is_granted: bool) {
        if is_granted {
            self.retries_granted.increment(1);
        } else {
            self.retries_denied.increment(1);
        }
    }

    pub(super) fn shed(&self, priority: Priority) {
        self.overloaded.increment(priority);
    }

    pub(super) fn breaker(&self, state: BreakerState) {
        self.breaker_state.set(match state {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open => 2.0,
        });
    }
}

const POSITIVE: &str = "positive";
const NEGATIVE: &str = "negative";
