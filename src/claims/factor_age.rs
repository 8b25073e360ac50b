//! The ages of a session's factors (`fva`): the time since the user last proved an identity.

use std::time::Duration;

use serde_json::{Map, Value};

use super::Version;

/// The time since the user of a session last verified each factor, such as a password (first) and a code from an app
/// (second). `None` if that factor was never verified in this session.
///
/// [`ClerkClaims::factor_age`](crate::ClerkClaims::factor_age) returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FactorAge {
    /// The age of the first factor.
    pub first: Option<Duration>,
    /// The age of the second factor.
    pub second: Option<Duration>,
}

/// The times at which the factors were last verified, in Unix seconds. `None` if never.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FactorTimes {
    pub(crate) first: Option<i64>,
    pub(crate) second: Option<i64>,
}

impl FactorTimes {
    /// Reads `fva`: two whole numbers of minutes before the token was issued, -1 for never. `None` if anything else is
    /// there, if the time of issue is unknown, or if the version of the token is.
    pub(crate) fn of_session(claims: &Map<String, Value>, issued_at: Option<i64>) -> Option<Self> {
        if Version::of(claims) == Ok(Version::Later) {
            return None;
        }
        let issued_at = issued_at?;
        let Some(Value::Array(minutes)) = claims.get("fva") else {
            return None;
        };
        let [first, second] = minutes.as_slice() else {
            return None;
        };
        let time = |minutes: &Value| match minutes.as_i64()? {
            -1 => Some(None),
            minutes @ 0.. => Some(Some(issued_at.saturating_sub(minutes.saturating_mul(60)))),
            _ => None,
        };
        Some(Self {
            first: time(first)?,
            second: time(second)?,
        })
    }

    /// Returns the ages at the time `now`, in Unix seconds.
    pub(crate) fn ages(self, now: i64) -> FactorAge {
        let age = |time: i64| {
            // A time in the future is within the leeway of the clocks.
            Duration::from_secs(u64::try_from(now.saturating_sub(time)).unwrap_or(0))
        };
        FactorAge {
            first: self.first.map(age),
            second: self.second.map(age),
        }
    }
}

#[cfg(test)]
mod tests;
