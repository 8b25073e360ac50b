//! The configuration from the environment.
//!
//! The options that apply to all kinds are read immediately. The options of a kind are read by `build`, since a kind
//! that code accepts replaces the whole kind of the environment.

mod kinds;
mod names;
mod variables;

use std::time::Duration;

pub(super) use self::variables::{Environment, report_near_miss};
use self::{names::KNOWN, variables::Words};
use super::{JwtKeys, Resource};
use crate::{
    ClerkConfig, ClerkConfigBuilder, ConfigError,
    checks::{Flaw, parse},
    clerk::instance::Instance,
    verify::Enrichment,
};

impl ClerkConfig {
    /// Reads the configuration from the environment and checks it:
    /// [`ClerkConfigBuilder::from_env`], and [`build`](ClerkConfigBuilder::build).
    ///
    /// | variable | option | value |
    /// |---|---|---|
    /// | `CLERK_DOMAIN`, `CLERK_PUBLISHABLE_KEY` | [`builder`](Self::builder) | host, URL, or key; both set: of one instance |
    /// | `CLERK_PROXY_URL` | [`proxy_url`](ClerkConfigBuilder::proxy_url) | URL, not a path alone |
    /// | `CLERK_ACCEPT` | [`accept`](ClerkConfigBuilder::accept) | list of `oauth`, `session`, `api_key`, `machine`; unset: `oauth`, unless code accepts a kind |
    /// | `CLERK_OAUTH_ENDPOINT` | [`OAuthTokens`](crate::kinds::OAuthTokens) | `introspection`, `backend-api` |
    /// | `CLERK_OAUTH_CLIENT_ID`, `CLERK_OAUTH_CLIENT_SECRET` | [`OAuthTokens::introspection`](crate::kinds::OAuthTokens::introspection) | |
    /// | `CLERK_OAUTH_JWTS` | `OAuthTokens::jwts` | `introspect`, `local`, `local-then-introspect`; `local` without client credentials is `OAuthTokens::signature` |
    /// | `CLERK_REQUIRED_SCOPES` | [`OAuthTokens::required_scopes`](crate::kinds::OAuthTokens::required_scopes), [`ApiKeys::required_scopes`](crate::kinds::ApiKeys::required_scopes) | list; other kinds must not be accepted then |
    /// | `CLERK_ALLOWED_CLIENTS` | [`OAuthTokens::allow_clients`](crate::kinds::OAuthTokens::allow_clients) | list, or `*` for [any](crate::kinds::OAuthTokens::allow_any_client) |
    /// | `CLERK_AUDIENCES` | `audiences` of OAuth and session tokens | list |
    /// | `CLERK_AUDIENCE_POLICY` | `audience_policy` of OAuth and session tokens | `observe`, `reject-foreign`, `require` |
    /// | `CLERK_OPAQUE_TOKENS` | [`OAuthTokens::unprefixed`](crate::kinds::OAuthTokens::unprefixed) | `prefixed`, `any` |
    /// | `CLERK_AUTHORIZED_PARTIES` | `SessionTokens::authorized_parties` | list of origins |
    /// | `CLERK_SESSION_COOKIE` | `SessionTokens::cookie` | `1`, `true` |
    /// | `CLERK_MACHINES` | [`MachineTokens::addressed_to`](crate::kinds::MachineTokens::addressed_to) | list, or `*` for [any](crate::kinds::MachineTokens::addressed_to_any) |
    /// | `CLERK_MACHINE_SECRET_KEY` | [`MachineTokens::machine_secret_key`](crate::kinds::MachineTokens::machine_secret_key) | |
    /// | `CLERK_MACHINE_JWTS` | `MachineTokens::jwts` | `1`, `true` |
    /// | `CLERK_SECRET_KEY` | [`secret_key`](ClerkConfigBuilder::secret_key) | |
    /// | `CLERK_API_URL` | [`backend_api_url`](ClerkConfigBuilder::backend_api_url) | URL |
    /// | `CLERK_JWT_KEY` | [`jwt_keys`](ClerkConfigBuilder::jwt_keys) | PEM; ignored without the feature `jwt` |
    /// | `CLERK_RESOURCE` | [`resource`](ClerkConfigBuilder::resource) | URI |
    /// | `CLERK_ENRICH` | [`OAuthTokens::userinfo`](crate::kinds::OAuthTokens::userinfo) | `off`, `best-effort`, `required` |
    /// | `CLERK_PROFILE_SOURCE` | [`users`](ClerkConfigBuilder::users) | `userinfo`; `backend-api`: `CLERK_ENRICH` sets `users` |
    /// | `CLERK_CACHE_TTL` | [`cache_ttl`](ClerkConfigBuilder::cache_ttl) | seconds or `30s`; `0` turns the cache off |
    /// | `CLERK_STALE_FOR` | [`stale_if_error`](ClerkConfigBuilder::stale_if_error) | seconds or `5m` |
    /// | `CLERK_TIMEOUT` | [`timeout`](ClerkConfigBuilder::timeout) | seconds or `500ms` |
    /// | `CLERK_RATE_LIMIT` | [`rate_limit`](ClerkConfigBuilder::rate_limit) | calls in ten seconds; `0` turns the limit off |
    /// | `CLERK_WEBHOOK_SIGNING_SECRET` | `webhook_secrets` | list; ignored without the feature `webhooks` |
    /// | `CLERK_FLEET_URL`, `CLERK_FLEET_SECRET` | `fleet` | URL of Redis; list of secrets, the first of which is `secret` and the others `other_secrets` |
    /// | `CLERK_DANGER_ALLOW_HTTP` | [`danger_allow_http`](ClerkConfigBuilder::danger_allow_http) | `1`, `true` |
    ///
    /// White space around a value is removed. Quotes are part of a value, and problems. An empty variable counts as not
    /// set.
    ///
    /// A variable is *restricting* if it sets scopes, clients, audiences, parties, machines, the resource or the
    /// accepted kinds. Such a variable is a problem if it is set but empty, if its kind is not accepted, or if a name
    /// that begins with `CLERK_` is almost its name: ignoring it would open the service. If a name is almost that of
    /// another variable, a warning is logged. Variables of Clerk's own SDKs are ignored.
    ///
    /// # Errors
    ///
    /// Those of [`build`](ClerkConfigBuilder::build).
    pub fn from_env() -> Result<Self, ConfigError> {
        ClerkConfigBuilder::from_env().build()
    }
}

impl ClerkConfigBuilder {
    /// Reads the variables of [`ClerkConfig::from_env`], to add to them in code. Cannot fail: [`build`](Self::build)
    /// reports the problems of the environment with all others.
    ///
    /// A kind that code accepts replaces the whole kind of the environment: the variables of that kind are then
    /// ignored.
    pub fn from_env() -> Self {
        // A value that is not Unicode is converted lossily and then rejected. Leaving it out could lift a restriction.
        let variables = std::env::vars_os().map(|(name, value)| {
            let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
            (text(name), text(value))
        });
        Self::from_variables(variables)
    }

    pub(super) fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut builder = Self::default();
        let mut found = Environment::default();
        for (name, value) in variables {
            if let Some(known) = KNOWN.iter().find(|known| known.name == name) {
                found.take(known, value.trim(), &mut builder.problems);
            } else {
                report_near_miss(&name, &mut builder.problems);
            }
        }
        builder.read(&found);
        builder.environment = Some(found);
        builder
    }

    /// Reads the options that apply to all kinds.
    fn read(&mut self, found: &Environment) {
        self.read_instance(found);
        let texts: [(_, Set<String>); 4] = [
            ("CLERK_SECRET_KEY", |it, key| it.secret_key = key.into()),
            ("CLERK_PROXY_URL", |it, url| it.proxy_url = url),
            ("CLERK_API_URL", |it, url| it.backend_api_url = url),
            ("CLERK_RESOURCE", |it, uri| {
                it.resource = Some(Resource::new(uri))
            }),
        ];
        for (name, set) in texts {
            if let Some(value) = found.text(name) {
                set(self, value);
                self.set_origin(name);
            }
        }
        // Clerk's SDKs define this variable, so it may be set for another program.
        if let Some(pem) = found
            .text("CLERK_JWT_KEY")
            .filter(|_| cfg!(feature = "jwt"))
        {
            self.jwt_keys = JwtKeys::pem(pem);
            self.set_origin("CLERK_JWT_KEY");
        }
        #[cfg(feature = "webhooks")]
        if let Some(secrets) = found.list(WEBHOOK_SECRETS) {
            self.webhook_secrets = secrets.into_iter().map(Into::into).collect();
            self.set_origin(WEBHOOK_SECRETS);
        }
        let durations: [(_, Set<Duration>); 3] = [
            ("CLERK_CACHE_TTL", |it, ttl| it.cache_ttl = ttl),
            ("CLERK_STALE_FOR", |it, limit| it.stale_if_error = limit),
            ("CLERK_TIMEOUT", |it, timeout| it.timeout = timeout),
        ];
        for (name, set) in durations {
            let read = found.parsed(name, parse::duration, SECONDS, &mut self.problems);
            if let Some(duration) = read {
                set(self, duration);
                self.set_origin(name);
            }
        }
        let number = |text: &str| text.parse().ok();
        let name = "CLERK_RATE_LIMIT";
        if let Some(calls) =
            found.parsed(name, number, "give a number of calls", &mut self.problems)
        {
            self.rate_limit = Some(calls);
            self.set_origin(name);
        }
        self.read_fleet(
            found.text("CLERK_FLEET_URL"),
            found.list("CLERK_FLEET_SECRET"),
        );
        self.danger_allow_http = found.switch("CLERK_DANGER_ALLOW_HTTP", &mut self.problems);
        let profiles = found.word("CLERK_PROFILE_SOURCE", &PROFILES, &mut self.problems);
        if profiles == Some(true) {
            let enrichment = found.word("CLERK_ENRICH", &ENRICHMENTS, &mut self.problems);
            self.users = enrichment.unwrap_or_default();
            self.origins.set("users", "CLERK_PROFILE_SOURCE");
        }
    }

    /// Reads the instance. If both variables are set, the key is used, since it contains the suffix of the cookie.
    fn read_instance(&mut self, found: &Environment) {
        let domain = found.text("CLERK_DOMAIN");
        let key = found.text("CLERK_PUBLISHABLE_KEY");
        if let (Some(domain), Some(key)) = (&domain, &key) {
            let issuer = |text: &str| Instance::parse(text, true);
            let (one, other) = (issuer(domain), issuer(key));
            if let (Ok(one), Ok(other)) = (one, other)
                && one.issuer() != other.issuer()
            {
                let flaw = Flaw::new(format!(
                    "is {:?}, but CLERK_PUBLISHABLE_KEY is the key of {:?}: set one of them, and the URL of a proxy \
                     in CLERK_PROXY_URL",
                    one.issuer(),
                    other.issuer()
                ));
                self.problems.add_variable("instance", "CLERK_DOMAIN", flaw);
            }
        }
        let is_key = key.is_some()
            && domain
                .as_deref()
                .is_none_or(|it| Instance::parse(it, true).is_ok());
        let (name, value) = match is_key {
            true => ("CLERK_PUBLISHABLE_KEY", key),
            false => ("CLERK_DOMAIN", domain),
        };
        if let Some(value) = value {
            self.instance = value;
            self.set_origin(name);
        }
    }

    fn set_origin(&mut self, name: &'static str) {
        if let Some(known) = KNOWN.iter().find(|known| known.name == name) {
            self.origins.set(known.option, name);
        }
    }
}

/// Sets an option.
type Set<T> = fn(&mut ClerkConfigBuilder, T);

const ENRICHMENTS: Words<Enrichment> = &[
    ("off", Enrichment::Off),
    ("best-effort", Enrichment::BestEffort),
    ("required", Enrichment::Required),
];
const PROFILES: Words<bool> = &[("userinfo", false), ("backend-api", true)];
#[cfg(feature = "webhooks")]
const WEBHOOK_SECRETS: &str = "CLERK_WEBHOOK_SIGNING_SECRET";
const SECONDS: &str = "give a number of seconds, or a duration such as 30s";
