//! The source of time. Only this file reads a clock.

use std::time::Duration;

/// One moment on both clocks, read once per request.
///
/// Each of the two clocks has a fault: the monotonic clock stops while a host is suspended, and the wall clock can be
/// set back. A deadline is compared with both clocks, so that neither fault prolongs the life of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// Milliseconds on a clock that is never set, from an arbitrary origin.
    pub(crate) mono: u64,
    /// Milliseconds since the Unix epoch.
    pub(crate) wall: u64,
}

impl Now {
    /// Returns the wall clock in whole seconds, the unit of the time claims in RFC 7662 §2.2.
    pub(crate) fn unix_seconds(self) -> i64 {
        i64::try_from(self.wall / 1000).unwrap_or(i64::MAX)
    }

    /// Returns the milliseconds until a time in Unix seconds: zero if it has passed, the maximum if it is not known.
    pub(crate) fn millis_until(self, time: Option<i64>) -> u64 {
        time.map_or(u64::MAX, |seconds| {
            let millis = u64::try_from(seconds).unwrap_or(0).saturating_mul(1000);
            millis.saturating_sub(self.wall)
        })
    }
}

/// A deadline on both clocks. It has passed as soon as either clock reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    mono: u64,
    pub(crate) wall: u64,
}

impl Deadline {
    pub(crate) fn after(now: Now, millis: u64) -> Self {
        Self {
            mono: now.mono.saturating_add(millis),
            wall: now.wall.saturating_add(millis),
        }
    }

    pub(crate) fn has_passed(self, now: Now) -> bool {
        now.mono >= self.mono || now.wall >= self.wall
    }

    /// Returns the remaining time. `None` if the deadline has passed.
    pub(crate) fn left(self, now: Now) -> Option<Duration> {
        let mono = self.mono.saturating_sub(now.mono);
        let left = mono.min(self.wall.saturating_sub(now.wall));
        (left > 0).then(|| Duration::from_millis(left))
    }
}

/// Returns a duration in whole milliseconds, the unit of [`Now`].
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A source of time.
pub(crate) trait Clock: Send + Sync + 'static {
    /// Reads both clocks.
    fn now(&self) -> Now;

    /// Reads a clock that is never set with the highest available precision, from an arbitrary origin. It costs more
    /// than [`now`](Self::now), and serves to count calls within a window.
    fn precise(&self) -> Duration {
        Duration::from_millis(self.now().mono)
    }
}

/// The clocks of the operating system. On Linux, their coarse variants cost much less to read. They may be a few
/// milliseconds late, while tokens end at whole seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        system::now()
    }

    fn precise(&self) -> Duration {
        system::precise()
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::{cell::Cell, time::Duration};

    use rustix::time::{ClockId, Timespec, clock_gettime};

    use super::Now;

    thread_local! {
        /// The last reading of this thread, with its tick.
        static LAST: Cell<((i64, i64), Now)> = const { Cell::new(((0, 0), Now { mono: 0, wall: 0 })) };
    }

    /// Both clocks advance at the same ticks, every few milliseconds. Within one tick, the wall clock need not be read
    /// again.
    pub(super) fn now() -> Now {
        let mono = clock_gettime(ClockId::MonotonicCoarse);
        let (at, now) = LAST.get();
        if at == (mono.tv_sec, mono.tv_nsec) {
            return now;
        }
        next(mono)
    }

    pub(super) fn precise() -> Duration {
        let time = clock_gettime(ClockId::Monotonic);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
        Duration::new(time.tv_sec.max(0).cast_unsigned(), nanos)
    }

    /// Reads both clocks at a new tick. Out of line, because most calls do not need it.
    #[inline(never)]
    fn next(mono: Timespec) -> Now {
        let now = Now {
            mono: millis(mono),
            wall: millis(clock_gettime(ClockId::RealtimeCoarse)),
        };
        LAST.set(((mono.tv_sec, mono.tv_nsec), now));
        now
    }

    /// A clock before 1970 counts as zero. A token with a time of issue then seems to come from the future, and is
    /// rejected.
    fn millis(time: Timespec) -> u64 {
        // An overflow would take 500 million years.
        let seconds = time.tv_sec.max(0).cast_unsigned();
        let millis = u64::try_from(time.tv_nsec / 1_000_000).unwrap_or(0);
        seconds.wrapping_mul(1000).wrapping_add(millis)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[expect(clippy::disallowed_methods, reason = "this is where time is read")]
mod system {
    use std::{
        sync::LazyLock,
        time::{Duration, Instant, SystemTime, UNIX_EPOCH},
    };

    use super::{Now, millis};

    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

    pub(super) fn now() -> Now {
        // A time before 1970 counts as zero, as on Linux.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        Now {
            mono: millis(ORIGIN.elapsed()),
            wall: millis(since_epoch.unwrap_or_default()),
        }
    }

    pub(super) fn precise() -> Duration {
        ORIGIN.elapsed()
    }
}

#[cfg(feature = "test-util")]
mod manual {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::{Clock, Now, millis};

    /// A clock that stands still until a test moves it. Clones share the time.
    ///
    /// [`ClerkConfigBuilder::clock`](crate::ClerkConfigBuilder::clock) takes it. It decides how long entries live and
    /// when a token has expired. Timeouts of calls to Clerk run on tokio's clock.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// use tower_clerk::testing::ManualClock;
    ///
    /// let start = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    /// let clock = ManualClock::at(start);
    /// clock.advance(Duration::from_secs(30));
    /// assert_eq!(clock.now(), start + Duration::from_secs(30));
    /// ```
    #[derive(Clone, Debug)]
    pub struct ManualClock {
        time: Arc<Time>,
    }

    #[derive(Debug)]
    struct Time {
        mono: AtomicU64,
        wall: AtomicU64,
    }

    impl ManualClock {
        /// Begins at the present time.
        pub fn new() -> Self {
            Self::from_millis(super::SystemClock.now().wall)
        }

        /// Begins at this time, in whole milliseconds. A time before 1970 counts as 1970.
        pub fn at(time: SystemTime) -> Self {
            Self::from_millis(since_epoch(time))
        }

        /// Advances both clocks.
        pub fn advance(&self, by: Duration) {
            self.time.mono.fetch_add(millis(by), Ordering::SeqCst);
            self.time.wall.fetch_add(millis(by), Ordering::SeqCst);
        }

        /// Sets the wall clock, as an administrator or NTP does. The monotonic clock does not move: that is also how
        /// a host that was suspended sees it.
        pub fn set(&self, time: SystemTime) {
            self.time.wall.store(since_epoch(time), Ordering::SeqCst);
        }

        /// Returns the time of the wall clock.
        pub fn now(&self) -> SystemTime {
            UNIX_EPOCH + Duration::from_millis(self.time.wall.load(Ordering::SeqCst))
        }

        fn from_millis(wall: u64) -> Self {
            Self {
                time: Arc::new(Time {
                    mono: AtomicU64::new(0),
                    wall: AtomicU64::new(wall),
                }),
            }
        }
    }

    fn since_epoch(time: SystemTime) -> u64 {
        millis(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    impl Default for ManualClock {
        fn default() -> Self {
            Self::new()
        }
    }

    impl Clock for ManualClock {
        fn now(&self) -> Now {
            Now {
                mono: self.time.mono.load(Ordering::SeqCst),
                wall: self.time.wall.load(Ordering::SeqCst),
            }
        }
    }
}

#[cfg(feature = "test-util")]
pub use manual::ManualClock;
