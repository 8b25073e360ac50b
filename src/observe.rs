//! What can be seen from outside: events and counts. Fixed messages, stable field names, and never a
//! token, a secret or a person.

use std::{
    error::Error,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http::StatusCode;
use tokio::time::Instant;
use tracing::field::{DisplayValue, display};

use crate::{AuthError, AuthErrorKind, upstream::Endpoint};

/// What a layer has done since it was made, and what it holds now.
///
/// See [`ClerkAuthLayer::stats`](crate::ClerkAuthLayer::stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests whose token was known to be good.
    pub hits: u64,
    /// Requests whose token was known to be bad.
    pub negative_hits: u64,
    /// Requests for which Clerk had to be asked.
    pub misses: u64,
    /// Of the misses, those that waited for an answer that another request had asked for.
    pub coalesced: u64,
    /// Requests that were let through beyond the time of their verdict, since Clerk was unavailable.
    pub stale: u64,
    /// Verifications in the background, shortly before the end of an entry.
    pub refreshes: u64,
    /// Requests refused, for whatever reason.
    pub refused: u64,
    /// Requests without credentials that were let through, since the layer is
    /// [optional](crate::ClerkAuthLayer::optional).
    pub anonymous: u64,
    /// Good tokens that are remembered now.
    pub entries: u64,
    /// Bad tokens that are remembered now.
    pub negative_entries: u64,
    /// Verifications under way now.
    pub in_flight: u64,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) negative_hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) coalesced: Counter,
    pub(crate) stale: Counter,
    pub(crate) refreshes: Counter,
    pub(crate) refused: Counter,
    pub(crate) anonymous: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request was refused.
pub(crate) fn refused(error: &AuthError) {
    tracing::debug!(
        auth.outcome = "refused",
        auth.kind = ?error.kind(),
        "request refused"
    );
}

/// Something that needs claims stands where no layer is before it.
pub(crate) fn missing_layer() {
    tracing::error!(
        auth.kind = ?AuthErrorKind::MissingLayer,
        "a route needs claims, but no `ClerkAuthLayer` stands before it: add \
         `.layer(ClerkAuthLayer::new(cfg))` outside of it, in axum after it"
    );
}

/// A request names a session that is unknown, or of somebody else's.
pub(crate) fn session_refused() {
    tracing::debug!("session refused: it is unknown, or belongs to another principal");
}

/// An answer names a session of somebody else's.
pub(crate) fn session_of_another() {
    tracing::error!("the inner service gave a caller the session of another: answered with a 500");
}

/// An answer names a session that nobody can use.
pub(crate) fn session_unusable() {
    tracing::error!(
        "the inner service sent several `Mcp-Session-Id`, or one that is not visible ASCII: not bound"
    );
}

/// A request without credentials was let through.
pub(crate) fn passed_anonymous() {
    tracing::debug!(auth.outcome = "anonymous", "request without credentials");
}

/// The layer cannot answer with its metadata.
pub(crate) fn metadata_unserved() {
    tracing::warn!(
        "the metadata of the resource was asked for, but cannot be made a body of this service's \
         kind: mount `ResourceMetadata` beside the layer, or give `reject_with` something that makes one"
    );
}

/// One call to Clerk, timed.
pub(crate) struct UpstreamCall {
    endpoint: Endpoint,
    start: Instant,
}

impl UpstreamCall {
    pub(crate) fn start(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            start: Instant::now(),
        }
    }

    /// There is an answer, of whatever kind.
    pub(crate) fn answered(self, status: StatusCode) {
        let endpoint = self.endpoint.as_str();
        let elapsed = millis(self.start.elapsed());
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            tracing::warn!(
                upstream.endpoint = endpoint,
                upstream.status = status.as_u16(),
                upstream.elapsed_ms = elapsed,
                "Clerk cannot be asked"
            );
        } else {
            tracing::debug!(
                upstream.endpoint = endpoint,
                upstream.status = status.as_u16(),
                upstream.elapsed_ms = elapsed,
                "Clerk answered"
            );
        }
    }

    /// There is no answer.
    pub(crate) fn failed(self, error: &(dyn Error + 'static)) {
        tracing::warn!(
            upstream.endpoint = self.endpoint.as_str(),
            upstream.elapsed_ms = millis(self.start.elapsed()),
            cause = cause(error),
            "Clerk cannot be asked"
        );
    }
}

/// A verification came to nothing for a reason that somebody should look at.
pub(crate) fn verification_failed(error: &AuthError) {
    match error.kind() {
        AuthErrorKind::CredentialsRejected => tracing::error!(
            auth.kind = ?error.kind(),
            "Clerk refused our client id and secret: check CLERK_OAUTH_CLIENT_ID and \
             CLERK_OAUTH_CLIENT_SECRET, and that they belong to this instance"
        ),
        AuthErrorKind::UpstreamProtocol => tracing::warn!(
            auth.kind = ?error.kind(),
            cause = cause(error),
            "an answer of Clerk breaks its contract"
        ),
        _ => {}
    }
}

/// The innermost cause, which says what happened where the outer ones say what came of it.
fn cause(error: &(dyn Error + 'static)) -> DisplayValue<String> {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    display(cause.to_string())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
