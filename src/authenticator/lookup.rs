//! The synchronous half of authentication: accepts or rejects a request by its headers and the cache, or starts a
//! verification that the request waits for.

use http::HeaderMap;
use tokio::time::Instant;

use crate::{
    AuthError, AuthErrorKind, BoxFuture, ClerkClaims, TokenKind,
    authenticator::{Authenticator, Single, verify::Task},
    cache::{Arrival, Lookup},
    clerk::http::Priority,
    clock::Now,
    extract::{self, Credentials, SecretToken},
    observe::{CacheState, Seen},
    token::{TokenFormat, digest::TokenDigest},
};

/// The result of a lookup.
pub(crate) enum Decision {
    Pass(ClerkClaims),
    Reject(Rejected),
    Wait(PendingVerification),
}

/// A rejection, with the properties of the token that were determined before it.
pub(crate) struct Rejected {
    pub(crate) error: AuthError,
    pub(crate) seen: Seen,
}

impl Rejected {
    pub(super) fn new(error: impl Into<AuthError>, seen: Seen) -> Self {
        Self {
            error: error.into(),
            seen,
        }
    }
}

impl From<AuthErrorKind> for Rejected {
    fn from(kind: AuthErrorKind) -> Self {
        Self::new(kind, Seen::default())
    }
}

/// A verification that a request waits for. It is not polled yet.
pub(crate) type PendingVerification = BoxFuture<'static, Result<ClerkClaims, Rejected>>;

/// A token without a positive entry.
pub(super) struct Miss {
    pub(super) key: TokenDigest,
    /// True if it had one until recently.
    pub(super) was_good: bool,
    pub(super) now: Now,
}

impl Authenticator {
    /// Looks up the token of the headers. Does no I/O and awaits nothing.
    pub(crate) fn lookup(&self, headers: &mut HeaderMap) -> Decision {
        match extract::parse(headers, self.front.shared.max_token_length) {
            Ok(credentials) => self.lookup_credentials(credentials),
            // Only a missing header falls back to the cookie, never a malformed one.
            Err(AuthErrorKind::MissingCredentials) => self.lookup_without_header(headers),
            Err(kind) => Decision::Reject(kind.into()),
        }
    }

    /// Looks up a token that did not arrive in a header.
    pub(super) fn lookup_token(&self, token: &str) -> Decision {
        match Credentials::of(token, self.front.shared.max_token_length) {
            Ok(credentials) => self.lookup_credentials(credentials),
            Err(kind) => Decision::Reject(kind.into()),
        }
    }

    fn lookup_credentials(&self, credentials: Credentials<'_>) -> Decision {
        self.front
            .lookup_or(credentials, false, |key, was_good, now| {
                self.lookup_missed(credentials, key, was_good, now)
            })
    }

    /// Continues without a positive entry. Out of line, to keep the hit path small.
    #[inline(never)]
    fn lookup_missed(
        &self,
        credentials: Credentials<'_>,
        key: TokenDigest,
        was_good: bool,
        now: Now,
    ) -> Decision {
        match &self.front.shared.several {
            Some(several) => several.lookup(credentials),
            None => {
                let miss = Miss { key, was_good, now };
                self.front.lookup_unknown(credentials, false, miss)
            }
        }
    }

    /// Looks up a request whose header has no bearer token. Out of line, to keep the path of bearer tokens small.
    #[inline(never)]
    fn lookup_without_header(&self, headers: &mut HeaderMap) -> Decision {
        if let Some(several) = &self.front.shared.several {
            return several.lookup_cookies(headers);
        }
        match self.front.cookie(headers) {
            Ok(credentials) => match self.front.lookup_positive(credentials, true) {
                Ok(decision) => decision,
                Err(miss) => self.front.lookup_unknown(credentials, true, miss),
            },
            Err(kind) => Decision::Reject(kind.into()),
        }
    }
}

impl Single {
    /// Returns true if a token is not too long for the configuration.
    pub(super) fn takes(&self, credentials: Credentials<'_>) -> bool {
        credentials.as_bytes().len() <= self.shared.max_token_length
    }

    /// Returns the session token of the cookie, if cookies are accepted.
    pub(super) fn cookie<'a>(
        &self,
        headers: &'a mut HeaderMap,
    ) -> Result<Credentials<'a>, AuthErrorKind> {
        match &self.shared.session_cookie {
            Some(names) => names.parse(headers, self.shared.max_token_length),
            None => Err(AuthErrorKind::MissingCredentials),
        }
    }

    /// Looks up the positive entry for the credentials of a header or a cookie.
    ///
    /// # Errors
    ///
    /// If there is none.
    #[inline(never)]
    pub(super) fn lookup_positive(
        &self,
        credentials: Credentials<'_>,
        is_cookie: bool,
    ) -> Result<Decision, Miss> {
        let mut missed = None;
        let decision = self.lookup_or(credentials, is_cookie, |key, was_good, now| {
            missed = Some(Miss { key, was_good, now });
            Decision::Reject(AuthErrorKind::MissingCredentials.into())
        });
        match missed {
            Some(miss) => Err(miss),
            None => Ok(decision),
        }
    }

    /// Looks up the positive entry for the credentials of a header or a cookie. From a cookie, only a session token is
    /// accepted, even if another token is in the cache: a browser sends cookies with requests of any page. Inlined, so that
    /// the path of a header does not pay for the check. Without an entry, `missed` decides: a `Result` in place of it
    /// would be copied through memory on every hit.
    #[inline(always)]
    fn lookup_or(
        &self,
        credentials: Credentials<'_>,
        is_cookie: bool,
        missed: impl FnOnce(TokenDigest, bool, Now) -> Decision,
    ) -> Decision {
        let now = self.shared.clock.now();
        let key = self.shared.cache.key(credentials.as_bytes());
        match self.shared.cache.get_positive(&key, now) {
            Lookup::Hit { claims, .. } | Lookup::Stale { claims }
                if is_cookie && claims.kind() != TokenKind::Session =>
            {
                Decision::Reject(AuthErrorKind::UnsupportedToken.into())
            }
            Lookup::Hit {
                claims,
                needs_touch,
                refresh,
            } => {
                self.shared.cache.hit(&key, needs_touch);
                self.shared.observer.hit();
                if refresh {
                    self.refresh(key, credentials);
                }
                Decision::Pass(claims)
            }
            Lookup::Stale { claims } => {
                let seen = Seen {
                    cache: Some(CacheState::Stale),
                    ..Seen::default()
                };
                self.shared.observer.passed(seen, &claims);
                Decision::Pass(claims)
            }
            Lookup::Unknown { was_good } => missed(key, was_good, now),
        }
    }

    /// Continues after a lookup that found no positive entry. Out of line, to keep the hit path small.
    #[inline(never)]
    pub(super) fn lookup_unknown(
        &self,
        credentials: Credentials<'_>,
        is_cookie: bool,
        Miss { key, was_good, now }: Miss,
    ) -> Decision {
        let token = match credentials.token() {
            Ok(token) => token,
            Err(kind) => return Decision::Reject(kind.into()),
        };
        let format = TokenFormat::of(token);
        let reject = |kind: AuthErrorKind| {
            let seen = Seen {
                token: Some(format),
                ..Seen::default()
            };
            Decision::Reject(Rejected::new(kind, seen))
        };
        if is_cookie && format.kind() != Some(TokenKind::Session) {
            return reject(AuthErrorKind::UnsupportedToken);
        }
        if let Some(error) = self.shared.cache.get_negative(key, now) {
            return self.reject_known(format, key, error);
        }
        if let Err(kind) = self.shared.verifier.precheck(format, now.unix_seconds()) {
            return reject(kind);
        }
        self.shared.observer.missed();
        self.shared.cache.missed(key);
        let priority = if was_good || self.shared.cache.is_returning(key, now) {
            Priority::Returning
        } else {
            Priority::FirstSeen
        };
        let task = Task {
            key,
            token: SecretToken::new(token),
            format,
            priority,
        };
        let arrival = Arrival {
            epoch: self.shared.cache.epoch(),
            deadline: Instant::now() + self.shared.verifier.timeout,
        };
        Decision::Wait(Box::pin(self.clone().verify_task(task, arrival)))
    }

    /// Rejects a token by its negative entry, or because Clerk is unavailable.
    fn reject_known(&self, format: TokenFormat, key: TokenDigest, error: AuthError) -> Decision {
        self.shared.cache.hit_negative();
        let mut state = CacheState::Negative;
        let verdict = self.bridge(&key, error, &mut state);
        let seen = Seen {
            token: Some(format),
            cache: Some(state),
            ..Seen::default()
        };
        match verdict {
            Ok(claims) => {
                self.shared.observer.passed(seen, &claims);
                Decision::Pass(claims)
            }
            Err(error) => {
                self.shared.observer.hit_negative();
                Decision::Reject(Rejected::new(error, seen))
            }
        }
    }
}
