//! Cache entries: the verification result of one token and its lifetimes. Pure: time is an argument.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use crate::{
    AuthError, AuthErrorKind,
    claims::Claims,
    clock::{Deadline, Now, millis},
    sync::{AtomicU32, AtomicU64},
    token::digest::TokenDigest,
};

/// A verification that accepted a token. The cache stores nothing else.
pub(crate) trait Acceptance {
    /// The end of the token, in Unix seconds: it is never accepted at or after this.
    fn expires(&self) -> Option<i64>;

    /// The end of the time for which the result may be cached, in Unix seconds, apart from the bounds of the cache.
    /// It is not later than [`expires`](Self::expires).
    fn cacheable_until(&self) -> Option<i64>;

    /// Returns false if a profile or a user is missing that should be fetched again soon.
    fn is_complete(&self) -> bool;

    /// Returns true if the token was verified by its signature alone.
    fn is_local(&self) -> bool;

    /// Returns true if nothing but the token supports the result: another verification has the same one. The result
    /// may then be used to the end of the token.
    fn is_self_contained(&self) -> bool;

    /// Returns the age of the evidence, in milliseconds. It shortens the life of the entry.
    fn age(&self) -> u64;

    fn into_claims(self) -> Claims;
}

/// The configured lifetimes, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetimes {
    ttl: u64,
    /// The TTL of results that are self-contained.
    self_contained_ttl: u64,
    stale_if_error: u64,
    /// A random number of this replica, by which it refreshes at another time than others. `None` without others.
    replica: Option<u64>,
}

impl Lifetimes {
    pub(crate) fn new(ttl: Duration, stale_if_error: Duration) -> Self {
        Self {
            ttl: millis(ttl),
            self_contained_ttl: millis(ttl),
            stale_if_error: millis(stale_if_error),
            replica: None,
        }
    }

    /// Uses a self-contained result to the end of its token, for at most a minute. If the cache is off, it stays off.
    pub(crate) fn with_self_contained(self) -> Self {
        Self {
            self_contained_ttl: if self.is_off() { 0 } else { SELF_CONTAINED_TTL },
            ..self
        }
    }

    /// Spreads the refreshes over replicas, so that most of them find the evidence of the first one.
    #[cfg(feature = "fleet")]
    pub(crate) fn of_replica(self, replica: u64) -> Self {
        Self {
            replica: Some(replica),
            ..self
        }
    }

    /// Returns the longest life of an entry, apart from the end of its token.
    fn ttl_of(self, verified: &impl Acceptance, key: TokenDigest) -> u64 {
        if verified.is_self_contained() {
            return self.self_contained_ttl;
        }
        let ttl = if verified.is_complete() {
            self.ttl
        } else {
            self.ttl.min(INCOMPLETE_TTL)
        };
        // The jitter spreads the refreshes of tokens that were verified together. It comes from the digest, so no
        // random number is needed.
        ttl - ttl / 1000 * (key.prefix() % MAX_JITTER_PER_MILLE)
    }

    /// Returns the age at which an entry is refreshed: four fifths of its life, with other replicas up to nine tenths.
    fn refresh_from(self, key: TokenDigest, life: u64) -> u64 {
        let spread = self.replica.map_or(0, |replica| {
            (key.prefix() ^ replica).wrapping_mul(SPREAD) >> 54
        });
        let latest = life - life / 20;
        (life - life / 5 + (life / 10).saturating_mul(spread) / 1024).min(latest)
    }

    /// Returns true if the cache is off.
    pub(crate) fn is_off(self) -> bool {
        self.ttl == 0
    }

    /// Returns the longest time for which any entry can be used.
    pub(crate) fn longest(self) -> Duration {
        let ttl = self.ttl.max(self.self_contained_ttl);
        Duration::from_millis(ttl.saturating_add(self.stale_if_error))
            .max(Duration::from_millis(NEGATIVE_TTL))
    }
}

/// A positive entry: a token that passed verification.
///
/// `repr(C)` keeps the fields in this order. The fields that a hit reads come first, next to the reference count that
/// the hit changes, so that both are fetched from memory together.
#[repr(C)]
pub(crate) struct Entry {
    /// The digest of the token.
    key: TokenDigest,
    /// The epoch of the verification, or a later one: no invalidation up to this epoch concerns the result.
    pub(crate) epoch: AtomicU64,
    /// The time on the monotonic clock from which a hit starts a refresh.
    refresh_from: u64,
    fresh: Deadline,
    /// The touch window in which a hit last touched the store.
    last_touch: AtomicU32,
    failures: AtomicU32,
    /// The time on the monotonic clock before which Clerk is not called again ahead of time. The hit that starts a
    /// refresh sets it, and so does a verification that failed.
    next_attempt: AtomicU64,
    usable: Deadline,
    /// The expiry of the token itself, in Unix seconds. `None` if it is not known.
    expires: Option<i64>,
    /// True if the last failure was an outage, during which a stale entry may be used.
    is_outage: AtomicBool,
    claims: Claims,
}

impl Entry {
    pub(crate) fn new(
        verified: impl Acceptance,
        key: TokenDigest,
        epoch: u64,
        lifetimes: Lifetimes,
        now: Now,
    ) -> Self {
        let ttl = lifetimes.ttl_of(&verified, key);
        let remaining = now.millis_until(verified.cacheable_until());
        let age = verified.age();
        // The life of evidence begins when Clerk is called.
        let whole = ttl.min(remaining.saturating_add(age));
        let life = whole.saturating_sub(age).min(remaining);
        let refresh_from = if verified.is_self_contained() {
            // A refresh ahead would have the same result, and no request would wait for Clerk without it.
            whole
        } else {
            lifetimes.refresh_from(key, whole)
        };
        Self {
            key,
            epoch: AtomicU64::new(epoch),
            refresh_from: now
                .mono
                .saturating_add(refresh_from.saturating_sub(age).min(life)),
            fresh: Deadline::after(now, life),
            last_touch: AtomicU32::new(NEVER),
            failures: AtomicU32::new(0),
            next_attempt: AtomicU64::new(0),
            usable: Deadline::after(
                now,
                ttl.saturating_sub(age)
                    .saturating_add(lifetimes.stale_if_error)
                    .min(remaining),
            ),
            expires: verified.expires(),
            is_outage: AtomicBool::new(false),
            claims: verified.into_claims(),
        }
    }

    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(crate) fn key(&self) -> &TokenDigest {
        &self.key
    }

    /// Returns true if the entry may be used without a call to Clerk.
    pub(crate) fn is_fresh(&self, now: Now) -> bool {
        !self.fresh.has_passed(now)
    }

    /// Returns true if the entry is fresh and does not yet need a refresh. On the monotonic clock, the refresh comes
    /// before the end.
    pub(crate) fn is_young(&self, now: Now) -> bool {
        now.mono < self.refresh_from && now.wall < self.fresh.wall
    }

    /// Returns true if the entry may be used while Clerk is unavailable.
    pub(crate) fn is_usable(&self, now: Now) -> bool {
        !self.usable.has_passed(now)
    }

    /// Returns true if the token itself has expired. This is the only bound for requests that waited for this entry.
    pub(crate) fn has_expired(&self, now: Now) -> bool {
        self.expires
            .is_some_and(|expires| expires <= now.unix_seconds())
    }

    /// Returns the expiry of the token itself, in Unix seconds.
    pub(crate) fn expires(&self) -> Option<i64> {
        self.expires
    }

    /// Returns true if this hit must touch the store: the first hit in each touch window.
    pub(crate) fn needs_touch(&self, touch_window: u32) -> bool {
        if self.last_touch.load(Ordering::Relaxed) == touch_window {
            return false;
        }
        self.last_touch.store(touch_window, Ordering::Relaxed);
        true
    }

    /// Returns true if this hit must start a refresh. This happens once, in the last fifth of the lifetime.
    pub(crate) fn claim_refresh(&self, now: Now) -> bool {
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

    /// Records that a verification failed for a reason that does not depend on the token. The pause begins at 1 s and
    /// doubles with each failure up to 30 s. During the pause, no hit refreshes ahead, and no miss calls Clerk while
    /// the stale entry bridges an outage.
    ///
    /// If no call was made, the pause stays at 1 s: a limit or a pause concerns the endpoint, not the token.
    pub(crate) fn back_off(&self, error: &AuthError, now: Now) {
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

    /// Returns true if Clerk was unavailable so recently that it is not called again.
    pub(crate) fn is_bridging(&self, now: Now) -> bool {
        self.is_outage.load(Ordering::Relaxed)
            && now.mono < self.next_attempt.load(Ordering::Relaxed)
    }

    /// Returns the size in KiB, rounded up. The capacity is counted in this unit.
    pub(crate) fn weight(&self) -> u32 {
        u32::try_from(self.claims().size().div_ceil(1024)).unwrap_or(u32::MAX)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").finish_non_exhaustive()
    }
}

/// A negative entry: a token that Clerk or the rules reject, or for which Clerk's response cannot be used.
#[derive(Clone, Debug)]
pub(crate) struct NegativeEntry {
    error: AuthError,
    pub(crate) epoch: u64,
    until: Deadline,
}

impl NegativeEntry {
    /// Creates the entry for an error. `None` unless the error is an authoritative rejection or a 503 that this token
    /// provokes.
    pub(crate) fn new(error: &AuthError, epoch: u64, now: Now) -> Option<Self> {
        let kind = error.kind();
        let (error, life) = match provoked_life(error) {
            Some(life) => (error.clone(), life),
            None if !kind.is_authoritative() => return None,
            // The rejection ends at a known time, which may come before the usual lifetime.
            None if kind == AuthErrorKind::NotYetValid => (kind.into(), NEGATIVE_TTL.min(1000)),
            None => (kind.into(), NEGATIVE_TTL),
        };
        Some(Self {
            error,
            epoch,
            until: Deadline::after(now, life),
        })
    }

    /// Returns the cached error. `None` after its deadline. If the error has a delay, the delay is the remaining time.
    pub(crate) fn error(&self, now: Now) -> Option<AuthError> {
        let left = self.until.left(now)?;
        Some(match self.error.retry_after() {
            Some(_) => self.error.clone().with_retry_after(left),
            None => self.error.clone(),
        })
    }
}

/// Returns how long a 503 is cached for the token that provokes it, in milliseconds.
fn provoked_life(error: &AuthError) -> Option<u64> {
    let delay = error.retry_after().map_or(0, millis);
    error
        .is_token_provoked()
        .then_some(delay.clamp(FIRST_PAUSE, NEGATIVE_TTL))
}

/// The lifetime of a negative entry, in milliseconds. It is long enough to absorb a client that repeats a rejected
/// token, and short enough that a token that was not replicated yet is soon accepted.
pub(crate) const NEGATIVE_TTL: u64 = 5_000;

/// The lifetime of an entry without its profile, in milliseconds, so that the profile is soon fetched again.
const INCOMPLETE_TTL: u64 = 5_000;

/// The longest lifetime of a self-contained result, in milliseconds: that of Clerk's session tokens. It also bounds how
/// long a key that was withdrawn has an effect.
const SELF_CONTAINED_TTL: u64 = 60_000;

/// The upper bound of the jitter, exclusive: at most a tenth of the lifetime is cut off.
const MAX_JITTER_PER_MILLE: u64 = 101;

/// An odd number with irregular bits: the product with it spreads close numbers.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A touch window that never occurs.
const NEVER: u32 = u32::MAX;

const FIRST_PAUSE: u64 = 1_000;
const LONGEST_PAUSE: u64 = 30_000;

#[cfg(test)]
mod tests;
