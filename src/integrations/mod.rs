//! What the crate adds for particular frameworks. The layer itself needs none of it.

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "tonic")]
mod tonic;

use http::Extensions;

#[cfg(feature = "axum")]
pub use self::axum::{
    Claims, ClaimsRejection, InvalidClaims, MissingClaim, MissingLayer, Unauthenticated,
};
#[cfg(feature = "tonic")]
pub use self::tonic::clerk_claims;
use crate::AuthError;

/// Finds the reason of a rejection that a framework has rendered, among the extensions of the response.
#[cfg_attr(
    not(feature = "tonic"),
    expect(unused_variables, reason = "no framework is enabled")
)]
pub(crate) fn error_of(extensions: &Extensions) -> Option<AuthError> {
    #[cfg(feature = "tonic")]
    let error = self::tonic::error_of(extensions);
    #[cfg(not(feature = "tonic"))]
    let error = None;
    error
}
