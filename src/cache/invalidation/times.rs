//! The times before which evidence of other replicas does not count.
//!
//! Evidence has no epoch of this replica, but the time at which Clerk was called. The clocks of two replicas may differ,
//! so evidence must be [`MARGIN`] later than an invalidation. In that second, evidence counts if the replica that made it
//! names the invalidation: it had applied it before it called Clerk.

use super::{
    by_scope::{Age, ByScope, Dropped},
    scope::Scope,
};

/// The id of an invalidation, which is the same in all replicas.
pub(crate) type InvalidationId = [u8; 16];

/// The times of the latest invalidations. Evidence about a token that was dropped counts for its own life.
#[derive(Debug, Default)]
pub(super) struct Times(ByScope<Time>);

/// The latest invalidation of one scope.
#[derive(Clone, Debug)]
struct Time {
    epoch: u64,
    /// On the wall clock, in milliseconds.
    time: u64,
    /// The ids of the invalidations that the time comes from, and their times. `None` if not all are known.
    ids: Option<Vec<(InvalidationId, u64)>>,
}

impl Times {
    /// Adds an invalidation at `time`, by the wall clock in milliseconds. `life`: the longest time for which evidence is
    /// used, in milliseconds.
    pub(super) fn add(
        &mut self,
        scope: Scope<&str>,
        name: u64,
        age: Age,
        (time, id): (u64, Option<InvalidationId>),
        life: u64,
    ) {
        let raise = |earlier: Option<Time>, stands_for_others: bool| {
            let id = id.filter(|_| !stands_for_others);
            Time::raise(earlier, age.epoch, time, id)
        };
        // A token that is dropped is no more than evidence that lives out its time.
        let Dropped(_) = self.0.raise(scope, name, age, life, raise);
    }

    /// Returns true if an invalidation rejects evidence for which Clerk was called at `called_at`, in milliseconds of
    /// the wall clock. `after`: the invalidations that its replica had applied before. `scopes`: those that concern the
    /// token, with their names.
    pub(super) fn reject<'a>(
        &self,
        called_at: u64,
        after: &[InvalidationId],
        scopes: impl Iterator<Item = (Scope<&'a str>, u64)>,
    ) -> bool {
        self.0.of(scopes).any(|(_, time)| {
            let margin = if time.is_covered_by(after) {
                0
            } else {
                CLOCK_MARGIN
            };
            called_at <= time.time.saturating_add(margin)
        })
    }

    /// Returns the recent invalidations that concern a token, up to an epoch: those that evidence names which is
    /// gathered from then on.
    pub(super) fn applied<'a>(
        &self,
        epoch: u64,
        now: u64,
        scopes: impl Iterator<Item = (Scope<&'a str>, u64)>,
    ) -> Vec<InvalidationId> {
        let is_applied =
            |time: &&Time| time.epoch <= epoch && time.time.saturating_add(RECENT) >= now;
        let times = self.0.of(scopes).map(|(_, time)| time);
        let times = times.filter(is_applied);
        let ids = times.flat_map(|time| time.ids.iter().flatten().map(|(id, _)| *id));
        ids.take(MAX_APPLIED).collect()
    }
}

impl Time {
    fn raise(earlier: Option<Self>, epoch: u64, time: u64, id: Option<InvalidationId>) -> Self {
        let Some(earlier) = earlier else {
            return Self {
                epoch,
                time,
                ids: id.map(|id| vec![(id, time)]),
            };
        };
        let latest = earlier.time.max(time);
        let is_recent = |it: &u64| it.saturating_add(RECENT) >= latest;
        let ids = match (earlier.ids, id) {
            // An invalidation without an id counts as long as it is recent.
            (None, _) if is_recent(&earlier.time) => None,
            (_, None) if is_recent(&time) => None,
            (ids, id) => {
                let mut ids = ids.unwrap_or_default();
                ids.retain(|(other, time)| is_recent(time) && Some(*other) != id);
                ids.extend(id.map(|id| (id, time)));
                (ids.len() <= MAX_IDS).then_some(ids)
            }
        };
        Self {
            epoch,
            time: latest,
            ids,
        }
    }

    fn is_covered_by(&self, after: &[InvalidationId]) -> bool {
        let is_named = |(id, _): &(InvalidationId, u64)| after.contains(id);
        self.ids
            .as_ref()
            .is_some_and(|ids| !ids.is_empty() && ids.iter().all(is_named))
    }
}

/// The margin for clocks that differ, in milliseconds. Each clock is within half of it of the store's.
pub(crate) const CLOCK_MARGIN: u64 = 1000;

/// The time after which evidence needs no name of an invalidation, in milliseconds: twice the margin.
const RECENT: u64 = 2 * CLOCK_MARGIN;

/// The number of ids that are kept for one scope. With more, the margin applies.
const MAX_IDS: usize = 4;

/// The number of ids that evidence names.
const MAX_APPLIED: usize = 16;

#[cfg(test)]
mod tests;
