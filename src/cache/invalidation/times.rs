//! The times before which evidence of other replicas does not count.
//!
//! Evidence has no epoch of this replica, but the time at which Clerk was called. The clocks of two replicas may differ,
//! so evidence must be [`MARGIN`] later than an invalidation. In that second, evidence counts if the replica that made it
//! names the invalidation: it had applied it before it called Clerk.

use super::{by_age::ByAge, scope::Scope};

/// The id of an invalidation, which is the same in all replicas.
pub(crate) type InvalidationId = [u8; 16];

/// The times of the latest invalidations, by the name of their scope.
#[derive(Debug, Default)]
pub(super) struct Times {
    all: Option<Time>,
    tokens: ByAge<Time>,
    others: ByAge<Time>,
}

/// The latest invalidation of one scope.
#[derive(Clone, Debug)]
struct Time {
    epoch: u64,
    /// On the wall clock, in milliseconds.
    time: u64,
    /// The ids of the invalidations that the time comes from, and their times. `None` if not all are known.
    ids: Option<Vec<(InvalidationId, u64)>>,
}

/// An invalidation, as it concerns evidence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dated {
    pub(super) epoch: u64,
    pub(super) time: u64,
    pub(super) id: Option<InvalidationId>,
    /// On the monotonic clock, in milliseconds.
    pub(super) set: u64,
}

impl Times {
    /// Adds an invalidation. `life`: the longest time for which evidence is used, in milliseconds.
    pub(super) fn add(&mut self, scope: Scope<&str>, name: u64, dated: Dated, life: u64) {
        let Dated { epoch, set, .. } = dated;
        self.tokens.drop_older_than(set.saturating_sub(life));
        self.others.drop_older_than(set.saturating_sub(life));
        match scope {
            Scope::All => self.all = Some(Time::raise(self.all.take(), dated)),
            Scope::Token(_) => {
                self.tokens
                    .raise(name, epoch, set, |it| Time::raise(it, dated));
                if self.tokens.len() > MAX_TOKENS {
                    self.tokens.drop_oldest();
                }
            }
            Scope::Session(_)
            | Scope::Subject(_)
            | Scope::Member { .. }
            | Scope::Organization(_) => {
                self.others
                    .raise(name, epoch, set, |it| Time::raise(it, dated));
                if self.others.len() > MAX_OTHERS {
                    self.others = ByAge::default();
                    let floor = Dated { id: None, ..dated };
                    self.all = Some(Time::raise(self.all.take(), floor));
                }
            }
        }
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
        self.of(scopes).any(|time| {
            let margin = if time.is_covered_by(after) { 0 } else { MARGIN };
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
        let times = self.of(scopes).filter(is_applied);
        let ids = times.flat_map(|time| time.ids.iter().flatten().map(|(id, _)| *id));
        ids.take(MAX_APPLIED).collect()
    }

    fn of<'a>(
        &self,
        scopes: impl Iterator<Item = (Scope<&'a str>, u64)>,
    ) -> impl Iterator<Item = &Time> {
        let of_scope = |(scope, name): (Scope<&'a str>, u64)| match scope {
            Scope::Token(_) => self.tokens.get(name),
            _ => self.others.get(name),
        };
        self.all.iter().chain(scopes.filter_map(of_scope))
    }
}

impl Time {
    fn raise(earlier: Option<Self>, dated: Dated) -> Self {
        let Dated {
            epoch, time, id, ..
        } = dated;
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

/// The clocks of two replicas that use the store differ by at most half of it, in milliseconds.
const MARGIN: u64 = 1000;

/// The time after which evidence needs no name of an invalidation, in milliseconds: twice the margin.
const RECENT: u64 = 2 * MARGIN;

/// The number of ids that are kept for one scope. With more, the margin applies.
const MAX_IDS: usize = 4;

/// The number of ids that evidence names.
const MAX_APPLIED: usize = 16;

/// The number of single tokens. The oldest one is dropped for one more: evidence about it then counts for its own life.
const MAX_TOKENS: usize = 100_000;

/// The number of other scopes. One more becomes an invalidation of all evidence.
const MAX_OTHERS: usize = 50_000;

#[cfg(test)]
mod tests;
