//! Whose claims a request carries, for whatever stands behind the layer.

use std::sync::Arc;

use http::{Extensions, Response};

use crate::{
    AuthError, AuthErrorKind, ClerkClaims, RejectResponse, Rejection, observe, reject::Challenges,
};

/// The mark of a request that the layer let through without credentials, and so without claims.
///
/// Without it, what stands behind the layer could not tell a caller who is nobody (401, and what to do
/// about it) from a layer that somebody forgot (500). It is put where claims are put otherwise, and
/// holds what such a caller is to be told.
#[derive(Clone, Debug)]
pub(crate) struct Anonymous(Arc<Challenges>);

impl Anonymous {
    pub(crate) fn new(challenges: Arc<Challenges>) -> Self {
        Self(challenges)
    }
}

/// A rejection by something that stands behind the layer.
#[derive(Clone, Debug)]
pub(crate) struct Rejected {
    pub(crate) error: AuthError,
    /// Boxed, so that what is not rejected does not carry its size along.
    pub(crate) rejection: Box<Rejection>,
}

impl Rejected {
    fn new(error: AuthError, rejection: Rejection) -> Self {
        Self {
            error,
            rejection: Box::new(rejection),
        }
    }

    /// The claims of a good token do not do.
    pub(crate) fn forbidden(claims: &ClerkClaims, is_grpc: bool) -> Self {
        let error = AuthError::new(AuthErrorKind::Forbidden);
        let rejection = claims.shared().challenges.rejection(&error, is_grpc);
        Self::new(error, rejection)
    }

    /// A scope is missing.
    pub(super) fn scopes<'a>(
        claims: &ClerkClaims,
        needed: impl Iterator<Item = &'a str>,
        is_grpc: bool,
    ) -> Self {
        let error = AuthError::new(AuthErrorKind::InsufficientScope);
        let challenges = &claims.shared().challenges;
        let rejection = challenges.rejection_needing(&error, needed, is_grpc);
        Self::new(error, rejection)
    }

    pub(crate) fn into_response<B: 'static>(self, reject: &impl RejectResponse<B>) -> Response<B> {
        observe::rejected_behind(&self.error);
        self.rejection.into_response(self.error, reject)
    }
}

/// The claims that the layer put into a request. Claims win over the mark: where two layers stand in a
/// row, the inner one may have found a token that the outer one never looked for.
///
/// # Errors
///
/// A 401 that names the scopes `needed`, where the layer let the request through as anonymous; a 500,
/// and a line in the log, where there is no layer.
pub(crate) fn claims_of<'a, 'b>(
    extensions: &'a Extensions,
    needed: impl Iterator<Item = &'b str>,
    is_grpc: impl FnOnce() -> bool,
) -> Result<&'a ClerkClaims, Rejected> {
    if let Some(claims) = extensions.get() {
        return Ok(claims);
    }
    Err(match extensions.get() {
        Some(Anonymous(challenges)) => {
            let error = AuthError::new(AuthErrorKind::MissingCredentials);
            let rejection = challenges.rejection_needing(&error, needed, is_grpc());
            Rejected::new(error, rejection)
        }
        None => {
            observe::missing_layer();
            let error = AuthError::new(AuthErrorKind::MissingLayer);
            Rejected::new(error, Rejection::missing_layer(is_grpc()))
        }
    })
}
