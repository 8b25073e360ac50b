//! The bodies of rejections, which a user can choose or write.

use bytes::Bytes;
use http::{HeaderValue, Response, header::CONTENT_TYPE};
use serde_json::{Map, Value};

use super::{Rejection, document::body_of};
use crate::error::Class;

/// Makes the body of a rejection, and headers in addition to those that the layer sets.
///
/// Implemented by [`EmptyBody`], [`JsonBody`], [`ProblemJson`], and every closure `|rejection: &Rejection| ..`. The
/// layer sets the status, `WWW-Authenticate`, `Retry-After` and `Cache-Control` afterwards, so an implementation
/// cannot remove, change or add them. If [`Rejection::is_grpc`], the body must be empty, and headers are dropped. A
/// body that [`json_body`](Self::json_body) can make is replaced by an empty one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot make a rejection with a body of type `{B}`",
    label = "does not make bodies of type `{B}`",
    note = "`EmptyBody` needs `{B}: Default`",
    note = "`JsonBody` and `ProblemJson` need `{B}: From<String>`",
    note = "a closure has the form `|rejection: &Rejection| -> Response<{B}>`"
)]
pub trait RejectResponse<B> {
    /// Makes the response.
    fn reject_response(&self, rejection: &Rejection) -> Response<B>;

    /// Makes a body of JSON text, for the [metadata](crate::resource_metadata::ResourceMetadata) that the layer serves if a
    /// [`resource`](crate::ClerkConfigBuilder::resource) is configured, and for the rejection of a
    /// [reverification](crate::RequireLayer::reverification). The text is empty for responses without a body.
    ///
    /// Default: makes `Bytes`, `String`, `Vec<u8>`, `http_body_util::Full<Bytes>` and, with the feature `axum`,
    /// axum's body. [`JsonBody`] and [`ProblemJson`] make every body type that they support. If the result is `None`,
    /// a request for the metadata needs a token like all other requests, and a warning is logged once. Mount
    /// `ResourceMetadata` next to the layer then. The rejection of a reverification is then an empty 403.
    fn json_body(&self, json: Bytes) -> Option<B>
    where
        B: 'static,
    {
        body_of(json)
    }
}

/// A rejection without a body: the headers contain everything. It is the default, since the bodies of axum, tonic,
/// hyper and Lambda all have an empty value (`Default`).
#[derive(Clone, Copy, Debug, Default)]
pub struct EmptyBody;

/// A rejection as JSON: `error`, `error_description`, and `scope` if a scope is missing (RFC 6750 §3).
///
/// `error` is always present. It is RFC 6750's code (`invalid_request`, `invalid_token`, `insufficient_scope`), or else
/// `missing_credentials`, `forbidden`, `temporarily_unavailable` or `server_error`.
///
/// The body is made from a `String`, which the bodies of axum, hyper (`Full<Bytes>`) and `lambda_http` support. In
/// Lambda it stays text, without Base64.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonBody;

/// A rejection as a problem (RFC 9457, `application/problem+json`): `type`, `title`, `status`, `detail`, and also
/// `error` and `scope` as in [`JsonBody`].
///
/// The type is `about:blank`: the problem is the status, and the title is the phrase of the status (RFC 9457 §4.2.1).
/// `error` distinguishes problems that have the same status.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProblemJson;

// === impl RejectResponse ===

#[diagnostic::do_not_recommend]
impl<B: Default> RejectResponse<B> for EmptyBody {
    // Mutants that write the same in another way survive, since the body is always empty.
    fn reject_response(&self, _: &Rejection) -> Response<B> {
        Response::default()
    }
}

#[diagnostic::do_not_recommend]
impl<B: From<String>> RejectResponse<B> for JsonBody {
    fn reject_response(&self, rejection: &Rejection) -> Response<B> {
        let mut members = fields(rejection);
        members.insert("error_description".into(), rejection.description().into());
        json_response(rejection, "application/json", members)
    }

    fn json_body(&self, json: Bytes) -> Option<B>
    where
        B: 'static,
    {
        String::from_utf8(json.into()).ok().map(Into::into)
    }
}

#[diagnostic::do_not_recommend]
impl<B: From<String>> RejectResponse<B> for ProblemJson {
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
        String::from_utf8(json.into()).ok().map(Into::into)
    }
}

#[diagnostic::do_not_recommend]
impl<B, F> RejectResponse<B> for F
where
    F: Fn(&Rejection) -> Response<B>,
{
    fn reject_response(&self, rejection: &Rejection) -> Response<B> {
        self(rejection)
    }
}

/// Returns `error`, and `scope` if a scope is missing.
fn fields(rejection: &Rejection) -> Map<String, Value> {
    // RFC 6750 §3.1 has three codes, and RFC 6749 §4.1.2.1 has two for failures that the token does not cause. The
    // other codes are specific to this crate: a client needs one field that is always present.
    let error = match rejection.class() {
        Class::InvalidRequest => "invalid_request",
        Class::InvalidToken => "invalid_token",
        Class::InsufficientScope => "insufficient_scope",
        Class::NoCredentials => "missing_credentials",
        Class::Forbidden => "forbidden",
        Class::Unavailable => "temporarily_unavailable",
        Class::Misconfigured => "server_error",
    };
    [("error", Some(error)), ("scope", rejection.scope())]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
        .collect()
}

/// Returns JSON with a content type. The body is empty if a gRPC client would read it as a message.
fn json_response<B: From<String>>(
    rejection: &Rejection,
    content_type: &'static str,
    members: Map<String, Value>,
) -> Response<B> {
    if rejection.is_grpc() {
        return Response::new(String::new().into());
    }
    with_type(Value::Object(members).to_string().into(), content_type)
}

/// Returns a response with a body that is JSON.
pub(super) fn json<B>(body: B) -> Response<B> {
    with_type(body, "application/json")
}

fn with_type<B>(body: B, content_type: &'static str) -> Response<B> {
    let mut response = Response::new(body);
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
