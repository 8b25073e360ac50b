//! The bounds of the options, and options that need each other.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::builder::ClerkConfigBuilder;
use crate::{
    checks::{Flaw, Problems},
    kinds::{Accepted, Checked},
    verify::Enrichment,
};

impl ClerkConfigBuilder {
    /// Reports a kind that no configured credential can verify.
    pub(super) fn check_secret_key(&self, accepted: &Accepted, problems: &mut Problems) {
        if !self.secret_key.expose_secret().is_empty() {
            return;
        }
        let by_secret_key = [
            (accepted.api_key.is_some(), "API keys"),
            (self.users != Enrichment::Off, "`users`"),
            (
                self.jwt_keys.need_secret_key(),
                "the keys of the Backend API (`jwt_keys`)",
            ),
            (
                accepted
                    .oauth
                    .as_ref()
                    .is_some_and(|it| it.needs_secret_key()),
                "OAuth tokens by the Backend API",
            ),
        ];
        let needed = by_secret_key
            .into_iter()
            .filter(|(is_needed, _)| *is_needed);
        let needed: Vec<_> = needed.map(|(_, what)| what).collect();
        if !needed.is_empty() {
            let hint = format!(
                "{} need the secret key of the instance: give it, or set CLERK_SECRET_KEY",
                needed.join(" and ")
            );
            problems.add("secret_key", Flaw::missing(&hint));
        }
        let machine = accepted.machine.as_ref();
        if machine.is_some_and(|it| it.machine_secret_key.is_none() && !it.jwts) {
            let hint = "opaque machine tokens need the secret key of a machine (CLERK_MACHINE_SECRET_KEY) or of the \
                        instance (`secret_key`, CLERK_SECRET_KEY); JWTs alone need `jwts`";
            problems.add("accept.machine.machine_secret_key", Flaw::missing(hint));
        }
    }

    /// Reports values outside of their bounds, and values that exclude each other.
    pub(super) fn check_bounds(&self, problems: &mut Problems) {
        let second = Duration::from_secs(1);
        let least = Duration::from_millis(10);
        let attempt = self.attempt_timeout.unwrap_or(least);
        let calls = self.rate_limit.unwrap_or_default();
        let duration = |duration: Duration| format!("{duration:?}");
        let bounds = [
            (
                "cache_ttl",
                duration(self.cache_ttl),
                self.cache_ttl <= 300 * second,
                "at most 5 minutes",
            ),
            (
                "stale_if_error",
                duration(self.stale_if_error),
                self.stale_if_error <= 600 * second,
                "at most 10 minutes",
            ),
            (
                "leeway",
                duration(self.leeway),
                self.leeway <= 60 * second,
                "at most 60 seconds",
            ),
            (
                "timeout",
                duration(self.timeout),
                (least..=30 * second).contains(&self.timeout),
                "between 10 milliseconds and 30 seconds",
            ),
            (
                "attempt_timeout",
                duration(attempt),
                attempt >= least && (attempt == least || attempt <= self.timeout),
                "between 10 milliseconds and `timeout`",
            ),
            (
                "cache_capacity",
                self.cache_capacity.to_string(),
                (1..=10_000_000).contains(&self.cache_capacity),
                "between 1 and 10,000,000; to turn the cache off, set `cache_ttl` to zero",
            ),
            (
                "rate_limit",
                calls.to_string(),
                // Fewer calls would leave nothing in addition to the reserve.
                calls == 0 || (10..=1_000_000).contains(&calls),
                "between 10 and 1,000,000 calls in ten seconds, or zero for no limit",
            ),
            (
                "max_token_length",
                self.max_token_length.to_string(),
                (64..=16_384).contains(&self.max_token_length),
                "between 64 and 16384 bytes",
            ),
        ];
        for (option, value, is_within, bound) in bounds {
            if !is_within {
                problems.add(option, Flaw::out_of_range(value, bound));
            }
        }
        if self.cache_ttl.is_zero() && !self.stale_if_error.is_zero() {
            let reason = "without a cache (`cache_ttl` is zero) there are no stale entries";
            let value = duration(self.stale_if_error);
            problems.add("stale_if_error", Flaw::invalid(&value, reason));
        }
        if self.jwt_algorithms.is_empty() {
            let hint = "an empty list rejects every JWT: name an algorithm, or leave the list out";
            problems.add("jwt_algorithms", Flaw::missing(hint));
        }
    }
}

/// Rejects a policy that rejects every token. `has_jwt`: true if this build can verify signatures. The instance may
/// then return more than is documented.
pub(super) fn check_audience_can_be_shown(oauth: &Checked, has_jwt: bool, problems: &mut Problems) {
    if has_jwt || !oauth.requires_what_is_not_shown {
        return;
    }
    let flaw = Flaw::invalid(
        "require",
        "introspection answers name no audience, so that every token would be rejected: enable the feature `jwt` and \
         set `jwts` to `local-then-introspect`, or verify by the Backend API (`backend-api`)",
    );
    problems.add("accept.oauth.audience_policy", flaw);
}
