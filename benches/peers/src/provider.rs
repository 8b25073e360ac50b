//! The authorization server, its tokens, and the requests that carry them.

use std::time::Duration;

use axum::body::Body;
use http::header::AUTHORIZATION;
use tower_clerk::fake_clerk::{Endpoint, FakeClerk, Fault, Field, TokenBuilder};

use crate::peers::Request;

/// How long the server thinks where time plays a role: about as long as a call over the Internet takes.
pub const THINKING: Duration = Duration::from_millis(50);

/// What a peer needs to know of the server.
#[derive(Clone, Debug)]
pub struct Target {
    /// The base URL, which is also the issuer.
    pub url: String,
    /// The id of the peer at the server.
    pub client_id: String,
    /// The secret of the peer at the server.
    pub client_secret: String,
    /// The key that tokens are signed with, in PEM.
    pub public_key: String,
}

/// Starts a server with a key of its own.
///
/// # Panics
///
/// If loopback has no free port.
#[must_use]
pub fn start() -> FakeClerk {
    let clerk = FakeClerk::start().expect("loopback has a free port");
    // Clerk does not document `exp` in its answer. Without it zitadel's cache would keep nothing.
    clerk.introspection_includes([Field::Exp, Field::Iss, Field::TokenType]);
    clerk
}

/// Where a server is found.
#[must_use]
pub fn target(clerk: &FakeClerk) -> Target {
    Target {
        url: clerk.url(),
        client_id: clerk.client_id(),
        client_secret: clerk.client_secret(),
        public_key: clerk.public_key_pem(),
    }
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An OAuth token that says nothing.
    Opaque,
    /// An OAuth token that is a JWT.
    Jwt,
    /// The token of a session, which is a JWT always.
    Session,
}

impl Kind {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 3] = [Self::Opaque, Self::Jwt, Self::Session];

    /// For tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Opaque => "opaque",
            Self::Jwt => "JWT",
            Self::Session => "session JWT",
        }
    }

    /// Issues one.
    #[must_use]
    pub fn issue(self, clerk: &FakeClerk) -> String {
        match self {
            Self::Opaque => opaque(clerk),
            Self::Jwt => jwt(clerk),
            Self::Session => session(clerk),
        }
    }
}

/// Issues an opaque token of 36 bytes.
#[must_use]
pub fn opaque(clerk: &FakeClerk) -> String {
    token(clerk).issue()
}

/// Issues a JWT of about 900 bytes, signed with RS256.
#[must_use]
pub fn jwt(clerk: &FakeClerk) -> String {
    token(clerk).jwt().issue()
}

/// Issues a session token of version 2, with an organization that is active and with permissions in it. It is good
/// for an hour, where Clerk's are good for a minute.
fn session(clerk: &FakeClerk) -> String {
    clerk
        .session("user_2abcdefghijklmnopqrstuvwxyz")
        .organization("org_2abcdefghijklmnopqrstuvwxyz", "example", "admin")
        .permissions([
            "org:billing:read",
            "org:billing:manage",
            "org:documents:read",
            "org:documents:write",
        ])
        .authorized_party("https://app.example.com")
        .lifetime(Duration::from_secs(3600))
        .issue()
}

/// Both kinds of OAuth token say the same, and introspection says it of both: thirteen members.
///
/// There is no `aud`: the jsonwebtoken 9 in clerk-rs rejects any where none is configured, and clerk-rs
/// cannot be told of one.
fn token(clerk: &FakeClerk) -> TokenBuilder<'_> {
    let token = clerk.token("user_2nRz8kVbQw1mXcTdYpLs");
    token
        .claim("sid", "sess_2nRz8kVbQw1mXcTdYpLs")
        .claim("org_id", "org_2nRz8kVbQw1mXcTdYpLs")
        .claim("org_slug", "example")
        .claim("org_role", "org:admin")
        .claim("org_permissions", vec!["org:docs:read"])
}

/// Makes all endpoints think before they answer.
pub fn think(clerk: &FakeClerk) {
    for endpoint in ENDPOINTS {
        clerk.fail(endpoint, Fault::delay(THINKING));
    }
}

/// The endpoints that any of the peers asks.
pub const ENDPOINTS: [Endpoint; 5] = [
    Endpoint::Introspection,
    Endpoint::Userinfo,
    Endpoint::OpenidConfiguration,
    Endpoint::AuthorizationServer,
    Endpoint::Jwks,
];

/// A request as a small client sends it: four headers, no body.
///
/// # Panics
///
/// If the token is not fit for a header.
#[must_use]
pub fn request(token: &str) -> Request {
    http::Request::get("/me")
        .header("host", "api.example.com")
        .header("user-agent", "bench")
        .header("accept", "*/*")
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())
        .expect("the parts are valid")
}
