//! Whom to ask about a token: decided by its kind and by how it is written, in this one place.

use std::sync::Arc;

use super::Verify;
use crate::{JwtVerification, TokenKind, token::TokenFormat};

/// Who can be asked. What there is nobody for is not accepted.
pub(crate) struct Verifiers {
    /// About OAuth tokens.
    pub(crate) oauth: Option<Arc<dyn Verify>>,
    /// Whether that is a user's own: what it says of a JWT counts, whatever the JWT says.
    pub(crate) oauth_is_custom: bool,
    /// About opaque machine tokens.
    pub(crate) machine: Option<Arc<dyn Verify>>,
    /// About API keys.
    pub(crate) api_key: Option<Arc<dyn Verify>>,
    /// Whoever reads JWTs here.
    pub(crate) local: Option<Arc<dyn Verify>>,
    pub(crate) oauth_jwts: JwtVerification,
}

/// The way to a verdict.
#[derive(Clone, Copy)]
pub(super) enum Strategy<'a> {
    /// Somebody else is asked.
    Online(&'a dyn Verify),
    /// The signature says it.
    Local(&'a dyn Verify),
    /// The signature has to be good before somebody else is asked.
    LocalThenOnline {
        local: &'a dyn Verify,
        online: &'a dyn Verify,
    },
}

impl Verifiers {
    /// `None` where nobody can tell.
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
            // There are none of these.
            TokenFormat::Opaque(TokenKind::Session)
            | TokenFormat::Jwt {
                kind: TokenKind::ApiKey,
                ..
            } => None,
        }
    }
}
