//! What there is of Clerk's to call.

use super::http::LARGEST_ANSWER;

/// What of Clerk's is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Introspection,
    Userinfo,
    /// The key set of the instance.
    Keys,
    /// The metadata of the instance (OpenID Connect Discovery §4).
    Discovery,
    /// Of the Backend API: the verification of OAuth tokens,
    BackendOAuth,
    /// of machine tokens,
    BackendMachine,
    /// of API keys,
    BackendApiKey,
    /// and users.
    BackendUser,
}

impl Endpoint {
    pub(crate) const ALL: [Self; 8] = [
        Self::Introspection,
        Self::Userinfo,
        Self::Keys,
        Self::Discovery,
        Self::BackendOAuth,
        Self::BackendMachine,
        Self::BackendApiKey,
        Self::BackendUser,
    ];

    /// Its place in [`ALL`](Self::ALL).
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Introspection => 0,
            Self::Userinfo => 1,
            Self::Keys => 2,
            Self::Discovery => 3,
            Self::BackendOAuth => 4,
            Self::BackendMachine => 5,
            Self::BackendApiKey => 6,
            Self::BackendUser => 7,
        }
    }

    /// Whether it is part of the Backend API, where Clerk counts calls by secret key. Others are counted by address.
    pub(crate) fn is_backend(self) -> bool {
        match self {
            Self::BackendOAuth | Self::BackendMachine | Self::BackendApiKey | Self::BackendUser => {
                true
            }
            Self::Introspection | Self::Userinfo | Self::Keys | Self::Discovery => false,
        }
    }

    /// Whether our own credentials are sent along, so that they can be rejected.
    pub(crate) fn wants_credentials(self) -> bool {
        self.is_backend() || self == Self::Introspection
    }

    /// Returns how large an answer may be in bytes, once decoded. A user has metadata and a list of all
    /// accounts; Clerk's other answers are below 10 KiB.
    pub(super) fn max_answer(self) -> usize {
        match self {
            Self::BackendUser => LARGEST_ANSWER,
            _ => 64 * 1024,
        }
    }

    /// The name in logs and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Introspection => "introspection",
            Self::Userinfo => "userinfo",
            Self::Keys => "keys",
            Self::Discovery => "discovery",
            Self::BackendOAuth => "backend_oauth_tokens",
            Self::BackendMachine => "backend_m2m_tokens",
            Self::BackendApiKey => "backend_api_keys",
            Self::BackendUser => "backend_users",
        }
    }
}
