//! A tower layer that accepts Clerk's tokens: OAuth access tokens by introspection, and, where they are named,
//! session tokens, API keys and machine tokens; behind a short-lived cache, with enriched claims in the
//! request's extensions.
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_clerk::{ClerkAuthLayer, ClerkClaims, ClerkConfig, kinds::OAuthTokens};
//!
//! async fn me(claims: ClerkClaims) -> String {
//!     format!("{} {:?}", claims.subject(), claims.profile().and_then(|profile| profile.email()))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let clerk = tower_clerk::fake_clerk::FakeClerk::start()?;
//! # let (instance, client_id, client_secret) =
//! #     (clerk.url(), clerk.client_id(), clerk.client_secret());
//! # let token = clerk.token("user_1").scopes(["email", "profile"]).issue();
//! // `instance` is the host of the frontend API, its https URL, or the publishable key.
//! let cfg = ClerkConfig::builder(instance)
//!     .accept(OAuthTokens::introspection(client_id, client_secret).required_scopes(["email", "profile"]))
//!     .build()?;
//! let app: Router = Router::new()
//!     .route("/me", get(me))
//!     .layer(ClerkAuthLayer::new(cfg));
//!
//! // With a good token: accepted. Without one: rejected.
//! # use tower::ServiceExt;
//! let request = http::Request::get("/me").header("authorization", format!("Bearer {token}"));
//! let accepted = app.clone().oneshot(request.body(axum::body::Body::empty())?).await?;
//! assert_eq!(accepted.status(), 200);
//!
//! let request = http::Request::get("/me").body(axum::body::Body::empty())?;
//! let rejected = app.oneshot(request).await?;
//! assert_eq!(rejected.status(), 401);
//! assert_eq!(rejected.headers()["www-authenticate"], r#"Bearer scope="email profile""#);
//! # Ok(()) }
//! ```
//!
//! The layer needs nothing of the body of a request, and of that of a response only that there is an
//! empty one ([`EmptyBody`]). So it is the same in axum, in tonic (`Server::builder().layer(..)`), and
//! around any other tower service. Where there is no extractor, a handler finds the claims with
//! `request.extensions().get::<ClerkClaims>()`.
//!
//! The [`guide`] has pages on the [start in each stack](guide::quick_start),
//! [all options](guide::options), the [kinds of tokens](guide::tokens), [security](guide::security), [testing](guide::testing),
//! [troubleshooting](guide::troubleshooting), and [migration](guide::migration) from `clerk-rs` and FastMCP. It
//! also says what the type of the same name in `dioxus-clerk` is.
//!
//! # What happens to a request
//!
//! 1. **Bearer.** There must be exactly one `Authorization` header, of the form `Bearer token68` (RFC
//!    6750 §2.1), with a token of at most 4096 bytes.
//! 2. **Cache.** What is known of the token counts: a good one passes, a bad one is rejected. Nobody is
//!    asked. The token's end is compared with the clock again.
//! 3. **Verify**, if nothing is known. Many requests with one token are one verification.
//!    1. *Introspect*: Clerk is asked about the token (RFC 7662). Nothing else happens before it says
//!       `active: true`. Other kinds of tokens than OAuth's have [ways of their own](guide::tokens).
//!    2. *Policy*: times, issuer, client, audience and scopes are checked. What cannot be checked is
//!       rejected.
//!    3. *Enrich*: userinfo is asked who the subject is (OpenID Connect Core §5.3). That may fail.
//! 4. **Inject.** [`ClerkClaims`] are put into the extensions, the header is marked sensitive, and the
//!    inner service is called.
//!
//! # What a rejected caller is told
//!
//! | case | HTTP | challenge | gRPC |
//! |---|---|---|---|
//! | no credentials | 401 | `Bearer` with `scope` and `resource_metadata`, without `error` | 16 |
//! | malformed or several credentials | 400 | `error="invalid_request"` | 16 |
//! | inactive, expired, another client, audience or issuer | 401 | `error="invalid_token"` | 16 |
//! | a scope is missing | 403 | `error="insufficient_scope"`, `scope="…"` | 7 |
//! | a rule of the route rejects the claims | 403 | without `error` | 7 |
//! | Clerk cannot be asked, or its answer breaks its contract | 503 | none; `Retry-After` | 14 |
//!
//! The gRPC form is trailers-only, with HTTP status 200. It is for a request that can be nothing but gRPC: a
//! `POST` over HTTP/2 with exactly one `content-type`, which is `application/grpc` followed by the end, `+` or `;`,
//! and exactly one `te: trailers`. Every other request gets the HTTP status, gRPC-Web included; its clients map
//! that by themselves. [`http_status_only`](ClerkAuthLayer::http_status_only) switches the form off. A 503 in
//! that form has `retry-after` and `grpc-retry-pushback-ms`, with one delay.
//!
//! All answers carry `Cache-Control: no-store`. Why exactly a token was rejected is in the
//! [`AuthError`] among the extensions of the *response*, for logging layers; the caller does not learn
//! it. An outage of Clerk's is never a 401: clients would throw good tokens away.
//!
//! The body is shaped by [`reject_with`](ClerkAuthLayer::reject_with):
//! [`JsonBody`](reject::JsonBody), [`ProblemJson`](reject::ProblemJson) or a closure. It holds for rules and
//! extractors behind the layer, too. None of them can change or lose what stands in this table.
//!
//! # How clients find out whom to ask
//!
//! With a [`resource`](ClerkConfigBuilder::resource) that is a web address, the layer answers `GET`, `HEAD`
//! and `OPTIONS` at `/.well-known/oauth-protected-resource`, and at the same with the resource's path behind
//! it, with the [`ResourceMetadata`] (RFC 9728): without a token, to every origin, whatever state Clerk is in.
//! 401 and 403 challenges name its address. All of it is made of the configuration, nothing of what a
//! request says. Clients of MCP begin there.
//!
//! A layer that does not see these requests, since it stands below the root, cannot answer them: then mount
//! [`resource_metadata`](Authenticator::resource_metadata) at the root.
//!
//! # Rules by route
//!
//! What the layer requires, it requires of all requests. A [`RequireLayer`] adds a rule to a route: scopes,
//! permissions, roles, kinds of tokens, or a predicate. It stands behind the layer and decides by the claims of each request.
//! [`McpSessionLayer`] stands there, too: it keeps the sessions of an MCP server to those who opened them.
//!
//! # What an attacker can and cannot do
//!
//! * A revoked token is accepted until its entry ends: [30 s](ClerkConfigBuilder::cache_ttl) by default.
//!   [`Authenticator::invalidate`] ends it at once, in this process.
//! * Tokens are not kept: the cache knows them by a keyed digest. They are in no log, no error and no
//!   `Debug` text, and neither is who a person is.
//! * A refresh token, an ID token of another shape, or a session id never reaches Clerk.
//! * Two layers share nothing, whatever their configurations have in common.
//! * No kind of token passes for another, though one key of the instance signs them all: each is
//!   [accepted by name](guide::tokens).
//! * Tokens in the query or in a form are not looked at (RFC 6750 §2.2, §2.3), and in a cookie only where
//!   [that is configured](kinds::SessionTokens::cookie).
//! * There are no exempt paths but those of the [metadata](ResourceMetadata): what is open is outside of
//!   the layer, or looks for the claims itself behind an [optional](ClerkAuthLayer::optional) one.
//! * A token that nobody has seen before cannot be verified while Clerk is down.
//!
//! # When Clerk does not work
//!
//! * What is known stays known to its end; beyond it, requests get a 503 with `Retry-After`. With
//!   [`stale_if_error`](ClerkConfigBuilder::stale_if_error), good verdicts bridge the outage, marked as such
//!   ([`ClerkClaims::is_stale`]).
//! * Nobody waits longer than [`timeout`](ClerkConfigBuilder::timeout). After ten failures in a row
//!   (server errors, silence, broken connections) an endpoint is left alone, but for one probe a second. An
//!   answer that one token can provoke counts for nothing: no caller can take Clerk from the others.
//! * A call that did not get through is made once more, within a budget: at full failure, hardly ever.
//! * At most 64 calls are made at a time and 1,024 wait; the rest is rejected at once.
//! * Clerk's rate limits are kept ([`rate_limit`](ClerkConfigBuilder::rate_limit)). Of every bound, 35 % is
//!   reserved for tokens that were valid before, for the tokens in use, which are verified again in the last
//!   fifth of their entry's life, and for key sets. So a flood of unknown tokens costs them nothing.
//! * After a 429, an endpoint is left alone as long as Clerk says, but for a token in use every few seconds:
//!   as soon as that is verified, the pause is over.
//!
//! # Testing with it
//!
//! The feature `test-util` has a server that plays Clerk, in `fake_clerk`, and a clock that tests can
//! move.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `rustls` | yes | TLS towards Clerk by rustls, with the certificates that the platform trusts |
//! | `native-tls` | | TLS towards Clerk by the platform's own library, where `rustls` is off |
//! | `jwt` | yes | JWTs verified here: session tokens, machine tokens, OAuth tokens where that is configured |
//! | `axum` | | [`ClerkClaims`], `Claims<T>`, [`Organization`] and [`Actor`] as extractors, [`ResourceMetadata`] as a router |
//! | `tonic` | | `clerk_claims`: the claims of a `tonic::Request` |
//! | `metrics` | | counts and durations for the installed recorder of the crate `metrics` |
//! | `test-util` | | `fake_clerk` and `testing`, for tests |

#![cfg_attr(docsrs, feature(doc_cfg))]

// Invariants, mostly of what is not there:
//
// - Only `verify/verified.rs` can make a `Verified`; the cache stores and `inject` takes nothing else than
//   what came out of one.
// - `bearer`, `policy`, `claims`, `reject` do no I/O, take no lock, read no clock.
// - `verify/` does not know `http::Request` of a caller; `service.rs` does not know RFC 7662. Public
//   types name neither moka nor reqwest.
// - A cache belongs to one configuration. Rules that differ by route run after it, on the claims.
// - No token or secret reaches `Debug`, `Display`, a log, a cache key or an error body. Claims that say
//   who a person is are redacted in `Debug`.
// - A failing cache is a miss; a failing verifier is a rejection, never a pass. Nothing panics on input.
// - A Cargo feature adds API; it never changes what an existing configuration accepts.
//
// The modules stand in the order in which a request meets them.

mod checks;
pub mod config;
pub mod kinds;
mod layer;
mod authenticator;
mod tokens;
mod service;
mod future;
mod metadata;
mod options;
mod extract;
mod token;
mod cache;
mod verify;
mod clerk;
pub mod claims;
pub mod authorize;
mod session;
pub mod reject;
mod error;
mod clock;
mod observe;
mod sync;
mod integrations;
// Text alone, which a build does not need.
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(feature = "test-util")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
pub mod testing;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

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
    clerk::{
        TokenInfo,
        http::{Transport, TransportError},
    },
    config::{builder::ClerkConfigBuilder, checked::ClerkConfig},
    error::{AuthError, AuthErrorKind},
    extract::BearerToken,
    future::ResponseFuture,
    layer::ClerkAuthLayer,
    metadata::ResourceMetadata,
    observe::{BreakerState, Health, Stats},
    service::ClerkAuth,
    session::{McpSession, McpSessionFuture, McpSessionLayer},
    token::TokenKind,
    tokens::Tokens,
    verify::{Verify, VerifyRequest},
};
#[cfg(feature = "test-util")]
#[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
#[doc(inline)]
pub use fake_clerk;

/// The README's code, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
