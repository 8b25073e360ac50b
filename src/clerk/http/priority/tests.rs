use tokio::time::Instant;

use super::{Priority, Purpose};

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

#[test]
fn optional_calls_have_a_smaller_share_than_verifications_and_ranks_follow_the_shares() {
    // fault B11
    let now = Instant::now();
    let optional = |priority| Purpose::optional(priority, now);
    for (bound, expected) in [
        (1_000, [800, 700, 500]),
        (64, [51, 44, 32]),
        (10, [8, 7, 5]),
    ] {
        let shares = [Priority::Refresh, Priority::Returning, Priority::FirstSeen]
            .map(|priority| optional(priority).share(bound));
        assert_eq!(shares, expected, "{bound}");
    }
    for bound in 10..2_000 {
        let mut all: Vec<_> = Priority::ALL.map(Purpose::needed).into();
        all.extend(Priority::ALL.map(optional));
        for priority in Priority::ALL {
            let share = Purpose::needed(priority).share(bound);
            assert_eq!(share, priority.share(bound));
            assert!(optional(priority).share(bound) < share, "{bound}");
        }
        all.sort_by_key(|purpose| purpose.rank());
        let shares = all.iter().map(|purpose| purpose.share(bound));
        assert!(
            shares.is_sorted_by(|higher, lower| higher >= lower),
            "{bound}"
        );
    }
}
