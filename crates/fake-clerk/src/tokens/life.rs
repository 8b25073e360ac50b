//! When a token is issued and when it ends.

use std::time::Duration;

/// How long ago a token made to have expired ran out, in seconds.
const EXPIRED_SINCE: u64 = 3600;

/// The span of a token's life, in Unix time in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) issued_at: u64,
    /// `None` for what does not expire.
    pub(crate) expires_at: Option<u64>,
}

impl Life {
    /// The life of a token issued now or, if it is to have `expired`, so long ago that it ran out an
    /// hour ago. In whole seconds, as all of Clerk's lives.
    pub(super) fn new(now: u64, lifetime: Option<Duration>, expired: bool) -> Self {
        let lifetime = lifetime.map(|life| life.as_secs());
        let age = match expired {
            true => lifetime.unwrap_or_default().saturating_add(EXPIRED_SINCE),
            false => 0,
        };
        let issued_at = now.saturating_sub(age);
        Self {
            issued_at,
            expires_at: match (lifetime, expired) {
                (None, false) => None,
                // One without a limit that is to have expired had a limit after all.
                (lifetime, _) => Some(issued_at.saturating_add(lifetime.unwrap_or_default())),
            },
        }
    }

    /// `nbf`, which Clerk puts ten seconds before `iat`.
    pub(super) fn not_before(self) -> u64 {
        self.issued_at.saturating_sub(10)
    }

    pub(crate) fn has_ended(self, now: u64) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}
