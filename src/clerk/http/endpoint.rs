//! The bounds of the single endpoints.

use super::transport::LARGEST_ANSWER;
pub(crate) use crate::observe::Endpoint;

impl Endpoint {
    /// Returns the position in [`ALL`](Self::ALL).
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
            Self::BackendKeys => 8,
            Self::AuthorizationServer => 9,
        }
    }

    /// Returns true for the Backend API. Clerk counts its calls by secret key, and calls to other endpoints by address.
    pub(crate) fn is_backend(self) -> bool {
        match self {
            Self::BackendOAuth
            | Self::BackendMachine
            | Self::BackendApiKey
            | Self::BackendUser
            | Self::BackendKeys => true,
            Self::Introspection
            | Self::Userinfo
            | Self::Keys
            | Self::Discovery
            | Self::AuthorizationServer => false,
        }
    }

    /// Returns true if requests carry the credentials of this service, which Clerk can reject.
    pub(crate) fn wants_credentials(self) -> bool {
        self.is_backend() || self == Self::Introspection
    }

    /// Returns the maximum size of a response in bytes, once decoded. A user has metadata and a list of all accounts.
    /// Clerk's other responses are below 10 KiB.
    pub(super) fn max_answer(self) -> usize {
        match self {
            Self::BackendUser => LARGEST_ANSWER,
            _ => 64 * 1024,
        }
    }
}
