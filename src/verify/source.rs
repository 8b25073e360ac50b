//! The source of information about a token: Clerk's introspection endpoint, or a custom verifier.

use futures_util::future::BoxFuture;

use crate::{
    AuthError, BearerToken, TokenKind,
    clerk::{TokenEndpoint, TokenInfo, http::Priority, introspection::Introspect},
};

/// Verifies tokens after a cache miss, usually with a call to a server.
///
/// The layer introspects tokens at Clerk, unless it has another verifier
/// ([`ClerkAuthLayer::with_verifier`](crate::ClerkAuthLayer::with_verifier)). An implementation only returns
/// information: the rules of the configuration apply to the information from every verifier.
///
/// There is at most one call per token at a time, within the configured
/// [`timeout`](crate::ClerkConfigBuilder::timeout).
///
/// # Errors
///
/// An error whose kind is not authoritative ([`is_authoritative`](crate::AuthErrorKind::is_authoritative)) is never
/// cached, and reaches the caller as a 503. A panic has the same effect.
///
/// # Cancel safety
///
/// The future runs in a separate task, so a client that disconnects does not drop it. It is dropped at its timeout,
/// or with the runtime.
pub trait Verify: Send + Sync + 'static {
    /// Returns the information about a token.
    fn verify<'a>(
        &'a self,
        verification: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>>;
}

/// The request to a [`Verify`].
#[derive(Clone, Copy, Debug)]
pub struct VerifyRequest<'a> {
    pub(super) token: &'a BearerToken,
    pub(super) kind: TokenKind,
    pub(super) priority: Priority,
}

impl<'a> VerifyRequest<'a> {
    /// Returns the token to verify.
    pub fn token(&self) -> &'a BearerToken {
        self.token
    }

    /// Returns the kind that the token's format shows. Nothing has been verified yet.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// Returns true if the token was valid a short while ago, and is verified again ahead of the end of its entry.
    pub fn is_refresh(&self) -> bool {
        self.priority == Priority::Refresh
    }

    pub(crate) fn priority(&self) -> Priority {
        self.priority
    }
}

impl Verify for Introspect {
    fn verify<'a>(
        &'a self,
        request: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        Box::pin(self.verify(request.token, request.priority))
    }
}

impl Verify for TokenEndpoint {
    fn verify<'a>(
        &'a self,
        request: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        Box::pin(self.verify(request.token, request.priority))
    }
}
