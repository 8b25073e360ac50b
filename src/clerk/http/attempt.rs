//! One attempt to call an endpoint, as a tower service.
//!
//! An attempt passes these checks in order: the pause after a 429, the circuit breaker, the rate limit, a place among the
//! calls in flight, and the limit that replicas share. The rate limit comes before the place, so that no call waits for a place that it could
//! not use. If the call is dropped before it is sent, it returns everything that it acquired. The outcome of a sent
//! call goes to the pause, the circuit breaker and the metrics.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use ::http::{HeaderMap, Request, Response, StatusCode, header};
use bytes::Bytes;
use tokio::time::timeout;
use tower::Service;

use super::{
    Endpoint, Purpose, Transport, TransportError,
    breaker::{Breaker, Evidence, Permit},
    call_error::CallError,
    in_flight::{InFlight, Place},
    rate_limit::{RateLimiter, Reservation},
    retry_after::{Pass, RetryAfterGate},
};
use crate::{
    AuthError, AuthErrorKind, BoxFuture,
    clerk::http::transport::MaxAnswer,
    clock::Clock,
    error::MAX_RETRY_AFTER,
    observe::{CallResult, EndpointObserver, UpstreamCall},
};

/// One call: the request, its purpose and its subject.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) request: Request<Bytes>,
    pub(super) purpose: Purpose,
    /// A digest of the token or of the subject of the call. `None` if the call fetches a document.
    pub(super) about: Option<u64>,
}

/// Makes attempts at one endpoint. Clones share their state.
pub(super) struct Attempt<T>(pub(super) Arc<Parts<T>>);

pub(super) struct Parts<T> {
    pub(super) endpoint: Endpoint,
    pub(super) decode: Decode<T>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) timeout: Duration,
    pub(super) gate: Arc<RetryAfterGate>,
    pub(super) breaker: Arc<Breaker>,
    pub(super) limiter: RateLimiter,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Arc<EndpointObserver>,
}

/// Everything that a call needs before it may be sent.
struct Permitted {
    pass: Pass,
    permit: Permit,
    reservation: Reservation,
    place: Place,
}

/// Decodes a response of an endpoint.
pub(super) type Decode<T> = fn(&Response<Bytes>) -> Result<T, AuthError>;

impl<T> Clone for Attempt<T> {
    // A derived `Clone` would require `T: Clone`.
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + 'static> Service<Call> for Attempt<T> {
    type Response = T;
    type Error = CallError;
    type Future = BoxFuture<'static, Result<T, CallError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let attempt = Arc::clone(&self.0);
        Box::pin(async move { attempt.make(call).await })
    }
}

impl<T> Parts<T> {
    async fn make(&self, call: Call) -> Result<T, CallError> {
        let Call {
            request,
            purpose,
            about,
        } = call;
        let permitted = self.permit(purpose).await;
        let Permitted {
            mut pass,
            mut permit,
            reservation,
            place: _place,
        } = permitted.inspect_err(|error| error.observe(&self.observer, purpose.priority()))?;
        pass.sent();
        permit.sent();
        reservation.start(self.clock.precise());
        let observed = self.observer.call(about);
        let result = self.exchange(request, &observed).await;
        let came_to = result
            .as_ref()
            .map_or_else(CallError::result, |_| CallResult::Ok);
        observed.over(came_to, self.clock.now());
        let evidence = result
            .as_ref()
            .map_or_else(CallError::evidence, |_| Evidence::Success);
        let is_slower = result.as_ref().is_err_and(CallError::is_too_many_requests);
        if evidence == Evidence::Success && !is_slower {
            pass.succeeded();
        }
        permit.settle(evidence);
        result
    }

    /// Waits until the call may be sent, and returns its permissions.
    async fn permit(&self, purpose: Purpose) -> Result<Permitted, CallError> {
        let priority = purpose.priority();
        let enter = || {
            let now = self.clock.now();
            self.gate.enter(priority, now).map_err(CallError::Paused)
        };
        let admit = || self.breaker.admit(priority).map_err(CallError::BreakerOpen);
        let mut pass = enter()?;
        let mut permit = admit()?;
        let now = self.clock.precise();
        let reservation = self.limiter.reserve(purpose, now);
        let reservation = reservation.map_err(CallError::RateLimited)?;
        let place = match self.in_flight.try_enter(purpose) {
            Some(place) => place,
            None => {
                let place = self
                    .in_flight
                    .enter(purpose)
                    .await
                    .ok_or(CallError::Overloaded)?;
                // The gate and the breaker may have changed during the wait. A probe remains a probe.
                if !pass.is_probe() {
                    pass = enter()?;
                }
                if !permit.is_probe() {
                    permit = admit()?;
                }
                place
            }
        };
        // Last: the count cannot be given back.
        let counted = self.limiter.count(purpose, &*self.clock).await;
        counted.map_err(CallError::RateLimited)?;
        Ok(Permitted {
            pass,
            permit,
            reservation,
            place,
        })
    }

    async fn exchange(
        &self,
        mut request: Request<Bytes>,
        observed: &UpstreamCall,
    ) -> Result<T, CallError> {
        let max_answer = self.endpoint.max_answer();
        request.extensions_mut().insert(MaxAnswer(max_answer));
        let response = match timeout(self.timeout, self.transport.send(request)).await {
            // Needed for custom transports. The default transport stops reading at this size.
            Ok(Ok(response)) if response.body().len() > max_answer => {
                Err(CallError::Transport(TransportError::too_large()))
            }
            Ok(response) => response.map_err(CallError::Transport),
            Err(_) => Err(CallError::Timeout),
        };
        let response = match response {
            Ok(response) => {
                observed.answered(response.status());
                response
            }
            Err(error) => {
                observed.unanswered(&error);
                return Err(error);
            }
        };
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            let now = self.clock.now();
            let delay = retry_after(response.headers(), now.unix_seconds());
            self.gate.begin(delay.unwrap_or(UNSAID_PAUSE), now);
            self.limiter.too_many_requests(now);
            return Err(CallError::Status(status, delay));
        }
        let delay = || retry_after(response.headers(), self.clock.now().unix_seconds());
        // A 408 means that the server stopped waiting for the request, which is the same as no response.
        if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
            return Err(CallError::Status(status, delay()));
        }
        (self.decode)(&response).map_err(|error| match error.kind() {
            AuthErrorKind::InvalidUpstreamResponse => CallError::Unreadable(error, delay()),
            _ => CallError::Answer(error),
        })
    }
}

/// Parses `Retry-After` as seconds or as a date (RFC 9110 §10.2.3), up to [`MAX_RETRY_AFTER`].
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

/// The pause after a 429 without `Retry-After`.
const UNSAID_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
