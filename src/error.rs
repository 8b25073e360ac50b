//! The errors: of a request ([`AuthError`]) and of a configuration ([`ConfigError`]).

use std::{error::Error, fmt, sync::Arc, time::Duration};

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
    /// Creates an error of this kind, for custom implementations of [`Verify`](crate::Verify).
    pub fn new(kind: AuthErrorKind) -> Self {
        Self {
            kind,
            retry_after: None,
            origin: Origin::Any,
            source: None,
        }
    }

    /// Adds the cause. It appears in logs, so it must not hold a token or a secret.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
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
        f.write_str(self.kind.as_str())
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

/// The kinds of rejection. [`Rejection`](crate::Rejection) decides how each kind appears in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// Clerk rejected the credentials of this service: the client id or secret (at the introspection endpoint, a 401
    /// that is not HTML, or a 403 that names them), or the secret key (at the Backend API, a 401 or 403 in the form of
    /// Clerk's or OAuth's errors).
    CredentialsRejected,
    /// The token has expired: `exp` is not in the future.
    Expired,
    /// A rule after the layer rejected the claims of a valid token, for another reason than a scope:
    /// [`RequirePermission`](crate::RequirePermission), [`RequireRole`](crate::RequireRole),
    /// [`RequireKind`](crate::RequireKind), [`RequireClaims`](crate::RequireClaims), or an extractor of the feature
    /// `axum`.
    Forbidden,
    /// Clerk reports that the token is not active: unknown, revoked, expired, or of another instance.
    Inactive,
    /// A required scope was not granted.
    InsufficientScope,
    /// The token cannot be verified with any key of the instance: its signature, its algorithm or its `kid` does not
    /// match.
    InvalidSignature,
    /// The credentials are not of the form `Bearer token68` (RFC 6750 §2.1).
    MalformedCredentials,
    /// The token looks like a JWT but cannot be read as one: it is not JSON, has a duplicate member or one of a wrong
    /// type, or lacks a required member.
    MalformedToken,
    /// The request has no bearer credentials, and no session cookie if cookies are accepted.
    MissingCredentials,
    /// A rule runs without a [`ClerkAuthLayer`](crate::ClerkAuthLayer) around it.
    MissingLayer,
    /// Neither the token, the introspection response nor userinfo contains a usable subject, or the subject does not
    /// fit the kind of the token.
    MissingSubject,
    /// Nothing proves that this is an access token. It may be a refresh token or an ID token.
    NotAccessToken,
    /// The instance signed the token, but it does not belong to a session: it is an ID token, a token from a template,
    /// or a token of another category.
    NotSessionToken,
    /// `nbf` or `iat` lies in the future.
    NotYetValid,
    /// The session is pending: its user must first complete a task, such as the choice of an organization.
    PendingSession,
    /// A profile is required, and it could not be fetched.
    ProfileUnavailable,
    /// Clerk responded with a 429, or this layer's own rate limit was reached.
    RateLimited,
    /// The token is bound to a key that the sender must prove (`cnf`, or a type other than Bearer).
    SenderConstrained,
    /// The request has more than one `Authorization` header (RFC 6750 §3.1), or different session cookies of one name.
    MultipleCredentials,
    /// Too many verifications already wait for Clerk.
    Overloaded,
    /// The token is longer than the configured limit.
    TokenTooLong,
    /// The format of the token is not one that this layer accepts. Clerk was not called.
    UnsupportedToken,
    /// Clerk's response breaks its contract.
    InvalidUpstreamResponse,
    /// Clerk could not be reached, did not respond in time, or responded with a server error.
    UpstreamUnavailable,
    /// The token was issued for another audience.
    WrongAudience,
    /// The token belongs to a client that is not allowed.
    WrongClient,
    /// The token names another issuer.
    WrongIssuer,
    /// The session token was issued to an origin that is not authorized.
    UnauthorizedParty,
}

impl AuthErrorKind {
    /// Returns true if Clerk or the verification rules rejected this token. The cache stores such a rejection.
    pub fn is_authoritative(self) -> bool {
        match self {
            Self::Expired
            | Self::Inactive
            | Self::InsufficientScope
            | Self::InvalidSignature
            | Self::MalformedToken
            | Self::MissingSubject
            | Self::NotAccessToken
            | Self::NotSessionToken
            | Self::NotYetValid
            | Self::PendingSession
            | Self::SenderConstrained
            | Self::WrongAudience
            | Self::WrongClient
            | Self::WrongIssuer
            | Self::UnauthorizedParty => true,
            Self::CredentialsRejected
            | Self::Forbidden
            | Self::MalformedCredentials
            | Self::MissingCredentials
            | Self::MissingLayer
            | Self::ProfileUnavailable
            | Self::RateLimited
            | Self::MultipleCredentials
            | Self::Overloaded
            | Self::TokenTooLong
            | Self::UnsupportedToken
            | Self::InvalidUpstreamResponse
            | Self::UpstreamUnavailable => false,
        }
    }

    /// Returns true if Clerk was unavailable, or if a limit prevented the call. Only such an error may be bridged with
    /// a stale entry. Rejected credentials of this service and responses that break the contract may not.
    pub fn is_outage(self) -> bool {
        matches!(
            self,
            Self::RateLimited | Self::Overloaded | Self::UpstreamUnavailable
        )
    }

    /// Returns a description of the kind for people. It is not part of any protocol.
    fn as_str(self) -> &'static str {
        match self {
            Self::CredentialsRejected => "Clerk rejected the credentials of this service",
            Self::Expired => "the token has expired",
            Self::Forbidden => "a rule rejects the claims of the token",
            Self::Inactive => "the token is not active",
            Self::InsufficientScope => "a required scope was not granted",
            Self::InvalidSignature => "no key of the instance vouches for the token",
            Self::MalformedCredentials => "the credentials are malformed",
            Self::MalformedToken => "the token cannot be read",
            Self::MissingCredentials => "there are no bearer credentials",
            Self::MissingLayer => "no `ClerkAuthLayer` stands before a rule",
            Self::MissingSubject => "the token has no usable subject",
            Self::NotAccessToken => "nothing shows that this is an access token",
            Self::NotSessionToken => "the token is of no session",
            Self::NotYetValid => "the token is not valid yet",
            Self::PendingSession => "the session is pending",
            Self::ProfileUnavailable => "the required profile could not be fetched",
            Self::RateLimited => "too many requests to Clerk",
            Self::SenderConstrained => "the token is bound to its sender",
            Self::MultipleCredentials => {
                "there is more than one authorization header or session cookie"
            }
            Self::Overloaded => "too many requests are waiting for Clerk",
            Self::TokenTooLong => "the token is too long",
            Self::UnsupportedToken => "the token is of no accepted kind",
            Self::InvalidUpstreamResponse => "the answer of Clerk breaks its contract",
            Self::UpstreamUnavailable => "Clerk is unavailable",
            Self::WrongAudience => "the token is meant for another audience",
            Self::WrongClient => "the client of the token is not allowed",
            Self::WrongIssuer => "the token has another issuer",
            Self::UnauthorizedParty => "the token was issued to another origin",
        }
    }
}

/// An error in a configuration. Every variant names the field and hides secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A mandatory field is missing or empty.
    #[error("`{field}` is missing or empty: {hint}")]
    Missing {
        /// The field.
        field: &'static str,
        /// The way to fix it.
        hint: &'static str,
    },
    /// A field has a value that cannot be used.
    #[error("`{field}` cannot be {value:?}: {reason}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// The offending value.
        value: String,
        /// The reason why it cannot be used, and the values that can.
        reason: &'static str,
    },
    /// A secret field has a value that cannot be used. The value is not shown.
    #[error("`{field}` cannot be used: {reason}")]
    InvalidSecret {
        /// The field.
        field: &'static str,
        /// The reason why it cannot be used, and the values that can.
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
        /// The reason why it cannot be used, and the values that can.
        reason: &'static str,
    },
    /// The HTTP client could not be created, for instance because a TLS library or trusted certificates are missing.
    #[error("the HTTP client could not be created")]
    HttpClient(#[source] Box<dyn Error + Send + Sync>),
}

#[cfg(test)]
mod tests;
