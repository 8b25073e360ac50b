//! One attempt to call an endpoint, as a tower service: asked whether it may be made, made, and judged.

use std::{
    error::Error,
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use ::http::{HeaderMap, Request, Response, StatusCode, header};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::timeout;
use tower::Service;

use super::{
    Priority, Transport, TransportError,
    breaker::Breaker,
    http::MAX_ANSWER,
    is_not_understood,
    limiter::{Limiter, Pause},
};
use crate::{
    AuthError, AuthErrorKind,
    clock::Clock,
    error::MAX_RETRY_AFTER,
    observe::{CallResult, UpstreamCall, Watch},
};

/// What is to be called, and for whom.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) request: Request<Bytes>,
    pub(super) priority: Priority,
}

/// Makes attempts at one endpoint.
pub(super) struct Attempt<T> {
    pub(super) decode: Decode<T>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) timeout: Duration,
    pub(super) limiter: Arc<Limiter>,
    pub(super) pause: Arc<Pause>,
    pub(super) breaker: Arc<Breaker>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) watch: Arc<Watch>,
}

/// Reads an answer of an endpoint.
pub(super) type Decode<T> = fn(&Response<Bytes>) -> Result<T, AuthError>;

/// Why an attempt came to nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// No attempt was made: too many in too short a time.
    RateLimited(Duration),
    /// No attempt was made: the breaker is open.
    BreakerOpen(Duration),
    /// No answer came.
    Transport(TransportError),
    /// No answer came in time.
    Timeout,
    /// A server error, or a 429.
    Status(StatusCode, Option<Duration>),
    /// An answer came, and it is no good: about us, about the token, or not by the contract.
    Answer(AuthError),
}

impl Trouble {
    /// Whether another attempt may well succeed: the connection broke, or a proxy says that the server
    /// behind it is away for a moment.
    pub(super) fn is_worth_a_retry(&self) -> bool {
        match self {
            Self::Transport(error) => !error.is_too_large(),
            Self::Status(status, _) => matches!(
                *status,
                StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
            ),
            Self::RateLimited(_) | Self::BreakerOpen(_) | Self::Timeout | Self::Answer(_) => false,
        }
    }

    /// Whether Clerk does not do its work. A 429 means that it does.
    fn is_failure(&self) -> bool {
        match self {
            Self::Transport(_) | Self::Timeout => true,
            Self::Status(status, _) => status.is_server_error(),
            Self::Answer(error) => {
                error.kind() == AuthErrorKind::UpstreamProtocol && !is_not_understood(error)
            }
            Self::RateLimited(_) | Self::BreakerOpen(_) => false,
        }
    }

    /// What to call it where calls are counted.
    fn result(&self) -> CallResult {
        match self {
            Self::Transport(error) if error.is_too_large() => CallResult::Malformed,
            Self::Transport(_) => CallResult::Unreachable,
            Self::Timeout => CallResult::Timeout,
            Self::Status(status, _) if status.is_server_error() => CallResult::ServerError,
            // The other two are of calls that are not made.
            Self::Status(..) | Self::RateLimited(_) | Self::BreakerOpen(_) => {
                CallResult::RateLimited
            }
            Self::Answer(error) => match error.kind() {
                AuthErrorKind::CredentialsRejected => CallResult::CredentialsRejected,
                AuthErrorKind::Inactive => CallResult::Refused,
                _ => CallResult::Malformed,
            },
        }
    }

    pub(super) fn into_error(self) -> AuthError {
        let unavailable = AuthError::new(AuthErrorKind::UpstreamUnavailable);
        match self {
            Self::RateLimited(delay) => AuthError::new(AuthErrorKind::RateLimited)
                .with_retry_after(delay)
                .into_not_called(),
            Self::BreakerOpen(delay) => unavailable
                .with_retry_after(delay)
                .with_source(Self::BreakerOpen(delay))
                .into_not_called(),
            Self::Transport(error) if error.is_too_large() => {
                AuthError::new(AuthErrorKind::UpstreamProtocol)
                    .with_source(error)
                    .into_token_provoked()
            }
            Self::Transport(error) => unavailable.with_source(error),
            Self::Timeout => unavailable.with_source(Self::Timeout),
            Self::Status(status, delay) => {
                let error = if status == StatusCode::TOO_MANY_REQUESTS {
                    AuthError::new(AuthErrorKind::RateLimited)
                } else {
                    unavailable
                };
                let error = error.with_source(Self::Status(status, delay));
                match delay {
                    Some(delay) => error.with_retry_after(delay),
                    None => error,
                }
            }
            Self::Answer(error) if error.kind() == AuthErrorKind::UpstreamProtocol => {
                error.into_token_provoked()
            }
            Self::Answer(error) => error,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateLimited(_) => f.write_str("too many calls in too short a time"),
            Self::BreakerOpen(_) => f.write_str("the circuit breaker is open"),
            Self::Transport(_) => f.write_str("no answer came"),
            Self::Timeout => f.write_str("no answer came in time"),
            Self::Status(status, _) => write!(f, "status {}", status.as_u16()),
            Self::Answer(_) => f.write_str("the answer is no good"),
        }
    }
}

impl Error for Trouble {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Transport(error) => Some(error),
            Self::Answer(error) => Some(error),
            Self::RateLimited(_) | Self::BreakerOpen(_) | Self::Timeout | Self::Status(..) => None,
        }
    }
}

impl<T> Clone for Attempt<T> {
    // Derived, it would ask for `T: Clone`.
    fn clone(&self) -> Self {
        Self {
            decode: self.decode,
            transport: Arc::clone(&self.transport),
            timeout: self.timeout,
            limiter: Arc::clone(&self.limiter),
            pause: Arc::clone(&self.pause),
            breaker: Arc::clone(&self.breaker),
            clock: Arc::clone(&self.clock),
            watch: Arc::clone(&self.watch),
        }
    }
}

impl<T: Send + 'static> Service<Call> for Attempt<T> {
    type Response = T;
    type Error = Trouble;
    type Future = BoxFuture<'static, Result<T, Trouble>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Trouble>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let attempt = self.clone();
        Box::pin(async move { attempt.make(call).await })
    }
}

impl<T> Attempt<T> {
    async fn make(self, call: Call) -> Result<T, Trouble> {
        let now = self.clock.now();
        self.pause.check(now).map_err(|delay| {
            self.watch.not_called("Clerk asked for a pause");
            Trouble::RateLimited(delay)
        })?;
        // Before the breaker, so that a probe is not wasted on a call that is not made.
        let permit = self.breaker.admit().map_err(|delay| {
            self.watch.not_called("the circuit breaker is open");
            Trouble::BreakerOpen(delay)
        })?;
        if let Err(delay) = self.limiter.take(call.priority, now) {
            permit.withdraw();
            self.watch.shed(call.priority, "the rate limit is reached");
            return Err(Trouble::RateLimited(delay));
        }
        let observed = self.watch.call();
        let result = self.exchange(call.request, &observed).await;
        let came_to = result
            .as_ref()
            .map_or_else(Trouble::result, |_| CallResult::Ok);
        observed.over(came_to, self.clock.now());
        permit.settle(!result.as_ref().is_err_and(Trouble::is_failure));
        result
    }

    async fn exchange(
        &self,
        request: Request<Bytes>,
        observed: &UpstreamCall,
    ) -> Result<T, Trouble> {
        let response = match timeout(self.timeout, self.transport.send(request)).await {
            // For transports of others; our own stops reading there.
            Ok(Ok(response)) if response.body().len() > MAX_ANSWER => {
                Err(Trouble::Transport(TransportError::too_large()))
            }
            Ok(response) => response.map_err(Trouble::Transport),
            Err(_) => Err(Trouble::Timeout),
        };
        let response = match response {
            Ok(response) => {
                observed.answered(response.status());
                response
            }
            Err(trouble) => {
                observed.unanswered(&trouble);
                return Err(trouble);
            }
        };
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let now = self.clock.now();
            let delay = retry_after(response.headers(), now.unix_seconds());
            self.pause.begin(delay.unwrap_or(UNSAID_PAUSE), now);
            return Err(Trouble::Status(status, delay));
        }
        if status.is_server_error() {
            let delay = retry_after(response.headers(), self.clock.now().unix_seconds());
            return Err(Trouble::Status(status, delay));
        }
        (self.decode)(&response).map_err(Trouble::Answer)
    }
}

/// `Retry-After` as seconds or as a date (RFC 9110 §10.2.3), up to [`MAX_RETRY_AFTER`].
pub(super) fn retry_after(headers: &HeaderMap, now: i64) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = if is_number {
        value.parse().unwrap_or(u64::MAX)
    } else {
        let date = httpdate::parse_http_date(value).ok()?;
        let date = date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
        date.saturating_sub(u64::try_from(now).unwrap_or(0))
    };
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// How long an endpoint is left alone after a 429 that does not say.
const UNSAID_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
