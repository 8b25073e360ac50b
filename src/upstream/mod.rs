//! The way to Clerk: a tower stack for each endpoint, around one HTTP client.
//!
//! From the outside in:
//!
//! 1. a waiting room of [`MAX_WAITING`], beyond which calls are shed at once;
//! 2. at most [`MAX_IN_FLIGHT`] calls at a time;
//! 3. one retry within a budget (`retry`);
//! 4. for each attempt: the pause that Clerk asked for, the circuit breaker of the endpoint, the rate
//!    limit, and a time limit (`attempt`).
//!
//! Room, calls at a time and budget are those of the layer. The Backend API has a rate limit of its own, as Clerk
//! counts its calls apart, so that a flood of one kind of token leaves the others theirs. Breaker and pause are the
//! endpoint's own, so that an outage of userinfo is none of introspection. The deadline of the whole verification
//! stands around all of it, in `verify`.

mod attempt;
mod breaker;
mod endpoint;
mod http;
mod limiter;
mod priority;
mod retry;
#[cfg_attr(not(test), expect(dead_code, reason = "documents will use it first"))]
mod waiters;

use std::{future::Future, sync::Arc, time::Duration};

use ::http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use bytes::Bytes;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use tower::{
    BoxError, ServiceBuilder, ServiceExt, limit::GlobalConcurrencyLimitLayer,
    load_shed::error::Overloaded, retry::budget::TpsBudget, util::BoxCloneSyncService,
};

pub use self::http::{Transport, TransportError};
use self::{
    attempt::{Attempt, Call, Decode, Trouble},
    breaker::Breaker,
    limiter::Limiter,
    retry::OnceMore,
};
pub(crate) use self::{endpoint::Endpoint, http::HttpClient, priority::Priority};
use crate::{
    AuthError, AuthErrorKind,
    clock::Clock,
    observe::{Vitals, Watch},
};

/// What the endpoints of a layer share.
pub(crate) struct Upstream {
    transport: Arc<dyn Transport>,
    attempt_timeout: Duration,
    clock: Arc<dyn Clock>,
    frontend: Arc<Limiter>,
    backend: Arc<Limiter>,
    retry_budget: Arc<TpsBudget>,
    room: Arc<Semaphore>,
    in_flight: Arc<Semaphore>,
    pub(crate) vitals: Arc<Vitals>,
}

/// The way to one endpoint.
pub(crate) struct Channel<T> {
    stack: BoxCloneSyncService<Call, T, BoxError>,
    watch: Arc<Watch>,
}

impl Upstream {
    /// `rate_limit`: how many calls are made in ten seconds, to the Backend API and to the rest each.
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        attempt_timeout: Duration,
        rate_limit: Option<u32>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            transport,
            attempt_timeout,
            clock,
            frontend: Arc::new(Limiter::new(rate_limit)),
            backend: Arc::new(Limiter::new(rate_limit)),
            retry_budget: retry::budget(),
            room: Arc::new(Semaphore::new(MAX_IN_FLIGHT + MAX_WAITING)),
            in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            vitals: Arc::default(),
        }
    }

    /// The way to an endpoint whose answers are read by `decode`.
    pub(crate) fn channel<T: Send + 'static>(
        &self,
        endpoint: Endpoint,
        decode: Decode<T>,
    ) -> Channel<T> {
        let watch = Watch::new(endpoint, Arc::clone(&self.vitals));
        let breaker = Breaker::new(Arc::clone(&self.clock), Arc::clone(&watch));
        let limiter = if endpoint.is_backend() {
            &self.backend
        } else {
            &self.frontend
        };
        let attempt = Attempt {
            decode,
            transport: Arc::clone(&self.transport),
            timeout: self.attempt_timeout,
            limiter: Arc::clone(limiter),
            pause: Arc::default(),
            breaker: Arc::clone(&breaker),
            clock: Arc::clone(&self.clock),
            watch: Arc::clone(&watch),
        };
        let retry = OnceMore::new(Arc::clone(&self.retry_budget), breaker, Arc::clone(&watch));
        let in_turn = ServiceBuilder::new()
            .layer(GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(
                &self.in_flight,
            )))
            .retry(retry)
            .service(attempt);
        // `oneshot` stands between the two limits: the outer one is ready while the inner one is not,
        // and so becomes a waiting room.
        let waiting = tower::service_fn(move |call| in_turn.clone().oneshot(call));
        let stack = ServiceBuilder::new()
            .load_shed()
            .layer(GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(
                &self.room,
            )))
            .service(waiting);
        Channel {
            stack: BoxCloneSyncService::new(stack),
            watch,
        }
    }
}

impl<T> Channel<T> {
    /// Calls the endpoint.
    ///
    /// # Errors
    ///
    /// What the decoder says, or in what way Clerk could not be asked.
    pub(crate) async fn call(
        &self,
        priority: Priority,
        request: Request<Bytes>,
    ) -> Result<T, AuthError> {
        let call = Call { request, priority };
        self.stack
            .clone()
            .oneshot(call)
            .await
            .map_err(|error| match error.downcast::<Trouble>() {
                Ok(trouble) => trouble.into_error(),
                Err(error) if error.is::<Overloaded>() => {
                    self.watch.shed(priority, "too many calls are waiting");
                    AuthError::new(AuthErrorKind::Shed).into_not_called()
                }
                Err(_) => AuthErrorKind::UpstreamUnavailable.into(),
            })
    }
}

impl<T> Channel<T> {
    /// Asks for a document, and waits no longer than `patience`, retries and all. One call serves all tokens: it
    /// must not wait behind those of a flood of unknown ones.
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
        within(
            Instant::now() + patience,
            self.call(Priority::Refresh, request),
        )
        .await
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

/// Clerk refused a request for a reason that is not known. It works, all the same: were this to open the
/// circuit breaker, whoever finds a token that is refused so could.
pub(crate) fn not_understood() -> AuthError {
    AuthError::new(AuthErrorKind::UpstreamProtocol).with_source(NotUnderstood)
}

fn is_not_understood(error: &AuthError) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<NotUnderstood>())
}

#[derive(Debug, thiserror::Error)]
#[error("an unexpected status, from 400 to 499")]
struct NotUnderstood;

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

/// How many calls wait for their turn; beyond it they are shed at once. At 64 in flight and 50 ms a
/// call it is what is done in 0.8 s, less than the time a caller is kept waiting.
const MAX_WAITING: usize = 1024;

#[cfg(test)]
mod tests;
