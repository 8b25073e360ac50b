//! Every field and its default, and the knobs that say how the layer works: its cache, its way to Clerk.
//! Nothing is checked here.

use std::{fmt, sync::Arc, time::Duration};

use secrecy::SecretString;
use serde::Deserialize;

use super::{
    Enrichment, Hidden, Instance, JwtAlgorithm, JwtVerification, Named, OAuthEndpoint,
    OpaqueTokens, ProfileSource, read,
    tokens::{BACKEND_API_URL, BACKEND_API_VERSION},
};
#[cfg(feature = "test-util")]
use crate::clock::ManualClock;
use crate::{TokenKind, Transport, clock::Clock, token::Kinds, verify::policy::ScopeImplies};

/// Collects what a [`ClerkConfig`](crate::ClerkConfig) is made of. Nothing is checked before
/// [`build`](Self::build).
///
/// It can be deserialized, too. The fields are `domain` (or `publishable_key`), `client_id`,
/// `client_secret`, `required_scopes`, `allowed_clients` (a list, or `"*"`), `audiences`,
/// `require_audience`, `resource`, `resource_name`, `resource_documentation`, `scopes_supported`,
/// `enrichment` (`"off"`, `"best-effort"`, `"required"`), `opaque_tokens` (`"prefixed"`, `"any"`),
/// `max_token_length`, `leeway`, `cache_ttl`, `cache_capacity`, `stale_if_error`, `timeout`,
/// `attempt_timeout`, `rate_limit`, `accept` (`"oauth"`, `"session"`, `"api_key"`, `"machine"`),
/// `oauth_endpoint` (`"introspection"`, `"backend-api"`), `oauth_jwts` (`"introspect"`, `"local"`,
/// `"local-then-introspect"`), `jwt_key`, `jwt_algorithms` (`"RS256"`, `"RS384"`, `"RS512"`),
/// `session_cookie`, `authorized_parties`, `allow_pending`, `secret_key`, `backend_api_url`,
/// `backend_api_version`, `machines` (a list, or `"*"`), `profile_source` (`"userinfo"`,
/// `"backend-api"`), `discover` and `discovery_origins`. Lists may be strings with commas or spaces, durations are seconds
/// or humantime (`"1m 30s"`), unknown fields are rejected.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use]
pub struct ClerkConfigBuilder {
    #[serde(alias = "publishable_key")]
    pub(super) domain: String,
    pub(super) client_id: String,
    #[serde(deserialize_with = "read::deserialize_secret")]
    pub(super) client_secret: SecretString,
    #[serde(deserialize_with = "read::deserialize_list")]
    pub(super) required_scopes: Vec<String>,
    pub(super) allowed_clients: Option<Named>,
    #[serde(deserialize_with = "read::deserialize_list")]
    pub(super) audiences: Vec<String>,
    pub(super) require_audience: bool,
    pub(super) resource: Option<String>,
    pub(super) resource_name: Option<String>,
    pub(super) resource_documentation: Option<String>,
    #[serde(deserialize_with = "read::deserialize_list")]
    pub(super) scopes_supported: Option<Vec<String>>,
    pub(super) enrichment: Enrichment,
    pub(super) opaque_tokens: OpaqueTokens,
    pub(super) max_token_length: usize,
    #[serde(deserialize_with = "read::deserialize_duration")]
    pub(super) leeway: Duration,
    #[serde(deserialize_with = "read::deserialize_duration")]
    pub(super) cache_ttl: Duration,
    pub(super) cache_capacity: u64,
    #[serde(deserialize_with = "read::deserialize_duration")]
    pub(super) stale_if_error: Duration,
    #[serde(deserialize_with = "read::deserialize_duration")]
    pub(super) timeout: Duration,
    #[serde(deserialize_with = "read::deserialize_duration")]
    pub(super) attempt_timeout: Duration,
    pub(super) rate_limit: Option<u32>,
    #[serde(deserialize_with = "read::deserialize_kinds")]
    pub(super) accept: Kinds,
    pub(super) oauth_endpoint: OAuthEndpoint,
    pub(super) oauth_jwts: JwtVerification,
    pub(super) jwt_key: Option<String>,
    #[serde(deserialize_with = "read::deserialize_algorithms")]
    pub(super) jwt_algorithms: Vec<JwtAlgorithm>,
    pub(super) session_cookie: bool,
    #[serde(deserialize_with = "read::deserialize_list")]
    pub(super) authorized_parties: Option<Vec<String>>,
    pub(super) allow_pending: bool,
    #[serde(deserialize_with = "read::deserialize_secret")]
    pub(super) secret_key: SecretString,
    pub(super) backend_api_url: String,
    pub(super) backend_api_version: String,
    pub(super) machines: Option<Named>,
    pub(super) profile_source: ProfileSource,
    pub(super) discover: bool,
    #[serde(deserialize_with = "read::deserialize_list")]
    pub(super) discovery_origins: Vec<String>,
    #[serde(skip)]
    pub(super) scope_implies: Option<ScopeImplies>,
    #[serde(skip)]
    pub(super) transport: Option<Arc<dyn Transport>>,
    #[serde(skip)]
    pub(super) clock: Option<Arc<dyn Clock>>,
}

impl ClerkConfigBuilder {
    /// For how long a verdict is used without asking again. It is also how long a revoked token is
    /// still accepted, at the most. Default: 30 s. At most 5 min. Zero turns the cache off.
    ///
    /// Each entry lives up to a tenth less, so that what was verified at once is not asked about at
    /// once, and never beyond the token's own end.
    pub fn cache_ttl(mut self, ttl: Duration) -> Self {
        self.cache_ttl = ttl;
        self
    }

    /// How many tokens are remembered; a tenth as many bad ones are, apart from them. Default:
    /// 50,000. At most 10,000,000.
    ///
    /// An entry takes about 1 KiB, as measured with introspection answers of 550 bytes and
    /// everything included, so that the default is about 50 MiB. One whose claims take more than a KiB counts once
    /// for each.
    pub fn cache_capacity(mut self, entries: u64) -> Self {
        self.cache_capacity = entries;
        self
    }

    /// For how long beyond its time a good verdict is used while Clerk cannot be asked. Default: zero,
    /// since it is that much longer that a revoked token may pass. At most 10 min.
    ///
    /// Such claims say so ([`is_stale`](crate::ClerkClaims::is_stale)). It ends with the first answer
    /// of Clerk's, and never reaches beyond the token's own end.
    pub fn stale_if_error(mut self, duration: Duration) -> Self {
        self.stale_if_error = duration;
        self
    }

    /// How long a request waits for its token to be verified, everything included. Default: 2 s,
    /// since a client waits for us meanwhile. 10 ms to 30 s.
    ///
    /// It is measured by the runtime of the request, from its arrival, over all verifications that it waits for. A
    /// verification that takes longer, because its own runtime is blocked, is superseded by another.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long one attempt to call Clerk may take. Default: 1 s, half of the whole, so that there is
    /// time for another. 10 ms up to the [`timeout`](Self::timeout).
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// How many calls to Clerk start in any ten seconds, all at once if need be; zero for no limit.
    /// Default: what Clerk documents, 100 for development instances (`*.clerk.accounts.dev`) and 1,000
    /// for others. The Backend API is counted apart, as Clerk does. Divide it by the number of your replicas. At most
    /// 1,000,000.
    ///
    /// Calls have four priorities, each with a share (rounded down): calls for tokens never seen stop at 65 % of
    /// the limit, those for tokens that were valid before at 85 %, refreshes of tokens in use at 95 %, and
    /// documents that serve all tokens, such as key sets, may use all of it. So no flood of unknown tokens costs
    /// the others a call. Beyond its share, a request that needs a call gets a 503.
    ///
    /// Profiles come after verifications: with [`Enrichment::BestEffort`](crate::Enrichment::BestEffort), userinfo
    /// uses a quarter of the limit at most, and only while less than 50, 70 and 80 % of it are used, by priority
    /// of the token. A token without budget for its profile is accepted without one, for as long as any other:
    /// verifying it again soon would multiply calls when they are scarce.
    pub fn rate_limit(mut self, calls: u32) -> Self {
        self.rate_limit = Some(calls);
        self
    }

    /// Another HTTP client. Default: one of our own, pooled, without redirects and without the proxies
    /// of the environment.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// A clock that tests can move.
    #[cfg(feature = "test-util")]
    #[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }
}

impl Default for ClerkConfigBuilder {
    fn default() -> Self {
        Self {
            domain: String::new(),
            client_id: String::new(),
            client_secret: SecretString::default(),
            required_scopes: Vec::new(),
            allowed_clients: None,
            audiences: Vec::new(),
            require_audience: false,
            resource: None,
            resource_name: None,
            resource_documentation: None,
            scopes_supported: None,
            enrichment: Enrichment::default(),
            opaque_tokens: OpaqueTokens::default(),
            max_token_length: 4096,
            leeway: Duration::from_secs(5),
            cache_ttl: Duration::from_secs(30),
            cache_capacity: 50_000,
            stale_if_error: Duration::ZERO,
            timeout: Duration::from_secs(2),
            attempt_timeout: Duration::from_secs(1),
            rate_limit: None,
            accept: Kinds::from_iter([TokenKind::OAuth]),
            oauth_endpoint: OAuthEndpoint::default(),
            oauth_jwts: JwtVerification::default(),
            jwt_key: None,
            jwt_algorithms: vec![JwtAlgorithm::Rs256],
            session_cookie: false,
            authorized_parties: None,
            allow_pending: false,
            secret_key: SecretString::default(),
            backend_api_url: BACKEND_API_URL.to_owned(),
            backend_api_version: BACKEND_API_VERSION.to_owned(),
            machines: None,
            profile_source: ProfileSource::default(),
            discover: false,
            discovery_origins: Vec::new(),
            scope_implies: None,
            transport: None,
            clock: None,
        }
    }
}

/// Shows choices, numbers, and the instance if it is one. Nothing is checked yet: each text may be a secret in the
/// wrong place, and is redacted.
impl fmt::Debug for ClerkConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instance = Instance::parse(&self.domain);
        // A single word may be a password; so may be a label that no domain has.
        let is_host = |host: &str| {
            host.starts_with('[')
                || host == "localhost"
                || (host.contains('.') && host.split('.').all(|label| label.len() <= 63))
        };
        let instance: &dyn fmt::Debug = match &instance {
            Ok(instance) if is_host(instance.host()) => &instance.issuer(),
            _ => &Hidden::text(&self.domain),
        };
        f.debug_struct("ClerkConfigBuilder")
            .field("instance", instance)
            .field("client_id", &Hidden::text(&self.client_id))
            .field("required_scopes", &Hidden::list(&self.required_scopes))
            .field("accept", &self.accept)
            .field("enrichment", &self.enrichment)
            .field("profile_source", &self.profile_source)
            .field("oauth_endpoint", &self.oauth_endpoint)
            .field("oauth_jwts", &self.oauth_jwts)
            .field("cache_ttl", &self.cache_ttl)
            .field("cache_capacity", &self.cache_capacity)
            .field("stale_if_error", &self.stale_if_error)
            .field("timeout", &self.timeout)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("rate_limit", &self.rate_limit)
            .finish_non_exhaustive()
    }
}
