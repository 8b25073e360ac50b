//! The peers: each a service that passes a request with a good token on to the same handler.

mod clerk_rs;
mod hand_written;
mod jsonwebtoken_alone;
mod oauth2_resource_server;
mod ours;
mod zitadel;

use std::{
    convert::Infallible,
    error::Error,
    future::Ready,
    hint::black_box,
    time::{Duration, Instant},
};

use axum::body::Body;
use futures_util::{FutureExt, future::BoxFuture};
use http::StatusCode;
use tower::{Service, ServiceExt, service_fn, util::BoxCloneSyncService};

use crate::provider::{Target, request};

/// What all peers take.
pub type Request = http::Request<Body>;
/// What all peers answer.
pub type Response = http::Response<Body>;
/// A peer with its type forgotten, for where a nanosecond does not count.
pub type App = BoxCloneSyncService<Request, Response, Infallible>;
/// A peer that is starting: some ask the server for its metadata first.
pub type Starting = BoxFuture<'static, Result<Box<dyn Guard>, Box<dyn Error + Send + Sync>>>;

/// How a peer finds out whether a token is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// It asks the server about the token, once, and remembers the answer.
    CachedIntrospection,
    /// It checks the signature of a JWT, once, and remembers what came of it.
    CachedSignature,
    /// It checks the signature of a JWT, each time. The server cannot take anything back.
    Signature,
}

/// How a peer stands before a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Around the handler.
    Layer,
    /// In the handler's arguments: the request is taken apart for it.
    Extractor,
}

/// One of those that are compared.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// What it is called in tables.
    pub name: &'static str,
    /// The crates whose versions matter.
    pub packages: &'static [&'static str],
    /// How it finds out.
    pub means: Means,
    /// How it stands before a handler.
    pub shape: Shape,
    /// Makes a service of it, as its documentation says.
    pub start: fn(Target) -> Starting,
}

/// All that are compared, ours first.
pub const PEERS: [Peer; 5] = [
    ours::PEER,
    hand_written::PEER,
    zitadel::PEER,
    oauth2_resource_server::PEER,
    clerk_rs::PEER,
];

/// Those that are compared with session tokens, ours first. Such a token is not asked about: its signature is
/// what there is.
pub const OF_SESSIONS: [Peer; 4] = [
    ours::SESSIONS,
    jsonwebtoken_alone::PEER,
    ours::FIRST,
    clerk_rs::PEER,
];

/// A service with a peer in it. The type is forgotten per batch, not per request.
pub trait Guard: Send {
    /// Sends requests through, one after the other, and says how long it took.
    ///
    /// # Panics
    ///
    /// If one is rejected, or has to wait for somebody else.
    fn pass(&mut self, requests: Vec<Request>) -> Duration;

    /// The same service with its type forgotten.
    fn app(&self) -> App;
}

impl<S> Guard for S
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    fn pass(&mut self, requests: Vec<Request>) -> Duration {
        let start = Instant::now();
        for request in requests {
            // The handler is always ready, and none of the peers has a readiness of its own.
            let answer = self.call(request).now_or_never();
            let Ok(response) = answer.expect("a hit does not wait");
            assert_eq!(response.status(), StatusCode::OK, "the token is good");
            black_box(response);
        }
        start.elapsed()
    }

    fn app(&self) -> App {
        App::new(self.clone())
    }
}

/// The handler behind all peers. It drops the request with all that a peer put into it.
#[must_use]
pub fn handler() -> impl Service<
    Request,
    Response = Response,
    Error = Infallible,
    Future = Ready<Result<Response, Infallible>>,
> + Clone
+ Send
+ Sync
+ 'static {
    service_fn(|request: Request| std::future::ready(Ok(handle(request))))
}

/// What a request costs without a peer: the handler alone, or, where the peer is an extractor, behind one
/// that extracts nothing.
#[must_use]
pub fn floor(shape: Shape) -> Box<dyn Guard> {
    match shape {
        Shape::Layer => Box::new(handler()),
        Shape::Extractor => Box::new(service_fn(|request: Request| async move {
            let (parts, body) = black_box(request.into_parts());
            Ok(handle(Request::from_parts(parts, body)))
        })),
    }
}

fn handle(request: Request) -> Response {
    drop(black_box(request));
    Response::new(Body::from("ok"))
}

/// Sends one request to a peer.
pub async fn send(app: &App, token: &str) -> StatusCode {
    let Ok(response) = app.clone().oneshot(request(token)).await;
    response.status()
}

/// Waits until a peer accepts a token, which thereby gets known to it. tower-oauth2-resource-server
/// rejects everything for a moment after it has started.
///
/// # Panics
///
/// If it does not within two seconds.
pub async fn warm(app: &App, token: &str) {
    let mut status = StatusCode::OK;
    for _ in 0..100 {
        status = send(app, token).await;
        if status == StatusCode::OK {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a good token gets {status}");
}
