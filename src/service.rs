//! [`ClerkAuth`]: the way of a request, spelled out once.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use tower_service::Service;

use crate::{
    AuthError, AuthErrorKind, BearerToken, ClerkClaims, RejectResponse, ResponseFuture, bearer,
    cache::{Boarding, Entry, Key, Lookup, Outcome},
    layer::Auth,
    observe,
    passage::{self, Passage},
    reject,
    upstream::Lane,
    verify::Shape,
};

/// The service that [`ClerkAuthLayer`](crate::ClerkAuthLayer) makes. See the [crate docs](crate).
#[derive(Clone)]
pub struct ClerkAuth<S, R = crate::HeadersOnly> {
    inner: S,
    auth: Arc<Auth>,
    reject: R,
    passage: Passage,
}

impl<S, R> ClerkAuth<S, R> {
    pub(crate) fn new(inner: S, auth: Arc<Auth>, reject: R, passage: Passage) -> Self {
        Self {
            inner,
            auth,
            reject,
            passage,
        }
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for ClerkAuth<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    R: RejectResponse<ResBody> + Clone,
    ResBody: 'static,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqBody, ResBody, R>;

    /// Only forwards: a request needs nothing of ours before it is there.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // Before anything that a request could get wrong, or Clerk be needed for.
        if let Some(metadata) = &self.auth.metadata
            && metadata.is_at(request.uri().path())
            && let Some(response) = metadata.answer_as(request.method(), &self.reject)
        {
            self.give_up_readiness();
            return ResponseFuture::reject(response);
        }
        match self.auth.decide(request.headers()) {
            Decision::Pass(claims) => {
                inject(&mut request, claims);
                self.passage.strip(&mut request);
                // The very instance that was polled ready.
                ResponseFuture::call(self.inner.call(request))
            }
            Decision::Refuse(error) if self.passage.admits(&error) => {
                passage::anonymize(&self.auth, &mut request);
                ResponseFuture::call(self.inner.call(request))
            }
            Decision::Refuse(error) => {
                self.give_up_readiness();
                let is_grpc = reject::is_grpc(request.headers());
                let response = self.auth.refuse(error, is_grpc, &self.reject);
                ResponseFuture::reject(response)
            }
            Decision::Wait(verification) => {
                self.give_up_readiness();
                // The verification has the token.
                self.passage.strip(&mut request);
                ResponseFuture::verify(
                    verification,
                    request,
                    self.inner.clone(),
                    Arc::clone(&self.auth),
                    self.reject.clone(),
                )
            }
        }
    }
}

impl<S: Clone, R> ClerkAuth<S, R> {
    /// Drops the instance that was polled ready, and with it whatever it reserved, a permit for
    /// instance: a request that waits for Clerk, or is refused, must not keep others out. A clone is
    /// not ready (see the docs of `tower::Service`, "Be careful when cloning inner services").
    fn give_up_readiness(&mut self) {
        let not_ready = self.inner.clone();
        drop(mem::replace(&mut self.inner, not_ready));
    }
}

impl<S: fmt::Debug, R> fmt::Debug for ClerkAuth<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClerkAuth")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

/// What becomes of a request.
enum Decision {
    Pass(ClerkClaims),
    Refuse(AuthError),
    Wait(Verification),
}

/// A verification that a request waits for.
pub(crate) type Verification = BoxFuture<'static, Result<ClerkClaims, AuthError>>;

impl Auth {
    /// From the headers to a decision: no I/O, nothing awaited.
    fn decide(self: &Arc<Self>, headers: &HeaderMap) -> Decision {
        let token = match bearer::parse(headers, self.max_token_length) {
            Ok(token) => token,
            Err(kind) => return Decision::Refuse(kind.into()),
        };
        let now = self.clock.now();
        let key = self.cache.key(token);
        match self.cache.get(key, now) {
            Lookup::Good { claims, refresh } => {
                self.counters.hits.increment();
                if refresh {
                    self.refresh(key, token);
                }
                Decision::Pass(claims)
            }
            Lookup::Stale { claims } => {
                self.counters.stale.increment();
                Decision::Pass(claims)
            }
            Lookup::Bad(kind) => {
                self.counters.negative_hits.increment();
                Decision::Refuse(kind.into())
            }
            Lookup::Unknown { last } => match self.verifier.admit(token, now.unix_seconds()) {
                Ok(shape) => {
                    self.counters.misses.increment();
                    let token = BearerToken::new(token);
                    let auth = Arc::clone(self);
                    Decision::Wait(Box::pin(auth.verify(key, token, shape, last)))
                }
                Err(kind) => Decision::Refuse(kind.into()),
            },
        }
    }

    /// Waits for a verdict on a token: that of a verification under way, or of a new one.
    async fn verify(
        self: Arc<Self>,
        key: Key,
        token: BearerToken,
        shape: Shape,
        last: Option<Arc<Entry>>,
    ) -> Result<ClerkClaims, AuthError> {
        let lane = if last.is_some() {
            Lane::Known
        } else {
            Lane::Unknown
        };
        for _ in 0..MAX_FLIGHTS {
            let epoch = self.cache.epoch();
            let boarding = self.cache.flights.board(
                key,
                epoch,
                || self.known(key),
                || Arc::clone(&self).fly(key, token.clone(), shape, lane),
            )?;
            let seat = match boarding {
                Boarding::Seat(seat) => seat,
                Boarding::Landed(verdict) => return verdict.map_err(Into::into),
            };
            if seat.is_shared {
                self.counters.coalesced.increment();
            }
            let epoch = seat.epoch;
            let error = match seat.outcome().await {
                // Invalidated since it began: what it found out does not count.
                Ok(entry) if self.cache.is_void(key, &entry) => continue,
                Err(error)
                    if error.kind().is_authoritative() && self.cache.is_void_since(key, epoch) =>
                {
                    continue;
                }
                Ok(entry) if entry.has_expired(self.clock.now()) => AuthErrorKind::Expired.into(),
                Ok(entry) => return Ok(entry.claims().clone()),
                Err(error) => error,
            };
            return self.bridge(key, last, error);
        }
        Err(AuthErrorKind::UpstreamUnavailable.into())
    }

    /// What has become known of a token since it was looked up.
    fn known(&self, key: Key) -> Option<Result<ClerkClaims, AuthErrorKind>> {
        match self.cache.get(key, self.clock.now()) {
            Lookup::Good { claims, .. } | Lookup::Stale { claims } => Some(Ok(claims)),
            Lookup::Bad(kind) => Some(Err(kind)),
            Lookup::Unknown { .. } => None,
        }
    }

    /// Falls back on an older verdict where Clerk could not be asked and the configuration allows it.
    fn bridge(
        &self,
        key: Key,
        last: Option<Arc<Entry>>,
        error: AuthError,
    ) -> Result<ClerkClaims, AuthError> {
        match last {
            Some(entry)
                if error.kind().is_outage()
                    && entry.is_usable(self.clock.now())
                    && !self.cache.is_void(key, &entry) =>
            {
                self.counters.stale.increment();
                Ok(entry.claims().clone().into_stale())
            }
            _ => Err(error),
        }
    }

    /// Has a good token verified again in the background. Nobody waits for it: where it cannot be
    /// started, the entry just ends in its time.
    fn refresh(self: &Arc<Self>, key: Key, token: &str) {
        let shape = Shape::of(token);
        let token = BearerToken::new(token);
        let epoch = self.cache.epoch();
        let flight = || Arc::clone(self).fly(key, token, shape, Lane::Known);
        let known = || None::<()>;
        if let Ok(Boarding::Seat(seat)) = self.cache.flights.board(key, epoch, known, flight)
            && !seat.is_shared
        {
            self.counters.refreshes.increment();
        }
    }

    /// One verification, from asking to remembering.
    async fn fly(
        self: Arc<Self>,
        key: Key,
        token: BearerToken,
        shape: Shape,
        lane: Lane,
    ) -> Outcome {
        // When it asks, not when somebody boarded: what was invalidated in between does not concern it.
        let epoch = self.cache.epoch();
        let result = self.verifier.verify(&token, shape, lane).await;
        if let Err(error) = &result {
            observe::verification_failed(error);
        }
        self.cache.settle(key, epoch, result, self.clock.now())
    }

    /// The one place where a refusal becomes a response.
    pub(crate) fn refuse<B: 'static>(
        &self,
        error: AuthError,
        is_grpc: bool,
        reject: &impl RejectResponse<B>,
    ) -> Response<B> {
        self.counters.refused.increment();
        observe::refused(&error);
        self.challenges
            .rejection(&error, is_grpc)
            .into_response(error, reject)
    }
}

/// The one place where claims get into a request. Claims that were there before are replaced: only
/// this layer's count.
pub(crate) fn inject<B>(request: &mut Request<B>, claims: ClerkClaims) {
    if let Some(credentials) = request.headers_mut().get_mut(AUTHORIZATION) {
        credentials.set_sensitive(true);
    }
    request.extensions_mut().insert(claims);
}

/// How often a request starts anew because its verification was invalidated meanwhile. More often than
/// this it is not worth the wait.
const MAX_FLIGHTS: usize = 3;
