//! What a layer is put together from, by its configuration.

use std::sync::Arc;

use crate::{
    ClerkConfig, Enrichment, ProfileSource, Verify,
    cache::UserCache,
    upstream::Upstream,
    verify::{Credential, TokenEndpoint, Users},
};

/// One of the Backend API's verifications, where tokens of that kind are accepted and there is a key to it.
pub(super) fn backend(
    config: &ClerkConfig,
    upstream: &Upstream,
    credential: Credential,
) -> Option<Arc<dyn Verify>> {
    let backend = config.backend.as_ref()?;
    config
        .rules
        .accept
        .contains(credential.kind())
        .then(|| -> Arc<dyn Verify> { Arc::new(TokenEndpoint::new(upstream, backend, credential)) })
}

/// Where profiles come from the Backend API.
pub(super) fn users(config: &ClerkConfig, upstream: &Upstream) -> Option<Users> {
    let backend = config.backend.as_ref()?;
    let is_asked =
        config.profile_source == ProfileSource::BackendApi && config.enrichment != Enrichment::Off;
    is_asked.then(|| {
        let cache = UserCache::new(
            secret(),
            config.cache_capacity,
            config.timeout,
            config.cache_ttl.is_zero(),
            Arc::clone(&config.clock),
        );
        Users::new(upstream, backend, cache, config.timeout)
    })
}

pub(super) fn secret() -> [u8; 32] {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("the operating system gives random numbers");
    secret
}

pub(super) fn upstream(config: &ClerkConfig) -> Upstream {
    Upstream::new(
        Arc::clone(&config.transport),
        config.attempt_timeout,
        config.rate_limit,
        Arc::clone(&config.clock),
    )
}
