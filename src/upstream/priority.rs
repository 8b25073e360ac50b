//! The priorities of calls to Clerk, and the share of a bound that each may use.
//!
//! Shares are nested: a call may start while the bound is used, by calls of any priority, to less than
//! its own share. So a flood of tokens never seen stops at 65 %, and everything above stays free for
//! the others.

/// The priority of a call to Clerk, from the highest to the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// A document that serves all tokens: a key set, the metadata of the instance.
    Document,
    /// A token in use whose entry is refreshed ahead of its end.
    Refresh,
    /// A token that was valid before.
    Returning,
    /// A token that was never seen.
    FirstSeen,
}

impl Priority {
    /// The priorities, from the highest to the lowest.
    pub(crate) const ALL: [Self; 4] = [
        Self::Document,
        Self::Refresh,
        Self::Returning,
        Self::FirstSeen,
    ];

    /// Returns how much of a bound calls of this priority may use: rounded down, and at least one call
    /// less than the next higher priority if the bound has room for that.
    pub(crate) fn share(self, bound: usize) -> usize {
        let percent = match self {
            Self::Document => 100,
            Self::Refresh => 95,
            Self::Returning => 85,
            Self::FirstSeen => 65,
        };
        (bound.saturating_mul(percent) / 100).max(1).min(bound)
    }

    /// Returns the name in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Refresh => "refresh",
            Self::Returning => "returning",
            Self::FirstSeen => "first_seen",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Priority;

    #[test]
    fn shares_are_rounded_down_and_leave_one_call_to_each_higher_priority() {
        for (bound, expected) in [
            (1_000, [1_000, 950, 850, 650]),
            (100, [100, 95, 85, 65]),
            (64, [64, 60, 54, 41]),
            (1_024, [1_024, 972, 870, 665]),
            (10, [10, 9, 8, 6]),
            (11, [11, 10, 9, 7]),
            (19, [19, 18, 16, 12]),
            (1, [1, 1, 1, 1]),
            (0, [0, 0, 0, 0]),
            (usize::MAX, Priority::ALL.map(|it| it.share(usize::MAX))),
        ] {
            assert_eq!(Priority::ALL.map(|it| it.share(bound)), expected, "{bound}");
        }
        for bound in 10..2_000 {
            let shares = Priority::ALL.map(|it| it.share(bound));
            assert!(
                shares.is_sorted_by(|higher, lower| higher > lower),
                "{bound}"
            );
        }
    }
}
