//! [`ClerkAuthLayer`]: what a user holds.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use crate::{
    AuthError, ClerkAuth, ClerkConfig, EmptyBody, Health, ResourceMetadata, Stats, auth::Auth,
    passage::Passage,
};

/// Lets through what carries a good token, with [`ClerkClaims`](crate::ClerkClaims) in the request's
/// extensions. See the [crate docs](crate).
///
/// Cloning copies a pointer: clones, and the services that they make, share one cache and one way to
/// Clerk. Two layers share nothing, even of the same configuration: a cache belongs to one set of rules.
#[derive(Clone)]
pub struct ClerkAuthLayer<R = EmptyBody> {
    auth: Arc<Auth>,
    reject: R,
    passage: Passage,
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
        Self {
            auth: Arc::new(Auth::new(config)),
            reject: EmptyBody,
            passage: Passage::default(),
        }
    }
}

impl<R> ClerkAuthLayer<R> {
    /// Has rejections rendered by something else than [`EmptyBody`]: [`JsonBody`](crate::JsonBody),
    /// [`ProblemJson`](crate::ProblemJson), or a closure from [`Rejection`](crate::Rejection) to a response.
    #[must_use]
    pub fn reject_with<T>(self, reject: T) -> ClerkAuthLayer<T> {
        ClerkAuthLayer {
            auth: self.auth,
            reject,
            passage: self.passage,
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
        self.passage = self.passage.optional();
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
        self.passage = self.passage.strip_authorization();
        self
    }

    /// Rejects with HTTP statuses only, never in the gRPC form. Default: a request that can be nothing but gRPC (a
    /// `POST` over HTTP/2 with one `content-type: application/grpc` and one `te: trailers`) is rejected in gRPC's
    /// way, which is an HTTP status of 200 with a `grpc-status`.
    ///
    /// **Forward authentication must use this**: nginx's `auth_request`, Traefik, Caddy and Envoy decide by the
    /// HTTP status, and over HTTP/2 a caller can choose the form. `examples/forward_auth.rs` shows it.
    ///
    /// It also holds for what rejects behind this layer: [rules](crate::RequireScopes), extractors,
    /// [`McpSessionLayer`](crate::McpSessionLayer), `clerk_claims`, and other layers of this crate. It holds for this
    /// layer and its clones made afterwards.
    #[must_use]
    pub fn http_status_only(mut self) -> Self {
        self.passage = self.passage.http_status_only();
        self
    }

    /// What this service says of itself as a protected resource (RFC 9728), to mount it where the layer
    /// does not see the requests for it. `None` where no
    /// [`resource`](crate::ClerkConfigBuilder::resource) is configured, or one that is no web address.
    pub fn resource_metadata(&self) -> Option<ResourceMetadata> {
        self.auth.metadata.clone()
    }

    /// Fetches the metadata and the key set of the instance, where they are needed, before the first token waits
    /// for them. Where there is nothing to fetch, or it is there already, nothing happens.
    ///
    /// # Errors
    ///
    /// Why it could not be fetched. Do not let a service fail to start for it: the layer tries again
    /// with the requests that come.
    ///
    /// # Cancel safety
    ///
    /// A caller that stops waiting leaves the fetch as it is: it goes on in a task of its own, within the
    /// [`timeout`](crate::ClerkConfigBuilder::timeout). If its runtime is blocked or shut down, the next request
    /// that needs the document fetches it.
    pub fn warm_up(&self) -> impl Future<Output = Result<(), AuthError>> + Send + use<R> {
        self.auth.warm_up()
    }

    /// Invalidates a token, for instance because it was revoked. It is verified anew for every request that
    /// arrives after this has returned.
    ///
    /// A verification that is under way still counts for requests that arrived before, and is not cached.
    /// A token that is verified by its signature alone passes the next verification until it expires, revoked or not.
    ///
    /// It costs other tokens nothing, however many are invalidated: one that is neither cached nor being
    /// verified leaves no trace.
    pub fn invalidate(&self, token: &str) {
        self.auth.cache.invalidate(token);
    }

    /// Invalidates all tokens of a subject (`user_…`), as [`invalidate`](Self::invalidate) does with one, and
    /// what the Backend API has answered about the subject.
    pub fn invalidate_subject(&self, subject: &str) {
        // Ordering: before the tokens. A verification that begins after those are forgotten must not find
        // the old user.
        self.auth.verifier.enrich.invalidate(subject);
        self.auth.cache.invalidate_subject(subject);
    }

    /// Invalidates everything, as [`invalidate`](Self::invalidate) does with one token.
    pub fn clear(&self) {
        self.auth.verifier.enrich.clear();
        self.auth.cache.clear();
    }

    /// What the layer has done so far and holds now. Counting the entries has the cache cleaned up:
    /// ask every few seconds, not on every request.
    pub fn stats(&self) -> Stats {
        self.auth.observer.stats(&self.auth.cache)
    }

    /// Whether Clerk works, as far as the layer knows from its own calls. It asks nobody, and costs nothing.
    ///
    /// # Readiness probes
    ///
    /// Do not let readiness depend on it: where Clerk is down, all replicas would fail their probes at the
    /// same moment and be taken out together, with them the requests whose tokens are remembered, the
    /// routes that need none, and the 503 with `Retry-After` that tells clients to come back. Rather
    /// let it raise an alarm, and bridge outages with
    /// [`stale_if_error`](crate::ClerkConfigBuilder::stale_if_error). What is no outage of Clerk's may well keep a
    /// new replica from taking over: that
    /// [`credentials_rejected`](Health::credentials_rejected) is true, for then this replica's
    /// configuration is wrong.
    ///
    /// A layer that has not been used yet knows nothing: all fields have their defaults.
    pub fn health(&self) -> Health {
        self.auth.vitals.health()
    }
}

impl<S, R: Clone> Layer<S> for ClerkAuthLayer<R> {
    type Service = ClerkAuth<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        ClerkAuth::new(
            inner,
            Arc::clone(&self.auth),
            self.reject.clone(),
            self.passage,
        )
    }
}

impl<R> fmt::Debug for ClerkAuthLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkAuthLayer")
            .field("rules", &self.auth.verifier.rules)
            .field("passage", &self.passage)
            .finish_non_exhaustive()
    }
}
