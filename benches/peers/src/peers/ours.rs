//! tower-clerk: introspection, then userinfo, behind a cache.

use std::time::Duration;

use tower::Layer;
use tower_clerk::{ClerkAuthLayer, ClerkConfig};

use super::{Guard, Means, Peer, Shape, Starting, handler};
use crate::provider::Target;

pub(super) const PEER: Peer = Peer {
    name: "tower-clerk",
    packages: &["tower-clerk"],
    means: Means::CachedIntrospection,
    shape: Shape::Layer,
    start,
};

fn start(target: Target) -> Starting {
    Box::pin(async move {
        let config = ClerkConfig::builder(target.url)
            .client_credentials(target.client_id, target.client_secret)
            // The longest: nothing is verified again while hits are measured.
            .cache_ttl(Duration::from_secs(300))
            // Clerk's limits are not the subject here; with them, a flood would make fewer calls.
            .rate_limit(0)
            .build()?;
        let guard: Box<dyn Guard> = Box::new(ClerkAuthLayer::new(config).layer(handler()));
        Ok(guard)
    })
}
