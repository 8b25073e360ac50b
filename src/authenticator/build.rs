//! Builds the parts of an [`Authenticator`](super::Authenticator) from a configuration.

use std::sync::{Arc, Once, Weak};

use super::Shared;
#[cfg(feature = "fleet")]
use super::fleet::Fleet;
use crate::{
    ClerkConfig, TokenKind,
    cache::{Cache, UserCache},
    claims::entry::Lifetimes,
    clerk::{
        Credential, TokenEndpoint, UserinfoEndpoint,
        backend_api::{Backend, UserEndpoint},
        discovery::Addresses,
        http::Upstream,
        introspection::Introspect,
        server_metadata::ServerMetadata,
    },
    kinds::OAuthSource,
    observe::{AudienceObserver, KindLog, Observer, audience_cannot_be_shown},
    reject::Challenges,
    resource_metadata::ResourceMetadata,
    token::digest::TokenHasher,
    verify::{
        ConfiguredRules, Enrich, Enrichment, FetchUser, Interner, Users, Verifier, Verifiers,
        Verify,
    },
};
#[cfg(feature = "jwt")]
use crate::{
    clerk::{backend_api::KeysEndpoint, discovery::Address},
    config::keys::CheckedKeys,
    verify::{
        JwtVerification,
        jwt::{Keys, Local},
    },
};

impl Shared {
    /// `shared`: the result, for tasks that do not keep it alive.
    pub(super) fn new(config: ClerkConfig, shared: &Weak<Self>) -> Self {
        #[cfg(feature = "fleet")]
        let fleet = config.fleet.as_ref();
        #[cfg(feature = "fleet")]
        let fleet = fleet.map(|fleet| Fleet::new(fleet, &config, Weak::clone(shared)));
        #[cfg(not(feature = "fleet"))]
        let _ = shared;
        let upstream = Upstream::new(
            Arc::clone(&config.transport),
            config.attempt_timeout,
            config.rate_limit,
            Arc::clone(&config.clock),
        );
        #[cfg(feature = "fleet")]
        let upstream = match &fleet {
            Some(fleet) => upstream.with_shared_count(fleet.calls(&config)),
            None => upstream,
        };
        let issuers: Vec<_> = config.rules.issuers().map(ToOwned::to_owned).collect();
        let addresses = Addresses::of(
            config.frontend(),
            &issuers,
            config.discovery_bases.as_deref(),
            config.timeout,
            &upstream,
        );
        #[cfg(feature = "jwt")]
        let local = local(&config, &upstream, &addresses.keys).map(Arc::new);
        if config.requires_what_is_not_shown {
            audience_cannot_be_shown();
        }
        let verifiers = Verifiers {
            oauth_is_custom: matches!(config.oauth, OAuthSource::Custom(_)),
            oauth: online(&config, &upstream, &addresses),
            machine: backend(
                &config,
                &upstream,
                config.machine_backend.as_ref().or(config.backend.as_ref()),
                Credential::MachineToken,
            ),
            api_key: backend(
                &config,
                &upstream,
                config.backend.as_ref(),
                Credential::ApiKey,
            ),
            #[cfg(feature = "jwt")]
            local: local.clone().map(|local| -> Arc<dyn Verify> { local }),
            #[cfg(not(feature = "jwt"))]
            local: None,
            oauth_jwts: config.oauth_jwts,
            machine_jwts: config.machine_jwts,
        };
        let enrich = Enrich {
            enrichment: config.userinfo,
            user_is_required: config.users == Enrichment::Required,
            userinfo: UserinfoEndpoint::new(&upstream, addresses.userinfo),
            users: users(
                &config,
                &upstream,
                #[cfg(feature = "fleet")]
                fleet.as_ref(),
            ),
        };
        let client_id = config.client_id.as_deref().unwrap_or_default();
        let metadata = config.resource_metadata.clone();
        let metadata = metadata.map(|metadata| match config.serves_server_metadata {
            true => {
                let (frontend, timeout) = (config.frontend(), config.timeout);
                metadata.with_server(ServerMetadata::new(frontend, &issuers, timeout, &upstream))
            }
            false => metadata,
        });
        let hasher = TokenHasher::new(secret(), &[config.instance.issuer(), client_id]);
        #[cfg(feature = "fleet")]
        let hasher = config.fleet.as_ref().map_or(hasher, |fleet| {
            crate::fleet::hasher(&fleet.keys[0], config.instance.issuer())
        });
        let lifetimes = Lifetimes::new(config.cache_ttl, config.stale_if_error);
        let lifetimes = match config.rules.accept.contains(TokenKind::Session) {
            true => lifetimes.with_self_contained(),
            false => lifetimes,
        };
        #[cfg(feature = "fleet")]
        let lifetimes = match &fleet {
            Some(_) => lifetimes.of_replica(fastrand::u64(..)),
            None => lifetimes,
        };
        let cache = Cache::new(hasher, lifetimes, config.cache_capacity, config.timeout);
        #[cfg(feature = "fleet")]
        let cache = match &fleet {
            Some(_) => cache.with_evidence_of_others(),
            None => cache,
        };
        let challenges = Arc::new(Challenges::new(
            config.rules.challenged_scopes(),
            metadata.as_ref().map(ResourceMetadata::url),
        ));
        Self {
            cache,
            #[cfg(feature = "fleet")]
            fleet,
            challenges: Arc::clone(&challenges),
            metadata,
            authorization_server: config.frontend().issuer().to_owned(),
            discovery: addresses.discovery,
            #[cfg(feature = "jwt")]
            local,
            observer: Observer::new(),
            health: Arc::clone(&upstream.health),
            #[cfg(feature = "webhooks")]
            webhook_keys: config.webhook_keys,
            max_token_length: config.max_token_length,
            session_cookie: config.session_cookie,
            several: None,
            verifier: Arc::new(Verifier {
                verifiers,
                route_rules: Arc::new(ConfiguredRules {
                    rules: Arc::clone(&config.rules),
                    clock: Arc::clone(&config.clock),
                    log_token_ids: config.log_token_ids,
                }),
                rules: config.rules,
                challenges,
                enrich,
                accept_unprefixed: config.accept_unprefixed,
                timeout: config.timeout,
                clock: Arc::clone(&config.clock),
                strings: Interner::default(),
                unreadable_organization: Once::new(),
                audience_observer: AudienceObserver::new(),
                kind_log: KindLog::default(),
            }),
            clock: config.clock,
        }
    }
}

/// Returns the source that verifies OAuth tokens other than by their signature.
fn online(
    config: &ClerkConfig,
    upstream: &Upstream,
    addresses: &Addresses,
) -> Option<Arc<dyn Verify>> {
    match &config.oauth {
        OAuthSource::None => None,
        OAuthSource::Introspection(credentials) => {
            let address = addresses.introspection.clone();
            let credentials = credentials.clone();
            Some(Arc::new(Introspect::new(upstream, address, credentials)))
        }
        OAuthSource::BackendApi => backend(
            config,
            upstream,
            config.backend.as_ref(),
            Credential::OAuthToken,
        ),
        OAuthSource::Custom(verify) => Some(Arc::clone(verify)),
    }
}

/// Returns a verifier that uses the Backend API, if tokens of that kind are accepted and a key for it is configured.
fn backend(
    config: &ClerkConfig,
    upstream: &Upstream,
    backend: Option<&Backend>,
    credential: Credential,
) -> Option<Arc<dyn Verify>> {
    let backend = backend?;
    if !config.rules.accept.contains(credential.kind()) {
        return None;
    }
    Some(Arc::new(TokenEndpoint::new(upstream, backend, credential)))
}

/// Returns the client for the Backend API's users, if claims are enriched with them.
fn users(
    config: &ClerkConfig,
    upstream: &Upstream,
    #[cfg(feature = "fleet")] fleet: Option<&Fleet>,
) -> Option<Users> {
    let backend = config.backend.as_ref()?;
    if config.users == Enrichment::Off {
        return None;
    }
    let source: Arc<dyn FetchUser> = Arc::new(UserEndpoint::new(upstream, backend));
    let cache = UserCache::new(
        secret(),
        config.cache_capacity,
        config.timeout,
        config.cache_ttl.is_zero(),
        Arc::clone(&config.clock),
    );
    #[cfg(feature = "fleet")]
    let (source, cache) = match fleet {
        Some(fleet) => (
            fleet.users(config, backend, source),
            cache.with_evidence_of_others(),
        ),
        None => (source, cache),
    };
    Some(Users::new(source, cache, config.timeout))
}

fn secret() -> [u8; 32] {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("the operating system gives random numbers");
    secret
}

/// Returns the local verifier. `None` if no JWT is verified by its signature.
#[cfg(feature = "jwt")]
fn local(config: &ClerkConfig, upstream: &Upstream, keys: &Address) -> Option<Local> {
    let accepts = |kind| config.rules.accept.contains(kind);
    let reads_oauth = accepts(TokenKind::OAuth) && config.oauth_jwts != JwtVerification::Introspect;
    let keys = match &config.jwt_keys {
        CheckedKeys::Instance => Keys::Instance(keys.clone()),
        CheckedKeys::BackendApi(backend) => Keys::BackendApi(KeysEndpoint::new(backend)),
        CheckedKeys::Key(key) => Keys::Key(key.clone()),
    };
    (reads_oauth || accepts(TokenKind::Session) || config.machine_jwts).then(|| {
        Local::new(
            config.jwt_algorithms.clone(),
            keys,
            Arc::clone(&config.rules),
            config.timeout,
            upstream,
        )
    })
}
