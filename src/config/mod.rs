//! Every knob, its default and its bound. Nothing else makes a [`ConfigError`].

mod env;
mod instance;
mod read;

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

pub(crate) use self::instance::Instance;
#[cfg(feature = "test-util")]
use crate::clock::ManualClock;
use crate::{
    ConfigError, Transport,
    clock::{Clock, SystemClock},
    upstream::{HttpClient, default_rate_limit},
    verify::{
        introspect::basic_credentials,
        policy::{Rules, ScopeImplies},
    },
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
    pub(crate) credentials: HeaderValue,
    pub(crate) rules: Arc<Rules>,
    /// Where the metadata of the protected resource is found (RFC 9728 §3.1).
    pub(crate) resource_metadata: Option<String>,
    pub(crate) enrichment: Enrichment,
    pub(crate) accept_unprefixed: bool,
    pub(crate) max_token_length: usize,
    pub(crate) cache_ttl: Duration,
    pub(crate) cache_capacity: u64,
    pub(crate) stale_for: Duration,
    pub(crate) timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    /// Calls per ten seconds; `None` where there is no limit.
    pub(crate) rate_limit: Option<u32>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Collects what a [`ClerkConfig`] is made of. Nothing is checked before [`build`](Self::build).
///
/// It can be deserialized, too. The fields are `domain` (or `publishable_key`), `client_id`,
/// `client_secret`, `required_scopes`, `allowed_clients` (a list, or `"*"`), `audiences`,
/// `require_audience`, `resource`, `enrichment` (`"off"`, `"best-effort"`, `"required"`),
/// `opaque_tokens` (`"prefixed"`, `"any"`), `max_token_length`, `leeway`, `cache_ttl`,
/// `cache_capacity`, `stale_for`, `timeout`, `attempt_timeout` and `rate_limit`. Lists may be strings
/// with commas or spaces, durations are seconds or humantime (`"1m 30s"`), unknown fields are refused.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use]
pub struct ClerkConfigBuilder {
    #[serde(alias = "publishable_key")]
    domain: String,
    client_id: String,
    #[serde(deserialize_with = "read::deserialize_secret")]
    client_secret: SecretString,
    #[serde(deserialize_with = "read::deserialize_list")]
    required_scopes: Vec<String>,
    allowed_clients: Option<Clients>,
    #[serde(deserialize_with = "read::deserialize_list")]
    audiences: Vec<String>,
    require_audience: bool,
    resource: Option<String>,
    enrichment: Enrichment,
    opaque_tokens: OpaqueTokens,
    max_token_length: usize,
    #[serde(deserialize_with = "read::deserialize_duration")]
    leeway: Duration,
    #[serde(deserialize_with = "read::deserialize_duration")]
    cache_ttl: Duration,
    cache_capacity: u64,
    #[serde(deserialize_with = "read::deserialize_duration")]
    stale_for: Duration,
    #[serde(deserialize_with = "read::deserialize_duration")]
    timeout: Duration,
    #[serde(deserialize_with = "read::deserialize_duration")]
    attempt_timeout: Duration,
    rate_limit: Option<u32>,
    #[serde(skip)]
    scope_implies: Option<ScopeImplies>,
    #[serde(skip)]
    transport: Option<Arc<dyn Transport>>,
    #[serde(skip)]
    clock: Option<Arc<dyn Clock>>,
}

/// Whether and how the claims are enriched with what userinfo says.
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
    /// Userinfo is asked. Where that fails, the request is refused with a 503.
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

/// Whose tokens are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Clients {
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
}

impl TryFrom<ClerkConfigBuilder> for ClerkConfig {
    type Error = ConfigError;

    fn try_from(builder: ClerkConfigBuilder) -> Result<Self, ConfigError> {
        builder.build()
    }
}

/// Shows no credentials.
impl fmt::Debug for ClerkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkConfig")
            .field("issuer", &self.instance.issuer())
            .field("client_id", &self.client_id)
            .field("rules", &self.rules)
            .field("resource_metadata", &self.resource_metadata)
            .field("enrichment", &self.enrichment)
            .field("accept_unprefixed", &self.accept_unprefixed)
            .field("max_token_length", &self.max_token_length)
            .field("cache_ttl", &self.cache_ttl)
            .field("cache_capacity", &self.cache_capacity)
            .field("stale_for", &self.stale_for)
            .field("timeout", &self.timeout)
            .field("attempt_timeout", &self.attempt_timeout)
            .field("rate_limit", &self.rate_limit)
            .finish_non_exhaustive()
    }
}

// === impl ClerkConfigBuilder ===

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

    /// The resource identifier of this service (RFC 8707 §2, RFC 9728 §1.2): an absolute URI without
    /// a fragment. It counts as an [audience](Self::audiences), and challenges name the place of its
    /// metadata.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
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
    /// 50,000. One whose claims take more than a KiB counts once for each, so that the default is
    /// bounded by about 64 MiB.
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

    /// Checks everything and makes the configuration. Nothing is sent over the network; the
    /// certificates that the platform trusts are read.
    ///
    /// # Errors
    ///
    /// The first field that cannot be used, and what to do about it.
    pub fn build(self) -> Result<ClerkConfig, ConfigError> {
        let instance = Instance::parse(&self.domain)?;
        let credentials = self.check_credentials()?;
        self.check_bounds()?;
        for scope in &self.required_scopes {
            check_text("required_scopes", scope, is_scope_byte)?;
        }
        let allowed_clients = match self.allowed_clients {
            None => Some(vec![self.client_id.clone()]),
            Some(Clients::Any) => None,
            Some(Clients::Listed(clients)) if clients.is_empty() => {
                return Err(ConfigError::Missing {
                    field: "allowed_clients",
                    hint: "an empty list refuses everybody: name clients, or leave the list out",
                });
            }
            Some(Clients::Listed(clients)) => {
                for client in &clients {
                    check_text("allowed_clients", client, is_vschar)?;
                }
                Some(clients)
            }
        };
        let mut audiences = self.audiences;
        for audience in &audiences {
            check_text("audiences", audience, |byte| byte.is_ascii_graphic())?;
        }
        let resource_metadata = match &self.resource {
            Some(resource) => metadata_of(resource)?,
            None => None,
        };
        audiences.extend(self.resource);
        audiences.push(self.client_id.clone());
        let rules = Rules {
            allowed_clients,
            audiences,
            require_audience: self.require_audience,
            issuer: instance.issuer().to_owned(),
            required_scopes: self.required_scopes,
            scope_implies: self.scope_implies,
            leeway: i64::try_from(self.leeway.as_secs()).unwrap_or(i64::MAX),
        };
        let transport = match self.transport {
            Some(transport) => transport,
            None => default_transport(&instance, self.attempt_timeout)?,
        };
        let rate_limit = self
            .rate_limit
            .unwrap_or_else(|| default_rate_limit(instance.host()));
        Ok(ClerkConfig {
            instance,
            client_id: self.client_id,
            credentials,
            rules: Arc::new(rules),
            resource_metadata,
            enrichment: self.enrichment,
            accept_unprefixed: self.opaque_tokens == OpaqueTokens::Any,
            max_token_length: self.max_token_length,
            cache_ttl: self.cache_ttl,
            cache_capacity: self.cache_capacity,
            stale_for: self.stale_for,
            timeout: self.timeout,
            attempt_timeout: self.attempt_timeout,
            rate_limit: (rate_limit > 0).then_some(rate_limit),
            transport,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
        })
    }

    /// Id and secret consist of VSCHAR (RFC 6749 appendix A.1, A.2).
    fn check_credentials(&self) -> Result<HeaderValue, ConfigError> {
        if self.client_id.is_empty() {
            return Err(ConfigError::Missing {
                field: "client_id",
                hint: "give the id of an OAuth application of the instance, or set \
                       CLERK_OAUTH_CLIENT_ID",
            });
        }
        check_text("client_id", &self.client_id, is_vschar)?;
        let secret = self.client_secret.expose_secret();
        if secret.is_empty() {
            return Err(ConfigError::Missing {
                field: "client_secret",
                hint: "give the secret of the OAuth application, or set CLERK_OAUTH_CLIENT_SECRET",
            });
        }
        let invalid = ConfigError::InvalidSecret {
            field: "client_secret",
            reason: "a secret consists of visible ASCII characters (RFC 6749 appendix A.2)",
        };
        if !secret.bytes().all(is_vschar) {
            return Err(invalid);
        }
        basic_credentials(&self.client_id, secret).ok_or(invalid)
    }

    fn check_bounds(&self) -> Result<(), ConfigError> {
        let second = Duration::from_secs(1);
        let least = Duration::from_millis(10);
        let bounds = [
            (
                "cache_ttl",
                format!("{:?}", self.cache_ttl),
                self.cache_ttl <= 300 * second,
                "at most 5 minutes",
            ),
            (
                "stale_for",
                format!("{:?}", self.stale_for),
                self.stale_for <= 600 * second,
                "at most 10 minutes",
            ),
            (
                "leeway",
                format!("{:?}", self.leeway),
                self.leeway <= 60 * second,
                "at most 60 seconds",
            ),
            (
                "timeout",
                format!("{:?}", self.timeout),
                (least..=30 * second).contains(&self.timeout),
                "between 10 milliseconds and 30 seconds",
            ),
            (
                "attempt_timeout",
                format!("{:?}", self.attempt_timeout),
                (least..=self.timeout).contains(&self.attempt_timeout),
                "between 10 milliseconds and `timeout`",
            ),
            (
                "cache_capacity",
                self.cache_capacity.to_string(),
                (1..=10_000_000).contains(&self.cache_capacity),
                "between 1 and 10,000,000; to turn the cache off, set `cache_ttl` to zero",
            ),
            (
                "rate_limit",
                format!("{:?}", self.rate_limit),
                // Fewer than a few calls would leave nothing beside the reserve.
                self.rate_limit
                    .is_none_or(|calls| calls == 0 || (10..=1_000_000).contains(&calls)),
                "between 10 and 1,000,000 calls in ten seconds, or zero for no limit",
            ),
            (
                "max_token_length",
                self.max_token_length.to_string(),
                (64..=16_384).contains(&self.max_token_length),
                "between 64 and 16384 bytes",
            ),
        ];
        for (field, value, is_within, bound) in bounds {
            if !is_within {
                return Err(ConfigError::OutOfRange {
                    field,
                    value,
                    bound,
                });
            }
        }
        Ok(())
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

// === checks ===

fn check_text(
    field: &'static str,
    value: &str,
    is_allowed: fn(u8) -> bool,
) -> Result<(), ConfigError> {
    let reason = if value.is_empty() {
        "it is empty"
    } else if !value.bytes().all(is_allowed) {
        "it holds characters that the grammar forbids (RFC 6749 appendix A)"
    } else {
        return Ok(());
    };
    Err(ConfigError::Invalid {
        field,
        value: value.to_owned(),
        reason,
    })
}

/// `VSCHAR = %x20-7E` (RFC 6749 appendix A)
fn is_vschar(byte: u8) -> bool {
    (0x20..=0x7e).contains(&byte)
}

/// `NQCHAR = %x21 / %x23-5B / %x5D-7E`, of which a scope token consists (RFC 6749 appendix A.4)
fn is_scope_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'
}

/// Where the metadata of a resource is found: the well-known path goes between host and path (RFC 9728
/// §3.1). `None` for a resource that is no web address.
fn metadata_of(resource: &str) -> Result<Option<String>, ConfigError> {
    let invalid = |reason| ConfigError::Invalid {
        field: "resource",
        value: resource.to_owned(),
        reason,
    };
    // The alphabet of RFC 3986 §2. It stands in a quoted string later on.
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    if !resource.bytes().all(is_allowed) {
        return Err(invalid(
            "it holds characters that no URI has (RFC 3986 section 2)",
        ));
    }
    let mut url = Url::parse(resource)
        .map_err(|_| invalid("it must be an absolute URI (RFC 8707 section 2)"))?;
    if resource.contains('#') {
        return Err(invalid("it must not have a fragment (RFC 8707 section 2)"));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Ok(None);
    }
    if !resource[url.scheme().len()..].starts_with("://") {
        return Err(invalid("write it in full, with `://`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigError::InvalidSecret {
            field: "resource",
            reason: "leave the user info out: everybody is shown the resource",
        });
    }
    let path = match url.path() {
        "/" => "",
        path => path,
    };
    let path = format!("/.well-known/oauth-protected-resource{path}");
    url.set_path(&path);
    Ok(Some(url.into()))
}

fn default_transport(
    instance: &Instance,
    connect_timeout: Duration,
) -> Result<Arc<dyn Transport>, ConfigError> {
    if instance.is_https() && !cfg!(any(feature = "rustls", feature = "native-tls")) {
        return Err(ConfigError::HttpClient(
            "https needs the feature `rustls` or `native-tls`, or a `transport` of your own".into(),
        ));
    }
    HttpClient::new(instance.is_https(), connect_timeout)
        .map(|client| -> Arc<dyn Transport> { Arc::new(client) })
        .map_err(|error| ConfigError::HttpClient(error.into()))
}

#[cfg(test)]
mod tests;
