//! The metadata as an axum router.

use axum::Router;

use super::ResourceMetadata;

impl ResourceMetadata {
    /// Returns a router that serves the metadata at [both paths](Self::paths), and the authorization server's if it is
    /// [served](crate::config::Resource::serve_authorization_server_metadata). Merge it with the root router of the
    /// service.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// # use tower_clerk::{ClerkAuthLayer, ClerkClaims, ClerkConfig};
    /// # fn router(cfg: ClerkConfig) -> Router {
    /// let layer = ClerkAuthLayer::new(cfg);
    /// let metadata = layer.authenticator().resource_metadata().expect("a resource is configured");
    /// let me = get(async |claims: ClerkClaims| claims.subject().to_owned());
    /// // Below `/api`, the layer does not see requests for `/.well-known/…`.
    /// let api = Router::new().route("/me", me).layer(layer);
    /// Router::new().nest("/api", api).merge(metadata.router())
    /// # }
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
    pub fn router<S>(&self) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        self.paths()
            .chain(self.server_paths())
            // The path of a resource may begin with `:`, which axum 0.7 interpreted as a capture.
            .fold(Router::new().without_v07_checks(), |router, path| {
                router.route_service(path, self.clone())
            })
    }
}
