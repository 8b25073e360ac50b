//! What the fuzz targets need of the inside. Compiled for them alone; no part of the public API.

use http::HeaderMap;

use crate::{
    AuthErrorKind,
    claims::permissions,
    extract::{self, CookieNames},
};
#[cfg(feature = "jwt")]
use crate::{JwtAlgorithm, verify::jwt};

/// The bearer token of a request with these headers.
pub fn bearer(headers: &mut HeaderMap, max_len: usize) -> Result<&str, AuthErrorKind> {
    extract::parse(headers, max_len)?.token()
}

/// The session token in the cookies of a request with these headers, where this names the instance.
pub fn cookie<'a>(
    headers: &'a mut HeaderMap,
    instance: &str,
    max_len: usize,
) -> Result<&'a str, AuthErrorKind> {
    CookieNames::of(instance).parse(headers, max_len)?.token()
}

/// The payload and the signature of a token in RS256. Nothing is verified.
#[cfg(feature = "jwt")]
pub fn frame(
    token: &str,
) -> Result<(serde_json::Map<String, serde_json::Value>, Vec<u8>), AuthErrorKind> {
    jwt::frame(token, &[JwtAlgorithm::Rs256])
}

/// The permissions that the claims `fea`, `o.per` and `o.fpm` give.
pub fn permissions(features: &str, names: &str, masks: &str) -> Box<[Box<str>]> {
    permissions::decode(features, names, masks)
}

/// Whether a key set has a key of this name; `None` where the set is none.
#[cfg(feature = "jwt")]
pub fn key_set_has(body: &[u8], kid: &str) -> Option<bool> {
    jwt::key_set_has(body, kid)
}
