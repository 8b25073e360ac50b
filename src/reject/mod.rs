//! The last stage of a request that is refused: what the caller is told.
//!
//! One match decides from the kind of the error: HTTP status, gRPC code, challenge. One function
//! renders it, as RFC 6750 §3 has it or as a gRPC trailers-only answer. All reasons for a 401 look the
//! same, so that nobody learns by trying why a token is no good.

mod document;
mod respond;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};

pub use self::respond::{HeadersOnly, JsonBody, ProblemJson, RejectResponse};
use crate::{AuthError, AuthErrorKind};

/// What is going to be said to a caller who is refused, before it is put into a response.
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
    Unavailable,
}

/// The challenges of a configuration (RFC 6750 §3), made once.
#[derive(Debug)]
pub(crate) struct Challenges {
    no_credentials: HeaderValue,
    invalid_request: HeaderValue,
    invalid_token: HeaderValue,
    insufficient_scope: HeaderValue,
    scope: Option<Arc<str>>,
}

// === impl Class ===

impl Class {
    fn of(kind: AuthErrorKind) -> Self {
        match kind {
            AuthErrorKind::MissingCredentials => Self::NoCredentials,
            AuthErrorKind::MalformedCredentials
            | AuthErrorKind::SeveralCredentials
            | AuthErrorKind::TokenTooLong => Self::InvalidRequest,
            AuthErrorKind::Expired
            | AuthErrorKind::Inactive
            | AuthErrorKind::MissingSubject
            | AuthErrorKind::NotAccessToken
            | AuthErrorKind::NotYetValid
            | AuthErrorKind::SenderConstrained
            | AuthErrorKind::UnsupportedToken
            | AuthErrorKind::WrongAudience
            | AuthErrorKind::WrongClient
            | AuthErrorKind::WrongIssuer => Self::InvalidToken,
            AuthErrorKind::InsufficientScope => Self::InsufficientScope,
            AuthErrorKind::CredentialsRejected
            | AuthErrorKind::ProfileUnavailable
            | AuthErrorKind::RateLimited
            | AuthErrorKind::Shed
            | AuthErrorKind::UpstreamProtocol
            | AuthErrorKind::UpstreamUnavailable => Self::Unavailable,
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::NoCredentials | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// UNAUTHENTICATED, PERMISSION_DENIED, UNAVAILABLE.
    fn grpc_code(self) -> u8 {
        match self {
            Self::NoCredentials | Self::InvalidRequest | Self::InvalidToken => 16,
            Self::InsufficientScope => 7,
            Self::Unavailable => 14,
        }
    }

    fn error(self) -> Option<&'static str> {
        match self {
            Self::NoCredentials | Self::Unavailable => None,
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
            Self::InsufficientScope => "the access token does not reach far enough",
            Self::Unavailable => "the access token cannot be verified at the moment",
        }
    }
}

// === impl Challenges ===

impl Challenges {
    pub(crate) fn new(required_scopes: &[String], resource_metadata: Option<&str>) -> Self {
        let scopes: Vec<_> = required_scopes
            .iter()
            .map(String::as_str)
            // A refresh token is for the client to ask for, never for a resource.
            .filter(|scope| *scope != "offline_access")
            .collect();
        let scope = (!scopes.is_empty()).then(|| scopes.join(" "));
        let challenge = |error: Option<Class>, scope: Option<&str>, metadata: Option<&str>| {
            let parameters = [
                ("error", error.and_then(Class::error)),
                ("error_description", error.map(Class::description)),
                ("scope", scope),
                ("resource_metadata", metadata),
            ];
            let parameters: Vec<_> = parameters
                .into_iter()
                .filter_map(|(name, value)| Some(format!("{name}=\"{}\"", value?)))
                .collect();
            let challenge = format!("Bearer {}", parameters.join(", "));
            HeaderValue::try_from(challenge.trim_end())
                .expect("scopes and URLs were checked to be visible ASCII")
        };
        let scope = scope.as_deref();
        Self {
            no_credentials: challenge(None, scope, resource_metadata),
            invalid_request: challenge(Some(Class::InvalidRequest), None, None),
            invalid_token: challenge(Some(Class::InvalidToken), None, resource_metadata),
            insufficient_scope: challenge(Some(Class::InsufficientScope), scope, resource_metadata),
            scope: scope.map(Into::into),
        }
    }

    /// What to say for an error. `is_grpc`: to a gRPC client.
    pub(crate) fn rejection(&self, error: &AuthError, is_grpc: bool) -> Rejection {
        let class = Class::of(error.kind());
        let challenge = match class {
            Class::NoCredentials => Some(&self.no_credentials),
            Class::InvalidRequest => Some(&self.invalid_request),
            Class::InvalidToken => Some(&self.invalid_token),
            Class::InsufficientScope => Some(&self.insufficient_scope),
            Class::Unavailable => None,
        };
        let retry_after = (class == Class::Unavailable).then(|| {
            // Spread, so that those who were refused together do not come back together.
            error
                .retry_after()
                .unwrap_or_else(|| Duration::from_secs(fastrand::u64(1..=5)))
        });
        Rejection {
            class,
            kind: error.kind(),
            challenge: challenge.cloned(),
            scope: self
                .scope
                .clone()
                .filter(|_| class == Class::InsufficientScope),
            retry_after,
            is_grpc,
        }
    }
}

// === impl Rejection ===

impl Rejection {
    /// The HTTP status: 400, 401, 403 or 503.
    pub fn status(&self) -> StatusCode {
        self.class.status()
    }

    /// The gRPC status code: 16 (unauthenticated), 7 (permission denied) or 14 (unavailable).
    pub fn grpc_code(&self) -> u8 {
        self.class.grpc_code()
    }

    /// Whether it goes to a gRPC client, as a trailers-only answer.
    pub fn is_grpc(&self) -> bool {
        self.is_grpc
    }

    /// Why the request was refused, for the service itself. Do not tell the caller.
    pub fn kind(&self) -> AuthErrorKind {
        self.kind
    }

    /// The value of `WWW-Authenticate` (RFC 6750 §3); none where Clerk is the trouble.
    pub fn challenge(&self) -> Option<&HeaderValue> {
        self.challenge.as_ref()
    }

    /// The error code (RFC 6750 §3.1); none where there were no credentials, or Clerk is the trouble.
    pub fn error(&self) -> Option<&'static str> {
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
            let empty = with.document(Bytes::new());
            let body = empty.unwrap_or_else(|| response.into_body());
            let mut trailers_only = Response::new(body);
            self.set_grpc_headers(trailers_only.headers_mut());
            response = trailers_only;
        } else {
            *response.status_mut() = self.status();
            response.headers_mut().remove(RETRY_AFTER);
            if let Some(delay) = self.retry_after {
                // Rounded up: coming back early is coming in vain.
                let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
        }
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.remove(WWW_AUTHENTICATE);
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(error);
        response
    }

    /// Trailers-only: HTTP 200, and the status where trailers would have been.
    fn set_grpc_headers(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(GRPC_STATUS, u16::from(self.grpc_code()).into());
        // Plain ASCII without a percent sign is its own percent-encoding.
        headers.insert(GRPC_MESSAGE, HeaderValue::from_static(self.description()));
    }
}

/// Whether a request comes from a gRPC client.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

#[cfg(test)]
mod tests;
