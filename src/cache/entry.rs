//! What the cache remembers of one token, and for how long. Pure: time comes as an argument.

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use super::key::Key;
use crate::{
    AuthError, AuthErrorKind,
    claims::Claims,
    clock::{Now, millis},
    verify::Verified,
};

/// The bounds that a configuration sets, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    ttl: u64,
    stale_if_error: u64,
}

impl Lifetimes {
    pub(crate) fn new(ttl: Duration, stale_if_error: Duration) -> Self {
        Self {
            ttl: millis(ttl),
            stale_if_error: millis(stale_if_error),
        }
    }

    /// Whether anything is remembered at all.
    pub(super) fn is_off(self) -> bool {
        self.ttl == 0
    }

    /// How long anything can be of use after it was made.
    pub(super) fn longest(self) -> Duration {
        Duration::from_millis(self.ttl.saturating_add(self.stale_if_error))
            .max(Duration::from_millis(NEGATIVE_TTL))
    }
}

/// A moment on both clocks after which something is over. Whichever clock gets there first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadline {
    mono: u64,
    wall: u64,
}

impl Deadline {
    pub(super) fn after(now: Now, millis: u64) -> Self {
        Self {
            mono: now.mono.saturating_add(millis),
            wall: now.wall.saturating_add(millis),
        }
    }

    pub(super) fn has_passed(self, now: Now) -> bool {
        now.mono >= self.mono || now.wall >= self.wall
    }

    /// How much time is left, if any.
    fn left(self, now: Now) -> Option<Duration> {
        let mono = self.mono.saturating_sub(now.mono);
        let left = mono.min(self.wall.saturating_sub(now.wall));
        (left > 0).then(|| Duration::from_millis(left))
    }
}

/// A token that was found good.
///
/// In the order in which it is written here: what a hit reads comes first, right behind the count of owners
/// that it changes, and so is in memory what is fetched with it.
#[repr(C)]
pub(crate) struct Entry {
    /// Of which token it is.
    key: Key,
    /// Which invalidations it is later than.
    pub(super) epoch: u64,
    /// From when, on the monotonic clock, a hit asks for a refresh.
    refresh_from: u64,
    fresh: Deadline,
    /// In which generation of the store a hit was last told to it.
    told: AtomicU32,
    failures: AtomicU32,
    /// Before this, on the monotonic clock, nobody asks Clerk again ahead of time. Set by the hit that
    /// starts a refresh, and by a verification that failed.
    next_attempt: AtomicU64,
    usable: Deadline,
    /// When the token itself is over, in Unix seconds.
    expires: Option<i64>,
    /// Whether the last failure was an outage, which old verdicts may bridge.
    is_outage: AtomicBool,
    claims: Claims,
}

impl Entry {
    pub(super) fn new(
        verified: Verified,
        key: Key,
        epoch: u64,
        lifetimes: Lifetimes,
        now: Now,
    ) -> Self {
        let ttl = if verified.is_complete() {
            lifetimes.ttl
        } else {
            lifetimes.ttl.min(INCOMPLETE_TTL)
        };
        // The jitter comes from the key: it spreads what was verified at once, and needs no dice.
        let ttl = ttl - ttl / 1000 * (key.prefix() % MAX_JITTER_PER_MILLE);
        let remaining = remaining(&verified, now);
        let life = ttl.min(remaining);
        Self {
            key,
            epoch,
            refresh_from: now.mono.saturating_add(life - life / 5),
            fresh: Deadline::after(now, life),
            told: AtomicU32::new(NEVER),
            failures: AtomicU32::new(0),
            next_attempt: AtomicU64::new(0),
            usable: Deadline::after(
                now,
                ttl.saturating_add(lifetimes.stale_if_error).min(remaining),
            ),
            expires: verified.expires(),
            is_outage: AtomicBool::new(false),
            claims: verified.into_claims(),
        }
    }

    /// Makes an entry of hand-made claims, which no cache holds.
    #[cfg(feature = "test-util")]
    pub(crate) fn of_testing(claims: Claims) -> Self {
        let now = Now { mono: 0, wall: 0 };
        Self {
            key: super::Keyer::new([0; 32], &[]).key(""),
            epoch: 0,
            refresh_from: 0,
            fresh: Deadline::after(now, 0),
            told: AtomicU32::new(NEVER),
            failures: AtomicU32::new(0),
            next_attempt: AtomicU64::new(0),
            usable: Deadline::after(now, 0),
            expires: None,
            is_outage: AtomicBool::new(false),
            claims,
        }
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whether the verdict may be used without asking anybody.
    pub(super) fn is_fresh(&self, now: Now) -> bool {
        !self.fresh.has_passed(now)
    }

    /// Whether the verdict is fresh, and too young to be refreshed: refreshing comes before the end on the
    /// monotonic clock.
    pub(super) fn is_young(&self, now: Now) -> bool {
        now.mono < self.refresh_from && now.wall < self.fresh.wall
    }

    /// Whether the verdict may be used where Clerk cannot be asked.
    pub(crate) fn is_usable(&self, now: Now) -> bool {
        !self.usable.has_passed(now)
    }

    /// Whether the token itself is over. The only bound for those who waited for this very verdict.
    pub(crate) fn has_expired(&self, now: Now) -> bool {
        self.expires
            .is_some_and(|expires| expires <= now.unix_seconds())
    }

    /// When the token itself is over, in Unix seconds.
    pub(super) fn expires(&self) -> Option<i64> {
        self.expires
    }

    /// Whether the store should be told of this hit: the first in each generation.
    pub(super) fn is_news(&self, generation: u32) -> bool {
        if self.told.load(Ordering::Relaxed) == generation {
            return false;
        }
        self.told.store(generation, Ordering::Relaxed);
        true
    }

    /// Whether this hit is the one to start a refresh: in the last fifth of the life, once.
    pub(super) fn claim_refresh(&self, now: Now) -> bool {
        if now.mono < self.refresh_from {
            return false;
        }
        let next = self.next_attempt.load(Ordering::Relaxed);
        now.mono >= next
            && self
                .next_attempt
                .compare_exchange(
                    next,
                    now.mono.saturating_add(FIRST_PAUSE),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    /// Notes that a verification failed for a reason that says nothing of the token: from 1 s, doubled each time up
    /// to 30 s, no hit refreshes ahead of time, and no miss calls Clerk while old verdicts bridge an outage.
    ///
    /// If no call was made, the pause stays at 1 s: a limit or a pause concerns the endpoint, not the token.
    pub(super) fn back_off(&self, error: &AuthError, now: Now) {
        self.is_outage
            .store(error.kind().is_outage(), Ordering::Relaxed);
        let pause = if error.was_not_called() {
            FIRST_PAUSE
        } else {
            let failures = self.failures.fetch_add(1, Ordering::Relaxed).min(5);
            (FIRST_PAUSE << failures).min(LONGEST_PAUSE)
        };
        self.next_attempt
            .store(now.mono.saturating_add(pause), Ordering::Relaxed);
    }

    /// Whether Clerk could not be asked so recently that it is not tried again.
    pub(super) fn is_bridging(&self, now: Now) -> bool {
        self.is_outage.load(Ordering::Relaxed)
            && now.mono < self.next_attempt.load(Ordering::Relaxed)
    }

    /// In units of a KiB, rounded up: what the capacity is counted in.
    pub(super) fn weight(&self) -> u32 {
        u32::try_from(self.claims().size().div_ceil(1024)).unwrap_or(u32::MAX)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").finish_non_exhaustive()
    }
}

/// How long, in milliseconds, a verdict may be remembered at all.
fn remaining(verified: &Verified, now: Now) -> u64 {
    verified.good_until().map_or(u64::MAX, |end| {
        u64::try_from(end)
            .unwrap_or(0)
            .saturating_mul(1000)
            .saturating_sub(now.wall)
    })
}

/// Why a token is rejected: by Clerk, by the rules, or because Clerk cannot answer about it.
#[derive(Clone, Debug)]
pub(super) struct NegativeEntry {
    error: AuthError,
    pub(super) epoch: u64,
    until: Deadline,
}

impl NegativeEntry {
    /// What may be remembered of an error, if anything: an authoritative rejection, and a 503 that this very token
    /// provokes.
    pub(super) fn new(error: &AuthError, epoch: u64, now: Now) -> Option<Self> {
        let kind = error.kind();
        let (error, life) = match provoked_life(error) {
            Some(life) => (error.clone(), life),
            None if !kind.is_authoritative() => return None,
            // It ends by itself, maybe sooner than anything else would be remembered.
            None if kind == AuthErrorKind::NotYetValid => (kind.into(), NEGATIVE_TTL.min(1000)),
            None => (kind.into(), NEGATIVE_TTL),
        };
        Some(Self {
            error,
            epoch,
            until: Deadline::after(now, life),
        })
    }

    /// The error that is remembered, if it still holds. One that passes says how long it will.
    pub(super) fn error(&self, now: Now) -> Option<AuthError> {
        let left = self.until.left(now)?;
        Some(match self.error.retry_after() {
            Some(_) => self.error.clone().with_retry_after(left),
            None => self.error.clone(),
        })
    }
}

/// How long, in milliseconds, a 503 is remembered for the token that provokes it.
fn provoked_life(error: &AuthError) -> Option<u64> {
    let delay = error.retry_after().map_or(0, millis);
    error
        .is_token_provoked()
        .then_some(delay.clamp(FIRST_PAUSE, NEGATIVE_TTL))
}

/// How long a rejection is remembered: long enough to blunt a client that repeats a bad token, short
/// enough that a token that was not replicated yet is soon accepted.
pub(super) const NEGATIVE_TTL: u64 = 5_000;

/// How long a verdict without its profile is remembered: the profile should be tried again soon.
const INCOMPLETE_TTL: u64 = 5_000;

/// Up to a tenth of the life is cut off.
const MAX_JITTER_PER_MILLE: u64 = 101;

/// A generation that does not come.
const NEVER: u32 = u32::MAX;

const FIRST_PAUSE: u64 = 1_000;
const LONGEST_PAUSE: u64 = 30_000;

#[cfg(test)]
mod tests;
