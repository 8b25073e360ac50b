//! Rejections, and the responses that they become.
//!
//! The layer passes a [`Rejection`] to a [`RejectResponse`], which makes the body: [`EmptyBody`], [`JsonBody`],
//! [`ProblemJson`] or a closure. Status and headers follow from the kind of the error (RFC 6750 §3, or the
//! trailers-only form of gRPC), and the body cannot change them. All reasons for a 401 look the same, so a caller
//! cannot find out by trial why a token is invalid.

mod challenge;
mod document;
mod grpc;
mod render;
mod respond;

use std::{error::Error, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE},
};

pub use self::respond::{EmptyBody, JsonBody, ProblemJson, RejectResponse};
pub(crate) use self::{
    challenge::Challenges,
    grpc::{is_grpc, to_http_status},
    render::{is_rejected_behind, render_behind},
};
use crate::{AuthError, AuthErrorKind, error::Class};

/// A rejected request: the facts for the caller, and the reason for the service itself.
///
/// [`RejectResponse`] makes the body of the response from it. Rules and extractors leave it in the extensions of an
/// empty response, and the nearest [`ClerkAuthLayer`](crate::ClerkAuthLayer) in front takes it out and renders it.
/// Its [source](Error::source) is the [`AuthError`].
#[derive(Clone, Debug)]
pub struct Rejection {
    error: AuthError,
    challenge: Option<HeaderValue>,
    scope: Option<Arc<str>>,
    retry_after: Option<Duration>,
    is_grpc: bool,
    /// A body of its own, as JSON text, in place of the layer's.
    json: Option<Bytes>,
}

// === impl Class ===

impl Class {
    fn status(self) -> StatusCode {
        match self {
            Self::NoCredentials | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::InsufficientScope | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Returns 16 (UNAUTHENTICATED), 7 (PERMISSION_DENIED), 13 (INTERNAL) or 14 (UNAVAILABLE).
    fn grpc_code(self) -> u8 {
        match self {
            Self::NoCredentials | Self::InvalidRequest | Self::InvalidToken => 16,
            Self::InsufficientScope | Self::Forbidden => 7,
            Self::Misconfigured => 13,
            Self::Unavailable => 14,
        }
    }

    fn code(self) -> Option<&'static str> {
        match self {
            // RFC 6750 §3.1 has three codes. None of them means that a rule about something else than scopes rejects
            // the request: after `insufficient_scope`, clients would request a scope that does not help.
            Self::NoCredentials | Self::Forbidden | Self::Misconfigured | Self::Unavailable => None,
            Self::InvalidRequest => Some("invalid_request"),
            Self::InvalidToken => Some("invalid_token"),
            Self::InsufficientScope => Some("insufficient_scope"),
        }
    }

    /// Returns a description. Some deployed clients search challenges with loose patterns, so the text must not contain
    /// anything that looks like a parameter.
    fn description(self) -> &'static str {
        match self {
            Self::NoCredentials => "a bearer token is required",
            Self::InvalidRequest => "the credentials are malformed",
            Self::InvalidToken => "the access token is not valid",
            Self::InsufficientScope => "the access token lacks a required permission",
            Self::Forbidden => "the access token does not allow this",
            Self::Misconfigured => "the service is not set up for this",
            Self::Unavailable => "the access token cannot be verified at the moment",
        }
    }
}

// === impl Rejection ===

impl Rejection {
    /// Rejects a request that has neither claims nor the mark of a request without credentials. There are no
    /// challenges, since the layer is missing.
    pub(crate) fn missing_layer(is_grpc: bool) -> Self {
        Self {
            error: AuthErrorKind::MissingLayer.into(),
            challenge: None,
            scope: None,
            retry_after: None,
            is_grpc,
            json: None,
        }
    }

    /// Sets a body of its own, as JSON text. A client reads it, so it does not depend on the layer's body.
    pub(crate) fn with_json(mut self, json: Bytes) -> Self {
        self.json = Some(json);
        self
    }

    pub(crate) fn error(&self) -> &AuthError {
        &self.error
    }

    fn class(&self) -> Class {
        self.error.kind().class()
    }

    /// Returns the HTTP status: 400, 401, 403, 500 or 503.
    pub fn status(&self) -> StatusCode {
        self.class().status()
    }

    /// Returns the gRPC status code: 16 (unauthenticated), 7 (permission denied), 13 (internal) or 14
    /// (unavailable).
    pub fn grpc_code(&self) -> u8 {
        self.class().grpc_code()
    }

    /// Returns true if the response has the gRPC form, which is trailers-only. A `POST` over HTTP/2 with one
    /// `content-type: application/grpc` and one `te: trailers` gets this form.
    pub fn is_grpc(&self) -> bool {
        self.is_grpc
    }

    /// Returns the reason, for the service itself. Do not show it to the caller: all reasons for a 401 look the same
    /// from outside.
    pub fn kind(&self) -> AuthErrorKind {
        self.error.kind()
    }

    /// Returns the value of `WWW-Authenticate` (RFC 6750 §3). `None` for 500 and 503.
    pub fn challenge(&self) -> Option<&HeaderValue> {
        self.challenge.as_ref()
    }

    /// Returns the error code (RFC 6750 §3.1). `None` if credentials are missing, if a rule about something else
    /// than scopes rejected the request, and for 500 and 503.
    pub fn code(&self) -> Option<&'static str> {
        self.class().code()
    }

    /// Returns a sentence for developers, the same for all reasons with one [`code`](Self::code).
    pub fn description(&self) -> &'static str {
        self.class().description()
    }

    /// Returns the required scopes, separated by spaces, if a scope is missing.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// Returns the delay after which a retry makes sense. `Some` only for 503.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Makes the response. Its status, `WWW-Authenticate`, `Retry-After` and `Cache-Control` are set after `body` has
    /// run, so a body cannot change them. The [`AuthError`] is in the extensions.
    ///
    /// The rejection of a [reverification](crate::RequireLayer::reverification) has a body of its own, if
    /// [`json_body`](RejectResponse::json_body) can make it.
    pub fn to_response<B: 'static>(&self, body: &impl RejectResponse<B>) -> Response<B> {
        let own = self.own_body(body).map(respond::json);
        let mut response = own.unwrap_or_else(|| body.reject_response(self));
        if self.is_grpc {
            // A gRPC client would read a body as a message.
            let empty = body.json_body(Bytes::new());
            response = Response::new(empty.unwrap_or_else(|| response.into_body()));
        }
        self.complete(&mut response);
        response
    }

    /// Returns true if there is a body of its own that `body` cannot make.
    fn lacks_own_body<B: 'static>(&self, body: &impl RejectResponse<B>) -> bool {
        self.json.is_some() && self.own_body(body).is_none()
    }

    /// Makes the body of its own. `None` if there is none, for gRPC, and if `body` cannot make it.
    fn own_body<B: 'static>(&self, body: &impl RejectResponse<B>) -> Option<B> {
        let json = self.json.clone().filter(|_| !self.is_grpc)?;
        body.json_body(json)
    }

    /// Makes an empty response with the rejection in its extensions, for the layer in front to
    /// [render](Self::render). The response is complete without rendering, since a unit test may have no layer.
    pub(crate) fn into_unrendered<B: Default>(self) -> Response<B> {
        let mut response = Response::default();
        self.complete(&mut response);
        response.extensions_mut().insert(self);
        response
    }

    /// Sets everything in a response except the body.
    fn complete<B>(&self, response: &mut Response<B>) {
        let headers = response.headers_mut();
        headers.remove(RETRY_AFTER);
        if let Some(delay) = self.retry_after {
            headers.insert(RETRY_AFTER, whole_seconds(delay).into());
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.remove(WWW_AUTHENTICATE);
        if let Some(challenge) = &self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge.clone());
        }
        if self.is_grpc {
            grpc::set_headers(self, headers);
        } else {
            *response.status_mut() = self.status();
        }
        response.extensions_mut().insert(self.error.clone());
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl From<Rejection> for AuthError {
    fn from(rejection: Rejection) -> Self {
        rejection.error
    }
}

/// Returns a delay in whole seconds, rounded up: a client that retries too early is rejected again.
fn whole_seconds(delay: Duration) -> u64 {
    let rest = u64::from(delay.subsec_nanos() > 0);
    delay.as_secs().saturating_add(rest)
}

#[cfg(test)]
mod tests;
