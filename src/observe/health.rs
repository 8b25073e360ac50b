//! [`Health`]: the state of the connection to Clerk, as seen in the calls so far.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::CallResult;
use crate::{clock::Now, observe::Endpoint};

/// The state of the connection to Clerk. Reading it makes no call.
///
/// See [`Authenticator::health`](crate::Authenticator::health).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// True if Clerk worked in its last call, at any endpoint. A 429 and a response that rejects a token or the
    /// credentials of this service mean that Clerk works. A server error, a timeout, a broken connection, and a
    /// document that breaks the contract mean that it does not.
    ///
    /// One response about a token that cannot be understood (a redirect, an unexpected status from 400 to 499, an
    /// invalid body) proves nothing, because one client can provoke it. Such responses count from the tenth different
    /// token in a row, if no response of that endpoint was understood in between. `None` before the first call that
    /// proves anything.
    pub reachable: Option<bool>,
    /// True if Clerk rejected the credentials of this service in its last response: the client id and secret at
    /// introspection, or the secret key at the Backend API. An error page of a firewall with a 401 or 403 does not
    /// count. The rejection lasts until other credentials are configured. Until then, no token that must be verified at
    /// that endpoint is accepted, unless it is cached.
    pub credentials_rejected: bool,
    /// The time of the last response from Clerk that was understood. `None` if there was none.
    pub last_success: Option<SystemTime>,
    /// The circuit breaker of introspection. With a [verifier](crate::verify::Verify) of your own it stays closed, since it is
    /// never used.
    pub introspection: BreakerState,
    /// The circuit breaker of userinfo.
    pub userinfo: BreakerState,
    /// The circuit breaker of the key set. It stays closed if no JWT is verified locally, or if the key is configured.
    pub keys: BreakerState,
    /// The circuit breaker of discovery. It stays closed without
    /// [`discover`](crate::ClerkConfigBuilder::discover).
    pub discovery: BreakerState,
    /// The circuit breakers of the Backend API. Each of its endpoints has its own; this is the one furthest from
    /// closed.
    pub backend_api: BreakerState,
    /// The state of the connection to the store that replicas share. `None` without a fleet.
    pub fleet: Option<FleetState>,
}

impl Health {
    /// Returns the worse state of two instances, field by field.
    #[must_use]
    pub(crate) fn worse(self, other: Self) -> Self {
        /// The value that is there, or the one that `choose` prefers.
        fn either<T>(left: Option<T>, right: Option<T>, choose: fn(T, T) -> T) -> Option<T> {
            match (left, right) {
                (Some(left), Some(right)) => Some(choose(left, right)),
                (left, right) => left.or(right),
            }
        }
        Self {
            reachable: either(self.reachable, other.reachable, |left, right| left && right),
            credentials_rejected: self.credentials_rejected || other.credentials_rejected,
            last_success: either(self.last_success, other.last_success, Ord::min),
            introspection: self.introspection.max(other.introspection),
            userinfo: self.userinfo.max(other.userinfo),
            keys: self.keys.max(other.keys),
            discovery: self.discovery.max(other.discovery),
            backend_api: self.backend_api.max(other.backend_api),
            fleet: either(self.fleet, other.fleet, |left, right| match (left, right) {
                (FleetState::Cut, _) | (_, FleetState::Cut) => FleetState::Cut,
                (FleetState::Joining, _) | (_, FleetState::Joining) => FleetState::Joining,
                (FleetState::Live, FleetState::Live) => FleetState::Live,
            }),
        }
    }
}

/// The state of an endpoint's circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BreakerState {
    /// Calls are made. This is the initial state.
    #[default]
    Closed,
    /// One call probes whether the endpoint works again. No other calls are made.
    HalfOpen,
    /// No calls are made, after ten failures in a row: server errors, timeouts, broken connections. It lasts for one
    /// second, and then until a request needs the endpoint.
    Open,
}

/// The state of the connection to the store that replicas share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FleetState {
    /// The log of invalidations was not read to its end yet. The store is not used.
    #[default]
    Joining,
    /// The store is used.
    Live,
    /// The store is not used: it was not read within the last second, or the clocks differ.
    Cut,
}

impl BreakerState {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

#[cfg(feature = "fleet")]
impl FleetState {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Live => "live",
            Self::Cut => "cut",
        }
    }
}

/// The shared state from which [`Health`] is read.
#[derive(Debug, Default)]
pub(crate) struct HealthState {
    has_been_called: AtomicBool,
    is_reachable: AtomicBool,
    /// In milliseconds since the Unix epoch. Zero if there was none.
    last_success: AtomicU64,
    /// The circuit breaker of each endpoint, in the order of [`Endpoint::ALL`].
    breakers: [AtomicU8; Endpoint::ALL.len()],
    rejects_credentials: [AtomicBool; Endpoint::ALL.len()],
    /// The digests of the different tokens in the last calls of each endpoint, while no response was understood.
    not_understood: [Mutex<Vec<u64>>; Endpoint::ALL.len()],
}

impl HealthState {
    pub(crate) fn health(&self) -> Health {
        let called = self.has_been_called.load(Ordering::Acquire);
        let good = self.last_success.load(Ordering::Relaxed);
        Health {
            reachable: called.then(|| self.is_reachable.load(Ordering::Relaxed)),
            credentials_rejected: self
                .rejects_credentials
                .iter()
                .any(|rejects| rejects.load(Ordering::Relaxed)),
            last_success: (good > 0).then(|| UNIX_EPOCH + Duration::from_millis(good)),
            introspection: self.breaker_of(Endpoint::Introspection),
            userinfo: self.breaker_of(Endpoint::Userinfo),
            keys: self.breaker_of(Endpoint::Keys),
            discovery: self.breaker_of(Endpoint::Discovery),
            backend_api: BACKEND
                .map(|endpoint| self.breaker_of(endpoint))
                .into_iter()
                .max()
                .unwrap_or_default(),
            fleet: None,
        }
    }

    /// Records the result of a call. `about`: a digest of its token. `now`: the time of the response.
    pub(super) fn called(
        &self,
        endpoint: Endpoint,
        result: CallResult,
        about: Option<u64>,
        now: Option<Now>,
    ) {
        let Some(is_reachable) = self.is_reachable_after(endpoint, result, about) else {
            return;
        };
        self.is_reachable.store(is_reachable, Ordering::Relaxed);
        if endpoint.wants_credentials()
            && let Some(rejects) = self.rejects_credentials.get(endpoint.index())
        {
            match result {
                CallResult::CredentialsRejected => rejects.store(true, Ordering::Relaxed),
                CallResult::Ok | CallResult::Rejected => rejects.store(false, Ordering::Relaxed),
                _ => {}
            }
        }
        if let (CallResult::Ok | CallResult::Rejected, Some(now)) = (result, now) {
            self.last_success.store(now.wall, Ordering::Relaxed);
        }
        // Ordering: stored last, so that a reader that sees it also sees the other results of the call.
        self.has_been_called.store(true, Ordering::Release);
    }

    /// Returns true if Clerk works, and `None` if this result proves nothing.
    fn is_reachable_after(
        &self,
        endpoint: Endpoint,
        result: CallResult,
        about: Option<u64>,
    ) -> Option<bool> {
        let not_understood = self.not_understood.get(endpoint.index())?;
        match (result, about) {
            (CallResult::Malformed, Some(about)) => {
                let mut tokens = lock(not_understood);
                if !tokens.contains(&about) && tokens.len() < TOKENS_TO_DEGRADE {
                    tokens.push(about);
                }
                (tokens.len() >= TOKENS_TO_DEGRADE).then_some(false)
            }
            (CallResult::Ok | CallResult::Rejected | CallResult::CredentialsRejected, _) => {
                lock(not_understood).clear();
                Some(true)
            }
            (result, _) => Some(result.is_reachable()),
        }
    }

    pub(super) fn breaker(&self, endpoint: Endpoint, state: BreakerState) {
        if let Some(breaker) = self.breakers.get(endpoint.index()) {
            breaker.store(encode(state), Ordering::Relaxed);
        }
    }

    pub(super) fn breaker_of(&self, endpoint: Endpoint) -> BreakerState {
        let breaker = self.breakers.get(endpoint.index());
        breaker.map_or_else(BreakerState::default, |breaker| {
            decode(breaker.load(Ordering::Relaxed))
        })
    }
}

fn lock(tokens: &Mutex<Vec<u64>>) -> MutexGuard<'_, Vec<u64>> {
    tokens.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of different tokens with responses that cannot be understood after which Clerk counts as unreachable.
const TOKENS_TO_DEGRADE: usize = 10;

const BACKEND: [Endpoint; 5] = [
    Endpoint::BackendOAuth,
    Endpoint::BackendMachine,
    Endpoint::BackendApiKey,
    Endpoint::BackendUser,
    Endpoint::BackendKeys,
];

fn encode(state: BreakerState) -> u8 {
    match state {
        BreakerState::Closed => 0,
        BreakerState::HalfOpen => 1,
        BreakerState::Open => 2,
    }
}

fn decode(state: u8) -> BreakerState {
    match state {
        0 => BreakerState::Closed,
        1 => BreakerState::HalfOpen,
        _ => BreakerState::Open,
    }
}
