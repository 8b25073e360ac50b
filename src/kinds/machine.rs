//! [`MachineTokens`]: machine-to-machine tokens.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use crate::checks::{Flaw, Named, Problems, check_graphic, parse, untyped::in_two_steps};

/// Machine-to-machine tokens of the instance. Opaque tokens (`mt_…`) are verified by the Backend API. JWTs are verified
/// by their signature, if they are [accepted](Self::jwts).
///
/// Opaque tokens need the [`secret_key`](crate::ClerkConfigBuilder::secret_key) or the
/// [`machine_secret_key`](Self::machine_secret_key). Without both, only JWTs can be accepted.
///
/// In a file it is the table `accept.machine`, with `addressed_to` (a list, or `"*"`; mandatory),
/// `machine_secret_key` and `jwts`. `Debug` shows no text of it.
#[derive(Clone, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, expecting = "a table")]
#[must_use = "pass it to `ClerkConfigBuilder::accept`"]
pub struct MachineTokens {
    addressed_to: Named,
    #[serde(default, deserialize_with = "parse::deserialize_secret_option")]
    pub(crate) machine_secret_key: Option<SecretString>,
    #[serde(default)]
    pub(crate) jwts: bool,
}

/// Reads the table in two steps, so that no value of it gets into an error.
impl<'de> Deserialize<'de> for MachineTokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        in_two_steps(deserializer, Self::deserialize)
    }
}

impl MachineTokens {
    /// Accepts tokens that are addressed to one of these machines (`mch_…`): the machines that represent this service.
    pub fn addressed_to<I>(machines: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Self::of(Named::Listed(
            machines.into_iter().map(Into::into).collect(),
        ))
    }

    /// Accepts tokens for any machine, as Clerk does for the secret key of the instance. Every machine of the instance
    /// can then use its tokens here.
    pub fn addressed_to_any() -> Self {
        Self::of(Named::Any)
    }

    /// Sets the secret key of a machine (`ak_…`, `CLERK_MACHINE_SECRET_KEY`). Opaque tokens are verified with this key
    /// instead of the instance's [`secret_key`](crate::ClerkConfigBuilder::secret_key). Default: none.
    ///
    /// The key can only verify machine tokens, so a leak costs less.
    pub fn machine_secret_key(mut self, key: impl Into<String>) -> Self {
        self.machine_secret_key = Some(key.into().into());
        self
    }

    /// Accepts JWTs as well, verified by their signature. Default: they are rejected, since a JWT cannot be revoked: it
    /// is valid until it expires.
    #[cfg(feature = "jwt")]
    #[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
    pub fn jwts(mut self) -> Self {
        self.jwts = true;
        self
    }

    pub(crate) fn of(addressed_to: Named) -> Self {
        Self {
            addressed_to,
            machine_secret_key: None,
            jwts: false,
        }
    }

    /// Returns the machines that represent this service. `None` if any machine is accepted.
    pub(crate) fn check(&self, problems: &mut Problems) -> Option<Vec<String>> {
        if cfg!(not(feature = "jwt")) && self.jwts {
            problems.add("accept.machine.jwts", super::without_jwt());
        }
        let Named::Listed(machines) = &self.addressed_to else {
            return None;
        };
        let option = "accept.machine.addressed_to";
        if machines.is_empty() {
            let hint = "name the machine that this service is (`mch_…`): tokens are addressed to machines. Or allow \
                        any";
            problems.add(option, Flaw::missing(hint));
        }
        problems.check_each(option, machines, |machine| {
            // The value is not shown: the secret key of a machine is easily confused with its id.
            if !machine.starts_with("mch_") {
                return Err(Flaw::hidden("the id of a machine begins with `mch_`"));
            }
            check_graphic(machine)
        });
        Some(machines.clone())
    }
}

impl super::sealed::Sealed for MachineTokens {
    fn into_kind(self) -> super::Kind {
        super::Kind::Machine(self)
    }
}

/// Redacts all texts, since any of them may be a misplaced secret.
impl fmt::Debug for MachineTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineTokens")
            .field("addressed_to", &self.addressed_to.hidden())
            .field("machine_secret_key", &self.machine_secret_key.is_some())
            .field("jwts", &self.jwts)
            .finish()
    }
}
