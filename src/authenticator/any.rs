//! [`Authenticator::any`]: several instances behind one layer.
//!
//! The front of the list has parts of its own: its cache is empty, so that every token reaches the list.
//!
//! 1. A positive entry at any instance accepts the token of a header.
//! 2. `attempt` determines the instances that can have issued the token, and their order.
//! 3. They verify the token one after the other, until one accepts it, or rejects a token that it has issued.
//!
//! Each instance has its own cache, rules, limits and clients. A list adds no other state.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use http::HeaderMap;

use super::{
    Authenticator, Decision, Rejected, Shared, Single,
    attempt::{self, Knowledge, Relation},
    lookup::{Miss, PendingVerification},
};
use crate::{
    AuthErrorKind, ClerkClaims, TokenKind,
    cache::Cache,
    claims::entry::Lifetimes,
    extract::{Credentials, SecretToken},
    observe::{Observer, Seen},
    reject::Challenges,
    resource_metadata::ResourceMetadata,
    token::{TokenFormat, digest::TokenHasher, format::stated_issuer},
};

/// The authenticators of several instances.
pub(super) struct Several {
    singles: Box<[Single]>,
    /// The challenges of each instance. All name the metadata of the list.
    challenges: Box<[Arc<Challenges>]>,
}

/// The instances that still have to verify a token, and the rejection by the earlier ones.
struct Attempt {
    candidates: VecDeque<Candidate>,
    is_cookie: bool,
    rejected: Option<Rejected>,
}

/// A token to verify at one instance.
struct Candidate {
    place: usize,
    token: SecretToken,
    was_good: bool,
}

impl Authenticator {
    /// Combines the authenticators of several instances: a token of any of them is accepted, with the rules of its
    /// authenticator. Lists in the list are taken apart.
    ///
    /// ```
    /// use tower_clerk::{Authenticator, ClerkAuthLayer, ClerkConfig};
    ///
    /// fn layer(customers: ClerkConfig, staff: ClerkConfig) -> ClerkAuthLayer {
    ///     Authenticator::any([customers, staff].map(Authenticator::new)).into()
    /// }
    /// ```
    ///
    /// **A user is the pair of [`instance`](ClerkClaims::instance) and [`subject`](ClerkClaims::subject).** Ids of two
    /// instances are independent of each other.
    ///
    /// # The instance of a token
    ///
    /// | token | verified by |
    /// |---|---|
    /// | a JWT | the authenticators of the issuer that it names, never by those of another one |
    /// | a JWT that names no issuer of the list | [custom verifiers](crate::verify::Verify) only |
    /// | an opaque token | the authenticators that accept its prefix, in the order of the list. One that accepted the token before is the only one |
    /// | a session cookie | each authenticator that accepts cookies reads its own, in the order of the list. The token must name its issuer |
    ///
    /// An authenticator that does not know a token passes it on to the next one. A random token can therefore cost one
    /// call for each instance. A token that is active but breaks a rule, such as a required scope, is rejected at once.
    /// If one instance does not answer, the token is accepted if a later one accepts it; otherwise the response is a
    /// 503, never a 401. A request waits for at most the sum of the [timeouts](crate::ClerkConfigBuilder::timeout).
    ///
    /// Place a custom verifier of unprefixed tokens last: it then gets no token of Clerk.
    ///
    /// # Everything else
    ///
    /// Each authenticator keeps its own cache, rate limit, reserves and circuit breakers. Clones of them, alone or in
    /// other lists, share these. For a list:
    ///
    /// | | is |
    /// |---|---|
    /// | [`invalidate`](Self::invalidate), [`revoke`](Self::revoke), `flush`, [`warm_up`](Self::warm_up) | applied to all. The first error is returned |
    /// | [`stats`](Self::stats) | the sums. A token that two instances had to verify is two misses |
    /// | [`health`](Self::health) | the worst of each field, and the earliest `last_success`. Keep the authenticators for the state of each |
    /// | `webhooks` | a service for all endpoints: an event concerns the instances with the secret that signed it |
    /// | [`resource_metadata`](Self::resource_metadata) | that of the first one. It names the authorization server of every instance that accepts Clerk's OAuth tokens or has a [`resource`](crate::ClerkConfigBuilder::resource) |
    /// | the challenge | that of the first one. A rejection by another instance names the scopes of that instance |
    ///
    /// Give all configurations the same [`resource`](crate::ClerkConfigBuilder::resource): each compares the audience
    /// of its tokens with its own one.
    ///
    /// # Panics
    ///
    /// If the list is empty.
    #[must_use]
    #[track_caller]
    pub fn any(authenticators: impl IntoIterator<Item = Self>) -> Self {
        let authenticators: Vec<_> = authenticators.into_iter().collect();
        let singles: Vec<_> = authenticators
            .iter()
            .flat_map(|it| it.singles().iter().cloned())
            .collect();
        let first = singles
            .first()
            .expect("the list of authenticators is empty");
        let front = match singles.len() {
            1 => first.clone(),
            _ => Several::front(singles),
        };
        Self { front }
    }
}

impl Several {
    /// Makes the front of a list.
    fn front(singles: Vec<Single>) -> Single {
        let issuers = singles.iter().flat_map(Single::authorization_servers);
        let metadata = singles[0].shared.metadata.as_ref();
        let metadata = metadata.map(|first| first.with_issuers(issuers));
        let url = metadata.as_ref().map(ResourceMetadata::url);
        let challenges = singles.iter().map(|single| {
            let scopes = single.shared.verifier.rules.challenged_scopes();
            Arc::new(Challenges::new(scopes, url))
        });
        let several = Self {
            challenges: challenges.collect(),
            singles: singles.into(),
        };
        Single {
            shared: Arc::new(Shared::front(several, metadata)),
        }
    }

    pub(super) fn singles(&self) -> &[Single] {
        &self.singles
    }

    /// Returns the challenges of the instance that rejected a token.
    pub(super) fn challenges(&self, seen: Seen) -> &Challenges {
        &self.challenges[usize::from(seen.place)]
    }

    /// Looks up the token of a header at all instances.
    pub(super) fn lookup(self: &Arc<Self>, credentials: Credentials<'_>) -> Decision {
        let mut misses = Vec::with_capacity(self.singles.len());
        for single in &self.singles {
            misses.push(match single.takes(credentials) {
                false => None,
                true => match single.lookup_positive(credentials, false) {
                    Ok(decision) => return decision,
                    Err(miss) => Some(miss),
                },
            });
        }
        let token = match credentials.token() {
            Ok(token) => token,
            Err(kind) => return Decision::Reject(kind.into()),
        };
        let format = TokenFormat::of(token);
        let is_jwt = matches!(format, TokenFormat::Jwt { .. });
        let issuer = stated_issuer(token).filter(|_| is_jwt);
        let relations: Vec<_> = (self.singles.iter().zip(&misses))
            .map(|(single, miss)| single.relation(format, issuer.as_deref(), miss.as_ref()))
            .collect();
        let mut places = attempt::candidates(&relations, is_jwt);
        if places.is_empty() {
            let Some(place) = rejecting(&relations, is_jwt) else {
                let seen = Seen {
                    token: Some(format),
                    ..Seen::default()
                };
                return Decision::Reject(Rejected::new(AuthErrorKind::WrongIssuer, seen));
            };
            places.push(place);
        }
        let candidates = places.into_iter().map(|place| Candidate {
            place,
            token: SecretToken::new(token),
            was_good: misses[place].as_ref().is_some_and(|miss| miss.was_good),
        });
        self.decide(Attempt {
            candidates: candidates.collect(),
            is_cookie: false,
            rejected: None,
        })
    }

    /// Looks up the session cookies of a request. Each instance reads its own, and only a token that names the instance
    /// counts: several instances can share the name `__session`. The order does not depend on the caches, so that a
    /// browser with cookies of two instances is always the same user.
    pub(super) fn lookup_cookies(self: &Arc<Self>, headers: &mut HeaderMap) -> Decision {
        let mut attempt = Attempt {
            candidates: VecDeque::new(),
            is_cookie: true,
            rejected: None,
        };
        // A cookie that names none of the instances still is a credential: the request is not anonymous.
        let mut is_foreign = false;
        for (place, single) in self.singles.iter().enumerate() {
            match single.own_cookie(headers) {
                Ok(token) => attempt.candidates.push_back(Candidate {
                    place,
                    token,
                    was_good: false,
                }),
                Err(AuthErrorKind::MissingCredentials) => {}
                Err(AuthErrorKind::WrongIssuer) => is_foreign = true,
                Err(kind) => attempt.reject(place, kind.into()),
            }
        }
        if is_foreign && attempt.candidates.is_empty() {
            attempt.reject(0, AuthErrorKind::WrongIssuer.into());
        }
        self.decide(attempt)
    }

    /// Verifies the token at one candidate after the other, until one of them has to wait.
    fn decide(self: &Arc<Self>, mut attempt: Attempt) -> Decision {
        while let Some(candidate) = attempt.candidates.pop_front() {
            let place = candidate.place;
            match self.singles[place].lookup(&candidate, attempt.is_cookie) {
                Decision::Pass(claims) => return Decision::Pass(claims),
                Decision::Reject(rejected) => attempt.reject(place, rejected),
                Decision::Wait(verification) => {
                    let several = Arc::clone(self);
                    return Decision::Wait(Box::pin(several.wait(place, verification, attempt)));
                }
            }
        }
        let rejected = attempt.rejected;
        Decision::Reject(rejected.unwrap_or_else(|| AuthErrorKind::MissingCredentials.into()))
    }

    /// Waits for one candidate, and continues with the next one if it does not accept the token.
    async fn wait(
        self: Arc<Self>,
        place: usize,
        verification: PendingVerification,
        mut attempt: Attempt,
    ) -> Result<ClerkClaims, Rejected> {
        match verification.await {
            Ok(claims) => return Ok(claims),
            Err(rejected) => attempt.reject(place, rejected),
        }
        match self.decide(attempt) {
            Decision::Pass(claims) => Ok(claims),
            Decision::Reject(rejected) => Err(rejected),
            Decision::Wait(verification) => verification.await,
        }
    }
}

impl Attempt {
    /// Notes a rejection. A token is not passed on if the instance that rejects it has issued it.
    fn reject(&mut self, place: usize, rejected: Rejected) {
        // Each cookie is a credential of its own.
        if !self.is_cookie && Knowledge::of(rejected.error.kind()) == Knowledge::Issued {
            self.candidates.clear();
        }
        let rejected = Rejected {
            seen: Seen {
                place: u16::try_from(place).unwrap_or_default(),
                ..rejected.seen
            },
            ..rejected
        };
        self.rejected = Some(attempt::prevailing(self.rejected.take(), rejected));
    }
}

impl Shared {
    /// Returns the parts of the front of a list. Only its metadata, its challenges and its list are in use.
    fn front(several: Several, metadata: Option<ResourceMetadata>) -> Self {
        let first = &several.singles[0].shared;
        let lengths = several.singles.iter().map(|it| it.shared.max_token_length);
        let off = Lifetimes::new(Duration::ZERO, Duration::ZERO);
        Self {
            // Nothing is stored, so no secret is needed.
            cache: Cache::new(TokenHasher::new([0; 32], &[]), off, 1, Duration::ZERO),
            verifier: Arc::clone(&first.verifier),
            challenges: Arc::clone(&several.challenges[0]),
            metadata,
            authorization_server: first.authorization_server.clone(),
            discovery: None,
            #[cfg(feature = "jwt")]
            local: None,
            observer: Observer::new(),
            #[cfg(feature = "fleet")]
            fleet: None,
            health: Arc::clone(&first.health),
            clock: Arc::clone(&first.clock),
            #[cfg(feature = "webhooks")]
            webhook_keys: Arc::default(),
            max_token_length: lengths.max().unwrap_or_default(),
            session_cookie: None,
            several: Some(Arc::new(several)),
        }
    }
}

impl Single {
    /// Returns what this instance has to do with a token. `miss`: `None` if the token is too long.
    fn relation(&self, format: TokenFormat, issuer: Option<&str>, miss: Option<&Miss>) -> Relation {
        let verifier = &self.shared.verifier;
        let was_valid =
            |miss: &Miss| miss.was_good || self.shared.cache.is_returning(miss.key, miss.now);
        Relation {
            accepts: miss.is_some() && verifier.takes(format),
            is_named: issuer.is_some_and(|issuer| self.is_issuer(issuer)),
            is_custom: verifier.verifiers.oauth_is_custom,
            was_valid: miss.is_some_and(was_valid),
        }
    }

    fn is_issuer(&self, issuer: &str) -> bool {
        self.shared.verifier.rules.issuers().any(|it| it == issuer)
    }

    /// Looks up a token of a list.
    fn lookup(&self, candidate: &Candidate, is_cookie: bool) -> Decision {
        let token = candidate.token.expose();
        let credentials = match Credentials::of(token, self.shared.max_token_length) {
            Ok(credentials) => credentials,
            Err(kind) => return Decision::Reject(kind.into()),
        };
        let found = self.lookup_positive(credentials, is_cookie);
        found.unwrap_or_else(|miss| {
            let was_good = miss.was_good || candidate.was_good;
            self.lookup_unknown(credentials, is_cookie, Miss { was_good, ..miss })
        })
    }

    /// Returns the session token of a cookie, if it names this instance.
    fn own_cookie(&self, headers: &mut HeaderMap) -> Result<SecretToken, AuthErrorKind> {
        let token = self.cookie(headers)?.token()?;
        if TokenFormat::of(token).kind() != Some(TokenKind::Session) {
            return Err(AuthErrorKind::UnsupportedToken);
        }
        match stated_issuer(token) {
            Some(issuer) if self.is_issuer(&issuer) => Ok(SecretToken::new(token)),
            _ => Err(AuthErrorKind::WrongIssuer),
        }
    }

    /// Returns the authorization servers that the metadata of a list names for this instance.
    fn authorization_servers(&self) -> Vec<String> {
        let verifier = &self.shared.verifier;
        match &self.shared.metadata {
            Some(metadata) => metadata.issuers().to_vec(),
            None if verifier.rules.accept.contains(TokenKind::OAuth)
                && !verifier.verifiers.oauth_is_custom =>
            {
                vec![self.shared.authorization_server.clone()]
            }
            None => Vec::new(),
        }
    }
}

/// Returns the place of the instance that rejects a token without a candidate, and logs the reason: the issuer of a JWT,
/// or else the first instance. `None` for a JWT of another issuer.
fn rejecting(relations: &[Relation], is_jwt: bool) -> Option<usize> {
    match is_jwt {
        true => relations.iter().position(|it| it.is_named),
        false => Some(0),
    }
}
