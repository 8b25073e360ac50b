//! The verification strategy of a token. Its kind and format decide, in this one place.

use std::sync::Arc;

use super::Verify;
use crate::{JwtVerification, TokenKind, token::TokenFormat};

/// The verifiers of a layer. A token that has no verifier is not accepted.
pub(crate) struct Verifiers {
    /// Verifies OAuth tokens.
    pub(crate) oauth: Option<Arc<dyn Verify>>,
    /// True if `oauth` is a custom verifier: its answer about a JWT counts, regardless of the JWT's claims.
    pub(crate) oauth_is_custom: bool,
    /// Verifies opaque machine tokens.
    pub(crate) machine: Option<Arc<dyn Verify>>,
    /// Verifies API keys.
    pub(crate) api_key: Option<Arc<dyn Verify>>,
    /// Verifies the signatures of JWTs.
    pub(crate) local: Option<Arc<dyn Verify>>,
    pub(crate) oauth_jwts: JwtVerification,
}

/// The way to verify a token.
#[derive(Clone, Copy)]
pub(super) enum Strategy<'a> {
    /// A server verifies the token.
    Online(&'a dyn Verify),
    /// The signature verifies the token.
    Local(&'a dyn Verify),
    /// The signature has to be valid before a server is called.
    LocalThenOnline {
        local: &'a dyn Verify,
        online: &'a dyn Verify,
    },
}

impl Verifiers {
    /// Returns the strategy for a format; `None` if there is no verifier for it.
    pub(super) fn strategy(&self, format: TokenFormat) -> Option<Strategy<'_>> {
        let oauth = self.oauth.as_deref();
        let local = self.local.as_deref();
        match format {
            TokenFormat::Opaque(TokenKind::OAuth) | TokenFormat::Unprefixed => {
                oauth.map(Strategy::Online)
            }
            TokenFormat::Opaque(TokenKind::Machine) => {
                self.machine.as_deref().map(Strategy::Online)
            }
            TokenFormat::Opaque(TokenKind::ApiKey) => self.api_key.as_deref().map(Strategy::Online),
            TokenFormat::Jwt {
                kind: TokenKind::OAuth,
                ..
            } => match self.oauth_jwts {
                JwtVerification::Introspect => oauth.map(Strategy::Online),
                JwtVerification::Local => local.map(Strategy::Local),
                JwtVerification::LocalThenIntrospect => Some(Strategy::LocalThenOnline {
                    local: local?,
                    online: oauth?,
                }),
            },
            TokenFormat::Jwt {
                kind: TokenKind::Session | TokenKind::Machine,
                ..
            } => local.map(Strategy::Local),
            // Tokens of these formats do not exist.
            TokenFormat::Opaque(TokenKind::Session)
            | TokenFormat::Jwt {
                kind: TokenKind::ApiKey,
                ..
            } => None,
        }
    }
}
