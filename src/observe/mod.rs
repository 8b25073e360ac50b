//! Observability: events, counters, metrics and health. Callers report what happened, and this module decides which
//! events and metrics that causes. Messages are fixed, names are stable, and no token, secret or personal data appears.

mod audience;
mod events;
#[cfg(feature = "fleet")]
mod fleet;
mod handle;
mod health;
mod kinds;
mod metrics;
mod per_minute;
mod stats;
mod endpoint;
mod labels;
#[cfg(test)]
pub(crate) mod recorded;
#[cfg(feature = "webhooks")]
mod webhooks;

use std::time::Duration;

use tracing::level_filters::LevelFilter;

#[cfg(feature = "mcp")]
pub(crate) use self::events::{session_of_another, session_rejected, session_unusable};
#[cfg(feature = "redis")]
pub(crate) use self::fleet::clear_text_password;
#[cfg(feature = "fleet")]
pub(crate) use self::fleet::{FleetObserver, StoreFault};
#[cfg(feature = "webhooks")]
pub(crate) use self::webhooks::{WebhookObserver, WebhookResult};
pub(crate) use self::{
    audience::{AudienceObserver, AudienceRejection},
    endpoint::{EndpointObserver, UpstreamCall},
    events::{
        audience_cannot_be_shown, foreign_metadata, metadata_unserved, missing_layer,
        unreadable_organization,
    },
    health::HealthState,
    kinds::KindLog,
    labels::{
        AudienceVerdict, CacheState, CallResult, Effect, Endpoint, Origin, Outcome, Priority,
    },
    metrics::{LabelledCounters, StoreMetrics},
};
#[cfg(feature = "fleet")]
pub(crate) use self::{
    fleet::{fleet_waits, shared_store},
    labels::{FleetWait, SharedEvent},
};
pub use self::{
    health::{BreakerState, FleetState, Health},
    stats::Stats,
};
use self::{
    metrics::{RequestMetrics, revocations},
    per_minute::PerMinute,
    stats::Counters,
};
use crate::{AuthError, AuthErrorKind, ClerkClaims, clock::Now, token::TokenFormat};

/// The facts about a request that are known when it is accepted or rejected.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// The format of its token. `None` if the format was not determined.
    pub(crate) token: Option<TokenFormat>,
    /// The origin of the verification result. `None` without a result.
    pub(crate) cache: Option<CacheState>,
    /// The place of the instance in the list of instances. Zero for the only one. Small, since a larger type makes
    /// every hit slower, which returns its claims in the same enum.
    pub(crate) place: u16,
}

impl Seen {
    fn token_kind(self) -> Option<&'static str> {
        self.token.map(TokenFormat::as_str)
    }

    fn cache_state(self) -> Option<&'static str> {
        self.cache.map(CacheState::as_str)
    }
}

/// Logs a request that the layer accepted and a later middleware or extractor rejected. `id`: the id of its token, if
/// log lines have it.
pub(crate) fn rejected_behind(error: &AuthError, id: Option<&str>) {
    events::rejected(error, Seen::default(), id);
}

/// Records what happens to the requests of a layer.
pub(crate) struct Observer {
    counters: Counters,
    metrics: RequestMetrics,
    revocations: LabelledCounters<(Origin, Effect)>,
    dropped: PerMinute,
}

impl Observer {
    pub(crate) fn new() -> Self {
        metrics::describe_all();
        Self {
            counters: Counters::default(),
            metrics: RequestMetrics::new(),
            revocations: revocations(),
            dropped: PerMinute::default(),
        }
    }

    /// Records a request that was accepted by a fresh entry.
    #[inline]
    pub(crate) fn hit(&self) {
        self.counters.hits.increment();
        self.metrics.ok.increment(1);
        // One load and one comparison. The event itself is out of line, because it is rarely enabled.
        if LevelFilter::current() == LevelFilter::TRACE {
            events::hit();
        }
    }

    /// Records a request that was accepted in any other way.
    pub(crate) fn passed(&self, seen: Seen, claims: &ClerkClaims) {
        let outcome = Outcome::passed(claims.is_stale());
        if claims.is_stale() {
            self.counters.stale.increment();
            self.metrics.stale_served.increment(1);
        }
        self.metrics.request(outcome);
        events::passed(outcome, seen, claims.logged_id());
    }

    /// Records a request that passed without credentials.
    pub(crate) fn passed_anonymous(&self) {
        self.counters.anonymous.increment();
        self.metrics.request(Outcome::Anonymous);
        events::passed_anonymous();
    }

    /// Records a request that was rejected.
    pub(crate) fn rejected(&self, error: &AuthError, seen: Seen) {
        self.counters.rejected.increment();
        self.metrics.request(error.kind().outcome());
        events::rejected(error, seen, None);
    }

    /// Records a request whose token had a negative entry.
    pub(crate) fn hit_negative(&self) {
        self.counters.negative_hits.increment();
    }

    /// Records a request whose token must be verified.
    pub(crate) fn missed(&self) {
        self.counters.misses.increment();
    }

    /// Records a request that waits for a verification that another request started.
    pub(crate) fn coalesced(&self) {
        self.counters.coalesced.increment();
        self.metrics.coalesced.increment(1);
    }

    /// Records a verdict that did not come from the cache.
    pub(crate) fn verdict_from(&self, state: CacheState) {
        match state {
            #[cfg(feature = "fleet")]
            CacheState::Shared => self.counters.shared.increment(),
            #[cfg(feature = "fleet")]
            CacheState::Awaited => self.counters.awaited.increment(),
            _ => {}
        }
    }

    /// Records a verification that was started ahead of the entry's end.
    pub(crate) fn refreshing(&self) {
        self.counters.refreshes.increment();
    }

    /// Records the end of a verification. If it succeeded, the result is the id of the token, if log lines have it.
    pub(crate) fn verified(
        &self,
        result: Result<Option<&str>, &AuthError>,
        format: TokenFormat,
        elapsed: Duration,
    ) {
        let seen = Seen {
            token: Some(format),
            ..Seen::default()
        };
        match result {
            Ok(id) => events::verified(seen, id, elapsed),
            Err(error) => {
                if error.kind() == AuthErrorKind::CredentialsRejected {
                    self.metrics.credentials_rejected.increment(1);
                }
                events::verification_failed(error, seen, elapsed);
            }
        }
    }

    /// Records an invalidation. `are_dropped`: true if the oldest revocations of single tokens were dropped for it.
    pub(crate) fn invalidated(&self, effect: Effect, origin: Origin, are_dropped: bool, now: Now) {
        self.revocations.increment((origin, effect));
        if are_dropped && self.dropped.allows((), now) {
            events::revocations_dropped();
        }
    }

    pub(crate) fn stats(&self, (entries, negative_entries): (u64, u64), in_flight: usize) -> Stats {
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
            shared: counters.shared.get(),
            awaited: counters.awaited.get(),
            entries,
            negative_entries,
            in_flight: u64::try_from(in_flight).unwrap_or(u64::MAX),
        }
    }
}
