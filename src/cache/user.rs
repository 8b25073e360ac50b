//! What is known of users. The tokens of one user share what was told of them, and one call for it.
//!
//! As with tokens: bounded, one fetch per user at a time, in a task of its own, and an invalidation wins
//! against what was under way before it.

use std::{future::Future, sync::Arc, time::Duration};

use super::{
    entry::{Deadline, NEGATIVE_TTL},
    flight::{Boarding, Flights},
    key::{Key, Keyer},
    memory::{Release, Store},
    void::Voids,
};
use crate::{
    AuthError, AuthErrorKind, User,
    clock::{Clock, Now},
};

/// The users that were asked for lately, by their ids.
pub(crate) struct UserCache {
    keyer: Keyer,
    store: Store<Known>,
    voids: Voids,
    flights: Arc<Flights<Known>>,
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
    /// `secret` is drawn at random. `capacity`: in users of up to a KiB. `longest_fetch`: how long one takes at
    /// most. With `is_off`, nothing is remembered; fetches at the same time are one all the same.
    pub(crate) fn new(
        secret: [u8; 32],
        capacity: u64,
        longest_fetch: Duration,
        is_off: bool,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let ttl = Duration::from_millis(USER_TTL);
        Self {
            keyer: Keyer::new(secret, &["users"]),
            store: Store::new(capacity, ttl, Known::weight, |_, _, _: Release| {}),
            voids: Voids::new(ttl.saturating_add(longest_fetch)),
            flights: Arc::default(),
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
        for _ in 0..MAX_FETCHES {
            if let Some(user) = self.look(key, id) {
                return Ok(user);
            }
            let epoch = self.voids.epoch();
            let known = || self.look(key, id);
            let boarding = self.flights.board(key, epoch, known, || {
                Arc::clone(self).fly(key, id.into(), fetch())
            })?;
            let known = match boarding {
                Boarding::Landed(user) => return Ok(user),
                Boarding::Seat(seat) => seat.outcome().await?,
            };
            // Invalidated since it began: what it found out does not count.
            if !self.voids.is_void(known.epoch, key, Some(id)) {
                return Ok(known.user);
            }
        }
        Err(AuthErrorKind::UpstreamUnavailable.into())
    }

    /// Forgets a user. A fetch that is under way will not count.
    pub(crate) fn invalidate(&self, id: &str, now: Now) {
        self.voids.void_subject(id, now);
        self.store.remove(&self.keyer.key(id));
    }

    /// Forgets everybody.
    pub(crate) fn clear(&self, now: Now) {
        self.voids.void_all(now);
        self.store.clear();
    }

    fn look(&self, key: Key, id: &str) -> Option<Option<Arc<User>>> {
        let known = self.store.get(&key)?;
        let holds = !known.until.has_passed(self.clock.now())
            && !self.voids.is_void(known.epoch, key, Some(id));
        holds.then_some(known.user)
    }

    /// One fetch, from asking to remembering.
    async fn fly(
        self: Arc<Self>,
        key: Key,
        id: Box<str>,
        fetch: impl Future<Output = Result<Option<Arc<User>>, AuthError>>,
    ) -> Result<Known, AuthError> {
        // When it asks: what was invalidated before does not concern it.
        let epoch = self.voids.epoch();
        let user = fetch.await?;
        let life = match &user {
            Some(_) => USER_TTL,
            None => NEGATIVE_TTL,
        };
        let until = Deadline::after(self.clock.now(), life);
        let known = Known { user, epoch, until };
        if !self.is_off && !self.voids.is_void(epoch, key, Some(&id)) {
            self.store.insert(key, known.clone());
        }
        Ok(known)
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

/// How often a fetch is begun anew because it was invalidated meanwhile.
const MAX_FETCHES: usize = 3;

#[cfg(test)]
mod tests;
