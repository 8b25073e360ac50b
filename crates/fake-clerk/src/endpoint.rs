//! The endpoints of the fake, and the optional members of its answers.

use http::Method;

/// An endpoint of the Frontend API or, if stated, of the Backend API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /oauth/token_info`, token introspection (RFC 7662).
    Introspection,
    /// `GET` or `POST /oauth/userinfo`.
    Userinfo,
    /// `GET /.well-known/openid-configuration`.
    OpenidConfiguration,
    /// `GET /.well-known/oauth-authorization-server` (RFC 8414).
    AuthorizationServer,
    /// `GET /.well-known/jwks.json`.
    Jwks,
    /// `POST /oauth/token/revoke` (RFC 7009).
    Revocation,
    /// `POST /oauth/register`, dynamic client registration (RFC 7591).
    Registration,
    /// `GET` or `POST /oauth/authorize` (RFC 6749 §3.1), which grants every request.
    Authorization,
    /// `POST /oauth/token` (RFC 6749 §3.2).
    Token,
    /// `POST /oauth_applications/access_tokens/verify` of the Backend API, also below `/v1`.
    OAuthVerification,
    /// `POST /m2m_tokens/verify` of the Backend API, also below `/v1`.
    MachineTokenVerification,
    /// `POST /api_keys/verify` of the Backend API, also below `/v1`.
    ApiKeyVerification,
    /// `GET /v1/users/{id}` of the Backend API.
    BackendUser,
    /// `GET /v1/jwks` of the Backend API, which has the same keys as [`Jwks`](Self::Jwks).
    BackendJwks,
}

impl Endpoint {
    pub(super) const ALL: [Self; 14] = [
        Self::Introspection,
        Self::Userinfo,
        Self::OpenidConfiguration,
        Self::AuthorizationServer,
        Self::Jwks,
        Self::Revocation,
        Self::Registration,
        Self::Authorization,
        Self::Token,
        Self::OAuthVerification,
        Self::MachineTokenVerification,
        Self::ApiKeyVerification,
        Self::BackendUser,
        Self::BackendJwks,
    ];

    /// Returns the path of the endpoint: below [`FakeClerk::url`](super::FakeClerk::url), or below the root for
    /// the Backend API. The path of [`BackendUser`](Self::BackendUser) lacks the id, which follows after a slash.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Introspection => "/oauth/token_info",
            Self::Userinfo => "/oauth/userinfo",
            Self::OpenidConfiguration => "/.well-known/openid-configuration",
            Self::AuthorizationServer => "/.well-known/oauth-authorization-server",
            Self::Jwks => "/.well-known/jwks.json",
            Self::Revocation => "/oauth/token/revoke",
            Self::Registration => "/oauth/register",
            Self::Authorization => "/oauth/authorize",
            Self::Token => "/oauth/token",
            Self::OAuthVerification => "/oauth_applications/access_tokens/verify",
            Self::MachineTokenVerification => "/m2m_tokens/verify",
            Self::ApiKeyVerification => "/api_keys/verify",
            Self::BackendUser => "/v1/users",
            Self::BackendJwks => "/v1/jwks",
        }
    }

    /// Returns the name of the endpoint on the admin page.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Introspection => "introspection",
            Self::Userinfo => "userinfo",
            Self::OpenidConfiguration => "openid-configuration",
            Self::AuthorizationServer => "authorization-server",
            Self::Jwks => "jwks",
            Self::Revocation => "revocation",
            Self::Registration => "registration",
            Self::Authorization => "authorization",
            Self::Token => "token",
            Self::OAuthVerification => "oauth-verification",
            Self::MachineTokenVerification => "machine-token-verification",
            Self::ApiKeyVerification => "api-key-verification",
            Self::BackendUser => "backend-user",
            Self::BackendJwks => "backend-jwks",
        }
    }

    /// Returns the endpoint of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|endpoint| endpoint.name() == name)
    }

    /// Returns the endpoint at `path`, if there is one.
    pub(super) fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.is_at(path))
    }

    /// Returns true for the Backend API.
    pub(super) fn is_backend(self) -> bool {
        match self {
            Self::OAuthVerification
            | Self::MachineTokenVerification
            | Self::ApiKeyVerification
            | Self::BackendUser
            | Self::BackendJwks => true,
            Self::Introspection
            | Self::Userinfo
            | Self::OpenidConfiguration
            | Self::AuthorizationServer
            | Self::Jwks
            | Self::Revocation
            | Self::Registration
            | Self::Authorization
            | Self::Token => false,
        }
    }

    fn is_at(self, path: &str) -> bool {
        match self {
            Self::OAuthVerification | Self::MachineTokenVerification | Self::ApiKeyVerification => {
                path.strip_prefix("/v1").unwrap_or(path) == self.path()
            }
            Self::BackendUser => path
                .strip_prefix(self.path())
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|id| !id.is_empty() && !id.contains('/')),
            Self::Introspection
            | Self::Userinfo
            | Self::OpenidConfiguration
            | Self::AuthorizationServer
            | Self::Jwks
            | Self::Revocation
            | Self::Registration
            | Self::Authorization
            | Self::Token
            | Self::BackendJwks => path == self.path(),
        }
    }

    /// Returns the methods of the endpoint.
    pub(super) fn methods(self) -> &'static [Method] {
        match self {
            Self::Introspection
            | Self::Revocation
            | Self::Registration
            | Self::Token
            | Self::OAuthVerification
            | Self::MachineTokenVerification
            | Self::ApiKeyVerification => &[Method::POST],
            Self::Userinfo | Self::Authorization => &[Method::GET, Method::POST],
            Self::OpenidConfiguration
            | Self::AuthorizationServer
            | Self::Jwks
            | Self::BackendUser
            | Self::BackendJwks => &[Method::GET],
        }
    }
}

/// A member of RFC 7662 that Clerk does not document for its introspection answers.
///
/// See [`FakeClerk::introspection_includes`](super::FakeClerk::introspection_includes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// `exp`; a refresh token, which does not expire, has none.
    Exp,
    /// `aud`; only tokens issued for a resource have one. The Backend API answers with it, too.
    Aud,
    /// `iss`.
    Iss,
    /// `nbf`, ten seconds before `iat`.
    Nbf,
    /// `jti`.
    Jti,
    /// `token_type`, always `Bearer`; a refresh token has none.
    TokenType,
    /// `username`, the user's preferred username if there is one.
    Username,
}
