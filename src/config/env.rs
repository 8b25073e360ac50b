//! The configuration from the environment.

use super::{ClerkConfig, ClerkConfigBuilder, may_be_secret, parse};
use crate::ConfigError;

impl ClerkConfig {
    /// Reads the configuration from the environment and checks it.
    ///
    /// | variable | field | value |
    /// |---|---|---|
    /// | `CLERK_DOMAIN` or `CLERK_PUBLISHABLE_KEY` | [`builder`](Self::builder) | host, `https` URL (`http` on loopback), or key |
    /// | `CLERK_OAUTH_CLIENT_ID` | [`client_credentials`](ClerkConfigBuilder::client_credentials) | |
    /// | `CLERK_OAUTH_CLIENT_SECRET` | [`client_credentials`](ClerkConfigBuilder::client_credentials) | |
    /// | `CLERK_REQUIRED_SCOPES` | [`required_scopes`](ClerkConfigBuilder::required_scopes) | separated by spaces or commas |
    /// | `CLERK_ALLOWED_CLIENTS` | [`allow_clients`](ClerkConfigBuilder::allow_clients) | list, or `*` for [any](ClerkConfigBuilder::allow_any_client) |
    /// | `CLERK_AUDIENCES` | [`audiences`](ClerkConfigBuilder::audiences) | list |
    /// | `CLERK_RESOURCE` | [`resource`](ClerkConfigBuilder::resource) | URI |
    /// | `CLERK_CACHE_TTL` | [`cache_ttl`](ClerkConfigBuilder::cache_ttl) | seconds or `30s`; `0` turns the cache off |
    /// | `CLERK_ENRICH` | [`enrichment`](ClerkConfigBuilder::enrichment) | `off`, `best-effort`, `required` |
    /// | `CLERK_STALE_IF_ERROR` | [`stale_if_error`](ClerkConfigBuilder::stale_if_error) | seconds or `5m` |
    /// | `CLERK_OPAQUE_TOKENS` | [`accept_unprefixed_tokens`](ClerkConfigBuilder::accept_unprefixed_tokens) | `prefixed`, `any` |
    /// | `CLERK_ACCEPT` | [`accept`](ClerkConfigBuilder::accept) | list of `oauth`, `session`, `api_key`, `machine` |
    /// | `CLERK_OAUTH_ENDPOINT` | [`oauth_endpoint`](ClerkConfigBuilder::oauth_endpoint) | `introspection`, `backend-api` |
    /// | `CLERK_OAUTH_JWTS` | [`oauth_jwts`](ClerkConfigBuilder::oauth_jwts) | `introspect`, `local`, `local-then-introspect` |
    /// | `CLERK_JWT_KEY` | [`jwt_key`](ClerkConfigBuilder::jwt_key) | PEM |
    /// | `CLERK_AUTHORIZED_PARTIES` | [`authorized_parties`](ClerkConfigBuilder::authorized_parties) | list of origins |
    /// | `CLERK_MACHINES` | [`machines`](ClerkConfigBuilder::machines) | list, or `*` for [any](ClerkConfigBuilder::allow_any_machine) |
    /// | `CLERK_SECRET_KEY` | [`secret_key`](ClerkConfigBuilder::secret_key) | |
    /// | `CLERK_API_URL` | [`backend_api_url`](ClerkConfigBuilder::backend_api_url) | URL |
    /// | `CLERK_PROFILE_SOURCE` | [`profile_source`](ClerkConfigBuilder::profile_source) | `userinfo`, `backend-api` |
    ///
    /// A variable that is empty counts as not set.
    ///
    /// # Errors
    ///
    /// Those of [`build`](ClerkConfigBuilder::build), and [`ConfigError::Environment`] where a
    /// variable cannot be read.
    pub fn from_env() -> Result<Self, ConfigError> {
        ClerkConfigBuilder::from_env()?.build()
    }
}

impl ClerkConfigBuilder {
    /// Reads the variables of [`ClerkConfig::from_env`], to add to them in code.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Environment`] where a variable cannot be read.
    pub fn from_env() -> Result<Self, ConfigError> {
        // What is no Unicode is rejected with the value it makes, not left out: that could lift a restriction.
        Self::from_variables(|name| {
            std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        })
    }

    pub(super) fn from_variables(
        lookup: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let variable = |name| lookup(name).filter(|value| !value.trim().is_empty());
        let mut builder = Self::default();
        if let Some(domain) = variable("CLERK_DOMAIN").or_else(|| variable("CLERK_PUBLISHABLE_KEY"))
        {
            builder.domain = domain.trim().to_owned();
        }
        if let Some(id) = variable("CLERK_OAUTH_CLIENT_ID") {
            builder.client_id = id;
        }
        if let Some(secret) = variable("CLERK_OAUTH_CLIENT_SECRET") {
            builder.client_secret = secret.into();
        }
        if let Some(scopes) = variable("CLERK_REQUIRED_SCOPES") {
            builder.required_scopes = parse::list(&scopes);
        }
        if let Some(clients) = variable("CLERK_ALLOWED_CLIENTS") {
            builder.allowed_clients = Some(parse::named(&clients));
        }
        if let Some(audiences) = variable("CLERK_AUDIENCES") {
            builder.audiences = parse::list(&audiences);
        }
        if let Some(resource) = variable("CLERK_RESOURCE") {
            builder.resource = Some(resource);
        }
        if let Some(ttl) = parsed(&variable, "CLERK_CACHE_TTL", parse::duration, SECONDS)? {
            builder.cache_ttl = ttl;
        }
        if let Some(stale_if_error) =
            parsed(&variable, "CLERK_STALE_IF_ERROR", parse::duration, SECONDS)?
        {
            builder.stale_if_error = stale_if_error;
        }
        let reason = "give `off`, `best-effort` or `required`";
        if let Some(enrichment) = parsed(&variable, "CLERK_ENRICH", parse::word, reason)? {
            builder.enrichment = enrichment;
        }
        let reason = "give `prefixed` or `any`";
        if let Some(tokens) = parsed(&variable, "CLERK_OPAQUE_TOKENS", parse::word, reason)? {
            builder.opaque_tokens = tokens;
        }
        let reason = "give `oauth`, `session`, `api_key`, `machine`, or several of them";
        if let Some(kinds) = parsed(&variable, "CLERK_ACCEPT", parse::kinds, reason)? {
            builder.accept = kinds;
        }
        let reason = "give `introspection` or `backend-api`";
        if let Some(endpoint) = parsed(&variable, "CLERK_OAUTH_ENDPOINT", parse::word, reason)? {
            builder.oauth_endpoint = endpoint;
        }
        let reason = "give `introspect`, `local` or `local-then-introspect`";
        if let Some(verification) = parsed(&variable, "CLERK_OAUTH_JWTS", parse::word, reason)? {
            builder.oauth_jwts = verification;
        }
        builder.jwt_key = variable("CLERK_JWT_KEY");
        if let Some(parties) = variable("CLERK_AUTHORIZED_PARTIES") {
            builder.authorized_parties = Some(parse::list(&parties));
        }
        if let Some(machines) = variable("CLERK_MACHINES") {
            builder.machines = Some(parse::named(&machines));
        }
        if let Some(key) = variable("CLERK_SECRET_KEY") {
            builder.secret_key = key.trim().into();
        }
        if let Some(url) = variable("CLERK_API_URL") {
            builder.backend_api_url = url.trim().to_owned();
        }
        let reason = "give `userinfo` or `backend-api`";
        if let Some(source) = parsed(&variable, "CLERK_PROFILE_SOURCE", parse::word, reason)? {
            builder.profile_source = source;
        }
        Ok(builder)
    }
}

/// A variable whose text stands for something else.
fn parsed<T>(
    variable: &impl Fn(&'static str) -> Option<String>,
    name: &'static str,
    read: fn(&str) -> Option<T>,
    reason: &'static str,
) -> Result<Option<T>, ConfigError> {
    let Some(value) = variable(name) else {
        return Ok(None);
    };
    match read(value.trim()) {
        Some(parsed) => Ok(Some(parsed)),
        None => Err(ConfigError::Environment {
            name,
            // A secret in the variable beside its own.
            value: match may_be_secret(&value) {
                true => "[redacted]".to_owned(),
                false => value,
            },
            reason,
        }),
    }
}

const SECONDS: &str = "give a number of seconds, or a duration such as 30s";
