//! Every knob, its default and its bound. Nothing else makes a [`ConfigError`].

mod backend;
mod builder;
mod check;
mod discovery;
mod env;
mod instance;
mod kinds;
mod read;
mod resource;
mod rules;
mod secret;
mod tokens;

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderValue;
use serde::Deserialize;

pub(crate) use self::{
    backend::Backend,
    instance::Instance,
    secret::{Hidden, may_be_secret},
};
pub use self::{
    builder::ClerkConfigBuilder,
    tokens::{JwtAlgorithm, JwtVerification, OAuthEndpoint, ProfileSource},
};
use crate::{
    ConfigError, ResourceMetadata, Transport, clock::Clock, extract::CookieNames,
    verify::policy::Rules,
};

/// A configuration that has been checked: what a [`ClerkAuthLayer`](crate::ClerkAuthLayer) is made of.
///
/// Made by [`builder`](Self::builder), [`from_env`](Self::from_env), or serde from the same fields:
///
/// ```
/// # use tower_clerk::ClerkConfig;
/// let cfg: ClerkConfig = serde_json::from_str(
///     r#"{
///         "domain": "verb-noun-00.clerk.accounts.dev",
///         "client_id": "aB3dE5gH7jK9mN1p",
///         "client_secret": "from a file that only the service can read",
///         "required_scopes": ["email", "profile"],
///         "cache_ttl": "30s"
///     }"#,
/// )?;
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Deserialize)]
#[serde(try_from = "ClerkConfigBuilder")]
pub struct ClerkConfig {
    pub(crate) instance: Instance,
    pub(crate) client_id: String,
    /// For introspection; `None` where it is never asked.
    pub(crate) credentials: Option<HeaderValue>,
    pub(crate) oauth_jwts: JwtVerification,
    /// Whether tokens must name an audience, and are introspected, which shows none.
    pub(crate) requires_what_is_not_shown: bool,
    /// The key that JWTs are verified with; `None`: those of the instance's key set.
    #[cfg(feature = "jwt")]
    pub(crate) jwt_key: Option<crate::verify::jwt::PublicKey>,
    #[cfg(feature = "jwt")]
    pub(crate) jwt_algorithms: Vec<JwtAlgorithm>,
    /// Of which origins discovered addresses may be; `None` where none are discovered.
    pub(crate) discovery_origins: Option<Vec<String>>,
    pub(crate) oauth_endpoint: OAuthEndpoint,
    /// `None` where there is no secret key.
    pub(crate) backend: Option<Backend>,
    pub(crate) profile_source: ProfileSource,
    pub(crate) rules: Arc<Rules>,
    /// Of the resource, where it is a web address.
    pub(crate) resource_metadata: Option<ResourceMetadata>,
    pub(crate) enrichment: Enrichment,
    pub(crate) accept_unprefixed: bool,
    /// The cookie that session tokens are taken from; `None` where none is looked at.
    pub(crate) session_cookie: Option<CookieNames>,
    pub(crate) max_token_length: usize,
    pub(crate) cache_ttl: Duration,
    pub(crate) cache_capacity: u64,
    pub(crate) stale_if_error: Duration,
    pub(crate) timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    /// Calls per ten seconds; `None` where there is no limit.
    pub(crate) rate_limit: Option<u32>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Whether and how the claims are enriched with a profile: with what userinfo says, or the
/// [Backend API](ProfileSource::BackendApi).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Enrichment {
    /// Userinfo is not asked, unless nothing else shows what must be known.
    Off,
    /// Userinfo is asked. Where that fails, the claims have no profile, and are remembered for five
    /// seconds only.
    #[default]
    BestEffort,
    /// Userinfo is asked. Where that fails, the request is rejected with a 503.
    Required,
}

/// Which opaque tokens Clerk is asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OpaqueTokens {
    #[default]
    Prefixed,
    Any,
}

/// Clients or machines by their ids, or any, which has to be said by name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Any,
    Listed(Vec<String>),
}

// === impl ClerkConfig ===

impl ClerkConfig {
    /// Begins a configuration.
    ///
    /// `instance` says which Clerk instance: the host of its frontend API
    /// (`verb-noun-00.clerk.accounts.dev`, `clerk.example.com`), its `https` URL, or the publishable
    /// key (`pk_test_…`, `pk_live_…`), which holds the host. An `http` URL is for loopback addresses
    /// alone.
    pub fn builder(instance: impl Into<String>) -> ClerkConfigBuilder {
        ClerkConfigBuilder {
            domain: instance.into(),
            ..ClerkConfigBuilder::default()
        }
    }

    /// The issuer identifier of the instance (RFC 8414 §2), byte for byte as tokens must name it. The
    /// addresses of all endpoints begin with it.
    pub fn issuer(&self) -> &str {
        self.instance.issuer()
    }

    /// What this service says of itself as a protected resource (RFC 9728); `None` where no
    /// [`resource`](ClerkConfigBuilder::resource) is configured, or one that is no web address.
    pub fn resource_metadata(&self) -> Option<ResourceMetadata> {
        self.resource_metadata.clone()
    }
}

impl TryFrom<ClerkConfigBuilder> for ClerkConfig {
    type Error = ConfigError;

    fn try_from(builder: ClerkConfigBuilder) -> Result<Self, ConfigError> {
        builder.build()
    }
}

/// Shows the issuer, choices and numbers. Other texts may be secrets in the wrong place, and are redacted.
impl fmt::Debug for ClerkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkConfig")
            .field("issuer", &self.instance.issuer())
            .field("client_id", &Hidden::text(&self.client_id))
            .field("rules", &self.rules)
            .field(
                "resource_metadata",
                &self.resource_metadata.as_ref().map(ResourceMetadata::url),
            )
            .field("oauth_endpoint", &self.oauth_endpoint)
            .field("backend", &self.backend)
            .field("enrichment", &self.enrichment)
            .field("profile_source", &self.profile_source)
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

#[cfg(test)]
mod tests;
