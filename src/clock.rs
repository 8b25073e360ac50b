//! Where time comes from: the only file that reads a clock.

use std::time::Duration;

/// One moment on both clocks, read once per request.
///
/// Two clocks, because each lies in its own way: the monotonic one stands still while a host is
/// suspended, and the wall clock can be set back. What must end is compared with both, so that
/// neither fault prolongs a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// Milliseconds on a clock that is never set, from an arbitrary origin.
    pub(crate) mono: u64,
    /// Milliseconds since the Unix epoch.
    pub(crate) wall: u64,
}

impl Now {
    /// The wall clock in whole seconds, as the time claims of RFC 7662 §2.2 are given.
    pub(crate) fn unix_seconds(self) -> i64 {
        i64::try_from(self.wall / 1000).unwrap_or(i64::MAX)
    }
}

/// A duration in whole milliseconds, which is what moments are counted in.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A source of time.
pub(crate) trait Clock: Send + Sync + 'static {
    /// Reads both clocks.
    fn now(&self) -> Now;

    /// Reads a clock that is never set as exactly as it can be read, from an arbitrary origin. It costs more
    /// than [`now`](Self::now), and is for what counts calls within a window.
    fn precise(&self) -> Duration {
        Duration::from_millis(self.now().mono)
    }
}

/// The clocks of the operating system. On Linux both are read coarsely, at a fraction of the price:
/// they may be behind by a few milliseconds, where tokens end at whole seconds.
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
        /// What this thread read last, and at which tick.
        static LAST: Cell<((i64, i64), Now)> = const { Cell::new(((0, 0), Now { mono: 0, wall: 0 })) };
    }

    /// Both clocks move by the same ticks, of some milliseconds: within one, the wall clock need not be
    /// read again.
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

    /// What it is from this tick on. Apart, so that most who ask need not carry its weight.
    #[inline(never)]
    fn next(mono: Timespec) -> Now {
        let now = Now {
            mono: millis(mono),
            wall: millis(clock_gettime(ClockId::RealtimeCoarse)),
        };
        LAST.set(((mono.tv_sec, mono.tv_nsec), now));
        now
    }

    /// A clock that stands before 1970 shows zero: a token that says when it was issued then seems to
    /// come from the future, and is rejected.
    fn millis(time: Timespec) -> u64 {
        // No clock shows the 500 million years that would not fit.
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
        // Before 1970: as on Linux.
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

        /// Lets time pass.
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
