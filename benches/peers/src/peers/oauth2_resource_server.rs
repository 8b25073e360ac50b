//! tower-oauth2-resource-server: its layer, with the keys found by discovery.
//!
//! Pitfalls: it asks for the metadata when it starts, so it does not start while the server is down. The
//! keys come a moment later; until then, everything gets a 401. Its default crypto backend cannot be in
//! one build with that of zitadel (see `Cargo.toml`).

use axum::body::Body;
use tower::Layer;
use tower_oauth2_resource_server::{server::OAuth2ResourceServer, tenant::TenantConfiguration};

use super::{Guard, Means, Peer, Shape, Starting, handler};
use crate::provider::Target;

pub(super) const PEER: Peer = Peer {
    name: "tower-oauth2-resource-server",
    packages: &["tower-oauth2-resource-server"],
    means: Means::Signature,
    shape: Shape::Layer,
    start,
};

fn start(target: Target) -> Starting {
    Box::pin(async move {
        let tenant = TenantConfiguration::builder(target.url).build().await?;
        let server = <OAuth2ResourceServer>::builder()
            .add_tenant(tenant)
            .build()
            .await?;
        let guard: Box<dyn Guard> = Box::new(server.into_layer::<Body>().layer(handler()));
        Ok(guard)
    })
}
