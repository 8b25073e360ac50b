//! Generated interleavings: several requests in flight, answers that are let go one by one, clients that
//! hang up and invalidations in between. Everything runs on one thread, and the order is the schedule's.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
};

use fastrand::Rng;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use serde::Deserialize;
use tokio::sync::oneshot;
use tower::{Layer, Service};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, ClerkClaims, Tokens,
    testing::ManualClock,
    verify::{TokenInfo, Verify, VerifyRequest},
};

use crate::{
    schedules::{config, number},
    support::request,
};

#[test]
fn no_interleaving_brings_an_invalidated_verdict_through() {
    // C110, C111, C116, C117, C118, C131, E2
    play(Invalidations::Some, number("SCHEDULES", 1000));
}

#[test]
fn no_interleaving_of_hang_ups_costs_a_second_call() {
    // C116, C117, C131, E2
    play(Invalidations::None, number("SCHEDULES", 1000));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Invalidations {
    None,
    Some,
}

fn play(invalidations: Invalidations, schedules: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let first = number("SEED", 0);
    runtime.block_on(async {
        for seed in first..first + schedules {
            Interleaving::new(seed, invalidations).play().await;
        }
    });
}

/// A verification that waits to be let go.
struct Asked {
    token: usize,
    number: u32,
    answer: oneshot::Sender<Result<TokenInfo, AuthError>>,
}

#[derive(Default)]
struct Questions {
    waiting: Vec<Asked>,
    /// How often each token was asked about, and how many of these are under way.
    asked: [u32; TOKENS],
    under_way: [u32; TOKENS],
    times_voided: [u32; TOKENS],
    number: u32,
}

/// Answers when and what the schedule wants.
#[derive(Clone, Default)]
struct Gated(Arc<Mutex<Questions>>);

impl Verify for Gated {
    fn verify<'a>(
        &'a self,
        verification: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        let text = verification.token().expose();
        let token: usize = text.trim_start_matches("oat_").parse().unwrap();
        let (answer, waiting) = oneshot::channel();
        let mut questions = self.0.lock().unwrap();
        questions.number += 1;
        questions.asked[token] += 1;
        questions.under_way[token] += 1;
        // One at a time, and one for each invalidation that a later request must not be overtaken by.
        let allowed = 1 + questions.times_voided[token];
        assert!(questions.under_way[token] <= allowed, "too many at a time");
        let number = questions.number;
        questions.waiting.push(Asked {
            token,
            number,
            answer,
        });
        Box::pin(async move {
            let answer = waiting.await.expect("the schedule lets all go");
            self.0.lock().unwrap().under_way[token] -= 1;
            answer
        })
    }
}

/// The service behind the layer: ready when the schedule wants, and answers with the number of the
/// verdict that the request was let through by.
#[derive(Clone, Default)]
struct Inner {
    is_busy: Arc<AtomicBool>,
    calls: Arc<AtomicU32>,
}

impl Service<Request<()>> for Inner {
    type Response = Response<u32>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<u32>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.is_busy.load(Ordering::Relaxed) {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        #[derive(Deserialize)]
        struct Verdict {
            number: u32,
        }

        self.calls.fetch_add(1, Ordering::Relaxed);
        let claims: &ClerkClaims = request.extensions().get().expect("it was let through");
        assert!(!claims.is_stale());
        let verdict: Verdict = claims.claims_as().unwrap();
        std::future::ready(Ok(Response::new(verdict.number)))
    }
}

struct InFlight {
    token: usize,
    future: Pin<Box<dyn Future<Output = Result<Response<u32>, Infallible>>>>,
    /// Whether its token was known, so that the service was called when it began.
    is_hit: bool,
    /// What had been invalidated when it began.
    voided: u32,
}

struct Interleaving {
    seed: u64,
    rng: Rng,
    invalidations: Invalidations,
    layer: ClerkAuthLayer,
    gated: Gated,
    inner: Inner,
    requests: Vec<InFlight>,
    /// The number of the latest question when each token was last invalidated, and how often it was.
    voided: [u32; TOKENS],
    times_voided: [u32; TOKENS],
    /// How many answers there were to each token that are not remembered, or not for long.
    failures: [u32; TOKENS],
    accepted: u32,
    /// The answers that were given, by the number of the question: whether they were good.
    answers: HashMap<u32, bool>,
}

impl Interleaving {
    fn new(seed: u64, invalidations: Invalidations) -> Self {
        let gated = Gated::default();
        let config = config(&ManualClock::new(), gated.clone()).build().unwrap();
        Self {
            seed,
            rng: Rng::with_seed(seed),
            invalidations,
            layer: ClerkAuthLayer::new(config),
            gated,
            inner: Inner::default(),
            requests: Vec::new(),
            voided: [0; TOKENS],
            times_voided: [0; TOKENS],
            failures: [0; TOKENS],
            accepted: 0,
            answers: HashMap::new(),
        }
    }

    async fn play(mut self) {
        for _ in 0..self.rng.usize(20..80) {
            self.step().await;
        }
        self.inner.is_busy.store(false, Ordering::Relaxed);
        // Each round answers whatever is asked; a request starts anew once at the most.
        for _ in 0..5 {
            while self.answer_one() {}
            self.run().await;
            (0..self.requests.len())
                .rev()
                .for_each(|index| self.poll(index));
        }
        self.assert(self.requests.is_empty(), "C117: somebody was left waiting");
        let stats = self.layer.authenticator().stats();
        self.assert(stats.in_flight == 0, "C117: a verification was left");
        let calls = self.inner.calls.load(Ordering::Relaxed);
        self.assert(calls == self.accepted, "C131: called for nobody");
        for token in 0..TOKENS {
            let asked = self.gated.0.lock().unwrap().asked[token];
            let allowed = 1 + self.times_voided[token] + self.failures[token];
            self.assert(
                asked <= allowed,
                "E2: asked more often than there was cause",
            );
        }
    }

    async fn step(&mut self) {
        let token = self.rng.usize(..TOKENS);
        let pick = (!self.requests.is_empty()).then(|| self.rng.usize(..self.requests.len()));
        match (self.rng.u32(..100), pick) {
            (0..30, _) => self.begin(token),
            (30..45, Some(index)) => self.poll(index),
            // Hangs up, wherever it is.
            (45..60, Some(index)) => drop(self.requests.swap_remove(index)),
            (60..75, _) => _ = self.answer_one(),
            (75..85, _) => self.run().await,
            (85..90, _) => {
                let is_busy = self.rng.bool();
                self.inner.is_busy.store(is_busy, Ordering::Relaxed);
            }
            (90..100, _) if self.invalidations == Invalidations::Some => self.invalidate(token),
            _ => {}
        }
    }

    fn begin(&mut self, token: usize) {
        // The layer's own readiness is that of the service: whoever calls has polled it.
        let is_busy = self.inner.is_busy.swap(false, Ordering::Relaxed);
        let mut service = self.layer.layer(self.inner.clone());
        let mut context = Context::from_waker(Waker::noop());
        assert!(service.poll_ready(&mut context).is_ready());
        let calls = self.inner.calls.load(Ordering::Relaxed);
        let future = Box::pin(service.call(request(&format!("oat_{token}"))));
        self.inner.is_busy.store(is_busy, Ordering::Relaxed);
        let is_hit = self.inner.calls.load(Ordering::Relaxed) > calls;
        self.accepted += u32::from(is_hit);
        self.requests.push(InFlight {
            token,
            future,
            is_hit,
            voided: self.voided[token],
        });
        if self.rng.u32(..4) > 0 {
            self.poll(self.requests.len() - 1);
        }
    }

    fn poll(&mut self, index: usize) {
        let InFlight { token, .. } = self.requests[index];
        let mut context = Context::from_waker(Waker::noop());
        let poll = self.requests[index].future.as_mut().poll(&mut context);
        let Poll::Ready(Ok(response)) = poll else {
            return;
        };
        let request = self.requests.swap_remove(index);
        let kind = response
            .extensions()
            .get::<AuthError>()
            .map(AuthError::kind);
        match kind {
            None => {
                self.accepted += u32::from(!request.is_hit);
                self.assert(
                    self.answers.get(response.body()) == Some(&true),
                    "accepted by a verdict that nobody gave",
                );
                // By what had been invalidated when it arrived (fault C3).
                self.assert(
                    *response.body() > request.voided,
                    "C111: accepted by a verdict that was invalidated",
                );
            }
            Some(AuthErrorKind::UpstreamUnavailable) => {
                self.assert(self.failures[token] > 0, "C118: trouble that nobody had");
            }
            Some(AuthErrorKind::Inactive) => {
                self.assert(self.failures[token] > 0, "C107: nobody said so");
            }
            Some(_) => self.assert(false, "a rejection of another kind"),
        }
    }

    /// Lets one verification go.
    fn answer_one(&mut self) -> bool {
        let mut questions = self.gated.0.lock().unwrap();
        if questions.waiting.is_empty() {
            return false;
        }
        let index = self.rng.usize(..questions.waiting.len());
        let asked = questions.waiting.swap_remove(index);
        drop(questions);
        let is_good = self.invalidations == Invalidations::None || self.rng.u32(..10) < 8;
        let answer = if is_good {
            let number = asked.number;
            TokenInfo::from_introspection(
                format!(
                    r#"{{"active":true,"client_id":"me","sub":"{SUBJECT}","number":{number}}}"#
                )
                .as_bytes(),
            )
        } else {
            self.failures[asked.token] += 1;
            if self.rng.bool() {
                TokenInfo::from_introspection(br#"{"active":false}"#)
            } else {
                Err(AuthErrorKind::UpstreamUnavailable.into())
            }
        };
        self.answers.insert(asked.number, is_good);
        asked.answer.send(answer).expect("its task waits");
        true
    }

    fn invalidate(&mut self, token: usize) {
        // Only questions after this count.
        let number = self.gated.0.lock().unwrap().number;
        let tokens = match self.rng.u32(..3) {
            0 => {
                self.layer
                    .authenticator()
                    .invalidate(Tokens::one(&format!("oat_{token}")));
                token..=token
            }
            1 => {
                self.layer
                    .authenticator()
                    .invalidate(Tokens::of_subject(SUBJECT));
                0..=TOKENS - 1
            }
            _ => {
                self.layer.authenticator().invalidate(Tokens::all());
                0..=TOKENS - 1
            }
        };
        for token in tokens {
            self.voided[token] = number;
            self.times_voided[token] += 1;
            self.gated.0.lock().unwrap().times_voided[token] += 1;
        }
    }

    async fn run(&self) {
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    }

    #[track_caller]
    fn assert(&self, holds: bool, what: &str) {
        assert!(holds, "{what}: seed {}", self.seed);
    }
}

const TOKENS: usize = 3;
const SUBJECT: &str = "user_1";
