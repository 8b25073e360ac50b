//! The events: fixed messages and promised field names. Rejections are `debug`, trouble with Clerk is `warn`,
//! and what only somebody who runs this service can mend is `error`. A plain hit is a `trace`.

use std::{error::Error, time::Duration};

use http::StatusCode;
use tracing::field::{DisplayValue, display};

use super::{BreakerState, CallResult, Outcome, Seen};
use crate::{
    AuthError, AuthErrorKind, clock::millis, upstream::Endpoint, verify::is_secret_key_rejected,
};

/// A request was let through on a fresh verdict that was there already.
#[cold]
pub(super) fn hit() {
    tracing::trace!(
        auth.outcome = Outcome::Ok.as_str(),
        cache.state = super::CacheState::Hit.as_str(),
        "request let through"
    );
}

/// A request was let through otherwise.
pub(super) fn passed(outcome: Outcome, seen: Seen) {
    tracing::debug!(
        auth.outcome = outcome.as_str(),
        auth.token_kind = seen.token_kind(),
        cache.state = seen.cache_state(),
        "request let through"
    );
}

/// A request was rejected.
pub(super) fn rejected(error: &AuthError, seen: Seen) {
    tracing::debug!(
        auth.outcome = Outcome::rejected(error.kind()).as_str(),
        auth.kind = ?error.kind(),
        auth.token_kind = seen.token_kind(),
        cache.state = seen.cache_state(),
        "request rejected"
    );
}

/// A request without credentials was let through.
pub(super) fn passed_anonymous() {
    tracing::debug!(
        auth.outcome = Outcome::Anonymous.as_str(),
        "request without credentials"
    );
}

/// A verification found a token good.
pub(super) fn verified(seen: Seen, elapsed: Duration) {
    tracing::debug!(
        auth.outcome = Outcome::Ok.as_str(),
        auth.token_kind = seen.token_kind(),
        upstream.elapsed_ms = millis(elapsed),
        "token verified"
    );
}

/// A verification came to nothing: for the token's fault, or for a reason that somebody should look at.
pub(super) fn verification_failed(error: &AuthError, seen: Seen, elapsed: Duration) {
    let kind = error.kind();
    let outcome = Outcome::rejected(kind).as_str();
    match kind {
        AuthErrorKind::CredentialsRejected if is_secret_key_rejected(error) => tracing::error!(
            auth.outcome = outcome,
            auth.kind = ?kind,
            auth.token_kind = seen.token_kind(),
            upstream.elapsed_ms = millis(elapsed),
            "Clerk rejected our secret key: check CLERK_SECRET_KEY, and that it belongs to this instance"
        ),
        AuthErrorKind::CredentialsRejected => tracing::error!(
            auth.outcome = outcome,
            auth.kind = ?kind,
            auth.token_kind = seen.token_kind(),
            upstream.elapsed_ms = millis(elapsed),
            "Clerk rejected our client id and secret: check CLERK_OAUTH_CLIENT_ID and \
             CLERK_OAUTH_CLIENT_SECRET, and that they belong to this instance"
        ),
        AuthErrorKind::InvalidUpstreamResponse => tracing::warn!(
            auth.outcome = outcome,
            auth.kind = ?kind,
            auth.token_kind = seen.token_kind(),
            upstream.elapsed_ms = millis(elapsed),
            cause = cause(error),
            "an answer of Clerk breaks its contract"
        ),
        _ => tracing::debug!(
            auth.outcome = outcome,
            auth.kind = ?kind,
            auth.token_kind = seen.token_kind(),
            upstream.elapsed_ms = millis(elapsed),
            "token not verified"
        ),
    }
}

/// Clerk has answered, whatever.
pub(super) fn answered(endpoint: Endpoint, status: StatusCode, elapsed: Duration) {
    let endpoint = endpoint.as_str();
    let elapsed = millis(elapsed);
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

/// Clerk has not answered.
pub(super) fn unanswered(endpoint: Endpoint, error: &(dyn Error + 'static), elapsed: Duration) {
    tracing::warn!(
        upstream.endpoint = endpoint.as_str(),
        upstream.elapsed_ms = millis(elapsed),
        cause = cause(error),
        "Clerk cannot be asked"
    );
}

/// Nobody waited any longer for an answer of Clerk.
pub(super) fn abandoned(endpoint: Endpoint, elapsed: Duration) {
    tracing::warn!(
        upstream.endpoint = endpoint.as_str(),
        upstream.elapsed_ms = millis(elapsed),
        cause = CallResult::Abandoned.as_str(),
        "Clerk cannot be asked"
    );
}

/// Clerk rejected the secret key where a token does not depend on it, so that nobody else tells.
pub(super) fn secret_key_rejected(endpoint: Endpoint, elapsed: Duration) {
    tracing::error!(
        upstream.endpoint = endpoint.as_str(),
        upstream.elapsed_ms = millis(elapsed),
        "Clerk rejected our secret key for profiles: check CLERK_SECRET_KEY, and that it belongs to this \
         instance"
    );
}

/// Clerk was not called. At `debug`: while it is down, or a flood comes, that is every request, and what
/// it comes from was told before.
pub(super) fn not_called(endpoint: Endpoint, breaker: BreakerState, why: &'static str) {
    tracing::debug!(
        upstream.endpoint = endpoint.as_str(),
        breaker.state = breaker.as_str(),
        cause = why,
        "Clerk was not called"
    );
}

/// A circuit breaker changed. A probe is no news by itself: what it comes to is told.
pub(super) fn breaker(endpoint: Endpoint, state: BreakerState) {
    let endpoint = endpoint.as_str();
    match state {
        BreakerState::Open => tracing::warn!(
            upstream.endpoint = endpoint,
            breaker.state = state.as_str(),
            "Clerk fails time and again: it is left alone for a moment"
        ),
        BreakerState::HalfOpen => tracing::debug!(
            upstream.endpoint = endpoint,
            breaker.state = state.as_str(),
            "Clerk is tried again"
        ),
        BreakerState::Closed => tracing::warn!(
            upstream.endpoint = endpoint,
            breaker.state = state.as_str(),
            "Clerk answers again"
        ),
    }
}

/// Something that needs claims stands where no layer is before it.
pub(crate) fn missing_layer() {
    tracing::error!(
        auth.kind = ?AuthErrorKind::MissingLayer,
        "a route needs claims, but no `ClerkAuthLayer` stands before it: add \
         `.layer(ClerkAuthLayer::new(cfg))` outside of it, in axum after it"
    );
}

/// A session token is of a version whose organization cannot be read. Reported once for each layer: it is true of
/// every token from then on.
pub(crate) fn unreadable_organization() {
    tracing::warn!(
        "session tokens of this instance are of a later version than this crate can read: their organization is \
         unknown, and rules that need it reject them; update tower-clerk"
    );
}

/// A request names a session that is unknown, or of somebody else's.
pub(crate) fn session_rejected() {
    tracing::debug!("session rejected: it is unknown, or belongs to another principal");
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

/// The layer cannot answer with its metadata.
pub(crate) fn metadata_unserved() {
    tracing::warn!(
        "the metadata of the resource was asked for, but cannot be made a body of this service's \
         kind: mount `ResourceMetadata` beside the layer, or give `reject_with` something that makes one"
    );
}

/// A layer is made that requires of tokens what Clerk's introspection does not say of them.
pub(crate) fn audience_cannot_be_shown() {
    tracing::warn!(
        "the audience policy is `require`, but the introspection answers of Clerk name no audience: every token \
         whose answer has none is rejected. Verify JWTs with `local-then-introspect` (`OAuthTokens::jwts`), and \
         opaque tokens with the Backend API (`OAuthTokens::backend_api`), whose answer has `aud`"
    );
}

/// The innermost cause, which says what happened where the outer ones say what came of it.
fn cause(error: &(dyn Error + 'static)) -> DisplayValue<String> {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    display(cause.to_string())
}
