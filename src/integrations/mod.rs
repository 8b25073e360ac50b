//! Additions for specific frameworks. The layer itself depends on none of them.

#[cfg(feature = "axum")]
pub mod axum;
#[cfg(feature = "tonic")]
pub mod tonic;

use http::Extensions;

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
