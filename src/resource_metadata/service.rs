//! [`ResourceMetadata`] as a service, for services that mount the layer below the root.

use std::{
    convert::Infallible,
    future::{self, Ready},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower_service::Service;

use super::ResourceMetadata;

/// Responds at any path. Ignores the body of the request. At the paths of the authorization server, responds with its
/// document if it is [served](crate::config::Resource::serve_authorization_server_metadata).
impl<B> Service<Request<B>> for ResourceMetadata {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let response = self.answer(request.method(), request.uri().path());
        future::ready(Ok(response.map(Full::new)))
    }
}
