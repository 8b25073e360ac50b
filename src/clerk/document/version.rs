//! The versions of a document, and how long each serves. Pure: time comes as an argument.

use std::sync::Arc;

use tokio::time::Instant;

use crate::{clock::Now, sync::single_flight::Outcome};

/// The document as one fetch brought it.
pub(crate) struct Version<T> {
    pub(crate) document: Arc<T>,
    pub(crate) is_fresh: bool,
    /// Which fetch brought it.
    pub(crate) number: u64,
    /// When that fetch began.
    pub(crate) began: Now,
}

/// What is known of a document.
pub(crate) struct State<T> {
    pub(crate) latest: Option<Version<T>>,
    /// How many fetches have begun.
    pub(crate) begun: u64,
    /// When the last one began: by the clock of requests, and by that of the runtime.
    pub(crate) tried: Option<(Now, Instant)>,
    /// How many calls have failed in a row.
    pub(crate) failures: u32,
}

impl<T> Default for State<T> {
    // Derived, it would require `T: Default`.
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

    /// The latest version, unless it is too old.
    pub(crate) fn usable(&mut self, now: Now) -> Option<Version<T>> {
        self.latest
            .take_if(|version| age(version.began, now) >= KEEP);
        self.latest.clone()
    }

    /// Whether it is time for a fetch in the background: none was tried just now.
    pub(crate) fn may_refresh(&self, now: Now) -> bool {
        self.tried
            .is_none_or(|(tried, _)| age(tried, now) >= INTERVAL)
    }
}

impl<T> Version<T> {
    /// Whether the fetch that brought it began after so many others had.
    #[cfg_attr(not(feature = "jwt"), expect(dead_code, reason = "it is for key sets"))]
    pub(crate) fn is_after(&self, fetches: u64) -> bool {
        self.number > fetches
    }
}

impl<T> Clone for Version<T> {
    // Derived, it would ask for `T: Clone`.
    fn clone(&self) -> Self {
        Self {
            document: Arc::clone(&self.document),
            is_fresh: self.is_fresh,
            number: self.number,
            began: self.began,
        }
    }
}

/// How long ago that was, in milliseconds, by the clock that says more: each can stand still.
pub(crate) fn age(then: Now, now: Now) -> u64 {
    let mono = now.mono.saturating_sub(then.mono);
    mono.max(now.wall.saturating_sub(then.wall))
}

/// To which age a version serves while Clerk is unavailable, in milliseconds: one hour.
pub(crate) const KEEP: u64 = 3_600_000;

/// How far apart fetches in the background are at least, in milliseconds.
pub(crate) const INTERVAL: u64 = 10_000;
