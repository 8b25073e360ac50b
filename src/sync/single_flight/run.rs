//! The task of one flight, and the ways in which it ends.

use std::{hash::Hash, sync::Arc, thread};

use tokio::sync::watch;

use super::{Dated, Ended, Outcome, SingleFlight, unavailable};

/// A running flight. Dropping it frees the key, no matter how the flight ends. Otherwise a verifier that panics would
/// leave a key for which all requests wait in vain.
#[derive(Debug)]
pub(super) struct Run<K: Copy + Eq + Hash, T> {
    pub(super) single_flight: Arc<SingleFlight<K, T>>,
    pub(super) key: K,
    pub(super) number: u64,
    /// `None` once the outcome is known.
    pub(super) announce: Option<watch::Sender<Option<Dated<T>>>>,
}

impl<K: Copy + Eq + Hash, T> Run<K, T> {
    pub(super) fn end(
        mut self,
        epoch: u64,
        outcome: Outcome<T>,
        remember: impl FnOnce(u64, &Outcome<T>),
    ) {
        let mut flights = self.single_flight.lock();
        if flights.is_current(&self.key, self.number) {
            remember(epoch, &outcome);
            flights.by_key.remove(&self.key);
        }
        drop(flights);
        // Ordering: the key is freed before a waiter gets the outcome. If the outcome does not count for the waiter, it
        // can start another flight.
        if let Some(announce) = self.announce.take() {
            announce.send_replace(Some((epoch, outcome)));
        }
    }
}

impl<K: Copy + Eq + Hash, T> Drop for Run<K, T> {
    fn drop(&mut self) {
        let Some(announce) = self.announce.take() else {
            return;
        };
        let mut flights = self.single_flight.lock();
        if flights.is_current(&self.key, self.number) {
            flights.by_key.remove(&self.key);
        }
        drop(flights);
        // Without an outcome, the waiters join again.
        if thread::panicking() {
            announce.send_replace(Some((0, Err(unavailable(Ended::Panicked)))));
        }
    }
}
