//! [`ClerkAuthLayer`]: what a user holds.

use std::fmt;

use tower_layer::Layer;

use crate::{Authenticator, ClerkAuth, ClerkConfig, options::LayerOptions, reject::EmptyBody};

/// Lets through what carries a good token, with [`ClerkClaims`](crate::ClerkClaims) in the request's
/// extensions. See the [crate docs](crate).
///
/// Cloning copies a pointer: clones, and the services that they make, share one cache and one way to
/// Clerk. Two layers share nothing, even of the same configuration: a cache belongs to one set of rules.
#[derive(Clone)]
pub struct ClerkAuthLayer<R = EmptyBody> {
    authenticator: Authenticator,
    reject: R,
    options: LayerOptions,
}

impl ClerkAuthLayer {
    /// Makes a layer of a configuration. Nothing is asked before the first request comes.
    ///
    /// With the feature `metrics`: install the recorder before this. What is counted goes to the one that is
    /// there now.
    ///
    /// # Panics
    ///
    /// Where the operating system has no random numbers to give.
    #[must_use]
    pub fn new(config: ClerkConfig) -> Self {
        Authenticator::new(config).into()
    }
}

impl<R> ClerkAuthLayer<R> {
    /// Sets the body of rejections. Default: [`EmptyBody`], since every body has an empty one. Others are
    /// [`JsonBody`](crate::reject::JsonBody), [`ProblemJson`](crate::reject::ProblemJson), and a closure
    /// `|rejection: &Rejection| ..` that makes a response of a [`Rejection`](crate::reject::Rejection).
    ///
    /// It also counts for rejections by [rules](crate::RequireLayer) and extractors behind the layer. They leave an
    /// empty response, and the nearest layer in front renders it. A response stays as it is if something in between
    /// gave it a body or another status. The body is known by its headers (`Content-Type`, `Content-Length`,
    /// `Content-Encoding`, `Transfer-Encoding`), and if it is `Bytes`, `String`, `Vec<u8>`, `Full<Bytes>`, or that
    /// of axum or tonic (features of these names), by itself.
    #[must_use]
    pub fn reject_with<T>(self, reject: T) -> ClerkAuthLayer<T> {
        ClerkAuthLayer {
            authenticator: self.authenticator,
            reject,
            options: self.options,
        }
    }

    /// Lets requests without credentials through, without [claims](crate::ClerkClaims). Default: they are
    /// rejected with a 401, since a route that forgets to look would be open otherwise.
    ///
    /// That is a request without an `Authorization` header, or with one of another scheme than `Bearer`,
    /// which is somebody else's to judge and stays where it is, and, where the
    /// [cookie](crate::kinds::SessionTokens::cookie) counts, without that. What claims to be a bearer token is verified
    /// as ever: one that is bad, malformed or cannot be verified is rejected, never taken for none. Claims
    /// that another layer left in the request are removed: only this layer's count.
    ///
    /// It holds for this layer and what is cloned from it, so that a strict and an optional one can share
    /// their cache.
    ///
    /// ```
    /// # use tower_clerk::{ClerkAuthLayer, ClerkConfig};
    /// # fn layers(cfg: ClerkConfig) {
    /// let strict = ClerkAuthLayer::new(cfg);
    /// let lenient = strict.clone().optional();
    /// # }
    /// ```
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.options = self.options.optional();
        self
    }

    /// Removes the `Authorization` header of requests that are let through with a token, however the token
    /// came to be known. Default: it stays, marked as sensitive, since services behind may need it.
    ///
    /// For services that could pass the token on to others, which it was not issued for, as tools of MCP
    /// must not. What is let through by [`optional`](Self::optional) keeps a header of another scheme:
    /// this layer has not accepted it. Cookies stay, that of Clerk's included: the header may hold those of the
    /// application, too.
    ///
    /// It holds for this layer and what is cloned from it.
    #[must_use]
    pub fn strip_authorization(mut self) -> Self {
        self.options = self.options.strip_authorization();
        self
    }

    /// Rejects with HTTP statuses only, never in the gRPC form. Default: a request that can be nothing but gRPC (a
    /// `POST` over HTTP/2 with one `content-type: application/grpc` and one `te: trailers`) is rejected in gRPC's
    /// way, which is an HTTP status of 200 with a `grpc-status`.
    ///
    /// **Forward authentication must use this**: nginx's `auth_request`, Traefik, Caddy and Envoy decide by the
    /// HTTP status, and over HTTP/2 a caller can choose the form. `examples/forward_auth.rs` shows it.
    ///
    /// It also holds for what rejects behind this layer: [rules](crate::RequireLayer), extractors,
    /// [`McpSessionLayer`](crate::mcp::McpSessionLayer), `tonic::claims`, and other layers of this crate. It holds for this
    /// layer and its clones made afterwards.
    #[must_use]
    pub fn http_status_only(mut self) -> Self {
        self.options = self.options.http_status_only();
        self
    }

    /// Returns the authenticator of this layer: to verify tokens from elsewhere, to invalidate, for metadata, counts
    /// and health.
    pub fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }
}

/// Makes a layer that shares the cache of an authenticator.
impl From<Authenticator> for ClerkAuthLayer {
    fn from(authenticator: Authenticator) -> Self {
        Self {
            authenticator,
            reject: EmptyBody,
            options: LayerOptions::default(),
        }
    }
}

impl<S, R: Clone> Layer<S> for ClerkAuthLayer<R> {
    type Service = ClerkAuth<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        ClerkAuth::new(
            inner,
            self.authenticator.clone(),
            self.reject.clone(),
            self.options,
        )
    }
}

impl<R> fmt::Debug for ClerkAuthLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkAuthLayer")
            .field("authenticator", &self.authenticator)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
