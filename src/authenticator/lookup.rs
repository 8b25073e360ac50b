//! What becomes of a request: decided at once from what is known of its token, or by a verification that it
//! waits for.

use futures_util::future::BoxFuture;
use http::HeaderMap;
use tokio::time::Instant;

use crate::{
    AuthError, AuthErrorKind, BearerToken, ClerkClaims, TokenKind,
    authenticator::{Authenticator, verify::Task},
    cache::{Arrival, Lookup, TokenDigest},
    clerk::http::Priority,
    clock::Now,
    extract::{self, Credentials},
    observe::{CacheState, Seen},
    token::TokenFormat,
};

/// What becomes of a request.
pub(crate) enum Decision {
    Pass(ClerkClaims),
    Reject(Rejected),
    Wait(PendingVerification),
}

/// Why a request is rejected, and what was seen of its token.
pub(crate) struct Rejected {
    pub(crate) error: AuthError,
    pub(crate) seen: Seen,
}

impl From<AuthErrorKind> for Rejected {
    fn from(kind: AuthErrorKind) -> Self {
        Self {
            error: kind.into(),
            seen: Seen::default(),
        }
    }
}

/// A verification that a request waits for.
pub(crate) type PendingVerification = BoxFuture<'static, Result<ClerkClaims, Rejected>>;

impl Authenticator {
    /// From the headers to a decision: no I/O, nothing awaited.
    pub(crate) fn lookup(&self, headers: &mut HeaderMap) -> Decision {
        match extract::parse(headers, self.shared.max_token_length) {
            Ok(credentials) => self.lookup_credentials::<false>(credentials),
            // A malformed header is not made up for by anything.
            Err(AuthErrorKind::MissingCredentials) => self.lookup_without_header(headers),
            Err(kind) => Decision::Reject(kind.into()),
        }
    }

    /// Decides about a token that did not arrive in a header.
    pub(super) fn lookup_token(&self, token: &str) -> Decision {
        match Credentials::of(token, self.shared.max_token_length) {
            Ok(credentials) => self.lookup_credentials::<false>(credentials),
            Err(kind) => Decision::Reject(kind.into()),
        }
    }

    /// Of a request whose header has no bearer token. Apart, so that those with one need not carry its weight.
    #[inline(never)]
    fn lookup_without_header(&self, headers: &mut HeaderMap) -> Decision {
        let found = match &self.shared.session_cookie {
            Some(names) => names.parse(headers, self.shared.max_token_length),
            None => Err(AuthErrorKind::MissingCredentials),
        };
        match found {
            Ok(credentials) => self.lookup_credentials::<true>(credentials),
            Err(kind) => Decision::Reject(kind.into()),
        }
    }

    /// Of what stands where a token should. From a cookie, a session token alone passes, whatever is known of
    /// others: a browser sends it along for any page. The compiler knows which it is: a header does not pay for
    /// it.
    fn lookup_credentials<const IS_COOKIE: bool>(&self, credentials: Credentials<'_>) -> Decision {
        let now = self.shared.clock.now();
        let key = self.shared.cache.key(credentials.as_bytes());
        match self.shared.cache.get_positive(&key, now) {
            Lookup::Hit { claims, .. } | Lookup::Stale { claims }
                if IS_COOKIE && claims.kind() != TokenKind::Session =>
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
                self.shared.observer.passed(seen, true);
                Decision::Pass(claims)
            }
            Lookup::Unknown { was_good } => {
                self.lookup_unknown(credentials, IS_COOKIE, key, was_good, now)
            }
        }
    }

    /// Of a token that is not known to be good. Apart, so that hits need not carry its weight.
    #[inline(never)]
    fn lookup_unknown(
        &self,
        credentials: Credentials<'_>,
        is_cookie: bool,
        key: TokenDigest,
        was_good: bool,
        now: Now,
    ) -> Decision {
        let token = match credentials.token() {
            Ok(token) => token,
            Err(kind) => return Decision::Reject(kind.into()),
        };
        let format = TokenFormat::of(token);
        let reject = |kind: AuthErrorKind| {
            let (error, cache) = (kind.into(), None);
            let token = Some(format);
            Decision::Reject(Rejected {
                error,
                seen: Seen { token, cache },
            })
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
            token: BearerToken::new(token),
            format,
            priority,
        };
        let arrival = Arrival {
            epoch: self.shared.cache.epoch(),
            deadline: Instant::now() + self.shared.verifier.timeout,
        };
        Decision::Wait(Box::pin(self.clone().verify_task(task, arrival)))
    }

    /// Of a token that is remembered as rejected, or as one that Clerk cannot answer about.
    fn reject_known(&self, format: TokenFormat, key: TokenDigest, error: AuthError) -> Decision {
        self.shared.cache.hit_negative();
        let mut state = CacheState::Negative;
        let verdict = self.bridge(&key, error, &mut state);
        let seen = Seen {
            token: Some(format),
            cache: Some(state),
        };
        match verdict {
            Ok(claims) => {
                self.shared.observer.passed(seen, claims.is_stale());
                Decision::Pass(claims)
            }
            Err(error) => {
                self.shared.observer.hit_negative();
                Decision::Reject(Rejected { error, seen })
            }
        }
    }
}
