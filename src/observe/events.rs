//! The log events: fixed messages and promised field names. A rejection is `debug`. A failure of Clerk is `warn`. A
//! problem that only the operator can fix is `error`. A plain hit is `trace`. `id` is the id of the token, if log lines
//! have it.

use std::{error::Error, time::Duration};

use http::StatusCode;
use tracing::field::{DisplayValue, display};

use super::{BreakerState, CallResult, Outcome, Seen};
use crate::{
    AuthError, AuthErrorKind,
    clock::millis,
    error::{is_secret_key_rejected, unexpected_status},
    observe::Endpoint,
};

/// Logs a request that was accepted by a fresh entry.
#[cold]
pub(super) fn hit() {
    tracing::trace!(
        auth.outcome = Outcome::Ok.as_str(),
        cache.state = super::CacheState::Hit.as_str(),
        "request accepted"
    );
}

/// Logs a request that was accepted in any other way.
pub(super) fn passed(outcome: Outcome, seen: Seen, id: Option<&str>) {
    tracing::debug!(
        auth.outcome = outcome.as_str(),
        auth.token_kind = seen.token_kind(),
        auth.token_id = id,
        cache.state = seen.cache_state(),
        "request accepted"
    );
}

/// Logs a request that was rejected.
pub(super) fn rejected(error: &AuthError, seen: Seen, id: Option<&str>) {
    tracing::debug!(
        auth.outcome = error.kind().outcome().as_str(),
        auth.kind = ?error.kind(),
        auth.token_kind = seen.token_kind(),
        auth.token_id = id,
        cache.state = seen.cache_state(),
        "request rejected"
    );
}

/// Logs a request that passed without credentials.
pub(super) fn passed_anonymous() {
    tracing::debug!(
        auth.outcome = Outcome::Anonymous.as_str(),
        "request accepted without credentials"
    );
}

/// Logs that revocations of single tokens no longer have effect on tokens that are verified by their signature alone.
pub(super) fn revocations_dropped() {
    tracing::warn!(
        "the oldest revocations of single tokens were dropped: there are more than 100,000"
    );
}

/// Logs a successful verification.
pub(super) fn verified(seen: Seen, id: Option<&str>, elapsed: Duration) {
    tracing::debug!(
        auth.outcome = Outcome::Ok.as_str(),
        auth.token_kind = seen.token_kind(),
        auth.token_id = id,
        upstream.elapsed_ms = millis(elapsed),
        "token verified"
    );
}

/// Logs a failed verification. The level depends on the cause: the token, Clerk or the configuration.
pub(super) fn verification_failed(error: &AuthError, seen: Seen, elapsed: Duration) {
    let kind = error.kind();
    let outcome = kind.outcome().as_str();
    match kind {
        AuthErrorKind::CredentialsRejected if is_secret_key_rejected(error) => tracing::error!(
            auth.outcome = outcome,
            auth.kind = ?kind,
            auth.token_kind = seen.token_kind(),
            upstream.elapsed_ms = millis(elapsed),
            "Clerk rejected the secret key: check that CLERK_SECRET_KEY is correct and belongs to this instance"
        ),
        AuthErrorKind::CredentialsRejected => tracing::error!(
            auth.outcome = outcome,
            auth.kind = ?kind,
            auth.token_kind = seen.token_kind(),
            upstream.elapsed_ms = millis(elapsed),
            "Clerk rejected the client credentials: check that CLERK_OAUTH_CLIENT_ID and \
             CLERK_OAUTH_CLIENT_SECRET are correct and belong to this instance"
        ),
        AuthErrorKind::InvalidUpstreamResponse => tracing::warn!(
            auth.outcome = outcome,
            auth.kind = ?kind,
            auth.token_kind = seen.token_kind(),
            upstream.status = unexpected_status(error).map(|status| status.as_u16()),
            upstream.elapsed_ms = millis(elapsed),
            cause = cause(error),
            "invalid response from Clerk"
        ),
        _ => tracing::debug!(
            auth.outcome = outcome,
            auth.kind = ?kind,
            auth.token_kind = seen.token_kind(),
            upstream.elapsed_ms = millis(elapsed),
            "token verification failed"
        ),
    }
}

/// Logs a response of Clerk.
pub(super) fn answered(endpoint: Endpoint, status: StatusCode, elapsed: Duration) {
    let endpoint = endpoint.as_str();
    let elapsed = millis(elapsed);
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        tracing::warn!(
            upstream.endpoint = endpoint,
            upstream.status = status.as_u16(),
            upstream.elapsed_ms = elapsed,
            "request to Clerk failed"
        );
    } else {
        tracing::debug!(
            upstream.endpoint = endpoint,
            upstream.status = status.as_u16(),
            upstream.elapsed_ms = elapsed,
            "Clerk responded"
        );
    }
}

/// Logs a call without a response.
pub(super) fn unanswered(endpoint: Endpoint, error: &(dyn Error + 'static), elapsed: Duration) {
    tracing::warn!(
        upstream.endpoint = endpoint.as_str(),
        upstream.elapsed_ms = millis(elapsed),
        cause = cause(error),
        "request to Clerk failed"
    );
}

/// Logs a call that was abandoned at a deadline.
pub(super) fn abandoned(endpoint: Endpoint, elapsed: Duration) {
    tracing::warn!(
        upstream.endpoint = endpoint.as_str(),
        upstream.elapsed_ms = millis(elapsed),
        cause = CallResult::Abandoned.as_str(),
        "request to Clerk failed"
    );
}

/// Logs that Clerk rejected the secret key in a call whose token does not depend on it. No other event reports this.
pub(super) fn secret_key_rejected(endpoint: Endpoint, elapsed: Duration) {
    tracing::error!(
        upstream.endpoint = endpoint.as_str(),
        upstream.elapsed_ms = millis(elapsed),
        "Clerk rejected the secret key for a profile: check that CLERK_SECRET_KEY is correct and belongs to this \
         instance"
    );
}

/// Logs a call that was not made. The level is `debug`, because an outage or a flood causes one per request, and
/// another event reports its cause.
pub(super) fn not_called(endpoint: Endpoint, breaker: BreakerState, why: &'static str) {
    tracing::debug!(
        upstream.endpoint = endpoint.as_str(),
        breaker.state = breaker.as_str(),
        cause = why,
        "request to Clerk not sent"
    );
}

/// Logs a change of a circuit breaker. The start of a probe is only `debug`, because its outcome is logged.
pub(super) fn breaker(endpoint: Endpoint, before: BreakerState, state: BreakerState) {
    let endpoint = endpoint.as_str();
    match state {
        BreakerState::Open if before == BreakerState::HalfOpen => tracing::warn!(
            upstream.endpoint = endpoint,
            breaker.state = state.as_str(),
            "circuit breaker opened again: the probe request did not succeed"
        ),
        BreakerState::Open => tracing::warn!(
            upstream.endpoint = endpoint,
            breaker.state = state.as_str(),
            "circuit breaker opened after 10 consecutive failures"
        ),
        BreakerState::HalfOpen => tracing::debug!(
            upstream.endpoint = endpoint,
            breaker.state = state.as_str(),
            "circuit breaker half open: the next request to Clerk is a probe"
        ),
        BreakerState::Closed => tracing::warn!(
            upstream.endpoint = endpoint,
            breaker.state = state.as_str(),
            "circuit breaker closed: the probe request succeeded"
        ),
    }
}

/// Logs that a route requires claims but has no layer around it.
pub(crate) fn missing_layer() {
    tracing::error!(
        auth.kind = ?AuthErrorKind::MissingLayer,
        "a route requires claims, but no `ClerkAuthLayer` is around it: add `.layer(ClerkAuthLayer::new(cfg))` \
         outside of the route's own layers; in axum, add it after the route"
    );
}

/// Logs a session token of a version whose organization cannot be read. Each layer logs this once, because it then
/// applies to every token.
pub(crate) fn unreadable_organization() {
    tracing::warn!(
        "session tokens of this instance have a later version than this crate can read: their organization is \
         unknown, and rules that need it reject them; update tower-clerk"
    );
}

/// Logs a request that names an MCP session that is unknown or belongs to another principal.
#[cfg(feature = "mcp")]
pub(crate) fn session_rejected() {
    tracing::debug!("MCP session rejected: the session is unknown or belongs to another principal");
}

/// Logs a response that names the MCP session of another principal.
#[cfg(feature = "mcp")]
pub(crate) fn session_of_another() {
    tracing::error!(
        "the inner service returned the MCP session of another principal: the caller gets a 500"
    );
}

/// Logs a response that names an MCP session with an unusable id.
#[cfg(feature = "mcp")]
pub(crate) fn session_unusable() {
    tracing::error!(
        "the inner service returned several `Mcp-Session-Id` headers, or one that is not visible ASCII: the MCP session \
         is not bound"
    );
}

/// Logs that the layer cannot serve its metadata.
pub(crate) fn metadata_unserved() {
    tracing::warn!(
        "the layer cannot serve the resource metadata, because it cannot create a response body of the service's \
         type: mount `ResourceMetadata` beside the layer, or give `reject_with` a type whose `json_body` creates one"
    );
}

/// Logs that a request for the metadata of another resource was rejected.
pub(crate) fn foreign_metadata() {
    tracing::warn!(
        "a request for the metadata of another resource was rejected: serve that metadata outside of this layer; in \
         axum, add this layer with `route_layer` instead of `layer`"
    );
}

/// Logs that a layer requires an audience, which Clerk's introspection responses do not contain.
pub(crate) fn audience_cannot_be_shown() {
    tracing::warn!(
        "the audience policy is `require`, but Clerk's introspection responses contain no audience: every token that is \
         verified only by introspection is rejected. Verify JWTs with `local-then-introspect` (option \
         `jwts`), and opaque tokens with the Backend API (option `backend_api`), whose responses contain `aud`"
    );
}

/// Returns the innermost cause. It describes what happened; the outer errors describe the consequences.
pub(super) fn cause(error: &(dyn Error + 'static)) -> DisplayValue<String> {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    display(cause.to_string())
}
