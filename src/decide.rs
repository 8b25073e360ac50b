//! What becomes of a request: decided at once from what is known of its token, or by a verification that it
//! waits for.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::HeaderMap;

use crate::{
    AuthError, AuthErrorKind, BearerToken, ClerkClaims, TokenKind,
    auth::Auth,
    bearer::{self, Credentials},
    cache::{Entry, Key, Lookup},
    clock::Now,
    observe::{CacheState, Seen},
    verify::Shape,
};

/// What becomes of a request.
pub(crate) enum Decision {
    Pass(ClerkClaims),
    Refuse(Refusal),
    Wait(Verification),
}

/// Why a request is refused, and what was seen of its token.
pub(crate) struct Refusal {
    pub(crate) error: AuthError,
    pub(crate) seen: Seen,
}

impl From<AuthErrorKind> for Refusal {
    fn from(kind: AuthErrorKind) -> Self {
        Self {
            error: kind.into(),
            seen: Seen::default(),
        }
    }
}

/// A verification that a request waits for.
pub(crate) type Verification = BoxFuture<'static, Result<ClerkClaims, Refusal>>;

impl Auth {
    /// From the headers to a decision: no I/O, nothing awaited.
    pub(crate) fn decide(self: &Arc<Self>, headers: &mut HeaderMap) -> Decision {
        match bearer::parse(headers, self.max_token_length) {
            Ok(credentials) => self.decide_on::<false>(credentials),
            // A malformed header is not made up for by anything.
            Err(AuthErrorKind::MissingCredentials) => self.decide_without_header(headers),
            Err(kind) => Decision::Refuse(kind.into()),
        }
    }

    /// Of a request whose header has no bearer token. Apart, so that those with one need not carry its weight.
    #[inline(never)]
    fn decide_without_header(self: &Arc<Self>, headers: &mut HeaderMap) -> Decision {
        let found = match &self.session_cookie {
            Some(names) => names.parse(headers, self.max_token_length),
            None => Err(AuthErrorKind::MissingCredentials),
        };
        match found {
            Ok(credentials) => self.decide_on::<true>(credentials),
            Err(kind) => Decision::Refuse(kind.into()),
        }
    }

    /// Of what stands where a token should. From a cookie, a session token alone passes, whatever is known of
    /// others: a browser sends it along for any page. The compiler knows which it is: a header does not pay for
    /// it.
    fn decide_on<const IS_COOKIE: bool>(
        self: &Arc<Self>,
        credentials: Credentials<'_>,
    ) -> Decision {
        let now = self.clock.now();
        let key = self.cache.key(credentials.as_bytes());
        match self.cache.get_good(&key, now) {
            Lookup::Good { claims, .. } | Lookup::Stale { claims }
                if IS_COOKIE && claims.token_kind() != TokenKind::Session =>
            {
                Decision::Refuse(AuthErrorKind::UnsupportedToken.into())
            }
            Lookup::Good {
                claims,
                is_news,
                refresh,
            } => {
                self.cache.hit(&key, is_news);
                self.observer.hit();
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
                self.observer.passed(seen, true);
                Decision::Pass(claims)
            }
            Lookup::Unknown { last } => self.decide_unknown(credentials, IS_COOKIE, key, last, now),
        }
    }

    /// Of a token that is not known to be good. Apart, so that hits need not carry its weight.
    #[inline(never)]
    fn decide_unknown(
        self: &Arc<Self>,
        credentials: Credentials<'_>,
        is_cookie: bool,
        key: Key,
        last: Option<Arc<Entry>>,
        now: Now,
    ) -> Decision {
        let token = match credentials.token() {
            Ok(token) => token,
            Err(kind) => return Decision::Refuse(kind.into()),
        };
        if is_cookie && Shape::of(token).kind() != Some(TokenKind::Session) {
            return Decision::Refuse(AuthErrorKind::UnsupportedToken.into());
        }
        if let Some(kind) = self.cache.get_bad(key, now) {
            self.cache.hit_bad();
            self.observer.hit_negative();
            return Decision::Refuse(Refusal {
                error: kind.into(),
                seen: Seen {
                    token: Some(Shape::of(token)),
                    cache: Some(CacheState::Negative),
                },
            });
        }
        let shape = match self.verifier.admit(token, now.unix_seconds()) {
            Ok(shape) => shape,
            Err(kind) => return Decision::Refuse(kind.into()),
        };
        self.observer.missed();
        self.cache.missed(key);
        let token = BearerToken::new(token);
        let auth = Arc::clone(self);
        Decision::Wait(Box::pin(auth.verify(key, token, shape, last)))
    }
}
