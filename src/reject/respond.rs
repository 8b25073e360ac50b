//! Bodies of rejections: what a user may shape.

use bytes::Bytes;
use http::{HeaderValue, Response, header::CONTENT_TYPE};
use serde_json::{Map, Value};

use super::{Class, Rejection, document::body_of};

/// Makes the body of a rejection, and headers beside those that the layer sets.
///
/// Implemented by [`EmptyBody`], [`JsonBody`], [`ProblemJson`], and every closure of this form. Whatever
/// it returns, the layer sets the status, `WWW-Authenticate`, `Retry-After` and `Cache-Control`
/// afterwards, so that none can be lost, changed or added. Where [`Rejection::is_grpc`], the body must be
/// empty, and headers are dropped; a body of a kind that [`json_body`](Self::json_body) knows is emptied.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot create a rejection with a body of type `{B}`",
    note = "`EmptyBody`, the default, needs `{B}: Default`; `JsonBody` and `ProblemJson` need `{B}: From<Bytes>`",
    note = "for another body, pass a closure to `ClerkAuthLayer::reject_with`"
)]
pub trait RejectResponse<B> {
    /// Makes the response.
    fn reject_response(&self, rejection: &Rejection) -> Response<B>;

    /// Makes a body of JSON text: that of the [metadata](crate::ResourceMetadata) of the service, which
    /// the layer answers with where a [`resource`](crate::ClerkConfigBuilder::resource) is configured. It is
    /// empty for answers without a body.
    ///
    /// Default: makes those bodies that are known here, which are `Bytes`, `String`, `Vec<u8>`,
    /// `http_body_util::Full<Bytes>` and, with the feature `axum`, that of axum. [`JsonBody`] and
    /// [`ProblemJson`] make one of every kind that they support. Where it is `None`, a request for the
    /// metadata is asked for a token like any other, a warning is logged once, and `ResourceMetadata` is to
    /// be mounted beside the layer.
    fn json_body(&self, json: Bytes) -> Option<B>
    where
        B: 'static,
    {
        body_of(json)
    }
}

/// A rejection without a body: everything is in the headers. The default, since it fits the bodies of
/// axum, tonic and hyper alike.
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyBody;

/// A rejection with the fields of RFC 6750 §3 as JSON: `error`, `error_description`, `scope`.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonBody;

/// A rejection as a problem (RFC 9457, `application/problem+json`): `type`, `title`, `status`, `detail`, and
/// the fields of RFC 6750 §3 beside them, `error` and `scope`.
///
/// The type is `about:blank`: the problem is the status, and the title its phrase (RFC 9457 §4.2.1).
/// `error` tells those of one status apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProblemJson;

// === impl RejectResponse ===

impl<B: Default> RejectResponse<B> for EmptyBody {
    // Mutants that write the same in other words survive: an empty body is all there is.
    fn reject_response(&self, _: &Rejection) -> Response<B> {
        Response::default()
    }
}

impl<B: From<Bytes>> RejectResponse<B> for JsonBody {
    fn reject_response(&self, rejection: &Rejection) -> Response<B> {
        let mut members = fields(rejection);
        members.insert("error_description".into(), rejection.description().into());
        json_response(rejection, "application/json", members)
    }

    fn json_body(&self, json: Bytes) -> Option<B>
    where
        B: 'static,
    {
        Some(json.into())
    }
}

impl<B: From<Bytes>> RejectResponse<B> for ProblemJson {
    fn reject_response(&self, rejection: &Rejection) -> Response<B> {
        let status = rejection.status();
        let mut members = fields(rejection);
        members.insert("type".into(), "about:blank".into());
        members.insert("title".into(), status.canonical_reason().into());
        members.insert("status".into(), status.as_u16().into());
        members.insert("detail".into(), rejection.description().into());
        json_response(rejection, "application/problem+json", members)
    }

    fn json_body(&self, json: Bytes) -> Option<B>
    where
        B: 'static,
    {
        Some(json.into())
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

/// `error` and `scope`, where there are any.
fn fields(rejection: &Rejection) -> Map<String, Value> {
    // RFC 6749 §4.1.2.1 has a code for what is no fault of the token's.
    let error = rejection.code().or(match rejection.class {
        Class::Unavailable => Some("temporarily_unavailable"),
        Class::Misconfigured => Some("server_error"),
        _ => None,
    });
    [("error", error), ("scope", rejection.scope())]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
        .collect()
}

/// JSON of a content type, or nothing where a gRPC client would take it for a message.
fn json_response<B: From<Bytes>>(
    rejection: &Rejection,
    content_type: &'static str,
    members: Map<String, Value>,
) -> Response<B> {
    if rejection.is_grpc() {
        return Response::new(Bytes::new().into());
    }
    let body = Bytes::from(Value::Object(members).to_string());
    let mut response = Response::new(body.into());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
