//! The cache of users. The tokens of one user share one entry, and one call for it.
//!
//! The same rules as for tokens apply: the cache is bounded, one fetch per user runs at a time, in its own task, and
//! an invalidation wins against fetches that began before it.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    invalidation::{Invalidations, Many, Properties, Scope},
    store::{Release, Store},
};
use crate::{
    AuthError, AuthErrorKind,
    claims::{User, entry::NEGATIVE_TTL},
    clock::{Clock, Deadline},
    sync::single_flight::{self, Landed, Outcome, SingleFlight},
    token::digest::{TokenDigest, TokenHasher},
};

/// The recently fetched users, by their ids.
pub(crate) struct UserCache {
    hasher: TokenHasher,
    store: Store<Known>,
    invalidations: Invalidations,
    flights: Arc<SingleFlight<TokenDigest, Known>>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    is_off: bool,
}

/// A cached user.
#[derive(Clone, Debug)]
struct Known {
    /// `None` if the user is banned or no longer exists.
    user: Option<Arc<User>>,
    /// The epoch of the fetch. The result is later than all invalidations up to this epoch.
    epoch: u64,
    until: Deadline,
}

impl UserCache {
    /// `secret`: random bytes. `capacity`: the number of users of up to one KiB. `timeout`: the longest duration of a
    /// fetch, and of the wait for it. `is_off`: nothing is cached, but concurrent fetches of a user still share one
    /// call.
    pub(crate) fn new(
        secret: [u8; 32],
        capacity: u64,
        timeout: Duration,
        is_off: bool,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let ttl = Duration::from_millis(USER_TTL);
        Self {
            hasher: TokenHasher::new(secret, &["users"]),
            store: Store::new(capacity, ttl, Known::weight, |_, _, _: Release| {}),
            invalidations: Invalidations::new(USER_TTL),
            flights: SingleFlight::new(timeout),
            timeout,
            clock,
            is_off,
        }
    }

    /// Returns the user of this id from the cache, or fetches it. `None` if the user is banned or no longer
    /// exists.
    ///
    /// # Cancel safety
    ///
    /// A caller that stops waiting does not affect the fetch.
    pub(crate) async fn get<F>(
        self: &Arc<Self>,
        id: &str,
        fetch: impl Fn() -> F,
    ) -> Result<Option<Arc<User>>, AuthError>
    where
        F: Future<Output = Result<Option<Arc<User>>, AuthError>> + Send + 'static,
    {
        let key = self.hasher.key(id);
        if let Some(user) = self.look(key) {
            return Ok(user);
        }
        let arrived = self.invalidations.epoch();
        let deadline = Instant::now() + self.timeout;
        let join = |again: bool| {
            self.flights.join(
                key,
                |epoch| self.invalidations.may_join(epoch, arrived, key, again),
                || self.look(key),
                || self.invalidations.epoch(),
                |_| {
                    let cache = Arc::clone(self);
                    let remember = move |epoch, outcome: &_| cache.remember(key, epoch, outcome);
                    (Arc::clone(self).run(fetch()), remember)
                },
            )
        };
        // The second fetch always counts, see `Invalidations::counts`.
        for again in [false, true] {
            match single_flight::wait(deadline, || join(again)).await? {
                Landed::Known(user) => return Ok(user),
                Landed::Flight { epoch, outcome } => {
                    let known = outcome?;
                    if self
                        .invalidations
                        .counts(epoch, arrived, Properties::of_token(key))
                    {
                        return Ok(known.user);
                    }
                }
            }
        }
        Err(AuthErrorKind::UpstreamUnavailable.into())
    }

    /// Invalidates a user. A fetch in flight does not count for requests that arrive after this.
    pub(crate) fn invalidate(&self, id: &str) {
        let key = self.hasher.key(id);
        let Many(are_many) = self.invalidations.again_under_way(&self.flights, key);
        self.store.remove(&key);
        if are_many {
            // The store needs no sweep: an invalidated user is removed by its key and not inserted again.
            self.invalidations.replace_marks(|| self.flights.settle());
        }
    }

    /// Invalidates all users.
    pub(crate) fn clear(&self) {
        let Many(_) = self.invalidations.again(Scope::All);
        self.flights.settle();
        self.store.clear();
    }

    fn look(&self, key: TokenDigest) -> Option<Option<Arc<User>>> {
        let known = self.store.get(&key)?;
        let holds = !known.until.has_passed(self.clock.now())
            && !self
                .invalidations
                .is_cached_invalid(known.epoch, Properties::of_token(key));
        holds.then_some(known.user)
    }

    /// Runs one fetch.
    async fn run<F>(self: Arc<Self>, fetch: F) -> (u64, Outcome<Known>)
    where
        F: Future<Output = Result<Option<Arc<User>>, AuthError>>,
    {
        // Read when Clerk is called: earlier invalidations do not affect the outcome.
        let epoch = self.invalidations.epoch();
        let known = |user: Option<Arc<User>>| {
            let life = match &user {
                Some(_) => USER_TTL,
                None => NEGATIVE_TTL,
            };
            let until = Deadline::after(self.clock.now(), life);
            Known { user, epoch, until }
        };
        (epoch, fetch.await.map(known))
    }

    fn remember(&self, key: TokenDigest, epoch: u64, outcome: &Outcome<Known>) {
        if let Ok(known) = outcome
            && !self.is_off
            && !self
                .invalidations
                .is_invalid(epoch, Properties::of_token(key))
        {
            self.store.insert(key, known.clone());
        }
    }
}

impl Known {
    /// Returns the size in KiB, rounded up.
    fn weight(&self) -> u32 {
        let size = self.user.as_ref().map_or(0, |user| user.size());
        u32::try_from(size.div_ceil(1024))
            .unwrap_or(u32::MAX)
            .max(1)
    }
}

/// The lifetime of a cached user, in milliseconds: one minute, as in Clerk's own libraries.
const USER_TTL: u64 = 60_000;

#[cfg(test)]
mod tests;
