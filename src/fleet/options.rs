//! [`Fleet`]: the options of a store that replicas share, and their checks. No connection is made here.

use std::{fmt, sync::Arc};

use secrecy::{ExposeSecret, SecretString};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};

#[cfg(feature = "redis")]
use super::redis::{Address, RedisStore, Roots};
use super::{
    SharedStore,
    seal::{FleetKeys, FleetSecret},
};
use crate::checks::{Flaw, Problems, parse};
#[cfg(feature = "redis")]
use crate::observe::clear_text_password;

/// The replicas of a service: the store that they share, and their secrets.
///
/// N replicas with a fleet cost Clerk as many calls as one replica, and a revocation on one replica applies to all of them
/// within a second. While the store is gone, each replica works as it does without a fleet. The store need not be trusted:
/// all values in it are sealed, and it cannot prolong the life of a result.
///
/// In a file it is the table `fleet` with `url`, `secret`, `other_secrets` and `root_certificates`. `Debug` shows neither
/// the address nor a secret.
///
#[cfg_attr(feature = "redis", doc = "```")]
#[cfg_attr(not(feature = "redis"), doc = "```ignore")]
/// use tower_clerk::fleet::Fleet;
///
/// # let settings = serde_json::json!({
/// #     "instance": "clerk.example.com",
/// #     "accept": { "oauth": { "client_id": "id", "client_secret": "secret" } },
/// # });
/// # let builder: tower_clerk::ClerkConfigBuilder = serde_json::from_value(settings)?;
/// # let secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// // `secret`: `openssl rand -base64 32`, the same on all replicas.
/// let cfg = builder
///     .fleet(Fleet::redis("rediss://cache.internal:6379", secret))
///     .build()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use = "pass it to `ClerkConfigBuilder::fleet`"]
pub struct Fleet {
    store: Store,
    secret: SecretString,
    other_secrets: Vec<SecretString>,
    root_certificates: Option<String>,
}

#[derive(Clone)]
enum Store {
    /// The URL of Redis. It may contain a password.
    Redis(SecretString),
    Custom(Arc<dyn SharedStore>),
}

impl Fleet {
    /// Shares Redis (version 6.2 or later) or Valkey (7.2 or later) at this URL:
    /// `rediss://user:password@host:port/database`. User, password, port and database can be left out.
    ///
    /// `rediss` is with TLS. `redis` is without: the sealed values need no TLS, but the password crosses the network in
    /// clear text. The URL is that of the primary, one address; a managed service has one. Query parameters are a problem.
    ///
    /// `secret` is 32 random bytes in base64 (`openssl rand -base64 32`), the same on all replicas. All keys are derived
    /// from it. Keep it beside the client secret, not in the store and not in the URL.
    ///
    /// [`build`](crate::ClerkConfigBuilder::build) checks both, and connects to nothing.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn redis(url: impl Into<String>, secret: impl Into<String>) -> Self {
        Self::at(url.into(), secret.into(), Vec::new())
    }

    /// Shares a store of your own. `secret` is 32 random bytes in base64, the same on all replicas.
    pub fn store(store: impl SharedStore, secret: impl Into<String>) -> Self {
        Self {
            store: Store::Custom(Arc::new(store)),
            secret: secret.into().into(),
            other_secrets: Vec::new(),
            root_certificates: None,
        }
    }

    /// Sets the further secrets, for a rotation of the secret. Default: none.
    ///
    /// Records are named and sealed with the first secret only. Revocations are published under all of them. So a rotation
    /// takes three deployments, 15 min apart: the old secret with the new one here, the new secret with the old one here,
    /// the new secret alone. Revocations reach all replicas meanwhile.
    ///
    /// After a leak, deploy the new secret alone at once. Until the last replica has it, a revocation is bounded by
    /// [`cache_ttl`](crate::ClerkConfigBuilder::cache_ttl) on the others.
    pub fn other_secrets<I>(mut self, secrets: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let secrets = secrets.into_iter().map(|secret| secret.into().into());
        self.other_secrets = secrets.collect();
        self
    }

    /// Sets the certificates of the authorities that are trusted for `rediss`, in PEM. Default: those that the platform
    /// trusts. Some managed services have an authority of their own.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn root_certificates(mut self, pem: impl Into<String>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Makes the options from a file or from the environment. They are checked later, even without the feature `redis`.
    pub(crate) fn at(url: String, secret: String, other_secrets: Vec<String>) -> Self {
        Self {
            store: Store::Redis(url.into()),
            secret: secret.into(),
            other_secrets: other_secrets.into_iter().map(Into::into).collect(),
            root_certificates: None,
        }
    }

    /// Checks all options.
    pub(crate) fn check(&self, problems: &mut Problems) -> Option<FleetConfig> {
        let store = self.check_store(problems);
        let keys = self.check_secrets(problems);
        Some(FleetConfig {
            store: store?,
            keys: keys?.into(),
        })
    }

    fn check_store(&self, problems: &mut Problems) -> Option<StoreConfig> {
        match &self.store {
            Store::Custom(_) if self.root_certificates.is_some() => {
                let flaw = Flaw::hidden("a store of your own verifies certificates itself");
                problems.add("fleet.root_certificates", flaw);
                None
            }
            Store::Custom(store) => Some(StoreConfig::Custom(Arc::clone(store))),
            Store::Redis(url) if url.expose_secret().trim().is_empty() => {
                let hint = "give the URL of Redis, such as rediss://cache.internal:6379";
                problems.add("fleet.url", Flaw::missing(hint));
                None
            }
            #[cfg(feature = "redis")]
            Store::Redis(url) => {
                let address = Address::parse(url.expose_secret().trim());
                let address = problems.check("fleet.url", address.map_err(Flaw::hidden))?;
                if address.shows_password() {
                    clear_text_password();
                }
                let roots = self.root_certificates.as_deref();
                let roots = roots.map(|pem| check_roots(pem, &address));
                let roots = problems.check("fleet.root_certificates", roots.transpose())?;
                Some(StoreConfig::Redis(address, roots))
            }
            #[cfg(not(feature = "redis"))]
            Store::Redis(_) => {
                problems.add("fleet.url", without_redis());
                None
            }
        }
    }

    /// Returns the keys of each secret, in order.
    fn check_secrets(&self, problems: &mut Problems) -> Option<Vec<FleetKeys>> {
        let first = problems.check("fleet.secret", check_secret(&self.secret));
        let others = self.other_secrets.iter();
        let others = others.map(|it| problems.check("fleet.other_secrets", check_secret(it)));
        let others: Vec<_> = others.collect();
        let secrets: Option<Vec<_>> = [first].into_iter().chain(others).collect();
        let secrets = secrets?;
        for (at, secret) in secrets.iter().enumerate() {
            if secrets[..at].contains(secret) {
                let flaw = Flaw::hidden("a secret is there twice: give each of them once");
                problems.add("fleet.other_secrets", flaw);
                return None;
            }
        }
        Some(secrets.iter().map(FleetKeys::new).collect())
    }
}

/// Shows which store it is, and how many secrets there are.
impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = match self.store {
            Store::Redis(_) => "redis",
            Store::Custom(_) => "custom",
        };
        f.debug_struct("Fleet")
            .field("store", &store)
            .field("secrets", &(1 + self.other_secrets.len()))
            .finish_non_exhaustive()
    }
}

/// Reads the table `fleet`. No error repeats a value.
impl<'de> Deserialize<'de> for Fleet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            // A field that is missing is a problem of `build`, which reports it with all others.
            #[serde(default, deserialize_with = "text")]
            url: String,
            #[serde(default, deserialize_with = "text")]
            secret: String,
            #[serde(default, deserialize_with = "parse::deserialize_secrets")]
            other_secrets: Vec<SecretString>,
            #[serde(default, deserialize_with = "optional_text")]
            root_certificates: Option<String>,
        }

        fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
            let message = "`url`, `secret` and `root_certificates` of `fleet` must be strings";
            parse::secret_text(deserializer, message)
        }

        fn optional_text<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<String>, D::Error> {
            text(deserializer).map(Some)
        }

        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = Table;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table with `url` and `secret`")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Table, A::Error> {
                Table::deserialize(MapAccessDeserializer::new(map))
            }

            // The error of a default method repeats the text, which may be a secret.
            fn visit_str<E: de::Error>(self, _: &str) -> Result<Table, E> {
                Err(E::invalid_type(Unexpected::Other("a text"), &self))
            }
        }

        let table = deserializer.deserialize_any(Form)?;
        Ok(Self {
            root_certificates: table.root_certificates,
            other_secrets: table.other_secrets,
            ..Self::at(table.url, table.secret, Vec::new())
        })
    }
}

/// The checked options of a fleet.
#[derive(Clone)]
pub(crate) struct FleetConfig {
    store: StoreConfig,
    /// The keys of each secret. The first ones name, seal, open and read. The others are only published to.
    pub(crate) keys: Arc<[FleetKeys]>,
}

#[derive(Clone)]
enum StoreConfig {
    #[cfg(feature = "redis")]
    Redis(Address, Option<Roots>),
    Custom(Arc<dyn SharedStore>),
}

impl FleetConfig {
    /// Returns the store. Each call makes another one of Redis, since a connection belongs to one link.
    pub(crate) fn store(&self) -> Arc<dyn SharedStore> {
        match &self.store {
            #[cfg(feature = "redis")]
            StoreConfig::Redis(address, roots) => {
                Arc::new(RedisStore::new(address.clone(), roots.clone()))
            }
            StoreConfig::Custom(store) => Arc::clone(store),
        }
    }
}

impl fmt::Debug for FleetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = match self.store {
            #[cfg(feature = "redis")]
            StoreConfig::Redis(..) => "redis",
            StoreConfig::Custom(_) => "custom",
        };
        f.debug_struct("FleetConfig")
            .field("store", &store)
            .field("secrets", &self.keys.len())
            .finish_non_exhaustive()
    }
}

fn check_secret(secret: &SecretString) -> Result<FleetSecret, Flaw> {
    let secret = secret.expose_secret();
    if secret.trim().is_empty() {
        return Err(Flaw::missing(
            "give 32 random bytes in base64, the same on all replicas: openssl rand -base64 32",
        ));
    }
    FleetSecret::parse(secret).ok_or_else(|| {
        Flaw::hidden(
            "it is not 32 bytes in base64: make it with openssl rand -base64 32. Further secrets are `other_secrets`",
        )
    })
}

#[cfg(feature = "redis")]
fn check_roots(pem: &str, address: &Address) -> Result<Roots, Flaw> {
    if !address.has_tls() {
        return Err(Flaw::hidden(
            "the URL is redis://, without TLS, so that no certificate is verified: write rediss://",
        ));
    }
    Roots::parse(pem)
        .ok_or_else(|| Flaw::hidden("it has no certificates that can be used: give them in PEM"))
}

/// The problem that this build cannot connect to Redis.
#[cfg(not(feature = "redis"))]
fn without_redis() -> Flaw {
    Flaw::hidden("Redis is used with the feature `redis`, which this build does not have")
}
