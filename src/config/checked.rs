//! [`ClerkConfig`]: a configuration that has been checked.

use std::{fmt, sync::Arc, time::Duration};

use serde::Deserialize;

#[cfg(feature = "fleet")]
use crate::fleet::FleetConfig;
#[cfg(feature = "jwt")]
use crate::verify::jws::JwtAlgorithm;
use crate::{
    ClerkConfigBuilder, ConfigError,
    checks::Hidden,
    clerk::{backend_api::Backend, http::Transport, instance::Instance},
    clock::Clock,
    extract::CookieNames,
    kinds::OAuthSource,
    resource_metadata::ResourceMetadata,
    verify::{Enrichment, JwtVerification, policy::Rules},
};

/// A checked configuration, from which a [`ClerkAuthLayer`](crate::ClerkAuthLayer) is made.
///
/// Made by [`builder`](Self::builder), [`from_env`](Self::from_env), or serde, as
/// [`ClerkConfigBuilder`](crate::ClerkConfigBuilder) documents it. From TOML, read a builder instead: errors of the `toml`
/// crate contain the file, with its secrets.
///
/// ```
/// # use tower_clerk::ClerkConfig;
/// let cfg: ClerkConfig = serde_json::from_str(
///     r#"{
///         "instance": "verb-noun-00.clerk.accounts.dev",
///         "cache_ttl": "30s",
///         "accept": {
///             "oauth": {
///                 "client_id": "aB3dE5gH7jK9mN1p",
///                 "client_secret": "from a file that only the service can read",
///                 "required_scopes": ["email", "profile"]
///             }
///         }
///     }"#,
/// )?;
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Deserialize)]
#[serde(try_from = "ClerkConfigBuilder")]
pub struct ClerkConfig {
    pub(crate) instance: Instance,
    /// The proxy through which the instance is called. `None` without one.
    pub(crate) proxy: Option<Instance>,
    /// The service's own client id, if tokens are introspected.
    pub(crate) client_id: Option<String>,
    pub(crate) oauth: OAuthSource,
    pub(crate) oauth_jwts: JwtVerification,
    pub(crate) machine_jwts: bool,
    /// True if OAuth tokens must name an audience, but introspection returns none.
    pub(crate) requires_what_is_not_shown: bool,
    #[cfg(feature = "jwt")]
    pub(crate) jwt_keys: super::keys::CheckedKeys,
    #[cfg(feature = "jwt")]
    pub(crate) jwt_algorithms: Vec<JwtAlgorithm>,
    /// The base URLs that discovered addresses may have. `None` without discovery.
    pub(crate) discovery_bases: Option<Vec<String>>,
    /// The Backend API with the instance's secret key. `None` without the key.
    pub(crate) backend: Option<Backend>,
    /// The Backend API with a machine's secret key, for machine tokens. `None` without the key.
    pub(crate) machine_backend: Option<Backend>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) log_token_ids: bool,
    /// `None` without a resource that is a web address.
    pub(crate) resource_metadata: Option<ResourceMetadata>,
    /// True if the metadata of the authorization server is served, too.
    pub(crate) serves_server_metadata: bool,
    pub(crate) userinfo: Enrichment,
    pub(crate) users: Enrichment,
    pub(crate) accept_unprefixed: bool,
    /// The cookie that session tokens are taken from. `None` if cookies are not read.
    pub(crate) session_cookie: Option<CookieNames>,
    pub(crate) max_token_length: usize,
    pub(crate) cache_ttl: Duration,
    pub(crate) cache_capacity: u64,
    pub(crate) stale_if_error: Duration,
    pub(crate) timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    /// The number of calls per ten seconds. `None` without a limit.
    pub(crate) rate_limit: Option<u32>,
    /// The keys that sign webhook events. Empty without secrets.
    #[cfg(feature = "webhooks")]
    pub(crate) webhook_keys: Arc<[aws_lc_rs::hmac::Key]>,
    #[cfg(feature = "fleet")]
    pub(crate) fleet: Option<FleetConfig>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl ClerkConfig {
    /// Begins a configuration of one Clerk instance.
    ///
    /// `instance` is the host of its Frontend API (`verb-noun-00.clerk.accounts.dev`, `clerk.example.com`), its `https`
    /// URL, or the publishable key (`pk_test_…`, `pk_live_…`), which contains the host. A URL with a path
    /// (`https://app.example.com/__clerk`) is that of a proxy: it is the base of all addresses, and the only issuer of
    /// tokens. See also [`proxy_url`](crate::ClerkConfigBuilder::proxy_url). An `http` URL is for loopback
    /// addresses, or for development with
    /// [`danger_allow_http`](crate::ClerkConfigBuilder::danger_allow_http). Clerk's other hosts (the account portal,
    /// the dashboard, the Backend API) are problems of [`build`](crate::ClerkConfigBuilder::build).
    pub fn builder(instance: impl Into<String>) -> ClerkConfigBuilder {
        ClerkConfigBuilder::of(instance.into())
    }

    /// Returns the instance's issuer identifier (RFC 8414 §2). Tokens must name it byte for byte, or the
    /// [`proxy_url`](crate::ClerkConfigBuilder::proxy_url) if there is one. The addresses of all endpoints begin with
    /// it, unless there is a `proxy_url`.
    pub fn issuer(&self) -> &str {
        self.instance.issuer()
    }

    /// Returns the base of all addresses of the Frontend API.
    pub(crate) fn frontend(&self) -> &Instance {
        self.proxy.as_ref().unwrap_or(&self.instance)
    }
}

impl TryFrom<ClerkConfigBuilder> for ClerkConfig {
    type Error = ConfigError;

    fn try_from(builder: ClerkConfigBuilder) -> Result<Self, ConfigError> {
        builder.build()
    }
}

/// Shows the issuer, choices and numbers. All other texts may be misplaced secrets, and are redacted.
impl fmt::Debug for ClerkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let client_id = self.client_id.as_deref().unwrap_or_default();
        let mut shown = f.debug_struct("ClerkConfig");
        #[cfg(feature = "fleet")]
        shown.field("fleet", &self.fleet);
        shown
            .field("issuer", &self.instance.issuer())
            .field("proxy_url", &self.proxy.as_ref().map(Instance::issuer))
            .field("client_id", &Hidden::text(client_id))
            .field("rules", &self.rules)
            .field(
                "resource_metadata",
                &self.resource_metadata.as_ref().map(ResourceMetadata::url),
            )
            .field("oauth", &self.oauth)
            .field("oauth_jwts", &self.oauth_jwts)
            .field("backend", &self.backend)
            .field("machine_backend", &self.machine_backend)
            .field("userinfo", &self.userinfo)
            .field("users", &self.users)
            .field("accept_unprefixed", &self.accept_unprefixed)
            .field("max_token_length", &self.max_token_length)
            .field("cache_ttl", &self.cache_ttl)
            .field("cache_capacity", &self.cache_capacity)
            .field("stale_if_error", &self.stale_if_error)
            .field("timeout", &self.timeout)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("rate_limit", &self.rate_limit)
            .finish_non_exhaustive()
    }
}
