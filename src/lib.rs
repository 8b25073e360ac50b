//! Tower middleware that authenticates requests with [Clerk](https://clerk.com).
//!
//! [`ClerkAuthLayer`] wraps any tower service: axum, tonic, hyper, an MCP server. It extracts the bearer token of each
//! request, verifies it behind a short-lived cache, and inserts [`ClerkClaims`] into the request extensions. OAuth access
//! tokens are verified by introspection (RFC 7662). Session tokens, API keys and machine tokens are accepted if the
//! configuration names them.
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_clerk::{ClerkAuthLayer, ClerkClaims, ClerkConfig, kinds::OAuthTokens};
//!
//! async fn me(claims: ClerkClaims) -> String {
//!     format!("hello {}", claims.subject())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let clerk = tower_clerk::fake_clerk::FakeClerk::start()?;
//! # let (instance, client_id, client_secret) = (clerk.url(), clerk.client_id(), clerk.client_secret());
//! # let token = clerk.token("user_1").scopes(["email"]).issue();
//! // `instance` is the host of the Frontend API, its https URL, or the publishable key.
//! let cfg = ClerkConfig::builder(instance)
//!     .accept(OAuthTokens::introspection(client_id, client_secret).required_scopes(["email"]))
//!     .build()?;
//! let app: Router = Router::new().route("/me", get(me)).layer(ClerkAuthLayer::new(cfg));
//!
//! // A request with a valid token is accepted. A request without a token is rejected.
//! # use tower::ServiceExt;
//! # let request = http::Request::get("/me").header("authorization", format!("Bearer {token}"));
//! # let accepted = app.clone().oneshot(request.body(axum::body::Body::empty())?).await?;
//! # assert_eq!(accepted.status(), 200);
//! let request = http::Request::get("/me").body(axum::body::Body::empty())?;
//! let rejected = app.oneshot(request).await?;
//! assert_eq!(rejected.status(), 401);
//! assert_eq!(rejected.headers()["www-authenticate"], r#"Bearer scope="email""#);
//! # Ok(()) }
//! ```
//!
//! # The path of a request
//!
//! 1. **Extract** the token from the only `Authorization` header (RFC 6750 §2.1), or from Clerk's cookie if that is
//!    configured.
//! 2. **Look up** the token in the cache. A positive entry accepts the request at once, a negative entry rejects it. The
//!    expiry of the token is compared with the clock on every hit.
//! 3. **Verify** the token on a miss, once for all requests that wait for it: introspect, apply the rules (times, issuer,
//!    client, audience, scopes), then enrich the claims with a profile. A value that cannot be checked rejects the token.
//! 4. **Insert** the claims into the request extensions, and call the inner service. [Rules](RequireLayer) for single
//!    routes run there.
//!
//! A [rejection](reject) is an HTTP status with a challenge, or a gRPC status. An outage of Clerk is a 503, never a 401.
//!
//! # Where to go from here
//!
//! The [`guide`] has pages about the [start in each stack](guide::quick_start), [options](guide::options),
//! [kinds of tokens](guide::tokens), [security](guide::security), [testing](guide::testing),
//! [observation](guide::observation), [webhooks](guide::webhooks), [several replicas](guide::replicas),
//! [troubleshooting](guide::troubleshooting) and [migration](guide::migration).
//! [`Authenticator`] is the core without a middleware. Features: `rustls` and `jwt` (defaults), `native-tls`, `axum`,
//! `tonic`, `mcp`, `metrics`, `fleet`, `redis`, `webhooks`, `test-util`. A feature adds items, and never changes what a configuration accepts.

#![cfg_attr(docsrs, feature(doc_cfg))]

// Invariants, mostly about code that does not exist:
//
// - Only `verify/verified.rs` can construct a `Verified`; the cache stores and `inject` takes nothing else.
// - `extract`, `token`, `verify/policy`, `claims`, `reject` do no I/O, take no lock, read no clock.
// - `verify/` does not know `http::Request`; `service.rs` does not know RFC 7662. Public types name neither moka nor
//   reqwest.
// - A cache belongs to one configuration. Rules that differ by route run after it, on the claims.
// - No token or secret reaches `Debug`, `Display`, a log, a cache key or an error body. Personal claims are redacted in
//   `Debug`.
// - A failing cache is a miss; a failing verifier is a rejection, never a pass. Input never causes a panic.
// - A Cargo feature adds API; it never changes what an existing configuration accepts.
// - Top-level modules have no import cycle: `tests/it/structure.rs` fails on one.
//
// The modules are in the order in which a request meets them.

#[cfg(feature = "mcp")]
#[cfg_attr(docsrs, doc(cfg(feature = "mcp")))]
pub mod mcp;
mod layer;
mod service;
mod future;
mod options;
mod authenticator;
mod tokens;
pub mod config;
pub mod kinds;
mod checks;
mod extract;
mod token;
mod cache;
pub mod verify;
mod clerk;
pub mod claims;
pub mod authorize;
pub mod resource_metadata;
pub mod reject;
pub mod observe;
#[cfg(feature = "fleet")]
#[cfg_attr(docsrs, doc(cfg(feature = "fleet")))]
pub mod fleet;
mod error;
mod clock;
mod sync;
mod integrations;
// Text alone, which a build does not need.
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(feature = "webhooks")]
#[cfg_attr(docsrs, doc(cfg(feature = "webhooks")))]
pub mod webhooks;
#[cfg(feature = "test-util")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
pub mod testing;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

/// The HTTP client that calls Clerk.
pub mod transport {
    pub use crate::clerk::http::{Transport, TransportError};
}

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub use self::integrations::axum;
#[cfg(feature = "tonic")]
#[cfg_attr(docsrs, doc(cfg(feature = "tonic")))]
pub use self::integrations::tonic;
pub use self::{
    authenticator::Authenticator,
    authorize::layer::RequireLayer,
    checks::problem::ConfigError,
    claims::clerk_claims::ClerkClaims,
    config::{builder::ClerkConfigBuilder, checked::ClerkConfig},
    error::{AuthError, AuthErrorKind},
    future::ResponseFuture,
    layer::ClerkAuthLayer,
    service::ClerkAuth,
    token::TokenKind,
    tokens::Tokens,
};
#[cfg(feature = "test-util")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
#[doc(inline)]
pub use fake_clerk;

use std::{future::Future, pin::Pin};

/// A boxed future, for implementations of [`Verify`](verify::Verify) and [`Transport`](transport::Transport).
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The README's code, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
