//! zitadel: the extractor `IntrospectedUser`, with its cache in memory.
//!
//! It is driven without axum's router, by the same call that axum makes of a handler's argument. That
//! leaves out what a router costs, as it is left out for the layers.
//!
//! Pitfalls: it asks for the metadata when it starts, so it does not start while the server is down. Each
//! introspection makes an HTTP client of its own, with its certificates and its connection. What has no
//! `exp` is not cached.

use std::hint::black_box;

use axum::{extract::FromRequestParts, response::IntoResponse};
use tower::service_fn;
use zitadel::{
    axum::introspection::{IntrospectedUser, IntrospectionStateBuilder},
    oidc::introspection::cache::in_memory::InMemoryIntrospectionCache,
};

use super::{Guard, Means, Peer, Request, Shape, Starting, handle};
use crate::provider::Target;

pub(super) const PEER: Peer = Peer {
    name: "zitadel",
    packages: &["zitadel"],
    means: Means::CachedIntrospection,
    shape: Shape::Extractor,
    start,
};

fn start(target: Target) -> Starting {
    Box::pin(async move {
        let state = IntrospectionStateBuilder::new(&target.url)
            .with_basic_auth(&target.client_id, &target.client_secret)
            .with_introspection_cache(InMemoryIntrospectionCache::new())
            .build()
            .await?;
        let guard: Box<dyn Guard> = Box::new(service_fn(move |request: Request| {
            // As axum does with the state of a router.
            let state = state.clone();
            async move {
                let (mut parts, body) = request.into_parts();
                Ok(
                    match IntrospectedUser::from_request_parts(&mut parts, &state).await {
                        Ok(user) => {
                            black_box(&user);
                            handle(Request::from_parts(parts, body))
                        }
                        Err(error) => error.into_response(),
                    },
                )
            }
        }));
        Ok(guard)
    })
}
