//! [`ClerkConfigBuilder`]: every option and its default. Nothing is checked here.

mod setters;

use std::{fmt, sync::Arc, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::{JwtKeys, Resource, env::Environment};
#[cfg(feature = "fleet")]
use crate::fleet::Fleet;
use crate::{
    ConfigError, TokenKind,
    checks::{Hidden, Problems, parse, problem::Origins, untyped::Untyped},
    clerk::{http::Transport, instance::Instance},
    clock::Clock,
    kinds::Accepted,
    verify::{Enrichment, JwtAlgorithm, policy::ScopeImplies},
};

/// Collects the options of a [`ClerkConfig`](crate::ClerkConfig). Nothing is checked before [`build`](Self::build),
/// which reports all problems at once.
///
/// # Files
///
/// It can be deserialized. The fields are named as the methods are, with one table for each accepted kind. Unknown
/// fields and kinds are errors. Lists may be one string with commas or spaces; durations are seconds or text
/// (`"1m 30s"`). In TOML:
///
/// ```toml
/// instance = "clerk.example.com"          # host, https URL or publishable key
/// secret_key = "sk_live_…"
/// cache_ttl = "10s"                       # or seconds: 10
/// stale_if_error = "2m"
/// users = "best-effort"                   # "off", "best-effort", "required"
///
/// [resource]                              # or: resource = "https://api.example.com"
/// uri = "https://api.example.com"
/// name = "Orders"
/// scopes_supported = ["orders:read", "orders:write"]
///
/// [accept.oauth]
/// client_id = "aB3dE5gH7jK9mN1p"
/// client_secret = "…"
/// required_scopes = ["email"]             # or "email profile", "email,profile"
/// allowed_clients = "*"                   # or a list
/// audience_policy = "require"             # "observe", "reject-foreign", "require"
/// jwts = "local-then-introspect"          # "introspect", "local", "local-then-introspect"
///
/// [accept.session]
/// authorized_parties = ["https://app.example.com"]
/// cookie = true
///
/// [accept.api_key]
///
/// [accept.machine]
/// addressed_to = ["mch_1"]
/// jwts = true
///
/// [fleet]                                 # features `fleet` and `redis`
/// url = "rediss://cache.internal:6379"
/// secret = "…"
/// ```
///
/// Further fields: `proxy_url`, `backend_api_url`, `backend_api_version`, `jwt_keys` (`"instance"`, `"backend-api"`, or a
/// PEM), `jwt_algorithms`, `discover` (a list of origins, may be empty), `leeway`, `max_token_length`, `cache_capacity`,
/// `timeout`, `attempt_timeout`, `rate_limit`, `webhook_secrets` (feature `webhooks`), `log_token_ids`,
/// `danger_allow_http`; `resource.documentation`,
/// `resource.serve_authorization_server_metadata`; `accept.oauth.verification` (`"introspection"`, `"backend-api"`,
/// `"signature"`), `accept.oauth.audiences`, `accept.oauth.userinfo`, `accept.oauth.unprefixed`;
/// `accept.session.allow_pending`, `accept.session.audiences`, `accept.session.audience_policy`;
/// `accept.api_key.required_scopes`; `accept.machine.machine_secret_key`;
/// `fleet.other_secrets`, `fleet.root_certificates`.
/// `verified_by`, `scope_implies`, `transport` and `clock` are for code only.
///
/// A value of a wrong type and an unknown field are problems of [`build`](Self::build), too, and not errors of the
/// deserializer: errors of some formats quote the line or the whole file, with the secrets in it. The `toml` crate does, so
/// read a builder from TOML, not a [`ClerkConfig`](crate::ClerkConfig).
#[derive(Clone, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields, expecting = "a table")]
#[must_use = "call `build`"]
pub struct ClerkConfigBuilder {
    pub(super) instance: String,
    /// The kinds from a file.
    pub(super) accept: Accepted,
    #[serde(deserialize_with = "parse::deserialize_secret")]
    pub(super) secret_key: SecretString,
    pub(super) proxy_url: String,
    pub(super) backend_api_url: String,
    pub(super) backend_api_version: String,
    pub(super) resource: Option<Resource>,
    #[serde(deserialize_with = "parse::deserialize_word")]
    pub(super) users: Enrichment,
    pub(super) jwt_keys: JwtKeys,
    #[serde(deserialize_with = "parse::deserialize_algorithms")]
    pub(super) jwt_algorithms: Vec<JwtAlgorithm>,
    #[serde(deserialize_with = "parse::deserialize_list")]
    pub(super) discover: Option<Vec<String>>,
    #[serde(deserialize_with = "parse::deserialize_duration")]
    pub(super) leeway: Duration,
    pub(super) max_token_length: usize,
    #[serde(deserialize_with = "parse::deserialize_duration")]
    pub(super) cache_ttl: Duration,
    pub(super) cache_capacity: u64,
    #[serde(deserialize_with = "parse::deserialize_duration")]
    pub(super) stale_if_error: Duration,
    #[serde(deserialize_with = "parse::deserialize_duration")]
    pub(super) timeout: Duration,
    #[serde(deserialize_with = "parse::deserialize_duration_option")]
    pub(super) attempt_timeout: Option<Duration>,
    pub(super) rate_limit: Option<u32>,
    #[cfg(feature = "webhooks")]
    #[serde(deserialize_with = "parse::deserialize_secrets")]
    pub(super) webhook_secrets: Vec<SecretString>,
    pub(super) log_token_ids: bool,
    #[cfg(feature = "fleet")]
    pub(super) fleet: Option<Fleet>,
    /// Read even without the feature, so that the error can name the feature.
    #[cfg(not(feature = "fleet"))]
    pub(super) fleet: Option<serde::de::IgnoredAny>,
    pub(super) danger_allow_http: bool,
    /// The kinds from code, and those that were accepted twice.
    #[serde(skip)]
    pub(super) accept_in_code: Accepted,
    #[serde(skip)]
    pub(super) accepted_twice: Vec<TokenKind>,
    #[serde(skip)]
    pub(super) scope_implies: Option<ScopeImplies>,
    #[serde(skip)]
    pub(super) transport: Option<Arc<dyn Transport>>,
    #[serde(skip)]
    pub(super) clock: Option<Arc<dyn Clock>>,
    /// The variables of the kinds. They are read once all kinds from code are known.
    #[serde(skip)]
    pub(super) environment: Option<Environment>,
    /// The problems of the environment.
    #[serde(skip)]
    pub(super) problems: Problems,
    #[serde(skip)]
    pub(super) origins: Origins,
    /// The reason why a file cannot be read. The other options are then unknown.
    #[serde(skip)]
    pub(super) file_error: Option<ConfigError>,
}

/// Reads a file in two steps, so that no value of it gets into an error.
impl<'de> Deserialize<'de> for ClerkConfigBuilder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let file = Untyped::deserialize(deserializer)?;
        // The deserializer of the fields, which the derive makes.
        let builder = Self::deserialize(file);
        Ok(builder.unwrap_or_else(|misfit| Self {
            file_error: Some(misfit.into()),
            ..Self::default()
        }))
    }
}

impl ClerkConfigBuilder {
    pub(super) fn of(instance: String) -> Self {
        Self {
            instance,
            ..Self::default()
        }
    }
}

impl Default for ClerkConfigBuilder {
    fn default() -> Self {
        Self {
            instance: String::new(),
            accept: Accepted::default(),
            secret_key: SecretString::default(),
            proxy_url: String::new(),
            backend_api_url: BACKEND_API_URL.to_owned(),
            backend_api_version: BACKEND_API_VERSION.to_owned(),
            resource: None,
            users: Enrichment::Off,
            jwt_keys: JwtKeys::default(),
            jwt_algorithms: vec![JwtAlgorithm::Rs256],
            discover: None,
            leeway: Duration::from_secs(5),
            max_token_length: 4096,
            cache_ttl: Duration::from_secs(30),
            cache_capacity: 50_000,
            stale_if_error: Duration::ZERO,
            timeout: Duration::from_secs(2),
            attempt_timeout: None,
            rate_limit: None,
            #[cfg(feature = "webhooks")]
            webhook_secrets: Vec::new(),
            log_token_ids: false,
            fleet: None,
            danger_allow_http: false,
            accept_in_code: Accepted::default(),
            accepted_twice: Vec::new(),
            scope_implies: None,
            transport: None,
            clock: None,
            environment: None,
            problems: Problems::default(),
            origins: Origins::default(),
            file_error: None,
        }
    }
}

/// Shows choices, numbers, and the instance if it is a host. Nothing is checked yet: each text may be a misplaced
/// secret, and is redacted.
impl fmt::Debug for ClerkConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instance = Instance::parse(&self.instance, true);
        // A single word may be a password. So may a label that no domain has.
        let is_host = |host: &str| {
            host.starts_with('[')
                || host == "localhost"
                || (host.contains('.') && host.split('.').all(|label| label.len() <= 63))
        };
        let instance: &dyn fmt::Debug = match &instance {
            Ok(instance) if is_host(instance.host()) && !instance.has_path() => &instance.issuer(),
            _ => &Hidden::text(&self.instance),
        };
        let accept = self.accept_in_code.clone().or(self.accept.clone());
        f.debug_struct("ClerkConfigBuilder")
            .field("instance", instance)
            .field("proxy_url", &Hidden::text(&self.proxy_url))
            .field("accept", &accept)
            .field("resource", &self.resource)
            .field("users", &self.users)
            .field("jwt_keys", &self.jwt_keys)
            .field("cache_ttl", &self.cache_ttl)
            .field("cache_capacity", &self.cache_capacity)
            .field("stale_if_error", &self.stale_if_error)
            .field("timeout", &self.timeout)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("rate_limit", &self.rate_limit)
            .field("fleet", &self.fleet)
            .finish_non_exhaustive()
    }
}

const BACKEND_API_URL: &str = "https://api.clerk.com/v1";
const BACKEND_API_VERSION: &str = "2026-05-12";
