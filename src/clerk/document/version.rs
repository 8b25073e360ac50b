//! The versions of a document, and the ages up to which they are used. Pure: the time is an argument.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{clock::Now, sync::single_flight::Outcome};

/// One fetched version of the document.
pub(crate) struct Version<T> {
    pub(crate) document: Arc<T>,
    pub(crate) is_fresh: bool,
    /// The number of the fetch that brought this version.
    pub(crate) number: u64,
    /// The time at which that fetch began.
    pub(crate) began: Now,
}

/// The state of a cached document.
pub(crate) struct State<T> {
    pub(crate) latest: Option<Version<T>>,
    /// The number of fetches that have begun.
    pub(crate) begun: u64,
    /// The time at which the last fetch began: by the clock of requests, and by the clock of the runtime.
    pub(crate) tried: Option<(Now, Instant)>,
    /// The number of calls that have failed in a row.
    pub(crate) failures: u32,
}

impl<T> Default for State<T> {
    // A derived impl would require `T: Default`.
    fn default() -> Self {
        Self {
            latest: None,
            begun: 0,
            tried: None,
            failures: 0,
        }
    }
}

impl<T> State<T> {
    pub(crate) fn remember(&mut self, outcome: &Outcome<Version<T>>) {
        match outcome {
            Ok(version) => {
                self.latest = Some(version.clone());
                self.failures = 0;
            }
            Err(error) if error.was_not_called() => {}
            Err(_) => self.failures = self.failures.saturating_add(1),
        }
    }

    /// Returns the latest version, unless it is too old.
    pub(crate) fn usable(&mut self, now: Now) -> Option<Version<T>> {
        self.latest
            .take_if(|version| age(version.began, now) >= KEEP);
        self.latest.clone()
    }

    /// Returns true if a fetch may start in the background: none was tried within [`INTERVAL`].
    pub(crate) fn may_refresh(&self, now: Now) -> bool {
        self.tried
            .is_none_or(|(tried, _)| age(tried, now) >= INTERVAL)
    }
}

impl<T> Version<T> {
    /// Returns true if the fetch of this version began after `fetches` others had begun.
    #[cfg_attr(not(feature = "jwt"), expect(dead_code, reason = "it is for key sets"))]
    pub(crate) fn is_after(&self, fetches: u64) -> bool {
        self.number > fetches
    }
}

impl<T> Clone for Version<T> {
    // A derived impl would require `T: Clone`.
    fn clone(&self) -> Self {
        Self {
            document: Arc::clone(&self.document),
            is_fresh: self.is_fresh,
            number: self.number,
            began: self.began,
        }
    }
}

/// Returns the time since `then`, in milliseconds, by the clock that shows more: each clock can stand still.
pub(crate) fn age(then: Now, now: Now) -> u64 {
    let mono = now.mono.saturating_sub(then.mono);
    mono.max(now.wall.saturating_sub(then.wall))
}

/// The age up to which a version is used while Clerk is unavailable, in milliseconds: one hour.
pub(crate) const KEEP: u64 = 3_600_000;

/// The shortest time between two fetches in the background, in milliseconds.
pub(crate) const INTERVAL: u64 = 10_000;
