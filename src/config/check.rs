//! Checks a configuration, once: whatever comes out of here can be used.

use std::{mem, sync::Arc, time::Duration};

use http::HeaderValue;
use secrecy::ExposeSecret;

use super::{Backend, ClerkConfig, ClerkConfigBuilder, Instance, Named, OpaqueTokens, secret};
use crate::{
    ConfigError, TokenKind, Transport,
    clerk::{
        http::{HttpClient, default_rate_limit},
        introspection::basic_credentials,
    },
    clock::SystemClock,
    extract::CookieNames,
    token::{resource_uri::ResourceUri, scope::is_scope_byte},
    verify::policy::{Audiences, Rules},
};

impl ClerkConfigBuilder {
    /// Checks everything and makes the configuration. Nothing is sent over the network; the
    /// certificates that the platform trusts are read.
    ///
    /// # Errors
    ///
    /// The first field that cannot be used, and what to do about it.
    pub fn build(mut self) -> Result<ClerkConfig, ConfigError> {
        let instance = Instance::parse(&self.domain)?;
        let credentials = self.check_credentials()?;
        self.check_bounds()?;
        self.check_kinds()?;
        self.check_audience_can_be_shown(cfg!(feature = "jwt"))?;
        #[cfg(feature = "jwt")]
        let jwt_key = self.check_jwt_key()?;
        let backend = self.check_backend()?;
        let machines = self.check_machines()?;
        let discovery_origins = self.check_discovery(instance.issuer())?;
        for scope in &self.required_scopes {
            check_text("required_scopes", scope, is_scope_byte)?;
        }
        let allowed_clients = match self.allowed_clients.take() {
            None if self.client_id.is_empty() && self.accept.contains(TokenKind::OAuth) => {
                return Err(ConfigError::Missing {
                    field: "allowed_clients",
                    hint: "without credentials of a client, it must be said whose tokens are accepted",
                });
            }
            None => Some(vec![self.client_id.clone()]),
            Some(Named::Any) => None,
            Some(Named::Listed(clients)) if clients.is_empty() => {
                return Err(ConfigError::Missing {
                    field: "allowed_clients",
                    hint: "an empty list rejects everybody: name clients, or leave the list out",
                });
            }
            Some(Named::Listed(clients)) => {
                for client in &clients {
                    check_text("allowed_clients", client, is_vschar)?;
                }
                Some(clients)
            }
        };
        let named = mem::take(&mut self.audiences);
        for audience in &named {
            check_text("audiences", audience, |byte| byte.is_ascii_graphic())?;
        }
        let resource_metadata = self.check_resource(instance.issuer())?;
        let audiences = Audiences {
            named,
            resource: self.resource.take().map(ResourceUri::new),
            client_id: Some(self.client_id.clone()).filter(|id| !id.is_empty()),
        };
        let requires_what_is_not_shown = self.requires_what_is_not_shown();
        let rules = Rules {
            accept: self.accept,
            authorized_parties: self.authorized_parties,
            allow_pending: self.allow_pending,
            machines,
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
            None => {
                let called = [
                    Some(instance.is_https()),
                    backend.as_ref().map(Backend::is_https),
                ];
                default_transport(called.into_iter().flatten(), self.attempt_timeout)?
            }
        };
        let rate_limit = self
            .rate_limit
            .unwrap_or_else(|| default_rate_limit(instance.host()));
        Ok(ClerkConfig {
            oauth_jwts: self.oauth_jwts,
            requires_what_is_not_shown,
            discovery_origins,
            #[cfg(feature = "jwt")]
            jwt_key,
            #[cfg(feature = "jwt")]
            jwt_algorithms: self.jwt_algorithms,
            oauth_endpoint: self.oauth_endpoint,
            backend,
            profile_source: self.profile_source,
            instance,
            client_id: self.client_id,
            credentials,
            rules: Arc::new(rules),
            resource_metadata,
            enrichment: self.enrichment,
            accept_unprefixed: self.opaque_tokens == OpaqueTokens::Any,
            session_cookie: self.session_cookie.then(|| CookieNames::of(&self.domain)),
            max_token_length: self.max_token_length,
            cache_ttl: self.cache_ttl,
            cache_capacity: self.cache_capacity,
            stale_if_error: self.stale_if_error,
            timeout: self.timeout,
            attempt_timeout: self.attempt_timeout,
            rate_limit: (rate_limit > 0).then_some(rate_limit),
            transport,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
        })
    }

    /// Id and secret consist of VSCHAR (RFC 6749 appendix A.1, A.2). There are none where nobody needs them.
    fn check_credentials(&self) -> Result<Option<HeaderValue>, ConfigError> {
        let secret = self.client_secret.expose_secret();
        if self.client_id.is_empty() {
            if secret.is_empty() && !self.needs_client_credentials() {
                return Ok(None);
            }
            return Err(ConfigError::Missing {
                field: "client_id",
                hint: "give the id of an OAuth application of the instance, or set \
                       CLERK_OAUTH_CLIENT_ID",
            });
        }
        // Not shown: id and secret are two texts of one form, and easily swapped.
        check_text("client_id", &self.client_id, is_vschar).map_err(|error| match error {
            ConfigError::Invalid { field, reason, .. } => {
                ConfigError::InvalidSecret { field, reason }
            }
            error => error,
        })?;
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
        basic_credentials(&self.client_id, secret)
            .map(Some)
            .ok_or(invalid)
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
                "stale_if_error",
                format!("{:?}", self.stale_if_error),
                self.stale_if_error <= 600 * second,
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

pub(super) fn check_text(
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
    Err(secret::invalid(field, value, reason))
}

/// `VSCHAR = %x20-7E` (RFC 6749 appendix A)
pub(super) fn is_vschar(byte: u8) -> bool {
    (0x20..=0x7e).contains(&byte)
}

/// `called`: of each host that is called, whether that is by https.
fn default_transport(
    mut called: impl Iterator<Item = bool> + Clone,
    connect_timeout: Duration,
) -> Result<Arc<dyn Transport>, ConfigError> {
    let https_only = called.clone().all(|is_https| is_https);
    if called.any(|is_https| is_https) && !cfg!(any(feature = "rustls", feature = "native-tls")) {
        return Err(ConfigError::HttpClient(
            "https needs the feature `rustls` or `native-tls`, or a `transport` of your own".into(),
        ));
    }
    HttpClient::new(https_only, connect_timeout)
        .map(|client| -> Arc<dyn Transport> { Arc::new(client) })
        .map_err(|error| ConfigError::HttpClient(error.into()))
}
