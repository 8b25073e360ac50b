//! Whom to ask about a token: decided by its kind and by how it is written, in this one place.

use std::sync::Arc;

use super::{Shape, Verify};
use crate::{TokenKind, kinds::JwtVerification};

/// Who can be asked. What there is nobody for is not accepted.
pub(crate) struct Sources {
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
    /// Machine tokens that are JWTs are accepted.
    pub(crate) machine_jwts: bool,
}

/// The way to a verdict.
#[derive(Clone, Copy)]
pub(super) enum Route<'a> {
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

impl Sources {
    /// `None` where nobody can tell.
    pub(super) fn route(&self, shape: Shape) -> Option<Route<'_>> {
        let oauth = self.oauth.as_deref();
        let local = self.local.as_deref();
        match shape {
            Shape::Opaque(TokenKind::OAuth) | Shape::Unprefixed => oauth.map(Route::Online),
            Shape::Opaque(TokenKind::Machine) => self.machine.as_deref().map(Route::Online),
            Shape::Opaque(TokenKind::ApiKey) => self.api_key.as_deref().map(Route::Online),
            Shape::Jwt {
                kind: TokenKind::OAuth,
                ..
            } => match self.oauth_jwts {
                JwtVerification::Introspect => oauth.map(Route::Online),
                JwtVerification::Local => local.map(Route::Local),
                JwtVerification::LocalThenIntrospect => Some(Route::LocalThenOnline {
                    local: local?,
                    online: oauth?,
                }),
            },
            Shape::Jwt {
                kind: TokenKind::Session,
                ..
            } => local.map(Route::Local),
            Shape::Jwt {
                kind: TokenKind::Machine,
                ..
            } => local.filter(|_| self.machine_jwts).map(Route::Local),
            // There are none of these.
            Shape::Opaque(TokenKind::Session)
            | Shape::Jwt {
                kind: TokenKind::ApiKey,
                ..
            } => None,
        }
    }
}
