//! The words of labels and fields. All of them are here: nothing that a request says is ever one.

use crate::AuthErrorKind;

/// What became of a request: `auth.outcome`, and the label `outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    StaleOk,
    Anonymous,
    Missing,
    Malformed,
    Inactive,
    Expired,
    BadClient,
    BadAudience,
    BadIssuer,
    BadScope,
    Unavailable,
    Overloaded,
}

impl Outcome {
    /// All but [`Ok`](Self::Ok).
    pub(super) const OTHERS: [Self; 12] = [
        Self::StaleOk,
        Self::Anonymous,
        Self::Missing,
        Self::Malformed,
        Self::Inactive,
        Self::Expired,
        Self::BadClient,
        Self::BadAudience,
        Self::BadIssuer,
        Self::BadScope,
        Self::Unavailable,
        Self::Overloaded,
    ];

    pub(super) fn passed(is_stale: bool) -> Self {
        if is_stale { Self::StaleOk } else { Self::Ok }
    }

    /// The outcome that a rejection is. There are fewer of them than kinds of errors: what a person does
    /// about several kinds is the same.
    pub(super) fn rejected(kind: AuthErrorKind) -> Self {
        match kind {
            AuthErrorKind::MissingCredentials => Self::Missing,
            AuthErrorKind::MalformedCredentials
            | AuthErrorKind::MultipleCredentials
            | AuthErrorKind::TokenTooLong => Self::Malformed,
            AuthErrorKind::Inactive
            | AuthErrorKind::InvalidSignature
            | AuthErrorKind::MalformedToken
            | AuthErrorKind::MissingSubject
            | AuthErrorKind::NotAccessToken
            | AuthErrorKind::NotSessionToken
            | AuthErrorKind::NotYetValid
            | AuthErrorKind::PendingSession
            | AuthErrorKind::SenderConstrained
            | AuthErrorKind::UnsupportedToken => Self::Inactive,
            AuthErrorKind::Expired => Self::Expired,
            AuthErrorKind::WrongClient | AuthErrorKind::UnauthorizedParty => Self::BadClient,
            AuthErrorKind::WrongAudience => Self::BadAudience,
            AuthErrorKind::WrongIssuer => Self::BadIssuer,
            AuthErrorKind::Forbidden | AuthErrorKind::InsufficientScope => Self::BadScope,
            AuthErrorKind::CredentialsRejected
            | AuthErrorKind::MissingLayer
            | AuthErrorKind::ProfileUnavailable
            | AuthErrorKind::RateLimited
            | AuthErrorKind::InvalidUpstreamResponse
            | AuthErrorKind::UpstreamUnavailable => Self::Unavailable,
            AuthErrorKind::Overloaded => Self::Overloaded,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::StaleOk => "stale_ok",
            Self::Anonymous => "anonymous",
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Inactive => "inactive",
            Self::Expired => "expired",
            Self::BadClient => "bad_client",
            Self::BadAudience => "bad_audience",
            Self::BadIssuer => "bad_issuer",
            Self::BadScope => "bad_scope",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "shed",
        }
    }
}

/// Where a verdict came from: `cache.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheState {
    /// The token was known to be good.
    Hit,
    /// It was known to be bad.
    Negative,
    /// Clerk was asked for this request.
    Miss,
    /// Clerk was asked for another request with the same token.
    Coalesced,
    /// An old verdict was used, since Clerk was unavailable.
    Stale,
}

impl CacheState {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Negative => "negative",
            Self::Miss => "miss",
            Self::Coalesced => "coalesced",
            Self::Stale => "stale",
        }
    }
}

/// What a call to Clerk came to: the label `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallResult {
    /// An answer that was understood. What it says of the token is another matter.
    Ok,
    /// Clerk did not take the token.
    Rejected,
    /// Clerk did not take our credentials.
    CredentialsRejected,
    /// 429
    RateLimited,
    /// 5xx
    ServerError,
    /// An answer that breaks the contract.
    Malformed,
    /// No answer came in time.
    Timeout,
    /// No answer came.
    Unreachable,
    /// Nobody waited any longer: the time of the whole verification was over.
    Abandoned,
}

impl CallResult {
    pub(super) const ALL: [Self; 9] = [
        Self::Ok,
        Self::Rejected,
        Self::CredentialsRejected,
        Self::RateLimited,
        Self::ServerError,
        Self::Malformed,
        Self::Timeout,
        Self::Unreachable,
        Self::Abandoned,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Rejected => "rejected",
            Self::CredentialsRejected => "credentials_rejected",
            Self::RateLimited => "rate_limited",
            Self::ServerError => "server_error",
            Self::Malformed => "malformed",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether Clerk did its work. As the breaker has it: a 429 means that it does.
    pub(super) fn is_reachable(self) -> bool {
        match self {
            Self::Ok | Self::Rejected | Self::CredentialsRejected | Self::RateLimited => true,
            Self::ServerError
            | Self::Malformed
            | Self::Timeout
            | Self::Unreachable
            | Self::Abandoned => false,
        }
    }
}
