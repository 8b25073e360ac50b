//! Log and metric label values. All of them are static: no label comes from request data.

pub(crate) use crate::error::Outcome;

/// The origin of a verification result: `cache.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheState {
    /// The token had a positive entry.
    Hit,
    /// The token had a negative entry.
    Negative,
    /// This request started a verification.
    Miss,
    /// Another request with the same token started the verification.
    Coalesced,
    /// A stale entry was used, because Clerk was unavailable.
    Stale,
    /// This request started a verification, and the shared store had the evidence.
    #[cfg(feature = "fleet")]
    Shared,
    /// The same, and the verification waited until another replica had the evidence.
    #[cfg(feature = "fleet")]
    Awaited,
}

impl CacheState {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Negative => "negative",
            Self::Miss => "miss",
            Self::Coalesced => "coalesced",
            Self::Stale => "stale",
            #[cfg(feature = "fleet")]
            Self::Shared => "shared",
            #[cfg(feature = "fleet")]
            Self::Awaited => "awaited",
        }
    }
}

/// The result of a call to Clerk: the label `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallResult {
    /// A response that was understood, even if it declares the token inactive.
    Ok,
    /// Clerk rejected the token.
    Rejected,
    /// Clerk rejected the credentials of this service.
    CredentialsRejected,
    /// 429
    RateLimited,
    /// 5xx
    ServerError,
    /// A response that breaks the contract.
    Malformed,
    /// No response arrived in time.
    Timeout,
    /// No response arrived.
    Unreachable,
    /// The call was dropped, because the deadline of the whole verification passed.
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

    /// Returns true if Clerk worked. As in the circuit breaker, a 429 means that Clerk works.
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

/// Whether the audience of a token names this service: the label `verdict`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AudienceVerdict {
    Ours,
    /// The audience names only other services.
    Foreign,
    /// No audience is known.
    Absent,
}

impl AudienceVerdict {
    pub(super) const ALL: [Self; 3] = [Self::Ours, Self::Foreign, Self::Absent];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Foreign => "foreign",
            Self::Absent => "absent",
        }
    }

    /// Returns the verdict about a token that two sources describe. A foreign audience counts, whichever source names
    /// it.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Foreign, _) | (_, Self::Foreign) => Self::Foreign,
            (Self::Ours, _) | (_, Self::Ours) => Self::Ours,
            (Self::Absent, Self::Absent) => Self::Absent,
        }
    }

    /// Returns the verdict without evidence for it, such as a signature: the token may still be foreign.
    pub(crate) fn without_evidence(self) -> Self {
        match self {
            Self::Foreign => Self::Foreign,
            Self::Ours | Self::Absent => Self::Absent,
        }
    }
}

/// A Clerk endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Introspection,
    Userinfo,
    /// The key set of the instance.
    Keys,
    /// The metadata of the instance (OpenID Connect Discovery §4).
    Discovery,
    /// The metadata of the instance as an authorization server (RFC 8414), which is served to clients.
    AuthorizationServer,
    /// The Backend API's verification of OAuth tokens.
    BackendOAuth,
    /// The Backend API's verification of machine tokens.
    BackendMachine,
    /// The Backend API's verification of API keys.
    BackendApiKey,
    /// The users of the Backend API.
    BackendUser,
    /// The key set of the instance, by the Backend API.
    BackendKeys,
}

impl Endpoint {
    pub(crate) const ALL: [Self; 10] = [
        Self::Introspection,
        Self::Userinfo,
        Self::Keys,
        Self::Discovery,
        Self::BackendOAuth,
        Self::BackendMachine,
        Self::BackendApiKey,
        Self::BackendUser,
        Self::BackendKeys,
        Self::AuthorizationServer,
    ];

    /// Returns the name in logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Introspection => "introspection",
            Self::Userinfo => "userinfo",
            Self::Keys => "keys",
            Self::Discovery => "discovery",
            Self::AuthorizationServer => "authorization_server",
            Self::BackendOAuth => "backend_oauth_tokens",
            Self::BackendMachine => "backend_m2m_tokens",
            Self::BackendApiKey => "backend_api_keys",
            Self::BackendUser => "backend_users",
            Self::BackendKeys => "backend_jwks",
        }
    }
}

/// The priority of a call to Clerk, from the highest to the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// A document that serves all tokens: a key set, the metadata of the instance.
    Document,
    /// A token in use whose entry is refreshed ahead of its end.
    Refresh,
    /// A token that was valid before.
    Returning,
    /// A token that was not seen before.
    FirstSeen,
}

impl Priority {
    /// The priorities, from the highest to the lowest.
    pub(crate) const ALL: [Self; 4] = [
        Self::Document,
        Self::Refresh,
        Self::Returning,
        Self::FirstSeen,
    ];

    /// Returns the name in logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Refresh => "refresh",
            Self::Returning => "returning",
            Self::FirstSeen => "first_seen",
        }
    }
}

/// The effect of an invalidation: the label `effect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Effect {
    /// The token is verified again before it is accepted.
    Again,
    /// Earlier verdicts never count again. Nor does the signature of a token that was issued before.
    End,
}

impl Effect {
    pub(super) const ALL: [Self; 2] = [Self::Again, Self::End];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::End => "end",
        }
    }
}

/// The origin of an invalidation: the label `source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A call of `invalidate` or `revoke` in this process.
    Local,
    /// An event of Clerk's webhooks.
    #[cfg(feature = "webhooks")]
    Webhook,
    /// A message of another replica.
    #[cfg(feature = "fleet")]
    Fleet,
}

impl Origin {
    pub(super) const ALL: &[Self] = &[
        Self::Local,
        #[cfg(feature = "webhooks")]
        Self::Webhook,
        #[cfg(feature = "fleet")]
        Self::Fleet,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            #[cfg(feature = "webhooks")]
            Self::Webhook => "webhook",
            #[cfg(feature = "fleet")]
            Self::Fleet => "fleet",
        }
    }
}

/// What a look in the store of a fleet found, or why there was none: the label `event` of the store `shared`.
#[cfg(feature = "fleet")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SharedEvent {
    Hit,
    Miss,
    Insert,
    /// An invalidation rejects the evidence.
    Invalidate,
    /// A value that does not open or cannot be read.
    Unreadable,
    Timeout,
    /// Too many looks for tokens that were not seen before.
    Skipped,
}

#[cfg(feature = "fleet")]
impl SharedEvent {
    pub(super) const ALL: [Self; 7] = [
        Self::Hit,
        Self::Miss,
        Self::Insert,
        Self::Invalidate,
        Self::Unreadable,
        Self::Timeout,
        Self::Skipped,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Insert => "insert",
            Self::Invalidate => "invalidate",
            Self::Unreadable => "unreadable",
            Self::Timeout => "timeout",
            Self::Skipped => "skipped",
        }
    }
}

/// The end of a wait for the evidence of another replica: the label `result`.
#[cfg(feature = "fleet")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FleetWait {
    /// The other replica stored its evidence.
    Adopted,
    /// This replica took the lease.
    Led,
    /// Clerk is called without the lease.
    Alone,
}

#[cfg(feature = "fleet")]
impl FleetWait {
    pub(super) const ALL: [Self; 3] = [Self::Adopted, Self::Led, Self::Alone];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Adopted => "adopted",
            Self::Led => "led",
            Self::Alone => "alone",
        }
    }
}
