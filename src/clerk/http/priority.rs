//! The priorities of calls to Clerk, and the share of a bound that each may use.
//!
//! Shares are nested: a call may start while calls of any priority use less of the bound than its own share. A flood
//! of first-seen tokens stops at 65 %, and the rest stays free for the other priorities.

use tokio::time::Instant;

pub(crate) use crate::observe::Priority;

impl Priority {
    /// Returns the share of a bound that calls of this priority may use. It is rounded down, and at least one call less
    /// than the share of the next higher priority if the bound has room for that.
    pub(crate) fn share(self, bound: usize) -> usize {
        let percent = match self {
            Self::Document => 100,
            Self::Refresh => 95,
            Self::Returning => 85,
            Self::FirstSeen => 65,
        };
        (bound.saturating_mul(percent) / 100).max(1).min(bound)
    }
}

/// The purpose of a call: required for a verification or a document, or optional.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purpose {
    priority: Priority,
    gives_up_at: Option<Instant>,
}

/// The order in which calls get a place, from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Document,
    Refresh,
    Returning,
    OptionalRefresh,
    OptionalReturning,
    FirstSeen,
    OptionalFirstSeen,
}

impl Purpose {
    /// The purpose of a call that a verification or a document needs.
    pub(crate) fn needed(priority: Priority) -> Self {
        Self {
            priority,
            gives_up_at: None,
        }
    }

    /// The purpose of a call for a profile that is not required. Its share of every bound is smaller than the share of
    /// any verification of its priority, so it does not take a call from a verification.
    ///
    /// `until`: the end of its wait for a place in flight.
    pub(crate) fn optional(priority: Priority, until: Instant) -> Self {
        Self {
            priority,
            gives_up_at: Some(until),
        }
    }

    pub(crate) fn priority(self) -> Priority {
        self.priority
    }

    pub(super) fn gives_up_at(self) -> Option<Instant> {
        self.gives_up_at
    }

    pub(super) fn is_optional(self) -> bool {
        self.gives_up_at.is_some()
    }

    /// Returns the ceiling for a call of this purpose: the call may start while calls of all kinds have used less of
    /// the rate limit. A verification may exceed its own share, because optional calls do not reduce that share. It
    /// leaves free the part that is reserved for the next higher priority.
    pub(super) fn ceiling(self, limit: usize) -> usize {
        let next = match self.priority {
            _ if self.is_optional() => return self.share(limit),
            Priority::FirstSeen => Priority::Returning,
            Priority::Returning => Priority::Refresh,
            Priority::Refresh | Priority::Document => Priority::Document,
        };
        next.share(limit)
    }

    /// Returns the part of a rate limit that calls of this sort (required or optional) may use, counted apart from the
    /// other sort. Otherwise a burst of verifications with one profile each would end at half of the limit.
    pub(super) fn own_limit(self, limit: usize) -> usize {
        if self.is_optional() {
            limit / 4
        } else {
            self.share(limit)
        }
    }

    /// Returns the share of a bound that calls of this purpose may use.
    pub(super) fn share(self, bound: usize) -> usize {
        let percent = match self.rank() {
            Rank::Document | Rank::Refresh | Rank::Returning | Rank::FirstSeen => {
                return self.priority.share(bound);
            }
            Rank::OptionalRefresh => 80,
            Rank::OptionalReturning => 70,
            Rank::OptionalFirstSeen => 50,
        };
        bound.saturating_mul(percent) / 100
    }

    /// Returns the rank in the queue. A larger share comes earlier.
    pub(super) fn rank(self) -> Rank {
        match (self.priority, self.is_optional()) {
            (Priority::Document, false) => Rank::Document,
            (Priority::Refresh, false) => Rank::Refresh,
            (Priority::Returning, false) => Rank::Returning,
            (Priority::FirstSeen, false) => Rank::FirstSeen,
            (Priority::Document | Priority::Refresh, true) => Rank::OptionalRefresh,
            (Priority::Returning, true) => Rank::OptionalReturning,
            (Priority::FirstSeen, true) => Rank::OptionalFirstSeen,
        }
    }
}

#[cfg(test)]
mod tests;
