//! What can go wrong: with a request ([`AuthError`]), and with a configuration ([`ConfigError`]).

mod kind;

use std::{error::Error, fmt, sync::Arc, time::Duration};

pub use self::kind::AuthErrorKind;
pub(crate) use self::kind::{Class, Outcome};

/// Why a request was rejected.
///
/// On every rejection it is put into the extensions of the *response*, so that layers above can log or
/// count it. The caller is never shown it: to the outside all reasons for a 401 look the same.
///
/// Opaque, so that context can be added without a break: ask for its [`kind`](Self::kind).
#[derive(Clone, Debug)]
pub struct AuthError {
    kind: AuthErrorKind,
    retry_after: Option<Duration>,
    origin: Origin,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What led to an error, as far as the cache has to know it beside the kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Any,
    /// An answer of Clerk that this token can cause, whenever it is verified.
    TokenProvoked,
    /// A limit, a pause or an open circuit breaker: no call was made.
    NotCalled,
}

impl AuthError {
    /// An error of this kind, for those who bring their own [`Verify`](crate::Verify).
    pub fn new(kind: AuthErrorKind) -> Self {
        Self {
            kind,
            retry_after: None,
            origin: Origin::Any,
            source: None,
        }
    }

    /// Adds the cause. It is shown in logs: it must not hold a token or a secret.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Adds how long the authorization server asked callers to stay away. A longer delay than a minute
    /// counts as a minute: one wrong value must not keep clients away for good.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay.min(MAX_RETRY_AFTER));
        self
    }

    /// Marks the error as provoked by this very token: another token may well get a good answer. Without a
    /// delay of Clerk's it gets a random one, so that it is remembered for a while, and not in lockstep with
    /// others.
    pub(crate) fn into_token_provoked(mut self) -> Self {
        self.origin = Origin::TokenProvoked;
        if self.retry_after.is_none_or(|delay| delay.is_zero()) {
            self.retry_after = Some(Duration::from_millis(fastrand::u64(1_000..=5_000)));
        }
        self
    }

    /// Marks the error as one for which Clerk was not called.
    pub(crate) fn into_not_called(mut self) -> Self {
        self.origin = Origin::NotCalled;
        self
    }

    /// Returns whether Clerk's answer is one that this token can cause. The 503 concerns this token alone,
    /// and has a [`retry_after`](Self::retry_after) for which it may be remembered.
    pub(crate) fn is_token_provoked(&self) -> bool {
        self.origin == Origin::TokenProvoked
    }

    /// Returns whether no call was made, because of a limit, a pause or an open circuit breaker. The error
    /// says nothing of the token.
    pub(crate) fn was_not_called(&self) -> bool {
        self.origin == Origin::NotCalled
    }

    /// Takes over how long to stay away, and what led to the other error, which becomes the cause.
    pub(crate) fn caused_by(mut self, error: Self) -> Self {
        self.retry_after = error.retry_after;
        self.origin = error.origin;
        self.with_source(error)
    }

    /// What kind of rejection this is.
    pub fn kind(&self) -> AuthErrorKind {
        self.kind
    }

    /// How long Clerk asked to be left alone, where it did.
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

/// The longest `Retry-After` that is obeyed and passed on: a few of Clerk's windows. Beyond it, one wrong
/// value would keep everyone away for good.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// What is wrong with a configuration. Every variant names the field; secrets are never shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A mandatory field is missing or empty.
    #[error("`{field}` is missing or empty: {hint}")]
    Missing {
        /// The field.
        field: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// A field has a value that cannot be used.
    #[error("`{field}` cannot be {value:?}: {reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// The offending value.
        value: String,
        /// Why it cannot be used, and what can.
        reason: &'static str,
    },
    /// A secret field has a value that cannot be used. The value is not shown.
    #[error("`{field}` cannot be used: {reason}")]
    InvalidSecret {
        /// The field.
        field: &'static str,
        /// Why it cannot be used, and what can.
        reason: &'static str,
    },
    /// A field has a value beyond its bounds.
    #[error("`{field}` is {value}, but must be {bound}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// The offending value.
        value: String,
        /// The bounds.
        bound: &'static str,
    },
    /// An environment variable cannot be read.
    #[error("the environment variable {name} is {value:?}: {reason}")]
    Environment {
        /// The variable.
        name: &'static str,
        /// The offending value.
        value: String,
        /// Why it cannot be used, and what can.
        reason: &'static str,
    },
    /// The HTTP client could not be made, for instance for want of a TLS library or of trusted
    /// certificates.
    #[error("the HTTP client could not be made")]
    HttpClient(#[source] Box<dyn Error + Send + Sync>),
}

#[cfg(test)]
mod tests;
