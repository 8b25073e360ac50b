//! The cache of users. The tokens of one user share one entry, and one call for it.
//!
//! The same rules as for tokens apply: the cache is bounded, one fetch per user runs at a time, in its own task, and
//! an invalidation wins against fetches that began before it.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::time::Instant;

#[cfg(feature = "fleet")]
use super::InvalidationId;
use super::{
    Made,
    invalidation::{Dropped, Invalidations, Many, Properties, Scope},
    store::{Release, Store},
};
#[cfg(feature = "fleet")]
use crate::clock::Now;
use crate::{
    AuthError, AuthErrorKind,
    claims::{User, entry::NEGATIVE_TTL},
    clock::{Clock, Deadline, millis},
    observe::Effect,
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

/// The result of a fetch.
#[derive(Clone, Debug)]
pub(crate) struct FetchedUser {
    /// `None` if the user is banned or no longer exists.
    pub(crate) user: Option<Arc<User>>,
    /// The age of the answer, in milliseconds.
    pub(crate) age: u64,
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
        let longest = USER_TTL.saturating_add(timeout);
        Self {
            hasher: TokenHasher::new(secret, &["users"]),
            store: Store::new(capacity, USER_TTL, Known::weight, |_, _, _: Release| {}),
            invalidations: Invalidations::new(millis(longest)),
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
        F: Future<Output = Result<FetchedUser, AuthError>> + Send + 'static,
    {
        let key = self.hasher.key(id);
        if let Some(user) = self.look(key, id) {
            return Ok(user);
        }
        let arrived = self.invalidations.epoch();
        let deadline = Instant::now() + self.timeout;
        let join = |again: bool| {
            self.flights.join(
                key,
                |epoch| {
                    self.invalidations
                        .may_join(epoch, arrived, Properties::of_user(key, id), again)
                },
                || self.look(key, id),
                || self.invalidations.epoch(),
                |_| {
                    let (cache, id) = (Arc::clone(self), Box::<str>::from(id));
                    let remember =
                        move |epoch, outcome: &_| cache.remember(key, &id, epoch, outcome);
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
                        .counts(epoch, arrived, Properties::of_user(key, id))
                    {
                        return Ok(known.user);
                    }
                }
            }
        }
        Err(AuthErrorKind::UpstreamUnavailable.into())
    }

    /// Invalidates a user. A fetch in flight does not count for requests that arrive after this.
    pub(crate) fn invalidate(&self, id: &str, made: Made) {
        let key = self.hasher.key(id);
        let Many(are_many) = if self.takes_evidence() {
            let scope = Scope::Subject(id);
            let (many, Dropped(_)) = self.invalidations.apply(scope, Effect::Again, made);
            self.flights.settle();
            many
        } else {
            self.invalidations.again_under_way(&self.flights, key)
        };
        self.store.remove(&key);
        if are_many {
            // The store needs no sweep: an invalidated user is removed by its key and not inserted again.
            self.invalidations.replace_marks(|| self.flights.settle());
        }
    }

    /// Invalidates all users.
    pub(crate) fn clear(&self, made: Made) {
        let (Many(_), Dropped(_)) = self.invalidations.apply(Scope::All, Effect::Again, made);
        self.flights.settle();
        self.store.clear();
    }

    /// Returns true if evidence comes from other replicas. Then every invalidation is kept: the store may have a user who
    /// is not cached here.
    fn takes_evidence(&self) -> bool {
        #[cfg(feature = "fleet")]
        return self.invalidations.has_times();
        #[cfg(not(feature = "fleet"))]
        false
    }

    fn look(&self, key: TokenDigest, id: &str) -> Option<Option<Arc<User>>> {
        let known = self.store.get(&key)?;
        let holds = !known.until.has_passed(self.clock.now())
            && !self
                .invalidations
                .is_cached_invalid(known.epoch, Properties::of_user(key, id));
        holds.then_some(known.user)
    }

    /// Runs one fetch.
    async fn run<F>(self: Arc<Self>, fetch: F) -> (u64, Outcome<Known>)
    where
        F: Future<Output = Result<FetchedUser, AuthError>>,
    {
        // Read when Clerk is called: earlier invalidations do not affect the outcome.
        let epoch = self.invalidations.epoch();
        let known = |FetchedUser { user, age }: FetchedUser| {
            let life = match &user {
                Some(_) => millis(USER_TTL),
                None => NEGATIVE_TTL,
            };
            let until = Deadline::after(self.clock.now(), life.saturating_sub(age));
            Known { user, epoch, until }
        };
        (epoch, fetch.await.map(known))
    }

    fn remember(&self, key: TokenDigest, id: &str, epoch: u64, outcome: &Outcome<Known>) {
        if let Ok(known) = outcome
            && !self.is_off
            && !self
                .invalidations
                .is_invalid(epoch, Properties::of_user(key, id))
        {
            self.store.insert(key, known.clone());
        }
    }
}

#[cfg(feature = "fleet")]
impl UserCache {
    /// Takes evidence from other replicas as well.
    pub(crate) fn with_evidence_of_others(self) -> Self {
        Self {
            invalidations: self.invalidations.with_times(),
            ..self
        }
    }

    /// Returns the epoch of the latest invalidation.
    pub(crate) fn epoch(&self) -> u64 {
        self.invalidations.epoch()
    }

    /// Raises the time of an invalidation of a user that was applied before. `None` is one of all users.
    pub(crate) fn repeat(&self, id: Option<&str>, made: Made) {
        let scope = id.map_or(Scope::All, Scope::Subject);
        self.invalidations.repeat(scope, made);
    }

    /// Returns true if an invalidation rejects the evidence of another replica about a user, for which Clerk was called at
    /// `called_at`. `after`: the invalidations that the other replica had applied before.
    pub(crate) fn rejects_evidence(
        &self,
        id: &str,
        called_at: u64,
        after: &[InvalidationId],
    ) -> bool {
        let user = Properties::of_user(self.hasher.key(id), id);
        self.invalidations.rejects_evidence(user, called_at, after)
    }

    /// Returns the recent invalidations that concern a user and that were applied up to an epoch.
    pub(crate) fn applied(&self, id: &str, epoch: u64, now: Now) -> Vec<InvalidationId> {
        let user = Properties::of_user(self.hasher.key(id), id);
        self.invalidations.applied(user, epoch, now)
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

/// The lifetime of a cached user: one minute, as in Clerk's own libraries.
pub(crate) const USER_TTL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
