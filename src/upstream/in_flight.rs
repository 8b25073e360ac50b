//! The calls in flight, and the queue of those that wait for a place among them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::oneshot, time::timeout_at};

use super::{Purpose, Waiters, priority::Rank, waiters::Waiter};

/// Bounds the calls in flight. A place that becomes free goes to the call with the largest share, and
/// among equals to the one that waited longest.
pub(super) struct InFlight {
    bound: usize,
    waiters: Arc<Waiters>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    in_flight: usize,
    tickets: u64,
    /// In the order in which they get a place. Since shares are nested, none of them may pass if the first
    /// may not.
    waiting: BTreeMap<Ticket, (Purpose, oneshot::Sender<Place>)>,
}

type Ticket = (Rank, u64);

/// A place among the calls in flight. Dropping it gives the place back.
pub(super) struct Place(Arc<InFlight>);

/// A call that waits for a place. Dropping it leaves the queue.
struct Waiting {
    in_flight: Arc<InFlight>,
    ticket: Ticket,
    place: oneshot::Receiver<Place>,
    _waiter: Waiter,
}

impl InFlight {
    pub(super) fn new(bound: usize, waiters: Arc<Waiters>) -> Arc<Self> {
        Arc::new(Self {
            bound,
            waiters,
            queue: Mutex::default(),
        })
    }

    /// Takes a place if one is free for this purpose.
    pub(super) fn try_enter(self: &Arc<Self>, purpose: Purpose) -> Option<Place> {
        // No call of as large a share waits: it would have got the place.
        self.lock()
            .take(purpose, self.bound)
            .then(|| Place(Arc::clone(self)))
    }

    /// Waits for a place.
    ///
    /// # Errors
    ///
    /// Nothing if too many wait already, or if the call gives up.
    pub(super) async fn enter(self: &Arc<Self>, purpose: Purpose) -> Option<Place> {
        let mut waiting = {
            let mut queue = self.lock();
            if queue.take(purpose, self.bound) {
                return Some(Place(Arc::clone(self)));
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
        match purpose.gives_up_at() {
            Some(deadline) => timeout_at(deadline, &mut waiting.place).await.ok()?.ok(),
            None => (&mut waiting.place).await.ok(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn take(&mut self, purpose: Purpose, bound: usize) -> bool {
        let is_free = self.in_flight < purpose.share(bound);
        self.in_flight += usize::from(is_free);
        is_free
    }

    /// Takes the next call from the queue, if it may pass.
    fn next(&mut self, bound: usize) -> Option<oneshot::Sender<Place>> {
        let first = self.waiting.first_entry()?;
        if self.in_flight >= first.get().0.share(bound) {
            return None;
        }
        self.in_flight += 1;
        Some(first.remove().1)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.in_flight -= 1;
        while let Some(waiting) = queue.next(self.0.bound) {
            // Not while the queue is locked: if the call has just given up, its place is dropped here, and
            // goes on to the next one.
            drop(queue);
            drop(waiting.send(Self(Arc::clone(&self.0))));
            queue = self.0.lock();
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.in_flight.lock().waiting.remove(&self.ticket);
    }
}

#[cfg(test)]
mod tests;
