//! The last stage of a request that is rejected: what the caller is told.
//!
//! One match decides from the kind of the error: HTTP status, gRPC code, challenge. One function
//! renders it, as RFC 6750 §3 has it or as a gRPC trailers-only answer. All reasons for a 401 look the
//! same, so that nobody learns by trying why a token is no good.

mod challenge;
mod document;
mod grpc;
mod respond;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE},
};

pub use self::respond::{EmptyBody, JsonBody, ProblemJson, RejectResponse};
pub(crate) use self::{
    challenge::Challenges,
    grpc::{is_grpc, to_http_status},
};
use crate::{AuthError, AuthErrorKind};

/// What is going to be said to a caller who is rejected, before it is put into a response.
#[derive(Clone, Debug)]
pub struct Rejection {
    class: Class,
    kind: AuthErrorKind,
    challenge: Option<HeaderValue>,
    scope: Option<Arc<str>>,
    retry_after: Option<Duration>,
    is_grpc: bool,
}

/// The rows of the table: what the caller is told, as opposed to why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    NoCredentials,
    InvalidRequest,
    InvalidToken,
    InsufficientScope,
    Forbidden,
    Misconfigured,
    Unavailable,
}

// === impl Class ===

impl Class {
    fn of(kind: AuthErrorKind) -> Self {
        match kind {
            AuthErrorKind::MissingCredentials => Self::NoCredentials,
            AuthErrorKind::MalformedCredentials
            | AuthErrorKind::MultipleCredentials
            | AuthErrorKind::TokenTooLong => Self::InvalidRequest,
            AuthErrorKind::Expired
            | AuthErrorKind::Inactive
            | AuthErrorKind::InvalidSignature
            | AuthErrorKind::MalformedToken
            | AuthErrorKind::MissingSubject
            | AuthErrorKind::NotAccessToken
            | AuthErrorKind::NotSessionToken
            | AuthErrorKind::NotYetValid
            | AuthErrorKind::PendingSession
            | AuthErrorKind::SenderConstrained
            | AuthErrorKind::UnsupportedToken
            | AuthErrorKind::WrongAudience
            | AuthErrorKind::WrongClient
            | AuthErrorKind::WrongIssuer
            | AuthErrorKind::UnauthorizedParty => Self::InvalidToken,
            AuthErrorKind::InsufficientScope => Self::InsufficientScope,
            AuthErrorKind::Forbidden => Self::Forbidden,
            AuthErrorKind::MissingLayer => Self::Misconfigured,
            AuthErrorKind::CredentialsRejected
            | AuthErrorKind::ProfileUnavailable
            | AuthErrorKind::RateLimited
            | AuthErrorKind::Overloaded
            | AuthErrorKind::InvalidUpstreamResponse
            | AuthErrorKind::UpstreamUnavailable => Self::Unavailable,
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::NoCredentials | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::InsufficientScope | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// UNAUTHENTICATED, PERMISSION_DENIED, INTERNAL, UNAVAILABLE.
    fn grpc_code(self) -> u8 {
        match self {
            Self::NoCredentials | Self::InvalidRequest | Self::InvalidToken => 16,
            Self::InsufficientScope | Self::Forbidden => 7,
            Self::Misconfigured => 13,
            Self::Unavailable => 14,
        }
    }

    fn error(self) -> Option<&'static str> {
        match self {
            // RFC 6750 §3.1 has three codes. None says that a rule other than that of scopes rejects:
            // `insufficient_scope` would have clients ask for a scope that is not what is missing.
            Self::NoCredentials | Self::Forbidden | Self::Misconfigured | Self::Unavailable => None,
            Self::InvalidRequest => Some("invalid_request"),
            Self::InvalidToken => Some("invalid_token"),
            Self::InsufficientScope => Some("insufficient_scope"),
        }
    }

    /// Clients in the field search challenges with loose patterns: nothing in here may look like a
    /// parameter.
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
    /// What to say where a rule found neither claims nor the mark of an anonymous request, and so no
    /// challenges either.
    pub(crate) fn missing_layer(is_grpc: bool) -> Self {
        Self {
            class: Class::Misconfigured,
            kind: AuthErrorKind::MissingLayer,
            challenge: None,
            scope: None,
            retry_after: None,
            is_grpc,
        }
    }

    /// The HTTP status: 400, 401, 403, 500 or 503.
    pub fn status(&self) -> StatusCode {
        self.class.status()
    }

    /// The gRPC status code: 16 (unauthenticated), 7 (permission denied), 13 (internal) or 14
    /// (unavailable).
    pub fn grpc_code(&self) -> u8 {
        self.class.grpc_code()
    }

    /// Returns true if the request can be nothing but gRPC, so that the answer is trailers-only: a `POST` over
    /// HTTP/2 with one `content-type: application/grpc` and one `te: trailers`.
    pub fn is_grpc(&self) -> bool {
        self.is_grpc
    }

    /// Why the request was rejected, for the service itself. Do not tell the caller.
    pub fn kind(&self) -> AuthErrorKind {
        self.kind
    }

    /// The value of `WWW-Authenticate` (RFC 6750 §3); none where Clerk or this service is the trouble.
    pub fn challenge(&self) -> Option<&HeaderValue> {
        self.challenge.as_ref()
    }

    /// The error code (RFC 6750 §3.1); none where there were no credentials, where a rule other than
    /// that of scopes rejects, and where Clerk or this service is the trouble.
    pub fn code(&self) -> Option<&'static str> {
        self.class.error()
    }

    /// A sentence for developers, the same for all errors of one code.
    pub fn description(&self) -> &'static str {
        self.class.description()
    }

    /// The scopes that are needed, where they are what is missing.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// When to come back, where Clerk is the trouble.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Renders the response. Whatever `with` made of it, status and challenge are set here.
    pub(crate) fn into_response<B: 'static>(
        self,
        error: AuthError,
        with: &impl RejectResponse<B>,
    ) -> Response<B> {
        let mut response = with.reject_response(&self);
        if self.is_grpc {
            // A body would be read as a message.
            let empty = with.json_body(Bytes::new());
            let body = empty.unwrap_or_else(|| response.into_body());
            let mut trailers_only = Response::new(body);
            grpc::set_headers(&self, trailers_only.headers_mut());
            response = trailers_only;
        } else {
            *response.status_mut() = self.status();
        }
        let headers = response.headers_mut();
        headers.remove(RETRY_AFTER);
        if let Some(delay) = self.retry_after {
            headers.insert(RETRY_AFTER, whole_seconds(delay).into());
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.remove(WWW_AUTHENTICATE);
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(error);
        response
    }
}

/// Returns a delay in whole seconds, rounded up: a client that comes back early comes in vain.
fn whole_seconds(delay: Duration) -> u64 {
    let rest = u64::from(delay.subsec_nanos() > 0);
    delay.as_secs().saturating_add(rest)
}

#[cfg(test)]
mod tests;
