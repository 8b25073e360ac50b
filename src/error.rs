//! [`AuthError`]: the reason why a request is rejected.

mod kind;

use std::{error::Error, fmt, sync::Arc, time::Duration};

use http::StatusCode;

pub use self::kind::AuthErrorKind;
pub(crate) use self::kind::{Class, Outcome};

/// The reason why a request was rejected.
///
/// Every rejection inserts it into the extensions of the *response*, so that outer layers can log or count it. The
/// client never sees it: all reasons for a 401 look the same from outside.
///
/// The type is opaque, so that context can be added without a breaking change. [`kind`](Self::kind) returns the reason.
#[derive(Clone, Debug)]
pub struct AuthError {
    kind: AuthErrorKind,
    retry_after: Option<Duration>,
    origin: Origin,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The origin of an error, as far as the cache needs it in addition to the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Any,
    /// A response of Clerk that this token causes at each verification.
    TokenProvoked,
    /// No call was made, because of a limit, a pause or an open circuit breaker.
    NotCalled,
}

impl AuthError {
    /// Creates an error of this kind, for custom implementations of [`Verify`](crate::verify::Verify).
    pub fn new(kind: AuthErrorKind) -> Self {
        Self {
            kind,
            retry_after: None,
            origin: Origin::Any,
            source: None,
        }
    }

    /// Adds the cause: an error, or a text. It appears in logs, so it must not hold a token or a secret.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// Adds the delay after which a client may retry, from the authorization server. A delay of more than a minute
    /// counts as a minute, so that one wrong value does not keep clients away permanently.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay.min(MAX_RETRY_AFTER));
        self
    }

    /// Marks the error as provoked by this token: another token may succeed. If Clerk sent no delay, a random delay is
    /// added, so that the error is cached for a while, and such errors do not all expire at the same time.
    pub(crate) fn into_token_provoked(mut self) -> Self {
        self.origin = Origin::TokenProvoked;
        if self.retry_after.is_none_or(|delay| delay.is_zero()) {
            self.retry_after = Some(Duration::from_millis(fastrand::u64(1_000..=5_000)));
        }
        self
    }

    /// Marks the error as one without a call to Clerk.
    pub(crate) fn into_not_called(mut self) -> Self {
        self.origin = Origin::NotCalled;
        self
    }

    /// Returns true if this token causes Clerk's response. The 503 then concerns only this token, and has a
    /// [`retry_after`](Self::retry_after) for which it may be cached.
    pub(crate) fn is_token_provoked(&self) -> bool {
        self.origin == Origin::TokenProvoked
    }

    /// Returns true if no call was made, because of a limit, a pause or an open circuit breaker. The error then does
    /// not depend on the token.
    pub(crate) fn was_not_called(&self) -> bool {
        self.origin == Origin::NotCalled
    }

    /// Copies the delay and the origin of another error, which becomes the cause.
    pub(crate) fn caused_by(mut self, error: Self) -> Self {
        self.retry_after = error.retry_after;
        self.origin = error.origin;
        self.with_source(error)
    }

    /// Returns the kind of the rejection.
    pub fn kind(&self) -> AuthErrorKind {
        self.kind
    }

    /// Returns the delay that Clerk requested, if any.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl From<AuthErrorKind> for AuthError {
    fn from(kind: AuthErrorKind) -> Self {
        Self::new(kind)
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.text())
    }
}

impl Error for AuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| -> &(dyn Error + 'static) { source })
    }
}

/// The longest `Retry-After` that is respected and forwarded. It covers a few of the windows in which Clerk counts
/// calls. Without this limit, one wrong value would keep all clients away permanently.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The source of [`CredentialsRejected`](AuthErrorKind::CredentialsRejected) if Clerk rejected the secret key, not the
/// client id and secret.
#[derive(Debug, thiserror::Error)]
#[error("the Backend API rejected the secret key")]
pub(crate) struct SecretKeyRejected;

/// Returns true if Clerk rejected the secret key, not the client id and secret.
pub(crate) fn is_secret_key_rejected(error: &AuthError) -> bool {
    error
        .source()
        .is_some_and(|source| source.is::<SecretKeyRejected>())
}

/// The source of [`InvalidUpstreamResponse`](AuthErrorKind::InvalidUpstreamResponse) if the status is unexpected.
#[derive(Debug, thiserror::Error)]
#[error("unexpected status {}", .0.as_u16())]
pub(crate) struct UnexpectedStatus(pub(crate) StatusCode);

/// Returns the status of the response, if the status is the cause of this error.
pub(crate) fn unexpected_status(error: &AuthError) -> Option<StatusCode> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(UnexpectedStatus(status)) = error.downcast_ref() {
            return Some(*status);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests;
