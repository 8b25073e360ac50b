//! One verification per key at a time, and one look-up per user.
//!
//! Either flies in a task of its own, so that a client that hangs up takes nobody with it.
//! Everybody who asks for the same key meanwhile waits for its one outcome. Whatever ends the task, a
//! result, a panic or the end of its runtime, frees the key.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, PoisonError},
};

use tokio::sync::watch;

use super::{
    Entry,
    key::{Key, KeyHasher},
};
use crate::{
    AuthError, AuthErrorKind,
    sync::{Mutex, MutexGuard, Spawner},
};

/// What a verification came to, for all who waited.
pub(crate) type Outcome<T = Arc<Entry>> = Result<T, AuthError>;

/// The verifications under way.
#[derive(Debug)]
pub(crate) struct Flights<T = Arc<Entry>> {
    by_key: Mutex<ByKey<T>>,
}

type ByKey<T> = HashMap<Key, Seat<T>, KeyHasher>;

/// What there is for somebody who comes to board.
#[derive(Debug)]
pub(crate) enum Boarding<K, T = Arc<Entry>> {
    /// A place on a flight.
    Seat(Seat<T>),
    /// The flight has landed meanwhile, and this is what is known.
    Landed(K),
}

/// A place on a flight.
#[derive(Clone, Debug)]
pub(crate) struct Seat<T = Arc<Entry>> {
    outcome: watch::Receiver<Option<Outcome<T>>>,
    /// Which invalidations the flight is later than, at the least: those up to when it was boarded first.
    pub(crate) epoch: u64,
    /// Whether somebody else started the flight.
    pub(crate) is_shared: bool,
}

impl<T> Default for Flights<T> {
    // Derived, it would ask for `T: Default`.
    fn default() -> Self {
        Self {
            by_key: Mutex::default(),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// Joins the flight for a key, or starts it, in this epoch.
    ///
    /// `known` is asked before one is started: between the caller's look at the cache and this, a
    /// flight may have landed, and what it brought would be asked for a second time.
    ///
    /// # Errors
    ///
    /// Where a flight would have to be started outside of a tokio runtime.
    pub(crate) fn board<F, K>(
        self: &Arc<Self>,
        key: Key,
        epoch: u64,
        known: impl FnOnce() -> Option<K>,
        start: impl FnOnce() -> F,
    ) -> Result<Boarding<K, T>, AuthError>
    where
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        let mut by_key = self.lock();
        if let Some(seat) = by_key.get(&key) {
            return Ok(Boarding::Seat(seat.clone()));
        }
        // Ordering: while the map is locked. A flight is remembered first and frees its key then, so
        // that one of the two is always to be seen.
        if let Some(known) = known() {
            return Ok(Boarding::Landed(known));
        }
        let spawner = Spawner::current()?;
        let (announce, outcome) = watch::channel(None);
        let seat = Seat {
            outcome,
            epoch,
            is_shared: true,
        };
        by_key.insert(key, seat.clone());
        // Not while the map is locked: on a runtime that is shutting down the task is dropped at
        // once, and frees its key.
        drop(by_key);
        let landing = Landing {
            flights: Arc::clone(self),
            key,
        };
        let flight = start();
        spawner.spawn(async move {
            let outcome = flight.await;
            // Ordering: the key is free before anybody learns the outcome, so that who finds it
            // wanting can start anew.
            drop(landing);
            announce.send_replace(Some(outcome));
        });
        Ok(Boarding::Seat(Seat {
            is_shared: false,
            ..seat
        }))
    }

    /// How many flights are under way.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}

impl<T> Flights<T> {
    fn lock(&self) -> MutexGuard<'_, ByKey<T>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Seat<T> {
    /// Waits for the outcome.
    ///
    /// # Cancel safety
    ///
    /// Who stops waiting leaves the flight as it is.
    pub(crate) async fn outcome(mut self) -> Outcome<T> {
        match self.outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            // The task is gone without a word.
            Ok(None) | Err(_) => {
                Err(AuthError::new(AuthErrorKind::UpstreamUnavailable).with_source(Lost))
            }
        }
    }
}

/// Frees the key when the flight is over, however it ended. Without it, a verifier that panics would
/// leave a key that everybody waits for in vain.
#[derive(Debug)]
struct Landing<T> {
    flights: Arc<Flights<T>>,
    key: Key,
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the verification ended without an outcome: it panicked, or its runtime was shut down")]
struct Lost;

#[cfg(test)]
mod tests;
