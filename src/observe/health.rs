//! [`Health`]: whether Clerk works, as far as is known without asking.

use std::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::CallResult;
use crate::{clock::Now, upstream::Endpoint};

/// How the way to Clerk has been lately. Nobody is asked for it.
///
/// See [`ClerkAuthLayer::health`](crate::ClerkAuthLayer::health).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Whether Clerk did its work when it was called last, whichever the endpoint. An answer with a 429, or
    /// one that refuses a token or our credentials, counts as work; a server error, silence and an
    /// answer that breaks the contract do not. `None` before the first call.
    pub reachable: Option<bool>,
    /// Whether introspection rejected our client id and secret when it last answered, or the Backend API our
    /// secret key. A firewall's page with a 401 or 403 does not count. It will do so until somebody sets others: no token that must be asked about there is
    /// accepted, unless it is remembered.
    pub credentials_rejected: bool,
    /// When Clerk last gave an answer that was understood; `None` if it never did.
    pub last_good_answer: Option<SystemTime>,
    /// The circuit breaker of introspection. With [a verifier of your
    /// own](crate::ClerkAuthLayer::with_verifier) it stays closed, since it is never used.
    pub introspection: BreakerState,
    /// The circuit breaker of userinfo.
    pub userinfo: BreakerState,
    /// The circuit breaker of the key set. It stays closed where no JWT is verified locally, and with a key
    /// of the configuration's.
    pub keys: BreakerState,
    /// The circuit breaker of discovery. It stays closed without
    /// [`discover`](crate::ClerkConfigBuilder::discover).
    pub discovery: BreakerState,
    /// The circuit breakers of the Backend API: the one that is furthest from closed. Each endpoint has one of
    /// its own.
    pub backend_api: BreakerState,
}

/// What the circuit breaker of an endpoint does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BreakerState {
    /// Calls are made. So it begins.
    #[default]
    Closed,
    /// One call is under way to see whether the endpoint works again; no others are made.
    HalfOpen,
    /// No calls are made, after ten failures in a row. It lasts a second, and then until somebody needs
    /// the endpoint.
    Open,
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

/// What [`Health`] is read from.
#[derive(Debug, Default)]
pub(crate) struct Vitals {
    has_been_called: AtomicBool,
    is_reachable: AtomicBool,
    /// In milliseconds since the Unix epoch; zero if never.
    last_good_answer: AtomicU64,
    /// Of each endpoint, in the order of [`Endpoint::ALL`].
    breakers: [AtomicU8; Endpoint::ALL.len()],
    rejects_credentials: [AtomicBool; Endpoint::ALL.len()],
}

impl Vitals {
    pub(crate) fn health(&self) -> Health {
        let called = self.has_been_called.load(Ordering::Acquire);
        let good = self.last_good_answer.load(Ordering::Relaxed);
        Health {
            reachable: called.then(|| self.is_reachable.load(Ordering::Relaxed)),
            credentials_rejected: self
                .rejects_credentials
                .iter()
                .any(|rejects| rejects.load(Ordering::Relaxed)),
            last_good_answer: (good > 0).then(|| UNIX_EPOCH + Duration::from_millis(good)),
            introspection: self.breaker_of(Endpoint::Introspection),
            userinfo: self.breaker_of(Endpoint::Userinfo),
            keys: self.breaker_of(Endpoint::Keys),
            discovery: self.breaker_of(Endpoint::Discovery),
            backend_api: BACKEND
                .map(|endpoint| self.breaker_of(endpoint))
                .into_iter()
                .max()
                .unwrap_or_default(),
        }
    }

    /// Notes what a call came to. `now`: where it was answered.
    pub(super) fn called(&self, endpoint: Endpoint, result: CallResult, now: Option<Now>) {
        let is_reachable = result.is_reachable();
        self.is_reachable.store(is_reachable, Ordering::Relaxed);
        if endpoint.wants_credentials()
            && let Some(rejects) = self.rejects_credentials.get(endpoint.index())
        {
            match result {
                CallResult::CredentialsRejected => rejects.store(true, Ordering::Relaxed),
                CallResult::Ok | CallResult::Refused => rejects.store(false, Ordering::Relaxed),
                _ => {}
            }
        }
        if let (CallResult::Ok | CallResult::Refused, Some(now)) = (result, now) {
            self.last_good_answer.store(now.wall, Ordering::Relaxed);
        }
        // Ordering: last, so that who sees it sees what came of the call.
        self.has_been_called.store(true, Ordering::Release);
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

const BACKEND: [Endpoint; 4] = [
    Endpoint::BackendOAuth,
    Endpoint::BackendMachine,
    Endpoint::BackendApiKey,
    Endpoint::BackendUser,
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
