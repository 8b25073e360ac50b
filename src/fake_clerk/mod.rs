//! A server that plays Clerk's OAuth endpoints and its Backend API, for tests.
//!
//! [`FakeClerk`] serves token introspection, userinfo, revocation, both metadata documents and the key
//! set the way a Clerk instance does: the same paths, members, status codes and error forms. At the same
//! address, the Backend API verifies OAuth tokens, machine-to-machine tokens and API keys, and shows
//! users and the key set, for the [`secret_key`](FakeClerk::secret_key). A test
//! decides which users and tokens exist, moves the clock, makes endpoints fail, and looks at the
//! requests that arrived. Tokens are issued by the test, or over HTTP by the authorization code flow:
//! there is no login, every request for authorization is consented to at once.
//!
//! There are two ways to it:
//!
//! * [`FakeClerk::new`] makes a fake without a socket. [`FakeClerk::transport`] carries requests to it
//!   within the process. This is the way for most tests: it is fast, and works under a paused Tokio clock.
//! * [`FakeClerk::start`] starts a real HTTP server on loopback, for programs in other processes and for
//!   tests of connections. It speaks HTTP/1.1 and cleartext HTTP/2 on a thread of its own, and ends when
//!   the last clone of the handle drops.
//!
//! **A paused Tokio clock needs the first way.** It jumps to the next timer whenever the test's runtime
//! has nothing to do, and waiting for a socket is nothing to do: over sockets, every call would run into
//! its timeout before the answer is there.
//!
//! # Examples
//!
//! ```
//! use tower_clerk::{
//!     ClerkConfig,
//!     fake_clerk::{Endpoint, FakeClerk, Fault},
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let clerk = FakeClerk::new();
//!
//! // Give this to the code under test in place of the configuration for the real instance.
//! let config = ClerkConfig::builder(clerk.url()).accept(tower_clerk::kinds::OAuthTokens::introspection(clerk.client_id(), clerk.client_secret()))
//!     .transport(clerk.transport())
//!     .build()?;
//!
//! clerk.user("user_2abc").email("ada@example.com").save();
//! let opaque = clerk.token("user_2abc").scopes(["email"]).issue();
//! let jwt = clerk.token("user_2abc").resource("https://api.example.com").jwt().issue();
//!
//! // The first introspection fails, later ones work.
//! let overload = Fault::status(503).header("retry-after", "1").times(1);
//! clerk.fail(Endpoint::Introspection, overload);
//!
//! // … send requests with the tokens through the code under test …
//! assert_eq!(clerk.calls(Endpoint::Introspection), 0);
//! # let _ = (config, opaque, jwt);
//! # Ok(())
//! # }
//! ```
//!
//! # By hand
//!
//! `cargo run --example fake_clerk` serves a fake on a fixed port, with a page to mint and revoke tokens
//! of every kind on, to rotate keys, to see the calls that come in, and to switch faults on; see
//! [`admin_page`](FakeClerkBuilder::admin_page).
//!
//! # What it answers with
//!
//! Every answer has the members and status codes of Clerk's published API description, version 2026-05-12,
//! and no others. A test that needs a member which Clerk does not document asks for it by name:
//! [`introspection_includes`](FakeClerk::introspection_includes), [`TokenBuilder::claim`],
//! [`name_issuer_in_redirects`](FakeClerk::name_issuer_in_redirects).
//!
//! Clerk documents neither how introspection answers for tokens that are not active nor for a malformed
//! request. There the fake follows RFC 7662 (`{"active":false}`) and RFC 6749. Any confidential
//! client may introspect and revoke any token. What the Backend API leaves open can be chosen:
//! [`backend_times_in`](FakeClerk::backend_times_in),
//! [`hide_inactive_tokens`](FakeClerk::hide_inactive_tokens). It does not verify machine-to-machine JWTs
//! (404), calls any JWT that is no active OAuth token `{"active":false}`, takes 400 for every malformed
//! body, and reads no version header. How Clerk rotates keys is not known either: there is
//! [`rotate_key`](FakeClerk::rotate_key) and
//! [`replace_key_under_same_kid`](FakeClerk::replace_key_under_same_kid). OAuth JWTs have no `cat`.
//!
//! The authorization code flow is stricter than RFC 6749 requires, so that mistakes show: codes live for
//! one minute, PKCE is `S256` or, for confidential clients, left out, a client authenticates in the way
//! it registered, refresh tokens are good for one use, and a code or a refresh token that is used twice
//! ends all that came of it. Any scope is granted.

mod admin;
mod backend;
mod builder;
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

use std::collections::hash_map::Entry;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub use self::backend::TimeUnit;
pub use self::builder::FakeClerkBuilder;
pub use self::endpoint::{Endpoint, Field};
pub use self::fault::Fault;
pub use self::in_process::InProcess;
pub use self::record::RecordedRequest;
pub use self::tokens::{
    ApiKeyBuilder, Category, MachineTokenBuilder, SessionBuilder, TokenBuilder,
};
pub use self::users::UserBuilder;

use self::clients::Client;
use self::server::Server;
use self::state::State;

/// A fake of a Clerk instance; see the [module documentation](self).
///
/// Clones are handles to the same fake.
#[derive(Clone)]
pub struct FakeClerk {
    state: Arc<State>,
    _server: Option<Arc<Server>>,
}

impl FakeClerk {
    /// The base URL, which is also the issuer: `http://127.0.0.1:PORT` of a fake that listens, and an
    /// address of this machine on which no server listens of one that does not.
    #[must_use]
    pub fn url(&self) -> String {
        self.state.url.clone()
    }

    /// The address of [`url`](Self::url), on which the server listens if there is one.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.state.addr
    }

    /// The id of the client that is registered from the start.
    #[must_use]
    pub fn client_id(&self) -> String {
        self.state.client_id.clone()
    }

    /// The secret of the client that is registered from the start.
    #[must_use]
    pub fn client_secret(&self) -> String {
        self.state.client_secret.clone()
    }

    /// Registers another confidential client, or changes the secret of one.
    ///
    /// It can use the authorization code flow once it has a place to redirect to, see
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

    /// Changes what is known about a user, or makes one. A user exists once a token of any kind is issued
    /// for the id, then with an e-mail address and names made up from it.
    pub fn user(&self, id: impl Into<String>) -> UserBuilder<'_> {
        UserBuilder::new(&self.state, id.into())
    }

    /// Prepares an OAuth access token for a user.
    pub fn token(&self, user_id: impl Into<String>) -> TokenBuilder<'_> {
        TokenBuilder::new(&self.state, user_id.into())
    }

    /// Issues a refresh token, which introspects as active, does not expire and is no key to
    /// userinfo.
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

    /// The fake's time, in seconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.state.lock().now()
    }

    /// Adds undocumented members to the answers of introspection from now on; at first there are none.
    ///
    /// Clerk documents `active`, `client_id`, `iat`, `scope`, `sub` and `org_id`. A service that works with
    /// those alone works with Clerk; the others are for tests of what the service does if Clerk sends them.
    pub fn introspection_includes(&self, fields: impl IntoIterator<Item = Field>) {
        let fields = fields.into_iter().collect();
        self.state.lock().extra_fields = fields;
    }

    /// Chooses whether introspection rejects JWTs with 400 `unsupported_token_type`; at first not.
    pub fn reject_jwt_introspection(&self, reject: bool) {
        self.state.lock().rejects_jwt = reject;
    }

    /// Makes an endpoint misbehave.
    ///
    /// Faults of one endpoint have their turns in the order of these calls. One that is not limited
    /// by [`Fault::times`] holds until the endpoint is healed or the next fault is set for it.
    pub fn fail(&self, endpoint: Endpoint, fault: Fault) {
        let mut ledger = self.state.lock();
        ledger.faults.entry(endpoint).or_default().push(fault);
    }

    /// Ends all faults of an endpoint and answers the requests it let hang.
    pub fn heal(&self, endpoint: Endpoint) {
        if let Some(faults) = self.state.lock().faults.get_mut(&endpoint) {
            faults.heal();
        }
    }

    /// Ends all faults of all endpoints and answers the requests they let hang.
    pub fn heal_all(&self) {
        for faults in self.state.lock().faults.values_mut() {
            faults.heal();
        }
    }

    /// How many requests have arrived at an endpoint, whatever became of them.
    #[must_use]
    pub fn calls(&self, endpoint: Endpoint) -> usize {
        let ledger = self.state.lock();
        ledger.calls.get(&endpoint).copied().unwrap_or_default()
    }

    /// How many requests have arrived in all, those to unknown paths included.
    #[must_use]
    pub fn total_calls(&self) -> usize {
        self.state.lock().total_calls
    }

    /// Sets the counts of calls to zero and forgets the recorded requests.
    pub fn reset_calls(&self) {
        let mut ledger = self.state.lock();
        ledger.calls.clear();
        ledger.total_calls = 0;
        ledger.requests.clear();
    }

    /// The last 10 000 requests, oldest first. A request is recorded when its body is complete,
    /// which is a little later than it is counted.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.lock().requests.iter().cloned().collect()
    }

    /// How many TCP connections have been accepted. Requests in process need none.
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
