//! Times in claims: numbers in JSON, [`SystemTime`] for applications.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns the time of a number of seconds since the Unix epoch; `None` if the platform has no such time.
pub(super) fn seconds(time: i64) -> Option<SystemTime> {
    from_epoch(time, Duration::from_secs)
}

/// Returns the time of a number of milliseconds since the Unix epoch.
pub(super) fn milliseconds(time: i64) -> Option<SystemTime> {
    from_epoch(time, Duration::from_millis)
}

fn from_epoch(time: i64, unit: impl Fn(u64) -> Duration) -> Option<SystemTime> {
    let distance = unit(time.unsigned_abs());
    if time < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{milliseconds, seconds};

    #[test]
    fn times_are_on_both_sides_of_the_epoch_and_never_panic() {
        let second = Duration::from_secs(1);
        assert_eq!(seconds(0), Some(UNIX_EPOCH));
        assert_eq!(seconds(1), Some(UNIX_EPOCH + second));
        assert_eq!(seconds(-1), Some(UNIX_EPOCH - second));
        let millis = Duration::from_millis(1_001);
        assert_eq!(milliseconds(1_001), Some(UNIX_EPOCH + millis));
        assert_eq!(milliseconds(-1_001), Some(UNIX_EPOCH - millis));
        for extreme in [i64::MIN, i64::MAX] {
            _ = (seconds(extreme), milliseconds(extreme));
        }
    }
}
