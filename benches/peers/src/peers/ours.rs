//! tower-clerk: introspection, then userinfo, behind a cache. Of session tokens the signature is checked, and what
//! came of it is remembered, too.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use http::StatusCode;
use tokio::{
    runtime::{self, Runtime},
    task::block_in_place,
};
use tower::{Layer, Service};
use tower_clerk::{
    ClerkAuthLayer, ClerkConfig, TokenKind,
    kinds::{OAuthTokens, SessionTokens},
};

use super::{App, Guard, Means, Peer, Request, Response, Shape, Starting, handler};
use crate::provider::Target;

pub(super) const PEER: Peer = Peer {
    name: "tower-clerk",
    packages: &["tower-clerk"],
    means: Means::CachedIntrospection,
    shape: Shape::Layer,
    start,
};

/// With a session token that is known.
pub(super) const SESSIONS: Peer = Peer {
    name: PEER.name,
    means: Means::CachedSignature,
    start: start_sessions,
    ..PEER
};

/// With a session token that nobody remembers.
pub(super) const FIRST: Peer = Peer {
    name: "tower-clerk, first request",
    means: Means::Signature,
    start: start_anew,
    ..PEER
};

/// The longest: nothing is verified again while hits are measured.
const TTL: Duration = Duration::from_secs(300);

fn start(target: Target) -> Starting {
    Box::pin(async move {
        let config = ClerkConfig::builder(target.url)
            .accept(OAuthTokens::introspection(
                target.client_id,
                target.client_secret,
            ))
            .cache_ttl(TTL)
            // Clerk's limits are not the subject here; with them, a flood would make fewer calls.
            .rate_limit(0)
            .build()?;
        let guard: Box<dyn Guard> = Box::new(ClerkAuthLayer::new(config).layer(handler()));
        Ok(guard)
    })
}

fn start_sessions(target: Target) -> Starting {
    Box::pin(async move {
        let config = ClerkConfig::builder(target.url)
            .accept(SessionTokens::new())
            .cache_ttl(TTL)
            .build()?;
        let guard: Box<dyn Guard> = Box::new(ClerkAuthLayer::new(config).layer(handler()));
        Ok(guard)
    })
}

fn start_anew(target: Target) -> Starting {
    Box::pin(async move {
        let config = ClerkConfig::builder(target.url)
            .accept(SessionTokens::new())
            // Nothing is remembered, so that one token has any number of first requests.
            .cache_ttl(Duration::ZERO)
            .build()?;
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let guard: Box<dyn Guard> = Box::new(Anew {
            service: ClerkAuthLayer::new(config).layer(handler()),
            runtime: Some(runtime),
        });
        Ok(guard)
    })
}

/// A service that waits for each token, for a task that verifies it. The task is run by the thread that waits, as
/// a thread of a server does: which other thread is free just then is not what is measured.
struct Anew<S> {
    service: S,
    /// Taken where it is dropped, since a runtime may not wait for its end within another one.
    runtime: Option<Runtime>,
}

impl<S> Guard for Anew<S>
where
    S: Service<Request, Response = Response, Error = std::convert::Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    fn pass(&mut self, requests: Vec<Request>) -> Duration {
        let runtime = self.runtime.as_ref().expect("it is there until the end");
        let service = &mut self.service;
        let all = async {
            let start = Instant::now();
            for request in requests {
                let Ok(response) = service.call(request).await;
                assert_eq!(response.status(), StatusCode::OK, "the token is good");
                black_box(response);
            }
            start.elapsed()
        };
        block_in_place(|| runtime.block_on(all))
    }

    fn app(&self) -> App {
        App::new(self.service.clone())
    }
}

impl<S> Drop for Anew<S> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
