//! The reasons why a call fails, and the consequences of each for the retry, the circuit breaker, the health state
//! and the caller.

use std::{error::Error, fmt, time::Duration};

use ::http::StatusCode;

use super::{Priority, TransportError, breaker::Evidence};
use crate::{
    AuthError, AuthErrorKind,
    observe::{CallResult, EndpointObserver},
};

/// The reason why a call failed.
#[derive(Debug)]
pub(super) enum CallError {
    /// No call was made: the pause after a 429 has not ended.
    Paused(Duration),
    /// No call was made: the circuit breaker is open.
    BreakerOpen(Duration),
    /// No call was made: the rate limit is reached.
    RateLimited(Duration),
    /// No call was made: too many calls wait for a place in flight, or this call waited too long for one.
    Overloaded,
    /// No response arrived, or it was too large.
    Transport(TransportError),
    /// No response arrived in time.
    Timeout,
    /// A server error, a 408 or a 429.
    Status(StatusCode, Option<Duration>),
    /// A response that cannot be understood. One token can provoke it by its form or its length, or because a firewall
    /// blocks it.
    Unreadable(AuthError, Option<Duration>),
    /// A response that was understood, and that rejects the token or the credentials of this service.
    Answer(AuthError),
}

impl CallError {
    /// Returns true if another attempt is likely to succeed: the connection broke, or a proxy reports that its
    /// upstream server is unavailable.
    pub(super) fn is_worth_a_retry(&self) -> bool {
        match self {
            Self::Transport(error) => !error.is_too_large(),
            Self::Status(status, _) => matches!(
                *status,
                StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
            ),
            _ => false,
        }
    }

    /// Returns true if no call was made.
    pub(super) fn was_not_called(&self) -> bool {
        matches!(
            self,
            Self::Paused(_) | Self::BreakerOpen(_) | Self::RateLimited(_) | Self::Overloaded
        )
    }

    pub(super) fn is_too_many_requests(&self) -> bool {
        matches!(self, Self::Status(status, _) if *status == StatusCode::TOO_MANY_REQUESTS)
    }

    /// Returns the evidence about Clerk's state. A 429 means that Clerk works.
    pub(super) fn evidence(&self) -> Evidence {
        match self {
            Self::Transport(error) if error.is_too_large() => Evidence::Nothing,
            Self::Transport(_) | Self::Timeout => Evidence::Failure,
            Self::Status(..) if self.is_too_many_requests() => Evidence::Success,
            Self::Status(..) => Evidence::Failure,
            Self::Answer(_) => Evidence::Success,
            Self::Unreadable(..)
            | Self::Paused(_)
            | Self::BreakerOpen(_)
            | Self::RateLimited(_)
            | Self::Overloaded => Evidence::Nothing,
        }
    }

    /// Returns the result label of the call in metrics.
    pub(super) fn result(&self) -> CallResult {
        match self {
            Self::Transport(error) if error.is_too_large() => CallResult::Malformed,
            Self::Transport(_) => CallResult::Unreachable,
            Self::Timeout => CallResult::Timeout,
            Self::Status(StatusCode::REQUEST_TIMEOUT, _) => CallResult::Timeout,
            Self::Status(status, _) if status.is_server_error() => CallResult::ServerError,
            // The other variants are calls that were not made.
            Self::Status(..)
            | Self::Paused(_)
            | Self::BreakerOpen(_)
            | Self::RateLimited(_)
            | Self::Overloaded => CallResult::RateLimited,
            Self::Unreadable(..) => CallResult::Malformed,
            Self::Answer(error) => match error.kind() {
                AuthErrorKind::CredentialsRejected => CallResult::CredentialsRejected,
                AuthErrorKind::Inactive => CallResult::Rejected,
                _ => CallResult::Malformed,
            },
        }
    }

    /// Reports a call that was not made.
    pub(super) fn observe(&self, observer: &EndpointObserver, priority: Priority) {
        match self {
            Self::Paused(_) => observer.not_called("paused after a 429 from Clerk"),
            Self::BreakerOpen(_) => observer.not_called("the circuit breaker is open"),
            Self::RateLimited(_) => observer.shed(priority, "the rate limit is reached"),
            Self::Overloaded => observer.shed(priority, "too many requests to Clerk are waiting"),
            _ => {}
        }
    }

    /// Converts this into the error of the request. `is_about_token`: true if the call was about a token or a subject,
    /// false if it fetched a document that serves all tokens.
    pub(super) fn into_error(self, is_about_token: bool) -> AuthError {
        let kind = match &self {
            Self::Paused(_) | Self::RateLimited(_) => AuthErrorKind::RateLimited,
            Self::Status(..) if self.is_too_many_requests() => AuthErrorKind::RateLimited,
            Self::Overloaded => AuthErrorKind::Overloaded,
            Self::Transport(error) if error.is_too_large() => {
                AuthErrorKind::InvalidUpstreamResponse
            }
            Self::BreakerOpen(_) | Self::Transport(_) | Self::Timeout | Self::Status(..) => {
                AuthErrorKind::UpstreamUnavailable
            }
            Self::Unreadable(error, _) | Self::Answer(error) => error.kind(),
        };
        let delay = match &self {
            Self::Paused(delay) | Self::BreakerOpen(delay) | Self::RateLimited(delay) => {
                Some(*delay)
            }
            Self::Status(_, delay) | Self::Unreadable(_, delay) => *delay,
            Self::Overloaded | Self::Transport(_) | Self::Timeout | Self::Answer(_) => None,
        };
        let was_not_called = self.was_not_called();
        let mut error = match self {
            Self::Unreadable(error, _) | Self::Answer(error) => error,
            Self::Transport(error) => AuthError::new(kind).with_source(error),
            Self::Overloaded => AuthError::new(kind),
            other => AuthError::new(kind).with_source(other),
        };
        if was_not_called {
            error = error.into_not_called();
        }
        if let Some(delay) = delay {
            error = error.with_retry_after(delay);
        }
        if kind == AuthErrorKind::InvalidUpstreamResponse && is_about_token {
            error = error.into_token_provoked();
        }
        error
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused(_) => f.write_str("paused after a 429 from Clerk"),
            Self::BreakerOpen(_) => f.write_str("the circuit breaker is open"),
            Self::RateLimited(_) => f.write_str("the rate limit is reached"),
            Self::Overloaded => f.write_str("too many requests to Clerk are waiting"),
            Self::Transport(_) => f.write_str("no response"),
            Self::Timeout => f.write_str("no response in time"),
            Self::Status(status, _) => write!(f, "status {}", status.as_u16()),
            Self::Unreadable(..) => f.write_str("invalid response"),
            Self::Answer(_) => f.write_str("the response rejects the token or the credentials"),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::Unreadable(error, _) | Self::Answer(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
