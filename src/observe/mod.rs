//! What can be seen from outside: events, counts, metrics, health. Callers say what happened; what is told
//! to whom is decided here. Fixed messages, stable names, and never a token, a secret or a person.

mod audience;
mod events;
mod handle;
mod health;
mod metrics;
mod per_minute;
mod stats;
mod watch;
mod words;

use std::time::Duration;

use tracing::level_filters::LevelFilter;

pub(crate) use self::{
    audience::{AudienceLog, AudienceRejection},
    events::{
        audience_cannot_be_shown, metadata_unserved, missing_layer, session_of_another,
        session_rejected, session_unusable, unreadable_organization,
    },
    health::Vitals,
    metrics::StoreMetrics,
    watch::{UpstreamCall, Watch},
    words::{CacheState, CallResult, Outcome},
};
pub use self::{
    health::{BreakerState, Health},
    stats::Stats,
};
use self::{metrics::RequestMetrics, stats::Counters};
use crate::{AuthError, AuthErrorKind, cache::Cache, verify::Shape};

/// What has been found out about a request when it is decided.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// What its token looks like, where somebody looked.
    pub(crate) token: Option<Shape>,
    /// Where the verdict came from, where there is one.
    pub(crate) cache: Option<CacheState>,
}

impl Seen {
    fn token_kind(self) -> Option<&'static str> {
        self.token.map(Shape::as_str)
    }

    fn cache_state(self) -> Option<&'static str> {
        self.cache.map(CacheState::as_str)
    }
}

/// A request was rejected by something that stands behind the layer, which has let it through.
pub(crate) fn rejected_behind(error: &AuthError) {
    events::rejected(error, Seen::default());
}

/// Whom a layer tells what becomes of requests.
pub(crate) struct Observer {
    counters: Counters,
    metrics: RequestMetrics,
}

impl Observer {
    pub(crate) fn new() -> Self {
        metrics::describe_all();
        Self {
            counters: Counters::default(),
            metrics: RequestMetrics::new(),
        }
    }

    /// A request was let through on a fresh verdict that was there already.
    #[inline]
    pub(crate) fn hit(&self) {
        self.counters.hits.increment();
        self.metrics.ok.increment(1);
        // One load and a comparison, and what makes the event out of the way of all who do not want it.
        if LevelFilter::current() == LevelFilter::TRACE {
            events::hit();
        }
    }

    /// A request was let through otherwise.
    pub(crate) fn passed(&self, seen: Seen, is_stale: bool) {
        let outcome = Outcome::passed(is_stale);
        if is_stale {
            self.counters.stale.increment();
            self.metrics.stale_served.increment(1);
        }
        self.metrics.request(outcome);
        events::passed(outcome, seen);
    }

    /// A request without credentials was let through.
    pub(crate) fn passed_anonymous(&self) {
        self.counters.anonymous.increment();
        self.metrics.request(Outcome::Anonymous);
        events::passed_anonymous();
    }

    /// A request was rejected.
    pub(crate) fn rejected(&self, error: &AuthError, seen: Seen) {
        self.counters.rejected.increment();
        self.metrics.request(error.kind().outcome());
        events::rejected(error, seen);
    }

    /// The token of a request was known to be bad.
    pub(crate) fn hit_negative(&self) {
        self.counters.negative_hits.increment();
    }

    /// The token of a request has to be asked about.
    pub(crate) fn missed(&self) {
        self.counters.misses.increment();
    }

    /// A request waits for what another one has asked for.
    pub(crate) fn coalesced(&self) {
        self.counters.coalesced.increment();
        self.metrics.coalesced.increment(1);
    }

    /// A verification was started ahead of time.
    pub(crate) fn refreshing(&self) {
        self.counters.refreshes.increment();
    }

    /// A verification has ended.
    pub(crate) fn verified<T>(
        &self,
        result: &Result<T, AuthError>,
        shape: Shape,
        elapsed: Duration,
    ) {
        let seen = Seen {
            token: Some(shape),
            cache: None,
        };
        match result {
            Ok(_) => events::verified(seen, elapsed),
            Err(error) => {
                if error.kind() == AuthErrorKind::CredentialsRejected {
                    self.metrics.credentials_rejected.increment(1);
                }
                events::verification_failed(error, seen, elapsed);
            }
        }
    }

    pub(crate) fn stats(&self, cache: &Cache) -> Stats {
        let (entries, negative_entries) = cache.len();
        let counters = &self.counters;
        Stats {
            hits: counters.hits.get(),
            negative_hits: counters.negative_hits.get(),
            misses: counters.misses.get(),
            coalesced: counters.coalesced.get(),
            stale: counters.stale.get(),
            refreshes: counters.refreshes.get(),
            rejected: counters.rejected.get(),
            anonymous: counters.anonymous.get(),
            entries,
            negative_entries,
            in_flight: u64::try_from(cache.flights.len()).unwrap_or(u64::MAX),
        }
    }
}
