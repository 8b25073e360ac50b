//! Claims as an argument of an axum handler, and the metadata as a router.

use std::{convert::Infallible, error::Error, fmt};

use axum::Router;
use axum_core::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};

use crate::{ClerkClaims, ResourceMetadata};

/// A handler asked for [`ClerkClaims`], and there were none: no
/// [`ClerkAuthLayer`](crate::ClerkAuthLayer) stands before its route.
///
/// Answered with a 500, since it is a mistake of the service's and not of the caller's.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MissingLayer;

impl MissingLayer {
    /// The status of the answer: 500.
    pub fn status(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    /// The body of the answer. It does not tell the caller what is wrong: the log does.
    pub fn body_text(&self) -> &'static str {
        "internal server error"
    }
}

impl fmt::Display for MissingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no `ClerkAuthLayer` stands before this route")
    }
}

impl Error for MissingLayer {}

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        (self.status(), self.body_text()).into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for ClerkClaims {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        parts.extensions.get().cloned().ok_or_else(|| {
            tracing::error!(
                "a handler takes `ClerkClaims`, but no `ClerkAuthLayer` stands before its route: \
                 add `.layer(ClerkAuthLayer::new(cfg))` to the router after the route"
            );
            MissingLayer
        })
    }
}

/// `None` where there are no claims, be it for want of credentials or of a layer.
impl<S: Sync> OptionalFromRequestParts<S> for ClerkClaims {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned())
    }
}

impl ResourceMetadata {
    /// A router that answers with the metadata at [both paths](Self::paths), to be merged with that of the
    /// service's root.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// # use tower_clerk::{ClerkAuthLayer, ClerkClaims, ClerkConfig};
    /// # fn router(cfg: ClerkConfig) -> Router {
    /// let metadata = cfg.resource_metadata().expect("a resource is configured");
    /// let me = get(async |claims: ClerkClaims| claims.subject().to_owned());
    /// // Below `/api`, the layer does not see requests for `/.well-known/…`.
    /// let api = Router::new().route("/me", me).layer(ClerkAuthLayer::new(cfg));
    /// Router::new().nest("/api", api).merge(metadata.router())
    /// # }
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
    pub fn router<S>(&self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        self.paths()
            // A resource may have a path that begins with `:`, which axum 0.7 took for a capture.
            .fold(Router::new().without_v07_checks(), |router, path| {
                router.route_service(path, self.clone())
            })
    }
}
