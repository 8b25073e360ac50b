//! The counters of a layer, independent of any metrics recorder.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;

/// The counts of a layer since its creation, and its current sizes.
///
/// See [`Authenticator::stats`](crate::Authenticator::stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests whose token had a positive entry.
    pub hits: u64,
    /// Requests whose token had a negative entry.
    pub negative_hits: u64,
    /// Requests whose token had to be verified.
    pub misses: u64,
    /// Misses that waited for a verification that another request started.
    pub coalesced: u64,
    /// Requests that were accepted by a stale entry, because Clerk was unavailable.
    pub stale: u64,
    /// Verifications in the background, shortly before the end of an entry.
    pub refreshes: u64,
    /// Requests rejected, for any reason.
    pub rejected: u64,
    /// Requests that passed without credentials, because the layer is
    /// [optional](crate::ClerkAuthLayer::optional).
    pub anonymous: u64,
    /// Misses whose verdict came from evidence that the store of a [fleet](crate::fleet) had.
    pub shared: u64,
    /// Misses whose verdict came from evidence that another replica stored while this one waited for it.
    pub awaited: u64,
    /// The current number of positive entries.
    pub entries: u64,
    /// The current number of negative entries.
    pub negative_entries: u64,
    /// The current number of verifications in flight.
    pub in_flight: u64,
}

impl Stats {
    /// Returns the sums.
    #[must_use]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            hits: self.hits + other.hits,
            negative_hits: self.negative_hits + other.negative_hits,
            misses: self.misses + other.misses,
            coalesced: self.coalesced + other.coalesced,
            stale: self.stale + other.stale,
            refreshes: self.refreshes + other.refreshes,
            shared: self.shared + other.shared,
            awaited: self.awaited + other.awaited,
            rejected: self.rejected + other.rejected,
            anonymous: self.anonymous + other.anonymous,
            entries: self.entries + other.entries,
            negative_entries: self.negative_entries + other.negative_entries,
            in_flight: self.in_flight + other.in_flight,
        }
    }
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
    pub(super) shared: Counter,
    pub(super) awaited: Counter,
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

/// A number that grows with nearly every request. Each thread counts in its own place. Threads therefore do not contend
/// for a cache line, and need no atomic addition.
#[derive(Debug, Default)]
pub(super) struct Tally {
    places: [CachePadded<AtomicU64>; PLACES],
    /// The count of the threads that started when all places were taken.
    others: Counter,
}

impl Tally {
    #[inline]
    pub(super) fn increment(&self) {
        match self.places.get(PLACE.with(|place| *place)) {
            // No other thread writes to this place.
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

/// The number of threads that have their own place.
const PLACES: usize = 32;

thread_local! {
    /// The place of this thread. It is never given to another thread.
    static PLACE: usize = {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Ordering::Relaxed)
    };
}

#[cfg(test)]
mod tests;
