//! From a configuration to the parts of an [`Authenticator`](super::Authenticator).

use std::sync::{Arc, Once};

use super::Shared;
#[cfg(feature = "jwt")]
use crate::verify::jwt::Local;
use crate::{
    ClerkConfig, Enrichment, OAuthEndpoint, ProfileSource, ResourceMetadata, Verify,
    cache::{Cache, Lifetimes, TokenHasher, UserCache},
    clerk::{
        Credential, TokenEndpoint, UserinfoEndpoint, discovery::Addresses, http::Upstream,
        introspection::Introspect,
    },
    observe::{AudienceLog, Observer, audience_cannot_be_shown},
    reject::Challenges,
    verify::{Enrich, Interner, Users, Verifier, Verifiers},
};

impl Shared {
    /// `oauth`: who is asked about OAuth tokens, where that is not for the configuration to say.
    pub(super) fn new(config: ClerkConfig, oauth: Option<Arc<dyn Verify>>) -> Self {
        let upstream = Upstream::new(
            Arc::clone(&config.transport),
            config.attempt_timeout,
            config.rate_limit,
            Arc::clone(&config.clock),
        );
        let addresses = Addresses::of(&config, &upstream);
        #[cfg(feature = "jwt")]
        let local = Local::of(&config, &upstream, &addresses.keys).map(Arc::new);
        let oauth_is_custom = oauth.is_some();
        if config.requires_what_is_not_shown && !oauth_is_custom {
            audience_cannot_be_shown();
        }
        let verifiers = Verifiers {
            oauth_is_custom,
            oauth: oauth.or_else(|| online(&config, &upstream, &addresses)),
            machine: backend(&config, &upstream, Credential::MachineToken),
            api_key: backend(&config, &upstream, Credential::ApiKey),
            #[cfg(feature = "jwt")]
            local: local.clone().map(|local| -> Arc<dyn Verify> { local }),
            #[cfg(not(feature = "jwt"))]
            local: None,
            oauth_jwts: config.oauth_jwts,
        };
        let enrich = Enrich {
            enrichment: config.enrichment,
            userinfo: UserinfoEndpoint::new(&upstream, addresses.userinfo),
            users: users(&config, &upstream),
        };
        let hasher = TokenHasher::new(secret(), &[config.instance.issuer(), &config.client_id]);
        let lifetimes = Lifetimes::new(config.cache_ttl, config.stale_if_error);
        let challenges = Arc::new(Challenges::new(
            &config.rules.required_scopes,
            config.resource_metadata.as_ref().map(ResourceMetadata::url),
        ));
        Self {
            cache: Cache::new(hasher, lifetimes, config.cache_capacity, config.timeout),
            challenges: Arc::clone(&challenges),
            metadata: config.resource_metadata,
            discovery: addresses.discovery,
            #[cfg(feature = "jwt")]
            local,
            observer: Observer::new(),
            health: Arc::clone(&upstream.health),
            max_token_length: config.max_token_length,
            session_cookie: config.session_cookie,
            verifier: Verifier {
                verifiers,
                rules: config.rules,
                challenges,
                enrich,
                accept_unprefixed: config.accept_unprefixed,
                timeout: config.timeout,
                clock: Arc::clone(&config.clock),
                strings: Interner::default(),
                unreadable_organization: Once::new(),
                audience_log: AudienceLog::default(),
            },
            clock: config.clock,
        }
    }
}

/// Whom the configuration says to ask about OAuth tokens.
fn online(
    config: &ClerkConfig,
    upstream: &Upstream,
    addresses: &Addresses,
) -> Option<Arc<dyn Verify>> {
    match config.oauth_endpoint {
        OAuthEndpoint::Introspection => {
            let credentials = config.credentials.clone()?;
            let address = addresses.introspection.clone();
            Some(Arc::new(Introspect::new(upstream, address, credentials)))
        }
        OAuthEndpoint::BackendApi => backend(config, upstream, Credential::OAuthToken),
    }
}

/// One of the Backend API's verifications, where tokens of that kind are accepted and there is a key to it.
fn backend(
    config: &ClerkConfig,
    upstream: &Upstream,
    credential: Credential,
) -> Option<Arc<dyn Verify>> {
    let backend = config.backend.as_ref()?;
    if !config.rules.accept.contains(credential.kind()) {
        return None;
    }
    Some(Arc::new(TokenEndpoint::new(upstream, backend, credential)))
}

/// Where profiles come from the Backend API.
fn users(config: &ClerkConfig, upstream: &Upstream) -> Option<Users> {
    let backend = config.backend.as_ref()?;
    if config.profile_source != ProfileSource::BackendApi || config.enrichment == Enrichment::Off {
        return None;
    }
    let cache = UserCache::new(
        secret(),
        config.cache_capacity,
        config.timeout,
        config.cache_ttl.is_zero(),
        Arc::clone(&config.clock),
    );
    Some(Users::new(upstream, backend, cache, config.timeout))
}

fn secret() -> [u8; 32] {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("the operating system gives random numbers");
    secret
}
