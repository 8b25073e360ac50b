//! A Clerk for tests and development: Clerk's OAuth endpoints and its Backend API.
//!
//! [`FakeClerk`] serves token introspection, userinfo, revocation, both metadata documents and the key set
//! the way a Clerk instance does: the same paths, members, status codes and error forms. At the same address,
//! the Backend API verifies OAuth tokens, machine-to-machine tokens and API keys, and shows users and the key
//! set, for the [`secret_key`](FakeClerk::secret_key). A test defines the users and tokens, moves the clock,
//! makes endpoints fail, and inspects the received requests. Tokens are issued by the test, or over HTTP by
//! the authorization code flow, which grants every request without a login.
//!
//! A fake works in one of two ways:
//!
//! * [`FakeClerk::new`] builds a fake without a socket. [`FakeClerk::transport`] carries requests to it
//!   within the process. Most tests use it: it is fast, and works under a paused Tokio clock.
//! * [`FakeClerk::start`] starts a real HTTP server on loopback, for programs in other processes and for
//!   tests of connections. It serves HTTP/1.1 and cleartext HTTP/2 on its own thread, and stops when the last
//!   clone of the handle drops.
//!
//! **A paused Tokio clock needs the first way.** The clock jumps to the next timer when the test's runtime is
//! idle, and a runtime that waits for a socket is idle. Over sockets, every call would reach its timeout
//! before its answer arrives.
//!
//! # Examples
//!
//! ```
//! use bytes::Bytes;
//! use fake_clerk::{Endpoint, FakeClerk, Fault};
//! use http::Request;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let clerk = FakeClerk::new();
//!
//! // Give the code under test `clerk.url()`, `clerk.client_id()` and `clerk.client_secret()` in place of
//! // those of the real instance, and send its requests through `clerk.transport()`.
//!
//! clerk.user("user_2abc").email("ada@example.com").save();
//! let opaque = clerk.token("user_2abc").scopes(["email"]).issue();
//! let jwt = clerk.token("user_2abc").resource("https://api.example.com").jwt().issue();
//!
//! // The first request for a profile fails, later ones work.
//! let overload = Fault::status(503).header("retry-after", "1").times(1);
//! clerk.fail(Endpoint::Userinfo, overload);
//!
//! for (token, expected) in [(&opaque, 503), (&opaque, 200), (&jwt, 200)] {
//!     let request = Request::get(format!("{}/oauth/userinfo", clerk.url()))
//!         .header("authorization", format!("Bearer {token}"))
//!         .body(Bytes::new())?;
//!     assert_eq!(clerk.transport().exchange(request).await?.status(), expected);
//! }
//! assert_eq!(clerk.calls(Endpoint::Userinfo), 3);
//! # Ok(())
//! # }
//! ```
//!
//! # By hand
//!
//! The program `fake-clerk` serves a fake on a fixed port. Its admin page issues and revokes tokens of every
//! kind, rotates keys, lists calls, and switches faults on; see [`admin_page`](FakeClerkBuilder::admin_page).
//!
//! # Answers
//!
//! Every answer has the members and status codes of the API description that Clerk publishes, version
//! 2026-05-12, and no others. A test that needs an undocumented member enables it by name:
//! [`introspection_includes`](FakeClerk::introspection_includes), [`TokenBuilder::claim`],
//! [`name_issuer_in_redirects`](FakeClerk::name_issuer_in_redirects).
//!
//! Clerk does not document the answers of introspection for inactive tokens and for malformed requests. For
//! them the fake follows RFC 7662 (`{"active":false}`) and RFC 6749. Any confidential client may introspect
//! and revoke any token. These methods choose undocumented behaviour of the Backend API:
//! [`backend_times_in`](FakeClerk::backend_times_in),
//! [`hide_inactive_tokens`](FakeClerk::hide_inactive_tokens). The Backend API does not verify
//! machine-to-machine JWTs (404), answers `{"active":false}` for every JWT that is not an active OAuth token,
//! answers 400 for every malformed body, and ignores version headers. Clerk's rotation of keys is not
//! documented either, so there are [`rotate_key`](FakeClerk::rotate_key) and
//! [`replace_key_under_same_kid`](FakeClerk::replace_key_under_same_kid). OAuth JWTs have no `cat`.
//!
//! The authorization code flow is stricter than RFC 6749 requires, to reveal mistakes. Codes are valid for
//! one minute. PKCE is `S256`; only confidential clients may omit it. A client authenticates with its
//! registered method. A refresh token is valid for one use. A second use of a code or a refresh token revokes
//! all tokens of its grant. Every scope is granted.

mod admin;
mod backend;
mod builder;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod clients;
mod cors;
mod endpoint;
mod exchange;
mod fault;
mod handlers;
mod in_process;
mod key_ring;
mod keys;
mod kinds;
mod metadata;
mod oauth;
mod record;
mod reply;
mod server;
mod state;
#[cfg(test)]
mod tests;
mod tokens;
mod users;
mod webhooks;

use std::collections::hash_map::Entry;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub use self::backend::TimeUnit;
pub use self::builder::FakeClerkBuilder;
pub use self::endpoint::{Endpoint, Field};
pub use self::exchange::ConnectionReset;
pub use self::fault::Fault;
pub use self::in_process::InProcess;
pub use self::record::RecordedRequest;
pub use self::tokens::{
    ApiKeyBuilder, Category, MachineTokenBuilder, SessionBuilder, TokenBuilder,
};
pub use self::users::UserBuilder;
pub use self::webhooks::{InvalidWebhook, MembershipEvents, OrganizationEvents};

use self::clients::Client;
use self::server::Server;
use self::state::State;

/// A fake of a Clerk instance; see the [crate documentation](self).
///
/// Clones are handles to the same fake.
#[derive(Clone)]
pub struct FakeClerk {
    state: Arc<State>,
    _server: Option<Arc<Server>>,
}

impl FakeClerk {
    /// Returns the base URL of the Frontend API: `http://127.0.0.1:PORT` if the fake listens, and otherwise a
    /// loopback address without a server, with the [path](FakeClerkBuilder::path) if there is one. It is also the
    /// issuer, unless [another](FakeClerkBuilder::issuer) is set.
    #[must_use]
    pub fn url(&self) -> String {
        self.state.url.clone()
    }

    /// Returns the base URL of the Backend API, which ends in `/v1`.
    #[must_use]
    pub fn backend_api_url(&self) -> String {
        self.state.backend_url()
    }

    /// Returns the address of [`url`](Self::url), on which the server listens if there is one.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.state.addr
    }

    /// Returns the id of the client that is registered from the start.
    #[must_use]
    pub fn client_id(&self) -> String {
        self.state.client_id.clone()
    }

    /// Returns the secret of the client that is registered from the start.
    #[must_use]
    pub fn client_secret(&self) -> String {
        self.state.client_secret.clone()
    }

    /// Returns the settings of a service that introspects OAuth access tokens with this client, in the format of
    /// `tower-clerk`'s configuration files. They can be deserialized as a `ClerkConfigBuilder` or a `ClerkConfig`.
    #[must_use]
    pub fn settings(&self) -> serde_json::Value {
        let (client_id, client_secret) = (self.client_id(), self.client_secret());
        let oauth = serde_json::json!({ "client_id": client_id, "client_secret": client_secret });
        serde_json::json!({ "instance": self.url(), "accept": { "oauth": oauth } })
    }

    /// Registers another confidential client, or changes the secret of one.
    ///
    /// The client can use the authorization code flow once it has a redirect URI, see
    /// [`allow_redirects`](Self::allow_redirects).
    pub fn register_client(&self, id: impl Into<String>, secret: impl Into<String>) {
        let client = Client::confidential(secret.into());
        let mut ledger = self.state.lock();
        match ledger.clients.entry(id.into()) {
            Entry::Occupied(known) => known.into_mut().secret = client.secret,
            Entry::Vacant(free) => {
                free.insert(client);
            }
        }
    }

    /// Changes or creates a user. A user also exists once a token of any kind is issued for the id, with an
    /// e-mail address and names derived from the id.
    pub fn user(&self, id: impl Into<String>) -> UserBuilder<'_> {
        UserBuilder::new(&self.state, id.into())
    }

    /// Prepares an OAuth access token for a user.
    pub fn token(&self, user_id: impl Into<String>) -> TokenBuilder<'_> {
        TokenBuilder::new(&self.state, user_id.into())
    }

    /// Issues a refresh token, which introspects as active, does not expire, and is not accepted by userinfo.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers for it.
    #[must_use]
    pub fn refresh_token(&self, user_id: impl Into<String>) -> String {
        TokenBuilder::refresh(&self.state, user_id.into()).issue()
    }

    /// Moves the fake's clock forward.
    pub fn advance(&self, time: Duration) {
        let mut ledger = self.state.lock();
        ledger.ahead = ledger.ahead.saturating_add(time);
    }

    /// Returns the fake's time, in seconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.state.lock().now()
    }

    /// Sets the undocumented members of introspection answers; at first there are none.
    ///
    /// Clerk documents `active`, `client_id`, `iat`, `scope`, `sub` and `org_id`. A service that needs only
    /// those works with Clerk. The others are for tests of a service that reads them.
    pub fn introspection_includes(&self, fields: impl IntoIterator<Item = Field>) {
        let fields = fields.into_iter().collect();
        self.state.lock().extra_fields = fields;
    }

    /// Sets whether introspection rejects JWTs with 400 `unsupported_token_type`; at first it does not.
    pub fn reject_jwt_introspection(&self, reject: bool) {
        self.state.lock().rejects_jwt = reject;
    }

    /// Makes an endpoint misbehave.
    ///
    /// Faults of one endpoint apply in the order of these calls. A fault without [`Fault::times`] holds until
    /// the endpoint is healed or the next fault is set for it.
    pub fn fail(&self, endpoint: Endpoint, fault: Fault) {
        self.state.lock().fail(endpoint, fault);
    }

    /// Ends all faults of an endpoint and answers its hanging requests.
    pub fn heal(&self, endpoint: Endpoint) {
        self.state.lock().heal(Some(endpoint));
    }

    /// Ends all faults of all endpoints and answers their hanging requests.
    pub fn heal_all(&self) {
        self.state.lock().heal(None);
    }

    /// Returns the number of requests that arrived at an endpoint, with any outcome.
    #[must_use]
    pub fn calls(&self, endpoint: Endpoint) -> usize {
        let ledger = self.state.lock();
        ledger.calls.get(&endpoint).copied().unwrap_or_default()
    }

    /// Returns the number of all requests that arrived, including those to unknown paths.
    #[must_use]
    pub fn total_calls(&self) -> usize {
        self.state.lock().total_calls
    }

    /// Resets the counts of calls and removes the recorded requests.
    pub fn reset_calls(&self) {
        let mut ledger = self.state.lock();
        ledger.calls.clear();
        ledger.total_calls = 0;
        ledger.requests.clear();
    }

    /// Returns the last 10,000 requests, oldest first. A request is counted on arrival, and recorded when its
    /// body is complete.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.lock().requests.iter().cloned().collect()
    }

    /// Returns the number of accepted TCP connections. Requests in process use none.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for FakeClerk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeClerk")
            .field("url", &self.state.url)
            .finish_non_exhaustive()
    }
}

/// The README's code, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
