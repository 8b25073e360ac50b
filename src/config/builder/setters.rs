//! The methods of [`ClerkConfigBuilder`], each with its default and its bounds.

use std::{sync::Arc, time::Duration};

#[cfg(feature = "webhooks")]
use secrecy::SecretString;

use super::ClerkConfigBuilder;
#[cfg(feature = "test-util")]
use crate::clock::ManualClock;
#[cfg(feature = "fleet")]
use crate::fleet::Fleet;
use crate::{
    clerk::http::Transport,
    config::{JwtKeys, Resource},
    kinds::AcceptedKind,
    verify::{Enrichment, JwtAlgorithm},
};

impl ClerkConfigBuilder {
    /// Accepts a kind of token: one of the types of [`kinds`](crate::kinds). Default: none, and a configuration without
    /// any kind is a problem. A kind that is not named is rejected.
    ///
    /// The value replaces the whole kind from the environment or from a file. A kind that is accepted twice in code is
    /// a problem.
    ///
    /// ```
    /// use tower_clerk::{ClerkConfig, kinds::{ApiKeys, OAuthTokens}};
    ///
    /// let cfg = ClerkConfig::builder("clerk.example.com")
    ///     .secret_key("sk_live_…".replace('…', "1"))
    ///     .accept(OAuthTokens::introspection("client_id", "client_secret").required_scopes(["email"]))
    ///     .accept(ApiKeys::new())
    ///     .build()?;
    /// # Ok::<_, tower_clerk::ConfigError>(())
    /// ```
    pub fn accept(mut self, kind: impl AcceptedKind) -> Self {
        self.accepted_twice.extend(self.accept_in_code.add(kind));
        self
    }

    /// Sets the instance's secret key (`sk_test_…`, `sk_live_…`) for the Backend API. Default: none. It is mandatory
    /// for API keys, [`users`](Self::users), [`OAuthTokens::backend_api`](crate::kinds::OAuthTokens::backend_api), and
    /// opaque machine tokens without a
    /// [`machine_secret_key`](crate::kinds::MachineTokens::machine_secret_key).
    ///
    /// The key gives access to the whole instance.
    pub fn secret_key(mut self, key: impl Into<String>) -> Self {
        self.secret_key = key.into().into();
        self.set_in_code("secret_key")
    }

    /// Sets the URL of the proxy through which the Frontend API is called (`https://app.example.com/__clerk`). Default:
    /// none, so that the instance's host is called. An `http` URL is for loopback addresses, or for development with
    /// [`danger_allow_http`](Self::danger_allow_http).
    ///
    /// It is the base of introspection, userinfo, the key set, the metadata of [`discover`](Self::discover), and the
    /// authorization server in the resource's metadata. The instance still determines the suffix of Clerk's
    /// [cookie](crate::kinds) if it is given as the publishable key. If it is a URL with a path
    /// instead, that is a problem.
    ///
    /// Two issuers are accepted: the [instance's](crate::ClerkConfig::issuer) and this URL, byte for byte and without a
    /// slash at the end. Clerk does not document which of them tokens behind a proxy name. Both belong to this
    /// instance, since its keys sign. The headers that Clerk expects from a proxy (`Clerk-Proxy-Url`,
    /// `Clerk-Secret-Key`, `X-Forwarded-For`) are the proxy's to set.
    pub fn proxy_url(mut self, url: impl Into<String>) -> Self {
        self.proxy_url = url.into();
        self.set_in_code("proxy_url")
    }

    /// Sets the URL of the Backend API, with everything before the paths; without a path, `/v1` is added. Default:
    /// `https://api.clerk.com/v1`. An `http` URL is for loopback addresses, or for development with
    /// [`danger_allow_http`](Self::danger_allow_http).
    pub fn backend_api_url(mut self, url: impl Into<String>) -> Self {
        self.backend_api_url = url.into();
        self.set_in_code("backend_api_url")
    }

    /// Sets the version of the Backend API (`Clerk-API-Version`). Default: `2026-05-12`, the version that this crate
    /// supports.
    pub fn backend_api_version(mut self, version: impl Into<String>) -> Self {
        self.backend_api_version = version.into();
        self
    }

    /// Sets this service's resource identifier, a URI, or a [`Resource`] with a name, documentation and scopes.
    /// Default: none. See [`Resource`] for its effects.
    pub fn resource(mut self, resource: impl Into<Resource>) -> Self {
        self.resource = Some(resource.into());
        self.set_in_code("resource")
    }

    /// Sets the enrichment with the user of the Backend API ([`ClerkClaims::user`](crate::ClerkClaims::user)), for
    /// every kind of token whose subject is a user. Default: [`Off`](Enrichment::Off), since it needs the
    /// [`secret_key`](Self::secret_key) and is not bounded by the scopes of a token.
    ///
    /// The user is cached for a minute, by id. The token of a user who is banned, deprovisioned or deleted is rejected:
    /// the token may have been issued before. If the user cannot be fetched, the request passes with
    /// [`BestEffort`](Enrichment::BestEffort), and gets a 503 with [`Required`](Enrichment::Required), regardless of
    /// [`userinfo`](crate::kinds::OAuthTokens::userinfo).
    pub fn users(mut self, enrichment: Enrichment) -> Self {
        self.users = enrichment;
        self.set_in_code("users")
    }

    /// Sets a hierarchy of scopes: `implies(granted, needed)` returns true if a granted scope includes a required one.
    /// Default: each scope includes only itself.
    ///
    /// ```
    /// # use tower_clerk::ClerkConfig;
    /// let builder = ClerkConfig::builder("clerk.example.com")
    ///     .scope_implies(|granted, needed| granted == "files" && needed.starts_with("files:"));
    /// ```
    pub fn scope_implies(
        mut self,
        implies: impl Fn(&str, &str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.scope_implies = Some(Arc::new(implies));
        self
    }

    /// Sets the keys that verify JWTs. Default: [`JwtKeys::instance`], which keeps working after a key rotation.
    pub fn jwt_keys(mut self, keys: JwtKeys) -> Self {
        self.jwt_keys = keys;
        self.set_in_code("jwt_keys")
    }

    /// Sets the signature algorithms that JWTs may have (RFC 7518 §3.1). Default: only RS256, the algorithm of Clerk.
    /// An empty list is a problem.
    pub fn jwt_algorithms(mut self, algorithms: impl IntoIterator<Item = JwtAlgorithm>) -> Self {
        self.jwt_algorithms = algorithms.into_iter().collect();
        self
    }

    /// Takes the addresses of introspection, userinfo and the key set from the instance's metadata (OpenID Connect
    /// Discovery §4). Default: they are derived from the host, as Clerk documents them.
    ///
    /// The metadata must name this instance as the issuer, byte for byte, and addresses below the issuer or at one of
    /// `origins` (`https://auth.example.com`), since tokens and credentials are sent there. For the URL of a proxy, the
    /// other paths of its host are not below the issuer. It is cached, and refreshed
    /// while requests arrive. Pass `[""; 0]` for no other origin.
    pub fn discover<I>(mut self, origins: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.discover = Some(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the largest difference between Clerk's clock and the clock of this machine. It applies to `nbf` and `iat`,
    /// and to the `exp` of JWTs that are verified by their signature. Default: 5 s, as in Clerk's own libraries. At
    /// most 60 s. The `exp` of a server's response is never extended, since the server compares it with its own clock.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets the length of the longest token that is verified, in bytes. Default: 4,096, four times the length of
    /// Clerk's JWTs. From 64 to 16,384.
    pub fn max_token_length(mut self, bytes: usize) -> Self {
        self.max_token_length = bytes;
        self
    }

    /// Sets how long a result is cached. A revoked token is accepted for at most this long. Default: 30 s. At most 5
    /// min. Zero turns the cache off.
    ///
    /// Each entry lives up to a tenth less, so that tokens that were verified together are not verified again together.
    /// No entry outlives its token.
    ///
    /// A session token is cached to its `exp` (plus [`leeway`](Self::leeway)), at most 60 s, whatever this option is
    /// unless it is zero: its signature alone verifies it, so another verification has the same result. With
    /// [`users`](Self::users), this option applies to session tokens, too.
    pub fn cache_ttl(mut self, ttl: Duration) -> Self {
        self.cache_ttl = ttl;
        self.set_in_code("cache_ttl")
    }

    /// Sets how many tokens are cached. In addition, a tenth of this number of rejected tokens is cached separately.
    /// Default: 50,000. From 1 to 10,000,000.
    ///
    /// An entry takes about 1 KiB, as measured with introspection responses of 550 bytes and everything included, so
    /// the default is about 50 MiB. An entry whose claims take more than a KiB counts once for each KiB.
    pub fn cache_capacity(mut self, entries: u64) -> Self {
        self.cache_capacity = entries;
        self
    }

    /// Sets how long an expired positive entry is used while Clerk cannot be reached (`stale-if-error`, RFC 5861 §4).
    /// Default: zero, since a revoked token passes for that much longer. At most 10 min. A value above zero is a
    /// problem if [`cache_ttl`](Self::cache_ttl) is zero.
    ///
    /// Such claims are marked ([`is_stale`](crate::ClerkClaims::is_stale)). The use of the entry ends with Clerk's
    /// first response, and at the latest when the token expires.
    pub fn stale_if_error(mut self, limit: Duration) -> Self {
        self.stale_if_error = limit;
        self.set_in_code("stale_if_error")
    }

    /// Sets how long a request waits for its token to be verified, everything included. Default: 2 s, since the caller
    /// waits meanwhile. 10 ms to 30 s.
    ///
    /// The runtime of the request measures this time, from the arrival of the request, over all verifications that the
    /// request waits for. A verification that takes longer, because its runtime is blocked, is superseded by another.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self.set_in_code("timeout")
    }

    /// Sets how long one attempt to call Clerk may take. Default: the smaller of 1 s, half of the default
    /// [`timeout`](Self::timeout), and `timeout`, so that there is time for another attempt. 10 ms to `timeout`.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = Some(timeout);
        self
    }

    /// Sets how many calls to Clerk may start in any ten seconds, possibly all at the same time. Default: none on
    /// loopback, since a fake has no limit; otherwise Clerk's documented limits, 100 for development instances
    /// (`*.clerk.accounts.dev`) and 1,000 for others. 10 to 1,000,000; 0 turns the limit off.
    ///
    /// Calls to the Backend API are counted separately, as Clerk does. Divide the limit by the number of replicas, or
    /// let a [fleet](crate::guide::replicas) count the calls to the Backend API together. An OAuth token that is seen for
    /// the first time costs a call for introspection and one for userinfo.
    ///
    /// Calls have four priorities, each with a share (rounded down): calls for tokens never seen stop at 65 % of the
    /// limit, those for tokens that were valid before at 85 %, refreshes of tokens in use at 95 %, and documents that
    /// serve all tokens, such as key sets, may use all of it. So a flood of unknown tokens costs the others no call.
    /// Beyond its share, a request that needs a call gets a 503.
    ///
    /// Profiles come after verifications: with [`Enrichment::BestEffort`], userinfo uses a quarter of the limit at
    /// most, and only while less than 50, 70 and 80 % of it are used, by priority of the token. A token without budget
    /// for its profile is accepted without one, for as long as any other: verifying it again soon would multiply calls
    /// when they are scarce.
    pub fn rate_limit(mut self, calls: u32) -> Self {
        self.rate_limit = Some(calls);
        self.set_in_code("rate_limit")
    }

    /// Sets the signing secrets of the webhook endpoint, `whsec_…`, as Clerk's dashboard shows them. Default: none, so that
    /// [`Authenticator::webhooks`](crate::Authenticator::webhooks) is `None`. An event counts if one of the secrets has
    /// signed it: during a rotation, list the old secret and the new one.
    #[cfg(feature = "webhooks")]
    #[cfg_attr(docsrs, doc(cfg(feature = "webhooks")))]
    pub fn webhook_secrets<I>(mut self, secrets: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let secrets = secrets.into_iter().map(Into::into);
        self.webhook_secrets = secrets.map(SecretString::from).collect();
        self.set_in_code("webhook_secrets")
    }

    /// Shares results and revocations with the other replicas of this service. Default: none, each replica for itself.
    ///
    /// A [`cache_ttl`](Self::cache_ttl) below 5 s is a problem then: the clocks of replicas differ, and the margins for that
    /// would leave too little of it. `CLERK_FLEET_URL` and `CLERK_FLEET_SECRET` are ignored, and the table of a file.
    #[cfg(feature = "fleet")]
    #[cfg_attr(docsrs, doc(cfg(feature = "fleet")))]
    pub fn fleet(mut self, fleet: Fleet) -> Self {
        self.fleet = Some(fleet);
        self.set_in_code("fleet.url")
            .set_in_code("fleet.secret")
            .set_in_code("fleet.other_secrets")
    }

    /// Sets another HTTP client. Default: a pooled client without redirects and without the proxies of the environment.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Sets a clock that tests can control. Default: the system clock.
    #[cfg(feature = "test-util")]
    #[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Adds the [id of the token](crate::ClerkClaims::token_id) to the log lines (`auth.token_id`) about verified tokens,
    /// about requests that were accepted in another way than by a fresh cache entry, and about requests that a rule
    /// rejects. Default: no log line has it, since it identifies a login or a key of a
    /// person. It is not the token.
    pub fn log_token_ids(mut self) -> Self {
        self.log_token_ids = true;
        self
    }

    /// Allows `http` URLs of hosts that are not loopback addresses, such as a fake Clerk in another container. Default:
    /// they are problems, since tokens and credentials would cross the network in clear text. For development only.
    pub fn danger_allow_http(mut self) -> Self {
        self.danger_allow_http = true;
        self.set_in_code("danger_allow_http")
    }

    /// Records that the option comes from code, even if the environment has it, too.
    fn set_in_code(mut self, option: &str) -> Self {
        self.origins.forget(option);
        self
    }
}
