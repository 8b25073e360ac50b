//! Every knob, its default and the reason for it. Nothing is checked here.

use std::{fmt, sync::Arc, time::Duration};

use secrecy::SecretString;
use serde::Deserialize;

use super::{Clients, Enrichment, OpaqueTokens, read};
#[cfg(feature = "test-util")]
use crate::clock::ManualClock;
use crate::{Transport, clock::Clock, verify::policy::ScopeImplies};

/// Collects what a [`ClerkConfig`](crate::ClerkConfig) is made of. Nothing is checked before
/// [`build`](Self::build).
///
/// It can be deserialized, too. The fields are `domain` (or `publishable_key`), `client_id`,
/// `client_secret`, `required_scopes`, `allowed_clients` (a list, or `"*"`), `audiences`,
/// `require_audience`, `resource`, `resource_name`, `resource_documentation`, `scopes_supported`,
/// `enrichment` (`"off"`, `"best-effort"`, `"required"`), `opaque_tokens` (`"prefixed"`, `"any"`),
/// `max_token_length`, `leeway`, `cache_ttl`, `cache_capacity`, `stale_for`, `timeout`,
/// `attempt_timeout` and `rate_limit`. Lists may be strings with commas or spaces, durations are seconds
/// or humantime (`"1m 30s"`), unknown fields are refused.
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
    pub(super) allowed_clients: Option<Clients>,
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
    pub(super) stale_for: Duration,
    #[serde(deserialize_with = "read::deserialize_duration")]
    pub(super) timeout: Duration,
    #[serde(deserialize_with = "read::deserialize_duration")]
    pub(super) attempt_timeout: Duration,
    pub(super) rate_limit: Option<u32>,
    #[serde(skip)]
    pub(super) scope_implies: Option<ScopeImplies>,
    #[serde(skip)]
    pub(super) transport: Option<Arc<dyn Transport>>,
    #[serde(skip)]
    pub(super) clock: Option<Arc<dyn Clock>>,
}

impl ClerkConfigBuilder {
    /// The id and secret of an OAuth application of the instance. With them this service
    /// authenticates itself at the introspection endpoint (RFC 7662 §2.1, HTTP Basic). Mandatory.
    ///
    /// It need not be the application that the callers use: see [`allow_clients`](Self::allow_clients).
    pub fn client_credentials(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.client_id = id.into();
        self.client_secret = secret.into().into();
        self
    }

    /// The scopes that every token must have, all of them. Default: none, since what an application
    /// needs is its own. Compared byte for byte (RFC 6749 §3.3).
    pub fn required_scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.required_scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// A hierarchy of scopes: `implies(granted, needed)` says whether a granted scope stands for a
    /// required one. Default: each scope stands for itself alone.
    ///
    /// ```
    /// # use tower_clerk::ClerkConfig;
    /// let builder = ClerkConfig::builder("clerk.example.com")
    ///     .required_scopes(["files:read"])
    ///     .scope_implies(|granted, needed| granted == "files" && needed.starts_with("files:"));
    /// ```
    pub fn scope_implies(
        mut self,
        implies: impl Fn(&str, &str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.scope_implies = Some(Arc::new(implies));
        self
    }

    /// The OAuth clients whose tokens are accepted. Default: [our own](Self::client_credentials)
    /// alone, since any application of the instance could otherwise use its tokens here. A list that is
    /// given replaces the default.
    pub fn allow_clients<I>(mut self, clients: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let clients = clients.into_iter().map(Into::into).collect();
        self.allowed_clients = Some(Clients::Listed(clients));
        self
    }

    /// Accepts the tokens of every client of the instance. For servers whose clients register
    /// themselves (RFC 7591), as those of MCP do. Rely on [`audiences`](Self::audiences) then.
    pub fn allow_any_client(mut self) -> Self {
        self.allowed_clients = Some(Clients::Any);
        self
    }

    /// Names under which this service is known as an audience, beside the
    /// [`resource`](Self::resource) and [our client id](Self::client_credentials). A token with an
    /// `aud` must name one of them, byte for byte.
    pub fn audiences<I>(mut self, audiences: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.audiences = audiences.into_iter().map(Into::into).collect();
        self
    }

    /// Refuses tokens without an `aud`. Default: they pass, since Clerk sets one only where the
    /// client asked for a resource (RFC 8707).
    pub fn require_audience(mut self) -> Self {
        self.require_audience = true;
        self
    }

    /// Whether userinfo is asked. Default: [best effort](Enrichment::BestEffort), so that handlers
    /// have the e-mail address where they can, and an outage of userinfo refuses nobody.
    pub fn enrichment(mut self, enrichment: Enrichment) -> Self {
        self.enrichment = enrichment;
        self
    }

    /// Asks Clerk about tokens of any shape. Default: only about those that begin with `oat_` and
    /// JWTs, since introspection calls a refresh token active too. With this, something else must
    /// vouch for an access token: a `token_type`, an `aud` that names us, or userinfo's 200, which is
    /// asked for if need be.
    pub fn accept_unprefixed_tokens(mut self) -> Self {
        self.opaque_tokens = OpaqueTokens::Any;
        self
    }

    /// The longest token that is looked at, in bytes. Default: 4096, four times what Clerk's JWTs
    /// take. At most 16384.
    pub fn max_token_length(mut self, bytes: usize) -> Self {
        self.max_token_length = bytes;
        self
    }

    /// By how much Clerk's clock may be ahead of ours, for `nbf` and `iat`. Default: 5 s, as in
    /// Clerk's own libraries. At most 60 s. `exp` is never stretched.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

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
    pub fn stale_for(mut self, duration: Duration) -> Self {
        self.stale_for = duration;
        self
    }

    /// How long a request waits for its token to be verified, everything included. Default: 2 s,
    /// since a client waits for us meanwhile. 10 ms to 30 s.
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

    /// How many calls to Clerk are made in ten seconds, all at once if need be; zero for no limit.
    /// Default: what Clerk documents, 100 for development instances (`*.clerk.accounts.dev`) and 1,000
    /// for others. Divide it by the number of your replicas. At most 1,000,000.
    ///
    /// A quarter is kept for tokens that are known to be good and verified again ahead of time: no flood
    /// of unknown ones gets at it. Beyond the limit, requests that would need a call get a 503.
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
            stale_for: Duration::ZERO,
            timeout: Duration::from_secs(2),
            attempt_timeout: Duration::from_secs(1),
            rate_limit: None,
            scope_implies: None,
            transport: None,
            clock: None,
        }
    }
}

/// Shows no credentials.
impl fmt::Debug for ClerkConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkConfigBuilder")
            .field("domain", &self.domain)
            .field("client_id", &self.client_id)
            .field("required_scopes", &self.required_scopes)
            .finish_non_exhaustive()
    }
}
