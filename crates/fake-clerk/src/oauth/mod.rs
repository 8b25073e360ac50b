//! The authorization code flow: registration (RFC 7591), authorization and tokens (RFC 6749), with
//! PKCE (RFC 7636), resource indicators (RFC 8707) and the issuer's name in answers (RFC 9207).

mod authorize;
mod grant;
mod id_token;
mod params;
mod pkce;
mod redirect;
mod register;
mod scope;
mod token;

use std::collections::HashMap;
use std::time::Duration;

use http::StatusCode;

use self::pkce::Challenge;
use super::FakeClerk;
use super::reply::{self, Reply};

pub(super) use self::authorize::authorize;
pub(super) use self::register::register;
pub(super) use self::token::token;

/// Returns the scopes of a text, if it has only characters of scopes.
pub(super) fn parse_scope(text: &str) -> Option<Vec<String>> {
    scope::parse(text).ok()
}

/// The state and the settings of the flow.
#[derive(Default)]
pub(super) struct Flow {
    /// Authorization codes by their texts.
    codes: HashMap<String, Code>,
    pub(super) issues_jwts: bool,
    pub(super) lifetime: Option<Duration>,
    pub(super) rejects_registration: bool,
    pub(super) rejects_consent: bool,
    pub(super) names_issuer: bool,
}

/// The content of an authorization code.
#[derive(Clone)]
struct Code {
    client_id: String,
    subject: String,
    /// The redirect URI of the authorization request, if it names one.
    redirect_uri: Option<String>,
    challenge: Option<Challenge>,
    nonce: Option<String>,
    scopes: Vec<String>,
    resources: Vec<String>,
    expires_at: u64,
    redeemed: bool,
}

/// The reason for a rejection, in the terms of RFC 6749.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rejection {
    error: &'static str,
    description: &'static str,
}

impl Rejection {
    fn new(error: &'static str, description: &'static str) -> Self {
        Self { error, description }
    }

    fn invalid_request(description: &'static str) -> Self {
        Self::new("invalid_request", description)
    }

    /// Returns the rejection as a direct answer, not as a redirection, with the status that Clerk documents
    /// for the error.
    fn shown(self) -> Reply {
        let status = match self.error {
            "invalid_client" | "unsupported_grant_type" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        reply::oauth_error(status, self.error, self.description)
    }
}

impl FakeClerk {
    /// Adds redirect URIs of a client; a client that registered itself has its own.
    ///
    /// A request must repeat a URI exactly, except for the port of a loopback address (RFC 8252 §7.3). At
    /// first the default client has none. An unknown client id is ignored.
    pub fn allow_redirects(
        &self,
        client_id: &str,
        uris: impl IntoIterator<Item = impl Into<String>>,
    ) {
        if let Some(client) = self.state.lock().clients.get_mut(client_id) {
            client.redirect_uris = uris.into_iter().map(Into::into).collect();
        }
    }

    /// Sets whether the access tokens of the flow are JWTs. At first they are opaque, as with an instance of
    /// Clerk that does not use JWTs. It does not affect [`token`](Self::token).
    pub fn issue_jwts(&self, jwts: bool) {
        self.state.lock().flow.issues_jwts = jwts;
    }

    /// Sets the lifetime of access tokens of the flow, in whole seconds; at first one day, as with Clerk. A
    /// short lifetime tests that a client refreshes in time.
    pub fn access_token_lifetime(&self, lifetime: Duration) {
        self.state.lock().flow.lifetime = Some(lifetime);
    }

    /// Sets whether dynamic registration is rejected with 422, as with Clerk, where it is off by default. At
    /// first it is on. If it is off, the metadata omits it.
    pub fn reject_registration(&self, reject: bool) {
        self.state.lock().flow.rejects_registration = reject;
    }

    /// Sets whether redirections to clients and both metadata documents have the issuer, `iss` (RFC 9207). At
    /// first they do not, since Clerk does not document it. It is for tests of clients that detect mix-up
    /// attacks.
    pub fn name_issuer_in_redirects(&self, name: bool) {
        self.state.lock().flow.names_issuer = name;
    }

    /// Sets whether users deny consent, so that the client gets `access_denied`. At first every user
    /// consents, except for banned users.
    pub fn reject_consent(&self, reject: bool) {
        self.state.lock().flow.rejects_consent = reject;
    }
}
