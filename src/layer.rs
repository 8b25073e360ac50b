//! [`ClerkAuthLayer`]: the layer that authenticates requests.

use std::fmt;

use tower_layer::Layer;

use crate::{Authenticator, ClerkAuth, ClerkConfig, options::LayerOptions, reject::EmptyBody};

/// Authenticates requests with Clerk and inserts [`ClerkClaims`](crate::ClerkClaims) into the request's extensions.
/// See the [crate docs](crate).
///
/// Cloning copies a pointer. Clones, and the services that they make, share one cache and one connection pool. Two
/// layers that are made separately share nothing, even if their configurations are equal: a cache belongs to one set
/// of rules.
#[derive(Clone)]
pub struct ClerkAuthLayer<R = EmptyBody> {
    authenticator: Authenticator,
    reject: R,
    options: LayerOptions,
}

impl ClerkAuthLayer {
    /// Makes a layer from a configuration. It calls Clerk only when the first request arrives.
    ///
    /// With the feature `metrics`, install the recorder before this call: the metrics go to the recorder that is
    /// installed now.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers.
    #[must_use]
    pub fn new(config: ClerkConfig) -> Self {
        Authenticator::new(config).into()
    }
}

impl<R> ClerkAuthLayer<R> {
    /// Sets the body of rejections. Default: [`EmptyBody`], since every body type has an empty value. Alternatives are
    /// [`JsonBody`](crate::reject::JsonBody), [`ProblemJson`](crate::reject::ProblemJson), and a closure
    /// `|rejection: &Rejection| ..` that makes a response from a [`Rejection`](crate::reject::Rejection).
    ///
    /// The body also applies to rejections by [rules](crate::RequireLayer) and extractors behind the layer. Both return
    /// an empty response, and the nearest layer in front of them renders the body. A response does not change if a
    /// service in between gave it a body or another status. Two things show that a response has a body: its headers
    /// (`Content-Type`, `Content-Length`, `Content-Encoding`, `Transfer-Encoding`), and its content, if the type is
    /// `Bytes`, `String`, `Vec<u8>`, `Full<Bytes>`, or the body type of axum or tonic (features of these names).
    #[must_use]
    pub fn reject_with<T>(self, reject: T) -> ClerkAuthLayer<T> {
        ClerkAuthLayer {
            authenticator: self.authenticator,
            reject,
            options: self.options,
        }
    }

    /// Accepts requests without credentials. They have no [claims](crate::ClerkClaims). Default: such requests are
    /// rejected with a 401, since a route that forgets to check for claims would otherwise be open.
    ///
    /// A request has no credentials if it has no `Authorization` header, or one of another scheme than `Bearer`. The
    /// layer leaves such a header in the request, for the service that understands the scheme. If the
    /// [cookie](crate::kinds) is enabled, it must also be absent. A bearer token is always
    /// verified: a token that is invalid, malformed or cannot be verified is rejected, never treated as absent. Claims
    /// that another layer inserted into the request are removed: only the claims of this layer count.
    ///
    /// The option applies to this layer and to clones that are made from it afterwards. A strict layer and an optional
    /// layer can therefore share their cache.
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

    /// Removes the `Authorization` header from requests with an accepted token, regardless of how the token was
    /// verified. Default: the header stays, marked as sensitive, since inner services may need it.
    ///
    /// Use this if a service could pass the token on to other services, which the token was not issued for. MCP tools
    /// must not do so. A request that is accepted because the layer is [`optional`](Self::optional) keeps a header of
    /// another scheme, since this layer has not accepted that header. Cookies stay, Clerk's cookie included, since the
    /// `Cookie` header may also hold cookies of the application.
    ///
    /// The option applies to this layer and to clones that are made from it afterwards.
    #[must_use]
    pub fn strip_authorization(mut self) -> Self {
        self.options = self.options.strip_authorization();
        self
    }

    /// Rejects with HTTP statuses only, never in the gRPC form. By default, a request that can only be gRPC (a `POST`
    /// over HTTP/2 with one `content-type: application/grpc` and one `te: trailers`) is rejected in the gRPC form,
    /// which is an HTTP status of 200 with a `grpc-status`.
    ///
    /// **Forward authentication must use this**: nginx's `auth_request`, Traefik, Caddy and Envoy decide by the HTTP
    /// status, and over HTTP/2 a caller can choose the form. `examples/forward_auth` shows it, with the configurations of these proxies.
    ///
    /// The option also applies to rejections behind this layer: by [rules](crate::RequireLayer), extractors,
    /// [`McpSessionLayer`](crate::mcp::McpSessionLayer), `tonic::claims`, and other layers of this crate. It applies to
    /// this layer and to clones that are made from it afterwards.
    #[must_use]
    pub fn http_status_only(mut self) -> Self {
        self.options = self.options.http_status_only();
        self
    }

    /// Returns the authenticator of this layer. It verifies tokens from other sources than a header, invalidates cached
    /// results, and returns the metadata, statistics and health.
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
