//! The way to Clerk: a tower stack for each endpoint, around the HTTP client.
//!
//! From the outside in:
//!
//! 1. one retry within a budget (`retry`);
//! 2. for each attempt (`attempt`): the pause that Clerk asked for (`retry_after`), the circuit breaker of the
//!    endpoint (`breaker`), the rate limit (`rate_limit`), a place among [`MAX_IN_FLIGHT`] calls, for which
//!    [`MAX_WAITING`] may wait (`in_flight`, `waiters`), and a time limit.
//!
//! Places, waiters and budget are those of the layer. The Backend API has a rate limit of its own, as Clerk
//! counts its calls apart, so that a flood of one kind of token leaves the others theirs. Circuit breaker and
//! pause are the endpoint's own, so that an outage of userinfo is none of introspection. Every bound has a share
//! for each priority (`priority`), so that a flood of tokens never seen costs the others nothing. The deadline
//! of the whole verification stands around all of it, in `verify`.

mod attempt;
mod breaker;
mod call_error;
mod endpoint;
mod http;
mod in_flight;
#[cfg(feature = "test-util")]
mod in_process;
mod priority;
mod rate_limit;
mod retry;
mod retry_after;
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

pub use self::http::{Transport, TransportError};
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
    http::HttpClient,
    priority::{Priority, Purpose},
    waiters::{Waiter, Waiters},
};
use crate::{
    AuthError, AuthErrorKind,
    clock::Clock,
    observe::{EndpointObserver, HealthState},
};

/// What the endpoints of a layer share.
pub(crate) struct Upstream {
    transport: Arc<dyn Transport>,
    attempt_timeout: Duration,
    clock: Arc<dyn Clock>,
    frontend: RateLimiter,
    backend: RateLimiter,
    retry_budget: Arc<TpsBudget>,
    in_flight: Arc<InFlight>,
    /// The bound on all that waits for Clerk, be it for a place in flight or for a document.
    pub(crate) waiters: Arc<Waiters>,
    pub(crate) health: Arc<HealthState>,
}

/// The way to one endpoint.
pub(crate) struct EndpointClient<T> {
    stack: BoxCloneSyncService<Call, T, CallError>,
    /// Random, so that a digest says nothing of a token.
    hasher: RandomState,
}

impl Upstream {
    /// `rate_limit`: how many calls are made in ten seconds, to the Backend API and to the rest each.
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

    /// The way to an endpoint whose answers are read by `decode`.
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
    /// What the decoder says, or in what way Clerk could not be asked.
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

    /// Fetches a document, and waits no longer than `patience`, retries and all. One call serves all tokens: it
    /// has the highest priority.
    ///
    /// # Errors
    ///
    /// As those of [`call`](Self::call).
    pub(crate) async fn get(&self, endpoint: Uri, patience: Duration) -> Result<T, AuthError> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = endpoint;
        let accept = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::ACCEPT, accept);
        // A copy in a cache on the way may lack a key that is in use already.
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

/// Waits no longer than the deadline: what is not there by then is unavailable.
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

/// Whether a body is JSON by its content type: `application/json` or `application/…+json` in UTF-8,
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

/// The rate limit of an instance that says nothing else: what Clerk documents for its kind.
pub(crate) fn default_rate_limit(host: &str) -> u32 {
    if host.ends_with(".clerk.accounts.dev") {
        100
    } else {
        1000
    }
}

/// How many calls are made to Clerk at a time. One connection of HTTP/2 carries them.
const MAX_IN_FLIGHT: usize = 64;

/// How many verifications and fetches wait; beyond it they are shed at once. At 64 in flight and 50 ms a call
/// it is what is done in 0.8 s, less than the time a caller is kept waiting.
const MAX_WAITING: usize = 1024;

#[cfg(test)]
mod tests;
