//! Bodies of refusals: what a user may shape.

use bytes::Bytes;
use http::{HeaderValue, Response, header::CONTENT_TYPE};
use serde_json::json;

use super::{Class, Rejection};

/// Makes the body of a refusal, and headers beside those that the layer sets.
///
/// Implemented by [`HeadersOnly`], [`JsonBody`], and every closure of this form. Whatever it returns,
/// the layer sets the status, `WWW-Authenticate`, `Retry-After` and `Cache-Control` afterwards, so that
/// none can be lost. Where [`Rejection::is_grpc`], the body must be empty.
pub trait RejectResponse<B> {
    /// Makes the response.
    fn reject_response(&self, rejection: &Rejection) -> Response<B>;
}

/// A refusal without a body: everything is in the headers. The default, since it fits the bodies of
/// axum, tonic and hyper alike.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadersOnly;

/// A refusal with the fields of RFC 6750 §3 as JSON: `error`, `error_description`, `scope`.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonBody;

// === impl RejectResponse ===

impl<B: Default> RejectResponse<B> for HeadersOnly {
    // Mutants that write the same in other words survive: an empty body is all there is.
    fn reject_response(&self, _: &Rejection) -> Response<B> {
        Response::default()
    }
}

impl<B: From<Bytes>> RejectResponse<B> for JsonBody {
    fn reject_response(&self, rejection: &Rejection) -> Response<B> {
        if rejection.is_grpc() {
            return Response::new(Bytes::new().into());
        }
        let mut body = json!({ "error_description": rejection.description() });
        // RFC 6749 §4.1.2.1 has a code for what is no fault of the token's.
        let error = rejection.error().or(match rejection.class {
            Class::Unavailable => Some("temporarily_unavailable"),
            Class::Misconfigured => Some("server_error"),
            _ => None,
        });
        if let Some(error) = error {
            body["error"] = error.into();
        }
        if let Some(scope) = rejection.scope() {
            body["scope"] = scope.into();
        }
        let mut response = Response::new(Bytes::from(body.to_string()).into());
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

impl<B, F> RejectResponse<B> for F
where
    F: Fn(&Rejection) -> Response<B>,
{
    fn reject_response(&self, rejection: &Rejection) -> Response<B> {
        self(rejection)
    }
}
