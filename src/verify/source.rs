//! The source of information about a token: Clerk's introspection endpoint, or a custom verifier.

use std::fmt;

use crate::{
    AuthError, BoxFuture, TokenKind,
    clerk::{TokenEndpoint, TokenInfo, http::Priority, introspection::Introspect},
    extract::SecretToken,
};

/// Verifies tokens after a cache miss, usually with a call to a server.
///
/// [`OAuthTokens::verified_by`](crate::kinds::OAuthTokens::verified_by) takes an implementation, which then replaces
/// Clerk's introspection endpoint. An implementation returns information and applies no rules: the rules of the
/// configuration are applied to its result.
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
        request: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>>;

    /// Returns the name under which a [fleet](crate::fleet) shares the results. `None`, the default, if they are not
    /// shared: each replica then calls this verifier itself.
    ///
    /// Replicas with the same name, instance and client use each other's results, within the TTL after the call. Choose a
    /// name that stands for everything that the result depends on, and change it with the code: `orders-directory/2`.
    /// Without a fleet it has no effect.
    fn shared_as(&self) -> Option<&str> {
        None
    }
}

/// The request to a [`Verify`].
#[derive(Clone, Copy, Debug)]
pub struct VerifyRequest<'a> {
    pub(super) token: &'a SecretToken,
    pub(super) kind: TokenKind,
    pub(super) priority: Priority,
}

impl<'a> VerifyRequest<'a> {
    /// Returns the token to verify.
    pub fn token(&self) -> BearerToken<'a> {
        BearerToken(self.token.expose())
    }

    /// Returns the kind that the token's format shows. Nothing has been verified yet.
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// Returns true if the token was valid a short while ago, and is verified again ahead of the end of its entry.
    pub fn is_refresh(&self) -> bool {
        self.priority == Priority::Refresh
    }
}

/// A bearer token, as the caller sent it. `Debug` does not show it.
#[derive(Clone, Copy)]
pub struct BearerToken<'a>(&'a str);

impl<'a> BearerToken<'a> {
    /// Returns the token itself. The calling code must not log or store it.
    pub fn expose(&self) -> &'a str {
        self.0
    }
}

impl fmt::Debug for BearerToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken([redacted])")
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
