//! [`Reverification`]: how recently the user must have verified the factors of a session.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::claims::FactorAge;

/// The factors of a session that the user must have verified recently, such as a password and a code from an app
/// ([`RequireLayer::reverification`](crate::RequireLayer::reverification)).
///
/// The levels and limits are those of Clerk's `has({ reverification })`:
///
/// | level | the first factor | the second factor |
/// |---|---|---|
/// | first factor | is younger than the limit | is not checked |
/// | second factor | is not checked | is younger than the limit |
/// | multi-factor | is younger than the limit | is younger than the limit |
///
/// If the user has never verified a second factor in this session, the first one counts in its place. If the user has
/// verified neither, the result is *no*. With multi-factor, a first factor that was never verified is a *no*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reverification {
    level: Level,
    within: Duration,
    /// Clerk's name of this level and limit.
    name: Option<&'static str>,
}

/// The factors that are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    First,
    Second,
    Multi,
}

impl Reverification {
    /// Both factors within 10 minutes.
    pub const fn strict_mfa() -> Self {
        Self::preset("strict_mfa", Level::Multi, 10)
    }

    /// The second factor within 10 minutes.
    pub const fn strict() -> Self {
        Self::preset("strict", Level::Second, 10)
    }

    /// The second factor within an hour.
    pub const fn moderate() -> Self {
        Self::preset("moderate", Level::Second, 60)
    }

    /// The second factor within a day.
    pub const fn lax() -> Self {
        Self::preset("lax", Level::Second, 1_440)
    }

    /// The first factor within this time.
    ///
    /// # Panics
    ///
    /// If the time is not a whole number of minutes, or is less than one minute: Clerk counts in minutes.
    #[track_caller]
    pub const fn first_factor(within: Duration) -> Self {
        Self::custom(Level::First, within)
    }

    /// The second factor within this time.
    ///
    /// # Panics
    ///
    /// Under the same conditions as [`first_factor`](Self::first_factor).
    #[track_caller]
    pub const fn second_factor(within: Duration) -> Self {
        Self::custom(Level::Second, within)
    }

    /// Both factors within this time.
    ///
    /// # Panics
    ///
    /// Under the same conditions as [`first_factor`](Self::first_factor).
    #[track_caller]
    pub const fn multi_factor(within: Duration) -> Self {
        Self::custom(Level::Multi, within)
    }

    const fn preset(name: &'static str, level: Level, minutes: u64) -> Self {
        Self {
            level,
            within: Duration::from_secs(minutes * 60),
            name: Some(name),
        }
    }

    #[track_caller]
    const fn custom(level: Level, within: Duration) -> Self {
        let seconds = within.as_secs();
        assert!(
            seconds >= 60 && seconds.is_multiple_of(60) && within.subsec_nanos() == 0,
            "a reverification counts in whole minutes, at least one"
        );
        Self {
            level,
            within,
            name: None,
        }
    }

    /// Returns true if the factors are younger than the limit.
    pub(super) fn is_satisfied(self, age: FactorAge) -> bool {
        let is_young = |age: Option<Duration>| age.is_some_and(|age| age < self.within);
        match (self.level, age.second) {
            (Level::First, _) | (_, None) => is_young(age.first),
            (Level::Second, second) => is_young(second),
            (Level::Multi, second) => is_young(age.first) && is_young(second),
        }
    }

    /// Returns the body of a rejection. Clerk's front-end hook `useReverification` finds in it what the user has to
    /// verify, and repeats the request afterwards.
    pub(super) fn to_json(self) -> Bytes {
        let needed = match self.name {
            Some(name) => Value::from(name),
            None => json!({
                "level": self.level.as_str(),
                "afterMinutes": self.within.as_secs() / 60,
            }),
        };
        let body = json!({
            "clerk_error": {
                "type": "forbidden",
                "reason": "reverification-error",
                "metadata": { "reverification": needed },
            },
        });
        body.to_string().into()
    }
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::First => "first_factor",
            Self::Second => "second_factor",
            Self::Multi => "multi_factor",
        }
    }
}

#[cfg(test)]
mod tests;
