//! The bound on the calls in flight, and the queue of calls that wait for a place.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{Purpose, Waiters, priority::Rank, waiters::Waiter};

/// Bounds the calls in flight. A freed place goes to the waiting call with the largest share, and among calls
/// with equal shares to the one that waited longest.
///
/// A call that holds its place for longer than the time limit of a call is on a runtime that is parked or blocked. Its
/// place no longer counts, so that it does not block the calls of other runtimes.
pub(super) struct InFlight {
    bound: usize,
    /// The longest duration of a call, and the longest wait for a place. A call that waits longer would end at the
    /// deadline of its request, which would look like a timeout of Clerk.
    limit: Duration,
    waiters: Arc<Waiters>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// The places by number, and therefore in the order in which they were taken.
    places: BTreeMap<u64, Instant>,
    taken: u64,
    tickets: u64,
    /// In the order in which calls get a place. Shares are nested: if the first call may not pass, no other call may.
    waiting: BTreeMap<Ticket, (Purpose, oneshot::Sender<Place>)>,
}

type Ticket = (Rank, u64);

/// A place among the calls in flight. Dropping it frees the place.
pub(super) struct Place {
    in_flight: Arc<InFlight>,
    number: u64,
}

/// A call that waits for a place. Dropping it leaves the queue.
struct Waiting {
    in_flight: Arc<InFlight>,
    ticket: Ticket,
    place: oneshot::Receiver<Place>,
    _waiter: Waiter,
}

impl InFlight {
    /// `limit`: the longest duration of a call.
    pub(super) fn new(bound: usize, limit: Duration, waiters: Arc<Waiters>) -> Arc<Self> {
        Arc::new(Self {
            bound,
            limit,
            waiters,
            queue: Mutex::default(),
        })
    }

    /// Takes a place if one is free for this purpose.
    pub(super) fn try_enter(self: &Arc<Self>, purpose: Purpose) -> Option<Place> {
        // No call of an equal or larger share is waiting, because it would already have got the place.
        let number = self.lock().take(purpose, self)?;
        Some(self.place(number))
    }

    /// Waits for a place.
    ///
    /// Returns `None` if too many calls already wait, or if the call has waited too long.
    pub(super) async fn enter(self: &Arc<Self>, purpose: Purpose) -> Option<Place> {
        let mut waiting = {
            let mut queue = self.lock();
            if let Some(number) = queue.take(purpose, self) {
                return Some(self.place(number));
            }
            let waiter = self.waiters.enter_for(purpose)?;
            let (announce, place) = oneshot::channel();
            queue.tickets += 1;
            let ticket = (purpose.rank(), queue.tickets);
            queue.waiting.insert(ticket, (purpose, announce));
            Waiting {
                in_flight: Arc::clone(self),
                ticket,
                place,
                _waiter: waiter,
            }
        };
        let end = Instant::now() + self.limit;
        let end = purpose.gives_up_at().map_or(end, |at| at.min(end));
        timeout_at(end, &mut waiting.place).await.ok()?.ok()
    }

    fn place(self: &Arc<Self>, number: u64) -> Place {
        Place {
            in_flight: Arc::clone(self),
            number,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// Takes a place if one is free for this purpose, and returns its number.
    fn take(&mut self, purpose: Purpose, of: &InFlight) -> Option<u64> {
        let now = Instant::now();
        while let Some(first) = self.places.first_entry()
            && now.duration_since(*first.get()) >= of.limit.saturating_add(GRACE)
        {
            first.remove();
        }
        if self.places.len() >= purpose.share(of.bound) {
            return None;
        }
        self.taken += 1;
        self.places.insert(self.taken, now);
        Some(self.taken)
    }

    /// Takes a place for the next call in the queue, if that call may pass.
    fn next(&mut self, of: &InFlight) -> Option<(u64, oneshot::Sender<Place>)> {
        let (ticket, (purpose, _)) = self.waiting.first_key_value()?;
        let (ticket, purpose) = (*ticket, *purpose);
        let number = self.take(purpose, of)?;
        let (_, waiting) = self.waiting.remove(&ticket)?;
        Some((number, waiting))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let in_flight = &self.in_flight;
        let mut queue = in_flight.lock();
        queue.places.remove(&self.number);
        while let Some((number, waiting)) = queue.next(in_flight) {
            // The queue must be unlocked here: if the call was just dropped, its place is dropped in this scope and
            // goes to the next call.
            drop(queue);
            drop(waiting.send(in_flight.place(number)));
            queue = in_flight.lock();
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.in_flight.lock().waiting.remove(&self.ticket);
    }
}

/// The grace period after the time limit of a call. Within it, a call on a running runtime frees its place itself.
const GRACE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
