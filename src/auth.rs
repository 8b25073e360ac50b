//! [`Auth`]: what a layer, its clones and its services share, put together by the configuration.

use std::{
    fmt,
    future::Future,
    sync::{Arc, Once},
};

#[cfg(feature = "jwt")]
use crate::verify::jwt::Local;
use crate::{
    AuthError, ClerkConfig, ResourceMetadata, Verify,
    bearer::CookieNames,
    cache::{Cache, Keyer, Lifetimes, UserCache},
    clock::Clock,
    config::Backend,
    kinds::{Enrichment, OAuthSource},
    observe::{AudienceLog, Observer, Vitals, audience_cannot_be_shown},
    reject::Challenges,
    upstream::Upstream,
    verify::{
        Credential, Enrich, Interner, Sources, TokenEndpoint, UserinfoEndpoint, Users, Verifier,
        discovery::{Addresses, Discovery},
        introspect::Introspect,
    },
};

/// What a layer, its clones and its services share.
pub(crate) struct Auth {
    pub(crate) cache: Cache,
    pub(crate) verifier: Verifier,
    pub(crate) challenges: Arc<Challenges>,
    /// What is answered without a token, where there is any.
    pub(crate) metadata: Option<ResourceMetadata>,
    discovery: Option<Arc<Discovery>>,
    #[cfg(feature = "jwt")]
    local: Option<Arc<Local>>,
    pub(crate) observer: Observer,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) max_token_length: usize,
    /// The cookie that counts where there are no bearer credentials.
    pub(crate) session_cookie: Option<CookieNames>,
}

impl Auth {
    pub(crate) fn new(config: ClerkConfig) -> Self {
        let upstream = Upstream::new(
            Arc::clone(&config.transport),
            config.attempt_timeout,
            config.rate_limit,
            Arc::clone(&config.clock),
        );
        let addresses = Addresses::of(&config, &upstream);
        #[cfg(feature = "jwt")]
        let local = Local::of(&config, &upstream, &addresses.keys).map(Arc::new);
        if config.requires_what_is_not_shown {
            audience_cannot_be_shown();
        }
        let sources = Sources {
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
            users: users(&config, &upstream),
        };
        let client_id = config.client_id.as_deref().unwrap_or_default();
        let keyer = Keyer::new(secret(), &[config.instance.issuer(), client_id]);
        let lifetimes = Lifetimes::new(config.cache_ttl, config.stale_if_error);
        let challenges = Arc::new(Challenges::new(
            config.rules.challenged_scopes(),
            config.resource_metadata.as_ref().map(ResourceMetadata::url),
        ));
        Self {
            cache: Cache::new(keyer, lifetimes, config.cache_capacity, config.timeout),
            challenges: Arc::clone(&challenges),
            metadata: config.resource_metadata,
            discovery: addresses.discovery,
            #[cfg(feature = "jwt")]
            local,
            observer: Observer::new(),
            vitals: Arc::clone(&upstream.vitals),
            max_token_length: config.max_token_length,
            session_cookie: config.session_cookie,
            verifier: Verifier {
                sources,
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

    /// Has what is kept of the instance there before the first token comes.
    pub(crate) fn warm_up(&self) -> impl Future<Output = Result<(), AuthError>> + Send + use<> {
        let discovery = self.discovery.clone();
        #[cfg(feature = "jwt")]
        let local = self.local.clone();
        async move {
            if let Some(discovery) = discovery {
                discovery.warm_up().await?;
            }
            #[cfg(feature = "jwt")]
            if let Some(local) = local {
                local.warm_up().await?;
            }
            Ok(())
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}

/// The source that verifies OAuth tokens, beside their signature.
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

/// One of the Backend API's verifications, where tokens of that kind are accepted and there is a key to it.
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

/// The users of the Backend API, if claims are enriched with them.
fn users(config: &ClerkConfig, upstream: &Upstream) -> Option<Users> {
    let backend = config.backend.as_ref()?;
    if config.users == Enrichment::Off {
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
