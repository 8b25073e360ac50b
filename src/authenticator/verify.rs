//! The asynchronous half of authentication. Each token has at most one verification at a time, which runs in its own
//! task. All requests with this token share it, and each request derives its own result from the outcome.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
};

use tokio::time::Instant;

#[cfg(feature = "fleet")]
use crate::fleet::{Sharing, Verification};
use crate::{
    AuthError, AuthErrorKind, ClerkClaims,
    authenticator::{Rejected, Shared, Single},
    cache::{Arrival, Lookup, Outcome},
    clerk::http::Priority,
    extract::{Credentials, SecretToken},
    observe::{CacheState, Seen},
    sync::single_flight::{self, Join, Landed},
    token::{TokenFormat, digest::TokenDigest},
    verify::{Inquiry, Verified},
};

/// The source of a verification's result. Set when the verification ends.
type Source = Arc<OnceLock<CacheState>>;

/// A token to verify, and the priority of its verification.
#[derive(Clone)]
pub(super) struct Task {
    pub(crate) key: TokenDigest,
    pub(crate) token: SecretToken,
    pub(crate) format: TokenFormat,
    pub(crate) priority: Priority,
}

impl Single {
    /// Waits for a verdict on a token, and reports it to the log and the metrics.
    pub(super) async fn verify_task(
        self,
        task: Task,
        arrival: Arrival,
    ) -> Result<ClerkClaims, Rejected> {
        let mut state = CacheState::Miss;
        let verdict = match self.verdict(&task, arrival, &mut state).await {
            Err(error) => self.bridge(&task.key, error, &mut state),
            verdict => verdict,
        };
        let seen = Seen {
            token: Some(task.format),
            cache: Some(state),
            ..Seen::default()
        };
        self.shared.observer.verdict_from(state);
        match verdict {
            Ok(claims) => {
                self.shared.observer.passed(seen, &claims);
                Ok(claims)
            }
            Err(error) => Err(Rejected::new(error, seen)),
        }
    }

    /// Waits for a verdict: that of a verification in flight, or of a new one. `state` is set to the source of the
    /// verdict.
    async fn verdict(
        &self,
        task: &Task,
        arrival: Arrival,
        state: &mut CacheState,
    ) -> Result<ClerkClaims, AuthError> {
        let key = task.key;
        // A verdict that was invalidated in the meantime does not count. The second verdict always counts, since its
        // verification began after the request arrived.
        for again in [false, true] {
            let source = Source::default();
            let join = || {
                let join = self.shared.cache.flights.join(
                    key,
                    |epoch| self.shared.cache.may_join(key, epoch, arrival, again),
                    || self.known(key),
                    || self.shared.cache.epoch(),
                    |_| self.clone().run(task.clone(), Arc::clone(&source)),
                )?;
                if let Join::Pending(waiter) = &join
                    && waiter.is_shared
                {
                    *state = CacheState::Coalesced;
                    self.shared.observer.coalesced();
                }
                Ok(join)
            };
            match single_flight::wait(arrival.deadline, join).await? {
                Landed::Known(verdict) => {
                    *state = state_of(&verdict);
                    return verdict;
                }
                Landed::Flight { epoch, outcome } => {
                    if !self.shared.cache.counts(key, epoch, arrival, &outcome) {
                        continue;
                    }
                    // Not set by a verification that another request started.
                    *state = source.get().copied().unwrap_or(*state);
                    let entry = outcome?;
                    if entry.has_expired(self.shared.clock.now()) {
                        return Err(AuthErrorKind::Expired.into());
                    }
                    return Ok(ClerkClaims::of(entry));
                }
            }
        }
        Err(AuthErrorKind::UpstreamUnavailable.into())
    }

    /// Returns the verdict that was cached after the first lookup. `None` if there is none.
    fn known(&self, key: TokenDigest) -> Option<Result<ClerkClaims, AuthError>> {
        let now = self.shared.clock.now();
        match self.shared.cache.get_positive(&key, now) {
            Lookup::Hit { claims, .. } | Lookup::Stale { claims } => Some(Ok(claims)),
            Lookup::Unknown { .. } => self.shared.cache.get_negative(key, now).map(Err),
        }
    }

    /// Falls back to an older verdict if Clerk is unavailable and the configuration allows it.
    pub(super) fn bridge(
        &self,
        key: &TokenDigest,
        error: AuthError,
        state: &mut CacheState,
    ) -> Result<ClerkClaims, AuthError> {
        if !error.kind().is_outage() {
            return Err(error);
        }
        let verdict = self
            .shared
            .cache
            .bridge(key, self.shared.clock.now())
            .ok_or(error);
        *state = match &verdict {
            Ok(_) => state_of(&verdict),
            Err(_) => *state,
        };
        verdict
    }

    /// Verifies a token with a positive entry again, in the background. No request waits for it. If the refresh cannot
    /// start, the entry expires as usual.
    #[cold]
    pub(super) fn refresh(&self, key: TokenDigest, credentials: Credentials<'_>) {
        let Ok(token) = credentials.token() else {
            return;
        };
        let task = Task {
            key,
            token: SecretToken::new(token),
            format: TokenFormat::of(token),
            priority: Priority::Refresh,
        };
        let join = self.shared.cache.flights.join(
            key,
            |_| true,
            || None::<()>,
            || self.shared.cache.epoch(),
            |_| self.clone().run(task, Source::default()),
        );
        if let Ok(Join::Pending(waiter)) = join
            && !waiter.is_shared
        {
            self.shared.cache.refreshing();
            self.shared.observer.refreshing();
        }
    }

    /// Runs one verification and stores its outcome in the cache. `source` is set to the source of its result.
    fn run(
        self,
        task: Task,
        source: Source,
    ) -> (
        impl Future<Output = (u64, Outcome)> + Send,
        impl FnOnce(u64, &Outcome) + Send,
    ) {
        let (key, format) = (task.key, task.format);
        let auth = self.clone();
        let verification = async move {
            let start = Instant::now();
            let inquiry = Inquiry {
                token: &task.token,
                format,
                priority: task.priority,
                deadline: start + auth.shared.verifier.timeout,
            };
            let (state, epoch, result) = auth.shared.verify(key, inquiry).await;
            _ = source.set(state);
            let verified = result.as_ref().map(Verified::logged_id);
            auth.shared
                .observer
                .verified(verified, format, start.elapsed());
            let now = auth.shared.clock.now();
            (epoch, auth.shared.cache.conclude(key, epoch, result, now))
        };
        let remember = move |epoch, outcome: &Outcome| {
            let calls = self.shared.verifier.calls(format);
            self.shared
                .cache
                .remember(key, epoch, outcome, calls, self.shared.clock.now());
        };
        (verification, remember)
    }
}

impl Shared {
    /// Verifies a token, by the evidence that replicas share, or by calls to Clerk. Returns the source of the result, and the
    /// epoch before which invalidations do not affect it.
    async fn verify(
        &self,
        key: TokenDigest,
        inquiry: Inquiry<'_>,
    ) -> (CacheState, u64, Result<Verified, AuthError>) {
        let (cache, verifier) = (&self.cache, &self.verifier);
        #[cfg(feature = "fleet")]
        if let Some(fleet) = &self.fleet {
            let verification = Verification {
                key,
                inquiry,
                cache,
                verifier,
            };
            let Sharing {
                state,
                epoch,
                result,
            } = fleet.replica.verify(verification).await;
            return (state, epoch, result);
        }
        #[cfg(not(feature = "fleet"))]
        let _ = key;
        // Read before Clerk is called: earlier invalidations do not affect the outcome.
        let epoch = cache.epoch();
        (CacheState::Miss, epoch, verifier.verify(inquiry).await)
    }
}

/// Returns the cache state of a verdict that the second lookup found in the cache.
fn state_of(verdict: &Result<ClerkClaims, AuthError>) -> CacheState {
    match verdict {
        Ok(claims) if claims.is_stale() => CacheState::Stale,
        Ok(_) => CacheState::Hit,
        Err(_) => CacheState::Negative,
    }
}
