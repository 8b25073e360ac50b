//! A request through a layer, without a network.

use std::convert::Infallible;

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
