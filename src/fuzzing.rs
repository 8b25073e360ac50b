//! Internal functions for the fuzz targets. Compiled only for them, and not part of the public API.

use http::HeaderMap;

use crate::{
    AuthErrorKind,
    claims::permissions,
    extract::{self, CookieNames},
};
#[cfg(feature = "jwt")]
use crate::{JwtAlgorithm, verify::jwt};

/// Returns the bearer token of a request with these headers.
pub fn bearer(headers: &mut HeaderMap, max_len: usize) -> Result<&str, AuthErrorKind> {
    extract::parse(headers, max_len)?.token()
}

/// Returns the session token in the cookies of a request with these headers, for this instance.
pub fn cookie<'a>(
    headers: &'a mut HeaderMap,
    instance: &str,
    max_len: usize,
) -> Result<&'a str, AuthErrorKind> {
    CookieNames::of(instance).parse(headers, max_len)?.token()
}

/// Returns the payload and the signature of a token in RS256. Nothing is verified.
#[cfg(feature = "jwt")]
pub fn frame(
    token: &str,
) -> Result<(serde_json::Map<String, serde_json::Value>, Vec<u8>), AuthErrorKind> {
    jwt::frame(token, &[JwtAlgorithm::Rs256])
}

/// Returns the permissions from the claims `fea`, `o.per` and `o.fpm`.
pub fn permissions(features: &str, names: &str, masks: &str) -> Box<[Box<str>]> {
    permissions::decode(features, names, masks)
}

/// Returns true if a key set has a key of this name. `None` if the text is not a key set.
#[cfg(feature = "jwt")]
pub fn key_set_has(body: &[u8], kid: &str) -> Option<bool> {
    jwt::key_set_has(body, kid)
}
