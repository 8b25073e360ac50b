//! The lifetime of a token.

use std::time::Duration;

/// The age of the expiry of an expired token, in seconds.
const EXPIRED_SINCE: u64 = 3600;

/// The lifetime of a token, in Unix time in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    pub(crate) issued_at: u64,
    /// `None` if the token does not expire.
    pub(crate) expires_at: Option<u64>,
}

impl Life {
    /// Returns the lifetime of a token issued now or, if `expired`, of one that expired an hour ago. It is in
    /// whole seconds, as with Clerk.
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
                // An expired token had a limit, even if none was set.
                (lifetime, _) => Some(issued_at.saturating_add(lifetime.unwrap_or_default())),
            },
        }
    }

    /// Returns `nbf`, which is ten seconds before `iat`, as with Clerk.
    pub(super) fn not_before(self) -> u64 {
        self.issued_at.saturating_sub(10)
    }

    pub(crate) fn has_ended(self, now: u64) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}
