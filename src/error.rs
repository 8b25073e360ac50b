//! [`AuthError`]: why a request is rejected.

use std::{error::Error, fmt, sync::Arc, time::Duration};

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

/// The longest `Retry-After` that is obeyed and passed on: a few of Clerk's windows. Beyond it, one wrong
/// value would keep everyone away for good.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The kinds of rejection. What each becomes on the wire is decided in one place, see
/// [`Rejection`](crate::Rejection).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// Our own credentials were rejected by Clerk: the client id or secret (at the introspection endpoint, a 401
    /// that is not HTML, or a 403 that names them), or the secret key (at the Backend API, a 401 or 403 in the
    /// form of Clerk's or OAuth's errors).
    CredentialsRejected,
    /// The token's time is over: `exp` is not in the future.
    Expired,
    /// A rule behind the layer rejected the claims of a good token, for another reason than a scope:
    /// [`RequirePermission`](crate::RequirePermission), [`RequireRole`](crate::RequireRole),
    /// [`RequireKind`](crate::RequireKind), [`RequireClaims`](crate::RequireClaims), or an extractor of the
    /// feature `axum`.
    Forbidden,
    /// Clerk says that the token is not active: unknown, revoked, expired, or of another instance.
    Inactive,
    /// A required scope was not granted.
    InsufficientScope,
    /// No key of the instance vouches for the token: its signature, its algorithm or its `kid` is none of
    /// the instance's.
    InvalidSignature,
    /// The credentials are not of the form `Bearer token68` (RFC 6750 §2.1).
    MalformedCredentials,
    /// The token looks like a JWT, and cannot be read as one: it is no JSON, has a member twice or of a
    /// wrong type, or lacks one that it must have.
    MalformedToken,
    /// There are no bearer credentials in the request, nor a session cookie where that counts.
    MissingCredentials,
    /// A rule stands where no [`ClerkAuthLayer`](crate::ClerkAuthLayer) is before it.
    MissingLayer,
    /// There is no usable subject, neither in the introspection answer nor in userinfo, or one that the
    /// kind of token does not have.
    MissingSubject,
    /// Nothing vouches for this being an access token; it may be a refresh or an ID token.
    NotAccessToken,
    /// The token is signed by the instance, and of no session: it is an ID token, one of a template, or of
    /// another category.
    NotSessionToken,
    /// `nbf` or `iat` lies in the future.
    NotYetValid,
    /// The session is pending: its user has something to do first, such as to choose an organization.
    PendingSession,
    /// Enrichment is required, and the profile could not be had.
    ProfileUnavailable,
    /// Clerk said that we ask too often (429), or our own limiter did.
    RateLimited,
    /// The token is bound to a key that the sender must prove (`cnf`, or a type other than Bearer).
    SenderConstrained,
    /// More than one `Authorization` header (RFC 6750 §3.1), or different session cookies of one name.
    MultipleCredentials,
    /// Too much is waiting for Clerk already.
    Overloaded,
    /// The token is longer than the configured limit.
    TokenTooLong,
    /// By its shape the token is none that this layer accepts; Clerk was not asked.
    UnsupportedToken,
    /// Clerk's answer is not what its contract says.
    InvalidUpstreamResponse,
    /// Clerk could not be reached, did not answer in time, or answered with a server error.
    UpstreamUnavailable,
    /// The token was issued for another audience.
    WrongAudience,
    /// The token belongs to a client that is not allowed.
    WrongClient,
    /// The token names another issuer.
    WrongIssuer,
    /// The session token was issued to another origin than those that are authorized.
    UnauthorizedParty,
}

impl AuthErrorKind {
    /// Whether Clerk, or the rules applied to Clerk's answer, said that this token is no good. Only
    /// this may be remembered.
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

    /// Whether Clerk could not be asked, as opposed to having answered something. Only this may be
    /// bridged with a stale entry: not rejected credentials of ours, not answers that break the
    /// contract.
    pub fn is_outage(self) -> bool {
        matches!(
            self,
            Self::RateLimited | Self::Overloaded | Self::UpstreamUnavailable
        )
    }

    /// The kind in words, for people. Not part of any protocol.
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

#[cfg(test)]
mod tests;
