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

/// The scopes of a text, if it has no other characters than scopes have.
pub(super) fn parse_scope(text: &str) -> Option<Vec<String>> {
    scope::parse(text).ok()
}

/// What the flow remembers, and how it has been told to behave.
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

/// What an authorization code stands for.
#[derive(Clone)]
struct Code {
    client_id: String,
    subject: String,
    /// As the request for authorization named it, if it did.
    redirect_uri: Option<String>,
    challenge: Option<Challenge>,
    nonce: Option<String>,
    scopes: Vec<String>,
    resources: Vec<String>,
    expires_at: u64,
    redeemed: bool,
}

/// Why a request is rejected, in the words of RFC 6749.
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

    /// The rejection as an answer of its own, not by way of a redirection, with the status that Clerk
    /// documents for the error.
    fn shown(self) -> Reply {
        let status = match self.error {
            "invalid_client" | "unsupported_grant_type" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        reply::oauth_error(status, self.error, self.description)
    }
}

impl FakeClerk {
    /// Lets a client be redirected to these URIs; one that registered itself has named its own.
    ///
    /// A URI must be repeated exactly, save for the port of one with a loopback address
    /// (RFC 8252 §7.3). At first the default client has none. A client that is not registered is
    /// left alone.
    pub fn allow_redirects(
        &self,
        client_id: &str,
        uris: impl IntoIterator<Item = impl Into<String>>,
    ) {
        if let Some(client) = self.state.lock().clients.get_mut(client_id) {
            client.redirect_uris = uris.into_iter().map(Into::into).collect();
        }
    }

    /// Chooses whether the access tokens of the flow are JWTs; at first they are opaque, as those of
    /// an instance of Clerk's that has not switched to JWTs. [`token`](Self::token) chooses for itself.
    pub fn issue_jwts(&self, jwts: bool) {
        self.state.lock().flow.issues_jwts = jwts;
    }

    /// Sets how long access tokens of the flow are valid, in whole seconds; at first one day, as
    /// with Clerk. A short life shows whether a client refreshes in time.
    pub fn access_token_lifetime(&self, lifetime: Duration) {
        self.state.lock().flow.lifetime = Some(lifetime);
    }

    /// Chooses whether dynamic registration is rejected with 422, as with Clerk, which has it
    /// switched off by default; at first it is allowed. Rejected, it is not in the metadata either.
    pub fn reject_registration(&self, reject: bool) {
        self.state.lock().flow.rejects_registration = reject;
    }

    /// Chooses whether redirections to clients name the issuer, `iss`, and both metadata documents say so
    /// (RFC 9207); at first they do not, since Clerk documents neither. For tests of clients that detect
    /// mix-up attacks by it.
    pub fn name_issuer_in_redirects(&self, name: bool) {
        self.state.lock().flow.names_issuer = name;
    }

    /// Chooses whether the user rejects to consent, which the client is told as `access_denied`; at
    /// first every user consents. A banned user never does.
    pub fn reject_consent(&self, reject: bool) {
        self.state.lock().flow.rejects_consent = reject;
    }
}
