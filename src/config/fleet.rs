//! The option [`fleet`](ClerkConfigBuilder::fleet): from the environment, and its check.

use crate::{ClerkConfigBuilder, checks::Problems};
#[cfg(feature = "fleet")]
use crate::{
    checks::Flaw,
    fleet::{Fleet, FleetConfig},
};

impl ClerkConfigBuilder {
    /// Reads the variables. One without the other is a problem of `build`, unless code sets a fleet.
    pub(super) fn read_fleet(&mut self, url: Option<String>, secrets: Option<Vec<String>>) {
        let origins = [
            (url.is_some(), "fleet.url", "CLERK_FLEET_URL"),
            (secrets.is_some(), "fleet.secret", "CLERK_FLEET_SECRET"),
            (
                secrets.is_some(),
                "fleet.other_secrets",
                "CLERK_FLEET_SECRET",
            ),
        ];
        let mut is_set = false;
        for (is_there, option, name) in origins {
            if is_there {
                is_set = true;
                self.origins.set(option, name);
            }
        }
        if is_set {
            self.fleet = Some(of(url.unwrap_or_default(), secrets.unwrap_or_default()));
        }
    }

    #[cfg(feature = "fleet")]
    pub(super) fn check_fleet(&self, problems: &mut Problems) -> Option<FleetConfig> {
        let fleet = self.fleet.as_ref()?;
        if self.cache_ttl < LEAST_TTL {
            let value = format!("{:?}", self.cache_ttl);
            let bound =
                "at least 5 seconds with a fleet: clocks of replicas may differ by a second";
            problems.add("cache_ttl", Flaw::out_of_range(value, bound));
        }
        fleet.check(problems)
    }

    /// Reports a fleet that this build cannot have.
    #[cfg(not(feature = "fleet"))]
    pub(super) fn check_fleet(&self, problems: &mut Problems) {
        if self.fleet.is_some() {
            problems.add("fleet.url", without_fleet());
        }
    }
}

#[cfg(feature = "fleet")]
fn of(url: String, mut secrets: Vec<String>) -> Fleet {
    let others = secrets.split_off(secrets.len().min(1));
    Fleet::at(url, secrets.pop().unwrap_or_default(), others)
}

#[cfg(not(feature = "fleet"))]
fn of(_: String, _: Vec<String>) -> serde::de::IgnoredAny {
    serde::de::IgnoredAny
}

/// The problem that this build has no fleet.
#[cfg(not(feature = "fleet"))]
fn without_fleet() -> crate::checks::Flaw {
    crate::checks::Flaw::hidden(
        "replicas share Redis with the feature `redis`, which this build does not have",
    )
}

/// A shorter TTL would consist of margins for clocks that differ.
#[cfg(feature = "fleet")]
const LEAST_TTL: std::time::Duration = std::time::Duration::from_secs(5);
