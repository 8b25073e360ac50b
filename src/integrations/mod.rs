//! What the crate adds for particular frameworks. The layer itself needs none of it.

#[cfg(feature = "axum")]
mod axum;
#[cfg(feature = "tonic")]
mod tonic;

#[cfg(feature = "axum")]
pub use self::axum::{
    Claims, ClaimsRejection, InvalidClaims, MissingClaim, MissingLayer, Unauthenticated,
};
#[cfg(feature = "tonic")]
pub use self::tonic::clerk_claims;
