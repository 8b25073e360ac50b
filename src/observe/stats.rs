//! What a layer has counted for itself, whoever else counts.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

/// What a layer has done since it was made, and what it holds now.
///
/// See [`Authenticator::stats`](crate::Authenticator::stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests whose token was known to be good.
    pub hits: u64,
    /// Requests whose token was known to be bad.
    pub negative_hits: u64,
    /// Requests for which Clerk had to be asked.
    pub misses: u64,
    /// Of the misses, those that waited for an answer that another request had asked for.
    pub coalesced: u64,
    /// Requests that were let through beyond the time of their verdict, since Clerk was unavailable.
    pub stale: u64,
    /// Verifications in the background, shortly before the end of an entry.
    pub refreshes: u64,
    /// Requests rejected, for whatever reason.
    pub rejected: u64,
    /// Requests without credentials that were let through, since the layer is
    /// [optional](crate::ClerkAuthLayer::optional).
    pub anonymous: u64,
    /// Good tokens that are remembered now.
    pub entries: u64,
    /// Bad tokens that are remembered now.
    pub negative_entries: u64,
    /// Verifications under way now.
    pub in_flight: u64,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: Tally,
    pub(super) negative_hits: Counter,
    pub(super) misses: Counter,
    pub(super) coalesced: Counter,
    pub(super) stale: Counter,
    pub(super) refreshes: Counter,
    pub(super) rejected: Counter,
    pub(super) anonymous: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that grows with nearly every request. Threads count in places of their own, so that none waits for
/// what another has just written, and none pays for an atomic addition.
#[derive(Debug, Default)]
pub(super) struct Tally {
    places: [CachePadded<AtomicU64>; PLACES],
    /// For threads that come when all places are taken.
    others: Counter,
}

impl Tally {
    #[inline]
    pub(super) fn increment(&self) {
        match self.places.get(PLACE.with(|place| *place)) {
            // Nobody else writes there.
            Some(place) => place.store(place.load(Ordering::Relaxed) + 1, Ordering::Relaxed),
            None => self.others.increment(),
        }
    }

    pub(super) fn get(&self) -> u64 {
        let places = self.places.iter();
        let counted = places.map(|place| place.load(Ordering::Relaxed));
        counted.sum::<u64>() + self.others.get()
    }
}

/// As many threads are faster than others.
const PLACES: usize = 32;

thread_local! {
    /// The place of this thread, which no other is ever given.
    static PLACE: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed)
    };
}

#[cfg(test)]
mod tests;
