//! [`Health`]: whether Clerk works, as far as is known without asking.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
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
    /// one that rejects a token or our credentials, counts as work; a server error, silence, and a document that
    /// breaks the contract do not.
    ///
    /// An answer about one token that cannot be understood (a redirect, an unexpected status from 400 to
    /// 499, a body that is not what the contract says) shows nothing by itself: one caller can provoke it. It
    /// counts from the tenth different token in a row on, without an answer that was understood at that
    /// endpoint in between. `None` before the first call that shows anything.
    pub reachable: Option<bool>,
    /// Whether introspection rejected our client id and secret when it last answered, or the Backend API our
    /// secret key. A firewall's page with a 401 or 403 does not count. It will do so until others are configured: no
    /// token that must be verified there is accepted, unless it is cached.
    pub credentials_rejected: bool,
    /// When Clerk last gave an answer that was understood; `None` if it never did.
    pub last_success: Option<SystemTime>,
    /// The circuit breaker of introspection. With [a verifier of your
    /// own](crate::kinds::OAuthTokens::verified_by) it stays closed, since it is never used.
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
    /// No calls are made, after ten failures in a row: server errors, silence, broken connections. It lasts a
    /// second, and then until a request needs the endpoint.
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
    last_success: AtomicU64,
    /// Of each endpoint, in the order of [`Endpoint::ALL`].
    breakers: [AtomicU8; Endpoint::ALL.len()],
    rejects_credentials: [AtomicBool; Endpoint::ALL.len()],
    /// Digests of the different tokens that the last answers of each endpoint were about, while none of
    /// these answers was understood.
    not_understood: [Mutex<Vec<u64>>; Endpoint::ALL.len()],
}

impl Vitals {
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
        }
    }

    /// Notes what a call came to. `about`: a digest of the token that it was about. `now`: when it was
    /// answered.
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
        // Ordering: last, so that who sees it sees what came of the call.
        self.has_been_called.store(true, Ordering::Release);
    }

    /// Whether Clerk does its work, as far as this result shows it.
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

/// Answers about as many different tokens that are not understood show that it is not for the tokens.
const TOKENS_TO_DEGRADE: usize = 10;

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
