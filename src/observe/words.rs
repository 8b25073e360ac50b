//! The words of labels and fields. All of them are here: nothing that a request says is ever one.

pub(crate) use crate::error::Outcome;

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
