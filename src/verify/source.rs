//! Who says what is known of a token: Clerk's introspection endpoint, or whatever a user brings.

use futures_util::future::BoxFuture;

use super::TokenInfo;
use crate::{AuthError, BearerToken, TokenKind, upstream::Priority};

/// Says what is known of a token: the step behind a cache miss that asks somebody.
///
/// The layer asks Clerk's introspection endpoint unless it is given another
/// ([`OAuthTokens::verified_by`](crate::kinds::OAuthTokens::verified_by)). Whoever implements this
/// only reports: the rules of the configuration are applied to what comes back, whatever its source.
///
/// It is asked at most once per token at a time, within the configured
/// [`timeout`](crate::ClerkConfigBuilder::timeout).
///
/// # Errors
///
/// An error whose kind is not authoritative ([`is_authoritative`](crate::AuthErrorKind::is_authoritative)) is never
/// remembered, and reaches the caller as a 503. A panic does the same.
///
/// # Cancel safety
///
/// The future runs in a task of its own: no client that hangs up drops it. It is dropped when its time
/// is over, or with the runtime.
pub trait Verify: Send + Sync + 'static {
    /// Asks about a token.
    fn verify<'a>(
        &'a self,
        verification: Verification<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>>;
}

/// What a [`Verify`] is asked.
#[derive(Clone, Copy, Debug)]
pub struct Verification<'a> {
    pub(super) token: &'a BearerToken,
    pub(super) kind: TokenKind,
    pub(super) priority: Priority,
}

impl<'a> Verification<'a> {
    /// The token in question.
    pub fn token(&self) -> &'a BearerToken {
        self.token
    }

    /// The kind that the token has by its looks. Nothing has been verified yet.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// Whether the token was found good a short while ago, and is asked about again ahead of time.
    pub fn is_refresh(&self) -> bool {
        self.priority == Priority::Refresh
    }

    pub(crate) fn priority(&self) -> Priority {
        self.priority
    }
}
