//! What the crate adds for particular frameworks. The layer itself needs none of it.

#[cfg(feature = "axum")]
mod axum;

#[cfg(feature = "axum")]
pub use self::axum::MissingLayer;
