//! A request through a layer, without a network.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, ServiceExt, service_fn};
use tower_clerk::{ClerkAuthLayer, ClerkClaims, transport::{Transport, TransportError}};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().unwrap();
}

/// A Clerk that cannot be reached.
pub struct Nothing;

impl Transport for Nothing {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async { Err(TransportError::unreachable("there is no network")) })
    }
}

/// A Clerk that answers every request with this JSON. Clones are the same Clerk.
#[derive(Clone, Default)]
pub struct Given(Arc<Mutex<Bytes>>);

impl Given {
    pub fn set(&self, body: &[u8]) {
        *self.0.lock().unwrap() = Bytes::copy_from_slice(body);
    }
}

impl Transport for Given {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let response = Response::builder()
            .header("content-type", "application/json")
            .body(self.0.lock().unwrap().clone());
        Box::pin(async { response.map_err(TransportError::unreachable) })
    }
}

/// Runs a future to its end.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Sends a token. The claims that the service behind the layer gets are in the response.
pub fn send(layer: &ClerkAuthLayer, token: &str) -> Response<()> {
    let inner = service_fn(|request: Request<()>| async move {
        let mut response = Response::new(());
        if let Some(claims) = request.extensions().get::<ClerkClaims>() {
            response.extensions_mut().insert(claims.clone());
        }
        Ok::<_, Infallible>(response)
    });
    let request = Request::builder()
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .unwrap();
    let Ok(response) =
        RUNTIME.with(|runtime| runtime.block_on(layer.layer(inner).oneshot(request)));
    response
}
