//! What is known of users. The tokens of one user share what was told of them, and one call for it.
//!
//! As with tokens: bounded, one fetch per user at a time, in a task of its own, and an invalidation wins
//! against what was under way before it.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    entry::{Deadline, NEGATIVE_TTL},
    invalidation::{Invalidations, Many},
    key::{Key, Keyer},
    memory::{Release, Store},
    single_flight::{self, Landed, Outcome, SingleFlight},
};
use crate::{AuthError, AuthErrorKind, claims::User, clock::Clock};

/// The users that were asked for lately, by their ids.
pub(crate) struct UserCache {
    keyer: Keyer,
    store: Store<Known>,
    invalidations: Invalidations,
    flights: Arc<SingleFlight<Key, Known>>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    is_off: bool,
}

/// What was told of a user.
#[derive(Clone, Debug)]
struct Known {
    /// `None` where nobody may act as this user.
    user: Option<Arc<User>>,
    /// Which invalidations it is later than.
    epoch: u64,
    until: Deadline,
}

impl UserCache {
    /// `secret` is drawn at random. `capacity`: in users of up to a KiB. `timeout`: how long a fetch takes, and
    /// is waited for, at most. With `is_off`, nothing is remembered; fetches at the same time are one all the same.
    pub(crate) fn new(
        secret: [u8; 32],
        capacity: u64,
        timeout: Duration,
        is_off: bool,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let ttl = Duration::from_millis(USER_TTL);
        Self {
            keyer: Keyer::new(secret, &["users"]),
            store: Store::new(capacity, ttl, Known::weight, |_, _, _: Release| {}),
            invalidations: Invalidations::default(),
            flights: SingleFlight::new(timeout),
            timeout,
            clock,
            is_off,
        }
    }

    /// The user of this id: as remembered, or else as fetched. `None`: nobody may act as this user.
    ///
    /// # Cancel safety
    ///
    /// Who stops waiting leaves the fetch as it is.
    pub(crate) async fn get<F>(
        self: &Arc<Self>,
        id: &str,
        fetch: impl Fn() -> F,
    ) -> Result<Option<Arc<User>>, AuthError>
    where
        F: Future<Output = Result<Option<Arc<User>>, AuthError>> + Send + 'static,
    {
        let key = self.keyer.key(id);
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
        // The second fetch counts for certain, see `Invalidations::counts`.
        for again in [false, true] {
            match single_flight::wait(deadline, || join(again)).await? {
                Landed::Known(user) => return Ok(user),
                Landed::Flight { epoch, outcome } => {
                    let known = outcome?;
                    if self.invalidations.counts(epoch, arrived, key, None) {
                        return Ok(known.user);
                    }
                }
            }
        }
        Err(AuthErrorKind::UpstreamUnavailable.into())
    }

    /// Forgets a user. A fetch that is under way does not count for requests that arrive after this.
    pub(crate) fn invalidate(&self, id: &str) {
        let key = self.keyer.key(id);
        let Many(are_many) = self.invalidations.invalidate_under_way(&self.flights, key);
        self.store.remove(&key);
        if are_many {
            // Nothing in the store is invalid: it is removed by its key, and not put there.
            self.invalidations.replace_marks(|| self.flights.settle());
        }
    }

    /// Forgets all users.
    pub(crate) fn clear(&self) {
        self.invalidations.invalidate_all();
        self.flights.settle();
        self.store.clear();
    }

    fn look(&self, key: Key) -> Option<Option<Arc<User>>> {
        let known = self.store.get(&key)?;
        let holds = !known.until.has_passed(self.clock.now())
            && !self.invalidations.is_cached_invalid(known.epoch, key, None);
        holds.then_some(known.user)
    }

    /// One fetch.
    async fn run<F>(self: Arc<Self>, fetch: F) -> (u64, Outcome<Known>)
    where
        F: Future<Output = Result<Option<Arc<User>>, AuthError>>,
    {
        // When Clerk is called: what was invalidated before does not concern the outcome.
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

    fn remember(&self, key: Key, epoch: u64, outcome: &Outcome<Known>) {
        if let Ok(known) = outcome
            && !self.is_off
            && !self.invalidations.is_invalid(epoch, key, None)
        {
            self.store.insert(key, known.clone());
        }
    }
}

impl Known {
    /// In units of a KiB, rounded up.
    fn weight(&self) -> u32 {
        let size = self.user.as_ref().map_or(0, |user| user.size());
        u32::try_from(size.div_ceil(1024))
            .unwrap_or(u32::MAX)
            .max(1)
    }
}

/// For how long a user is remembered: a minute, as in Clerk's own libraries.
const USER_TTL: u64 = 60_000;

#[cfg(test)]
mod tests;
