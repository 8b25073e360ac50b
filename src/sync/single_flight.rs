//! Single flight: one call at a time for each key, shared by all requests that need its outcome.
//!
//! A *flight* is one verification, one fetch of a user or one fetch of a document. It runs in its own task, so a client
//! that disconnects does not cancel it for other requests. A request joins the flight of its key, or starts one. A
//! flight ends in one of four ways:
//!
//! 1. It has an outcome. The outcome is cached, the key is freed, and then all waiters get the outcome.
//! 2. It panics. Its waiters get an error: another flight would panic as well.
//! 3. Its runtime is shut down. Its waiters join again, and the first of them starts the next flight.
//! 4. It takes longer than its time limit, because its runtime is parked or blocked. The next request that joins, or
//!    the first waiter that joins again, *supersedes* it. A superseded flight keeps its waiters, but caches nothing
//!    and frees no key.

mod run;

use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, task::yield_now, time::Instant};

use self::run::Run;
use super::{Mutex, MutexGuard, Spawner, until};
use crate::{AuthError, AuthErrorKind};

/// The outcome of a flight, which all its waiters share.
pub(crate) type Outcome<T> = Result<T, AuthError>;

/// The outcome with the epoch in which the flight called Clerk.
type Dated<T> = (u64, Outcome<T>);

/// The calls in flight.
#[derive(Debug)]
pub(crate) struct SingleFlight<K, T> {
    /// The age at which a flight is superseded.
    life: Duration,
    flights: Mutex<Flights<K, T>>,
}

#[derive(Debug)]
struct Flights<K, T> {
    by_key: HashMap<K, Flight<T>>,
    /// The number of flights that were started.
    started: u64,
}

#[derive(Debug)]
struct Flight<T> {
    number: u64,
    waiter: Waiter<T>,
}

/// The result of [`SingleFlight::join`].
#[derive(Debug)]
pub(crate) enum Join<T, R> {
    /// A flight is in progress.
    Pending(Waiter<T>),
    /// `known` returned a result, so no flight is needed.
    Ready(R),
}

/// The handle of one request that waits for a flight.
#[derive(Clone, Debug)]
pub(crate) struct Waiter<T> {
    outcome: watch::Receiver<Option<Dated<T>>>,
    /// The epoch in which the flight was started, see [`Invalidations`](super::invalidation::Invalidations).
    /// It may call Clerk in a later one.
    pub(crate) epoch: u64,
    /// True if another request started the flight.
    pub(crate) is_shared: bool,
    /// The time at which the flight may be superseded.
    overdue: Instant,
}

/// The result of [`wait`].
#[derive(Debug)]
pub(crate) enum Landed<T, R> {
    /// The outcome of a flight that called Clerk in this epoch.
    Flight { epoch: u64, outcome: Outcome<T> },
    /// The result that `known` returned.
    Known(R),
}

impl<K, T> SingleFlight<K, T>
where
    K: Copy + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// `limit`: the time limit that a flight enforces itself.
    pub(crate) fn new(limit: Duration) -> Arc<Self> {
        Arc::new(Self {
            life: limit.saturating_add(GRACE),
            flights: Mutex::new(Flights {
                by_key: HashMap::default(),
                started: 0,
            }),
        })
    }

    /// Joins the flight of a key, or starts one.
    ///
    /// A flight that is overdue is superseded. So is a flight whose epoch `may_join` rejects. Before a flight starts,
    /// `known` is called: another flight may have ended since the caller's cache lookup. `start` creates the flight and
    /// the function that caches its outcome. `epoch` returns the current epoch.
    ///
    /// # Errors
    ///
    /// Returns an error if a flight would have to start outside of a tokio runtime.
    pub(crate) fn join<R, F, M>(
        self: &Arc<Self>,
        key: K,
        may_join: impl FnOnce(u64) -> bool,
        known: impl FnOnce() -> Option<R>,
        epoch: impl FnOnce() -> u64,
        start: impl FnOnce(u64) -> (F, M),
    ) -> Result<Join<T, R>, AuthError>
    where
        F: Future<Output = Dated<T>> + Send + 'static,
        M: FnOnce(u64, &Outcome<T>) + Send + 'static,
    {
        let mut flights = self.lock();
        if let Some(Flight { waiter, .. }) = flights.by_key.get(&key)
            && Instant::now() < waiter.overdue
            && may_join(waiter.epoch)
        {
            return Ok(Join::Pending(waiter.clone()));
        }
        // Ordering: `known` is called while the flights are locked. An outcome is cached and its key freed in one step,
        // so one of the two is always visible.
        if let Some(known) = known() {
            return Ok(Join::Ready(known));
        }
        let spawner = Spawner::current()?;
        let (announce, outcome) = watch::channel(None);
        let now = Instant::now();
        let waiter = Waiter {
            outcome,
            epoch: epoch(),
            is_shared: true,
            // The end of an unlimited lifetime cannot be computed.
            overdue: now.checked_add(self.life).unwrap_or(now + LONGEST_LIFE),
        };
        flights.started += 1;
        let run = Run {
            single_flight: Arc::clone(self),
            key,
            number: flights.started,
            announce: Some(announce),
        };
        let flight = Flight {
            number: run.number,
            waiter: waiter.clone(),
        };
        flights.by_key.insert(key, flight);
        // The flights must be unlocked here: a runtime that is shutting down drops the task at once, and the drop
        // frees the key.
        drop(flights);
        let (flight, remember) = start(waiter.epoch);
        spawner.spawn(async move {
            let (epoch, outcome) = flight.await;
            run.end(epoch, outcome, remember);
        });
        Ok(Join::Pending(Waiter {
            is_shared: false,
            ..waiter
        }))
    }

    /// Runs `act` while no flight can start or end. Its argument is true if a flight is in progress for this key.
    pub(crate) fn inspect<R>(&self, key: &K, act: impl FnOnce(bool) -> R) -> R {
        let flights = self.lock();
        act(flights.by_key.contains_key(key))
    }

    /// Waits until no outcome is being cached. A later invalidation then finds all outcomes from before.
    pub(crate) fn settle(&self) {
        drop(self.lock());
    }

    /// Returns the number of flights in progress.
    pub(crate) fn len(&self) -> usize {
        self.lock().by_key.len()
    }
}

impl<K, T> SingleFlight<K, T> {
    fn lock(&self) -> MutexGuard<'_, Flights<K, T>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Waiter<T> {
    /// Waits for the outcome of this flight only. `None` if the flight is lost.
    pub(crate) async fn outcome(&mut self) -> Option<Outcome<T>> {
        let dated = self.outcome.wait_for(Option::is_some).await.ok()?;
        dated.as_ref().map(|(_, outcome)| outcome.clone())
    }
}

/// Waits until the deadline for the flight that `join` finds or starts.
///
/// Joins again if that flight is overdue or lost with its runtime.
///
/// # Errors
///
/// Returns the errors of `join`, and [`AuthErrorKind::UpstreamUnavailable`] at the deadline.
///
/// # Cancel safety
///
/// A request that stops waiting does not affect the flight.
pub(crate) async fn wait<T: Clone, R>(
    deadline: Instant,
    mut join: impl FnMut() -> Result<Join<T, R>, AuthError>,
) -> Result<Landed<T, R>, AuthError> {
    let mut starts = 0;
    loop {
        let mut waiter = match join()? {
            Join::Pending(waiter) => waiter,
            Join::Ready(known) => return Ok(Landed::Known(known)),
        };
        starts += u32::from(!waiter.is_shared);
        let end = deadline.min(waiter.overdue);
        let ended = async { drop(waiter.outcome.wait_for(Option::is_some).await) };
        if until(end, ended).await.is_none() {
            // The flight may be ending right now, at its own time limit.
            yield_now().await;
        }
        let dated = waiter.outcome.borrow().clone();
        if let Some((epoch, outcome)) = dated {
            return Ok(Landed::Flight { epoch, outcome });
        }
        let is_lost = waiter.outcome.has_changed().is_err();
        if is_lost && starts >= MAX_STARTS {
            // The runtime of this request is gone, so it loses every flight that it starts.
            return Err(unavailable(Ended::Lost));
        }
        if Instant::now() >= deadline {
            return Err(unavailable(Ended::Deadline));
        }
    }
}

impl<K: Eq + Hash, T> Flights<K, T> {
    /// Returns true if no other flight has superseded this one.
    fn is_current(&self, key: &K, number: u64) -> bool {
        let current = self.by_key.get(key);
        current.is_some_and(|flight| flight.number == number)
    }
}

fn unavailable(ended: Ended) -> AuthError {
    AuthError::new(AuthErrorKind::UpstreamUnavailable).with_source(ended)
}

/// The reason why a request waited in vain.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("the call ended without an outcome: it panicked")]
    Panicked,
    #[error("the call ended without an outcome: its runtime was shut down")]
    Lost,
    #[error("the call took longer than a request waits")]
    Deadline,
}

/// The grace period after the time limit of a flight. A flight whose runtime works reports its own timeout within it.
const GRACE: Duration = Duration::from_millis(50);

/// The maximum number of flights that one request starts: the first, and one for each lost flight.
const MAX_STARTS: u32 = 3;

const LONGEST_LIFE: Duration = Duration::from_secs(365 * 86_400);

#[cfg(test)]
mod tests;
