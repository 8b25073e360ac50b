//! What the fuzz targets need of the inside. Compiled for them alone; no part of the public API.

use http::HeaderMap;

use crate::{AuthErrorKind, bearer};

/// The bearer token of a request with these headers.
pub fn bearer(headers: &mut HeaderMap, max_len: usize) -> Result<&str, AuthErrorKind> {
    bearer::parse(headers, max_len)?.token()
}
