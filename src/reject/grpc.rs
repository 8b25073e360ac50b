//! The gRPC form of a rejection: trailers-only, with HTTP status 200.
//!
//! Proxies with forward authentication, and other software that decides by the HTTP status, take this form for an
//! accepted request. So only a request that can only be gRPC gets it. All other requests get the HTTP status, which
//! clients of gRPC and gRPC-Web map to a gRPC code themselves.

use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Response, Version,
    header::{CACHE_CONTROL, CONTENT_TYPE, TE},
};

use super::{Rejection, whole_seconds};
use crate::AuthError;

/// Returns true if a request can only be gRPC.
///
/// That is a `POST` over HTTP/2 with exactly one `Content-Type`, whose media type is `application/grpc` followed by
/// the end, `+` or `;`, and with exactly one `TE: trailers`. A media type is case-insensitive. Everything else is
/// compared byte for byte, white space included: a request that no gRPC client would send gets the HTTP status.
pub(crate) fn is_grpc(method: &Method, version: Version, headers: &HeaderMap) -> bool {
    method == Method::POST
        && version == Version::HTTP_2
        && only(headers, &CONTENT_TYPE).is_some_and(is_grpc_type)
        && only(headers, &TE).is_some_and(|value| value == "trailers")
}

/// Returns the value of a header that occurs exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

fn is_grpc_type(value: &HeaderValue) -> bool {
    match value.as_bytes().split_at_checked(MEDIA_TYPE.len()) {
        Some((media_type, rest)) => {
            media_type.eq_ignore_ascii_case(MEDIA_TYPE.as_bytes())
                && matches!(rest.first(), None | Some(b'+' | b';'))
        }
        None => false,
    }
}

/// Sets the headers of a trailers-only response. They are both the trailers and the metadata of the call.
pub(super) fn set_headers(rejection: &Rejection, headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(GRPC_STATUS, u16::from(rejection.grpc_code()).into());
    // Percent-encoding does not change plain ASCII without a percent sign.
    let message = HeaderValue::from_static(rejection.description());
    headers.insert(GRPC_MESSAGE, message);
    if let Some(delay) = rejection.retry_after() {
        // The same delay as in `Retry-After`. Clients read it as an `i32`, and never retry if it is larger.
        let millis = whole_seconds(delay)
            .saturating_mul(1_000)
            .min(i32::MAX.unsigned_abs().into());
        headers.insert(GRPC_RETRY_PUSHBACK_MS, millis.into());
    }
}

/// Gives a rejection in the gRPC form its HTTP status. Leaves every other response unchanged.
///
/// `error` finds the reason of a rejection that has no [`AuthError`] in its own extensions.
pub(crate) fn to_http_status<B>(
    response: &mut Response<B>,
    error: impl FnOnce(&Extensions) -> Option<AuthError>,
) {
    if !is_rejection(response) {
        return;
    }
    let extensions = response.extensions();
    let Some(error) = extensions.get().cloned().or_else(|| error(extensions)) else {
        return;
    };
    *response.status_mut() = error.kind().class().status();
    let headers = response.headers_mut();
    remove_headers(headers);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(error);
}

/// Returns true if a response has the trailers-only form.
pub(super) fn is_rejection<B>(response: &Response<B>) -> bool {
    response.status().is_success() && response.headers().contains_key(GRPC_STATUS)
}

/// Removes the headers of a trailers-only response.
pub(super) fn remove_headers(headers: &mut HeaderMap) {
    for name in [
        CONTENT_TYPE,
        GRPC_STATUS,
        GRPC_MESSAGE,
        GRPC_RETRY_PUSHBACK_MS,
    ] {
        headers.remove(name);
    }
}

const MEDIA_TYPE: &str = "application/grpc";
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_RETRY_PUSHBACK_MS: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");
