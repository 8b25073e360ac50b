//! clerk-rs: `ClerkLayer` with the key set in memory, as its documentation shows it.
//!
//! Pitfalls: a token with an `aud` is always rejected. The paths that are given to the layer are those that
//! are protected, all others are open: `None` protects all.

use clerk_rs::{
    Clerk,
    apis::configuration::Configuration,
    validators::{axum::ClerkLayer, jwks::MemoryCacheJwksProvider},
};
use tower::Layer;

use super::{Guard, Means, Peer, Shape, Starting, handler};
use crate::provider::Target;

pub(super) const PEER: Peer = Peer {
    name: "clerk-rs",
    packages: &["clerk-rs"],
    means: Means::Signature,
    shape: Shape::Layer,
    start,
};

fn start(target: Target) -> Starting {
    Box::pin(async move {
        // It takes the keys from the backend API, at `/jwks`. The server has the same document elsewhere;
        // the question mark makes a query of what is appended.
        let keys = format!("{}/.well-known/jwks.json?", target.url);
        let clerk = Clerk::new(Configuration::new(target.client_secret).with_base_path(keys));
        let layer = ClerkLayer::new(MemoryCacheJwksProvider::new(clerk), None, true);
        let guard: Box<dyn Guard> = Box::new(layer.layer(handler()));
        Ok(guard)
    })
}
