//! What a decision waits for: one verification for all who have the same token, in a task of its own, and what
//! its outcome means for each of them.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{
    AuthError, AuthErrorKind, BearerToken, ClerkClaims,
    auth::Auth,
    bearer::Credentials,
    cache::{Boarding, Entry, Key, Lookup, Outcome},
    decide::Refusal,
    observe::{CacheState, Seen},
    upstream::Priority,
    verify::Shape,
};

impl Auth {
    /// Waits for a verdict on a token, and tells what it was.
    pub(crate) async fn verify(
        self: Arc<Self>,
        key: Key,
        token: BearerToken,
        shape: Shape,
        last: Option<Arc<Entry>>,
    ) -> Result<ClerkClaims, Refusal> {
        let mut state = CacheState::Miss;
        let verdict = self.wait(key, token, shape, last, &mut state).await;
        let seen = Seen {
            token: Some(shape),
            cache: Some(state),
        };
        match verdict {
            Ok(claims) => {
                self.observer.passed(seen, claims.is_stale());
                Ok(claims)
            }
            Err(error) => Err(Refusal { error, seen }),
        }
    }

    /// Waits for a verdict: that of a verification under way, or of a new one. `state`: where it comes
    /// from.
    async fn wait(
        self: &Arc<Self>,
        key: Key,
        token: BearerToken,
        shape: Shape,
        last: Option<Arc<Entry>>,
        state: &mut CacheState,
    ) -> Result<ClerkClaims, AuthError> {
        let priority = if last.is_some() {
            Priority::Returning
        } else {
            Priority::FirstSeen
        };
        for _ in 0..MAX_FLIGHTS {
            let epoch = self.cache.epoch();
            let boarding = self.cache.flights.board(
                key,
                epoch,
                || self.known(key),
                || Arc::clone(self).fly(key, token.clone(), shape, priority),
            )?;
            let seat = match boarding {
                Boarding::Seat(seat) => seat,
                Boarding::Landed(verdict) => {
                    *state = state_of(&verdict);
                    return verdict.map_err(Into::into);
                }
            };
            if seat.is_shared {
                *state = CacheState::Coalesced;
                self.observer.coalesced();
            }
            let epoch = seat.epoch;
            let error = match seat.outcome().await {
                // Invalidated since it began: what it found out does not count.
                Ok(entry) if self.cache.is_void(key, &entry) => continue,
                Err(error)
                    if error.kind().is_authoritative() && self.cache.is_void_since(key, epoch) =>
                {
                    continue;
                }
                Ok(entry) if entry.has_expired(self.clock.now()) => AuthErrorKind::Expired.into(),
                Ok(entry) => return Ok(ClerkClaims::of(entry)),
                Err(error) => error,
            };
            let verdict = self.bridge(key, last, error);
            if verdict.is_ok() {
                *state = CacheState::Stale;
            }
            return verdict;
        }
        Err(AuthErrorKind::UpstreamUnavailable.into())
    }

    /// What has become known of a token since it was looked up.
    fn known(&self, key: Key) -> Option<Result<ClerkClaims, AuthErrorKind>> {
        let now = self.clock.now();
        match self.cache.get_good(&key, now) {
            Lookup::Good { claims, .. } | Lookup::Stale { claims } => Some(Ok(claims)),
            Lookup::Unknown { .. } => self.cache.get_bad(key, now).map(Err),
        }
    }

    /// Falls back on an older verdict where Clerk could not be asked and the configuration allows it.
    fn bridge(
        &self,
        key: Key,
        last: Option<Arc<Entry>>,
        error: AuthError,
    ) -> Result<ClerkClaims, AuthError> {
        match last {
            Some(entry)
                if error.kind().is_outage()
                    && entry.is_usable(self.clock.now())
                    && !self.cache.is_void(key, &entry) =>
            {
                Ok(ClerkClaims::of(entry).into_stale())
            }
            _ => Err(error),
        }
    }

    /// Has a good token verified again in the background. Nobody waits for it: where it cannot be
    /// started, the entry just ends in its time.
    #[cold]
    pub(crate) fn refresh(self: &Arc<Self>, key: Key, credentials: Credentials<'_>) {
        let Ok(token) = credentials.token() else {
            return;
        };
        let shape = Shape::of(token);
        let token = BearerToken::new(token);
        let epoch = self.cache.epoch();
        let flight = || Arc::clone(self).fly(key, token, shape, Priority::Refresh);
        let known = || None::<()>;
        if let Ok(Boarding::Seat(seat)) = self.cache.flights.board(key, epoch, known, flight)
            && !seat.is_shared
        {
            self.cache.refreshing();
            self.observer.refreshing();
        }
    }

    /// One verification, from asking to remembering.
    async fn fly(
        self: Arc<Self>,
        key: Key,
        token: BearerToken,
        shape: Shape,
        priority: Priority,
    ) -> Outcome {
        // When it asks, not when somebody boarded: what was invalidated in between does not concern it.
        let epoch = self.cache.epoch();
        let start = Instant::now();
        let result = self.verifier.verify(&token, shape, priority).await;
        self.observer.verified(&result, shape, start.elapsed());
        self.cache.settle(key, epoch, result, self.clock.now())
    }
}

/// Where a verdict comes from that was in the cache when it was looked for again.
fn state_of(verdict: &Result<ClerkClaims, AuthErrorKind>) -> CacheState {
    match verdict {
        Ok(claims) if claims.is_stale() => CacheState::Stale,
        Ok(_) => CacheState::Hit,
        Err(_) => CacheState::Negative,
    }
}

/// How often a request starts anew because its verification was invalidated meanwhile. More often than
/// this it is not worth the wait.
const MAX_FLIGHTS: usize = 3;
