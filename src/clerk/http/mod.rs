//! Calls to Clerk: one tower stack per endpoint around the HTTP client.
//!
//! The stack, from the outside in:
//!
//! 1. One retry within a budget (`retry`).
//! 2. For each attempt (`attempt`): the pause after a 429 (`retry_after`), the circuit breaker (`breaker`), the rate
//!    limit (`rate_limit`), a place among [`MAX_IN_FLIGHT`] calls, for which [`MAX_WAITING`] calls may wait
//!    (`in_flight`, `waiters`), and a time limit.
//!
//! All endpoints of a layer share the places, the waiters and the retry budget. The Backend API has a separate rate
//! limit, because Clerk counts its calls separately. Replicas can share it (`shared_limit`). A flood of one token kind therefore leaves the rate limit of the
//! other kinds untouched. Each endpoint has its own circuit breaker and pause, so an outage of userinfo does not stop
//! introspection. Every bound has a share for each priority (`priority`), so a flood of first-seen tokens does not
//! slow down other tokens. `verify` enforces the deadline of the whole verification, which includes this stack.

mod attempt;
mod breaker;
mod call_error;
mod endpoint;
mod transport;
mod in_flight;
#[cfg(feature = "test-util")]
mod in_process;
mod priority;
mod rate_limit;
mod retry;
mod retry_after;
#[cfg(feature = "fleet")]
mod shared_limit;
mod waiters;

use std::{
    future::Future,
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use ::http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use tower::{ServiceBuilder, ServiceExt, retry::budget::TpsBudget, util::BoxCloneSyncService};

#[cfg(feature = "fleet")]
pub(crate) use self::shared_limit::{CountCalls, Counted};
pub use self::transport::{Transport, TransportError};
use self::{
    attempt::{Attempt, Call, Decode, Parts},
    breaker::Breaker,
    call_error::CallError,
    in_flight::InFlight,
    rate_limit::RateLimiter,
    retry::RetryOnce,
};
pub(crate) use self::{
    endpoint::Endpoint,
    priority::{Priority, Purpose},
    transport::HttpClient,
    waiters::{Waiter, Waiters},
};
use crate::{
    AuthError, AuthErrorKind,
    clock::Clock,
    observe::{EndpointObserver, HealthState},
};

/// The parts that all endpoints of a layer share.
pub(crate) struct Upstream {
    transport: Arc<dyn Transport>,
    attempt_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    frontend: RateLimiter,
    backend: RateLimiter,
    retry_budget: Arc<TpsBudget>,
    in_flight: Arc<InFlight>,
    /// The bound on everything that waits for Clerk: for a place in flight or for a document.
    pub(crate) waiters: Arc<Waiters>,
    pub(crate) health: Arc<HealthState>,
}

/// The client of one endpoint.
pub(crate) struct EndpointClient<T> {
    stack: BoxCloneSyncService<Call, T, CallError>,
    /// Random, so that a digest does not reveal the token.
    hasher: RandomState,
}

impl Upstream {
    /// `rate_limit`: the number of calls per ten seconds. It applies to the Backend API and to all other endpoints
    /// separately.
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        attempt_timeout: Duration,
        rate_limit: Option<u32>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let waiters = Waiters::new(MAX_WAITING);
        Self {
            transport,
            attempt_timeout,
            clock,
            frontend: RateLimiter::new(rate_limit),
            backend: RateLimiter::new(rate_limit),
            retry_budget: retry::budget(),
            in_flight: InFlight::new(MAX_IN_FLIGHT, attempt_timeout, Arc::clone(&waiters)),
            waiters,
            health: Arc::default(),
        }
    }

    /// Counts calls to the Backend API together with those of other replicas.
    #[cfg(feature = "fleet")]
    pub(crate) fn with_shared_count(self, counter: Arc<dyn CountCalls>) -> Self {
        Self {
            backend: self.backend.shared_by(counter),
            ..self
        }
    }

    /// Returns a client for an endpoint whose responses `decode` reads.
    pub(crate) fn client<T: Send + 'static>(
        &self,
        endpoint: Endpoint,
        decode: Decode<T>,
    ) -> EndpointClient<T> {
        let observer = EndpointObserver::new(endpoint, Arc::clone(&self.health));
        let breaker = Breaker::new(
            self.attempt_timeout,
            Arc::clone(&self.clock),
            Arc::clone(&observer),
        );
        let limiter = if endpoint.is_backend() {
            &self.backend
        } else {
            &self.frontend
        };
        let retry = RetryOnce::new(
            Arc::clone(&self.retry_budget),
            Arc::clone(&breaker),
            Arc::clone(&observer),
        );
        let attempt = Attempt(Arc::new(Parts {
            endpoint,
            decode,
            transport: Arc::clone(&self.transport),
            timeout: self.attempt_timeout,
            gate: Arc::default(),
            breaker,
            limiter: limiter.clone(),
            in_flight: Arc::clone(&self.in_flight),
            clock: Arc::clone(&self.clock),
            observer,
        }));
        let stack = ServiceBuilder::new().retry(retry).service(attempt);
        EndpointClient {
            stack: BoxCloneSyncService::new(stack),
            hasher: RandomState::new(),
        }
    }
}

impl<T> EndpointClient<T> {
    /// Calls the endpoint about a token or a subject.
    ///
    /// # Errors
    ///
    /// Returns the error of the decoder, or the reason why the call failed.
    pub(crate) async fn call(
        &self,
        purpose: Purpose,
        about: &str,
        request: Request<Bytes>,
    ) -> Result<T, AuthError> {
        self.send(Call {
            request,
            purpose,
            about: Some(self.hasher.hash_one(about)),
        })
        .await
    }

    /// Fetches a document. Waits no longer than `patience`, retries included. One call serves all tokens, so it has the
    /// highest priority.
    ///
    /// # Errors
    ///
    /// The same as those of [`call`](Self::call).
    pub(crate) async fn get(&self, endpoint: Uri, patience: Duration) -> Result<T, AuthError> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = endpoint;
        self.fetch(request, patience).await
    }

    /// The same for a `GET` with other headers, such as credentials.
    pub(crate) async fn fetch(
        &self,
        mut request: Request<Bytes>,
        patience: Duration,
    ) -> Result<T, AuthError> {
        let accept = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::ACCEPT, accept);
        // A copy in an intermediate cache may lack a key that is already in use.
        let no_cache = HeaderValue::from_static("no-cache");
        request
            .headers_mut()
            .insert(header::CACHE_CONTROL, no_cache);
        let call = Call {
            request,
            purpose: Purpose::needed(Priority::Document),
            about: None,
        };
        within(Instant::now() + patience, self.send(call)).await
    }

    async fn send(&self, call: Call) -> Result<T, AuthError> {
        let is_about_token = call.about.is_some();
        let outcome = self.stack.clone().oneshot(call).await;
        outcome.map_err(|error| error.into_error(is_about_token))
    }
}

/// Runs a future until the deadline. After the deadline, the result is `UpstreamUnavailable`.
pub(crate) async fn within<T>(
    deadline: Instant,
    future: impl Future<Output = Result<T, AuthError>>,
) -> Result<T, AuthError> {
    timeout_at(deadline, future)
        .await
        .unwrap_or_else(|elapsed| {
            Err(AuthError::new(AuthErrorKind::UpstreamUnavailable).with_source(elapsed))
        })
}

/// Returns true if a body is JSON by its content type: `application/json` or `application/…+json` in UTF-8,
/// the only encoding that JSON has (RFC 8259 §8.1).
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let mut content_types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(content_type), None) = (content_types.next(), content_types.next()) else {
        return false;
    };
    let Ok(content_type) = content_type.to_str() else {
        return false;
    };
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_json = essence.strip_prefix("application/").is_some_and(|kind| {
        kind == "json"
            || kind
                .strip_suffix("+json")
                .is_some_and(|kind| !kind.is_empty())
    });
    let is_utf8 = parts
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .all(|(_, value)| value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"));
    is_json && is_utf8
}

/// Returns the rate limit that Clerk documents for the instance type. It applies if none is configured.
pub(crate) fn default_rate_limit(host: &str) -> u32 {
    if host.ends_with(".clerk.accounts.dev") {
        100
    } else {
        1000
    }
}

/// The maximum number of concurrent calls to Clerk. One HTTP/2 connection carries all of them.
const MAX_IN_FLIGHT: usize = 64;

/// The maximum number of waiting verifications and fetches. Further ones are rejected at once. With 64 calls in
/// flight and 50 ms per call, 1024 of them take 0.8 s, which is less than the time that a request may wait.
const MAX_WAITING: usize = 1024;

#[cfg(test)]
mod tests;
