//! The claims of a request, for the services behind the layer.

use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, Response};

use crate::{
    AuthError, AuthErrorKind, ClerkClaims, observe,
    reject::{Challenges, Rejection},
};

/// Marks a request that the layer accepted without credentials, and therefore without claims.
///
/// It distinguishes a caller without credentials (401 with a challenge) from a missing layer (500). It holds the
/// challenges for such a caller.
#[derive(Clone, Debug)]
pub(crate) struct Anonymous(Arc<Challenges>);

impl Anonymous {
    pub(crate) fn new(challenges: Arc<Challenges>) -> Self {
        Self(challenges)
    }
}

/// Marks a request that may pass without claims by the rule for its MCP call.
#[cfg(feature = "mcp")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublicCall;

/// Returns true if the layer accepted a request without credentials, and inserted no claims.
#[cfg(feature = "mcp")]
pub(super) fn is_anonymous(extensions: &Extensions) -> bool {
    extensions.get::<ClerkClaims>().is_none() && extensions.get::<Anonymous>().is_some()
}

/// Returns true if a scope was granted, or if a granted scope implies it.
pub(super) fn is_granted(claims: &ClerkClaims, needed: &str) -> bool {
    let claims = claims.shared();
    claims.rules.is_granted(&claims.scope, needed)
}

/// Rejects a valid token for another reason than a missing scope.
///
/// Rejections are boxed, so that the result of a request that passes is small.
pub(crate) fn forbidden(claims: &ClerkClaims, is_grpc: bool) -> Box<Rejection> {
    let error = AuthError::new(AuthErrorKind::Forbidden);
    Box::new(claims.shared().challenges.rejection(&error, is_grpc))
}

/// Rejects a session whose user has to verify a factor again. `body`: the JSON text that Clerk's front end reads.
pub(super) fn reverification_required(
    claims: &ClerkClaims,
    body: Bytes,
    is_grpc: bool,
) -> Box<Rejection> {
    let error = AuthError::new(AuthErrorKind::ReverificationRequired);
    let rejection = claims.shared().challenges.rejection(&error, is_grpc);
    Box::new(rejection.with_json(body))
}

/// Rejects claims that lack the scopes in `needed`.
pub(super) fn insufficient_scope<'a>(
    claims: &ClerkClaims,
    needed: impl Iterator<Item = &'a str>,
    is_grpc: bool,
) -> Box<Rejection> {
    let error = AuthError::new(AuthErrorKind::InsufficientScope);
    let challenges = &claims.shared().challenges;
    Box::new(challenges.rejection_needing(&error, needed, is_grpc))
}

/// Returns the response of a rule or an extractor, which the layer in front renders. `claims`: those of the request,
/// if they are at hand.
pub(crate) fn reject<B: Default>(
    rejection: Rejection,
    claims: Option<&ClerkClaims>,
) -> Response<B> {
    observe::rejected_behind(rejection.error(), claims.and_then(ClerkClaims::logged_id));
    rejection.into_unrendered()
}

/// Returns the claims that the layer inserted into a request. Claims take precedence over the mark: with two nested
/// layers, the inner one may accept a kind of token that the outer one ignores.
///
/// # Errors
///
/// A 401 that names the scopes in `needed` if the layer accepted the request without credentials. A 500 and a line in
/// the log if the layer is missing.
pub(crate) fn claims_of<'a, 'b>(
    extensions: &'a Extensions,
    needed: impl Iterator<Item = &'b str>,
    is_grpc: impl FnOnce() -> bool,
) -> Result<&'a ClerkClaims, Box<Rejection>> {
    if let Some(claims) = extensions.get() {
        return Ok(claims);
    }
    Err(Box::new(match extensions.get() {
        Some(Anonymous(challenges)) => {
            let error = AuthError::new(AuthErrorKind::MissingCredentials);
            challenges.rejection_needing(&error, needed, is_grpc())
        }
        None => {
            observe::missing_layer();
            Rejection::missing_layer(is_grpc())
        }
    }))
}
