//! The calls in flight, and the queue of those that wait for a place among them.

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

/// Bounds the calls in flight. A place that becomes free goes to the call with the largest share, and
/// among equals to the one that waited longest.
///
/// A call that holds its place for longer than a call takes is on a runtime that is parked or blocked. It
/// must not keep the calls of other runtimes out, so its place no longer counts.
pub(super) struct InFlight {
    bound: usize,
    /// How long a call takes at most, and waits at most. One that waited longer would end at the deadline of its
    /// request, and look like silence of Clerk.
    limit: Duration,
    waiters: Arc<Waiters>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// The places by their numbers, and so by when they were taken.
    places: BTreeMap<u64, Instant>,
    taken: u64,
    tickets: u64,
    /// In the order in which they get a place. Since shares are nested, none of them may pass if the first
    /// may not.
    waiting: BTreeMap<Ticket, (Purpose, oneshot::Sender<Place>)>,
}

type Ticket = (Rank, u64);

/// A place among the calls in flight. Dropping it gives the place back.
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
    /// `limit`: how long a call takes at most.
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
        // No call of as large a share waits: it would have got the place.
        let number = self.lock().take(purpose, self)?;
        Some(self.place(number))
    }

    /// Waits for a place.
    ///
    /// # Errors
    ///
    /// Nothing if too many wait already, or if the call has waited for too long.
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

    /// Takes a place for the next call in the queue, if it may pass.
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
            // Not while the queue is locked: if the call has just given up, its place is dropped here, and
            // goes on to the next one.
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

/// How long after its own time limit a call is overdue: one whose runtime runs gives its place back itself.
const GRACE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
