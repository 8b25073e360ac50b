//! Generated schedules: requests, outages, revocations, invalidations and clocks that jump, in random
//! order, against a model that knows what may come of it.
//!
//! `SCHEDULES` sets how many, `SEED` where they begin: a schedule that fails says its seed, and
//! `SEED=… SCHEDULES=1` plays it again. (Not to the last bit: the layer's jitter is keyed by a secret
//! that is drawn anew. The model allows for it.)

pub mod model;
pub mod selection;
mod signed;

use std::{
    collections::HashMap, convert::Infallible, env, future::Future, pin::pin, sync::LazyLock,
    thread, time::Duration,
};

use bytes::Bytes;
use fastrand::Rng;
use futures_util::{FutureExt, future::BoxFuture};
use http::{Request, Response, StatusCode};
use tower::{Layer, Service, service_fn};
use tower_clerk::{
    AuthError, AuthErrorKind, ClerkAuthLayer, ClerkClaims, ClerkConfig,
    config::JwtKeys,
    fake_clerk::FakeClerk,
    kinds::{Enrichment, OAuthTokens, SessionTokens},
    testing::ManualClock,
    transport::{Transport, TransportError},
    verify::Verify,
};

use self::{
    model::{Clerk, Health, Outcome, Token},
    selection::{Named, Selection},
};

#[test]
fn no_schedule_brings_a_token_through_that_must_not_pass() {
    // E4, B24, B38, B40, C106 to C111: per schedule about a dozen requests.
    let (first, schedules) = (number("SEED", 0), number("SCHEDULES", 100_000));
    thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .start_paused(true)
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    let mut layers = Layers::default();
                    for seed in (first..first + schedules).skip(half).step_by(2) {
                        Schedule::new(seed, &mut layers).play().await;
                    }
                });
            });
        }
    });
}

pub fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// What happens next. The trace of a schedule that failed is made of these.
#[derive(Debug)]
enum Step {
    Request {
        token: usize,
    },
    /// A client that does not wait for its answer.
    HangUp {
        token: usize,
    },
    Issue {
        token: usize,
    },
    EndAtClerk {
        token: usize,
    },
    /// A token that was not replicated yet, and now is.
    Reinstate {
        token: usize,
    },
    Invalidate(Selection),
    Revoke(Selection),
    Become(Health),
    Advance {
        ms: u64,
    },
    SetClock {
        seconds: u64,
    },
    Suspend {
        ms: u64,
    },
    /// Lets what is in the background come to its end.
    Settle,
}

/// Layers to play on, since making one takes longer than a schedule. What one schedule leaves behind is
/// of no use to the next, which has tokens and subjects of its own.
#[derive(Default)]
struct Layers {
    by_config: HashMap<(u64, u64), Stage>,
}

#[derive(Clone)]
struct Stage {
    layer: ClerkAuthLayer,
    clock: ManualClock,
    clerk: Clerk,
    played: usize,
}

impl Layers {
    fn stage(&mut self, ttl: u64, stale_if_error: u64) -> Stage {
        let make = || {
            let clock = ManualClock::at(crate::support::unix(START));
            let clerk = Clerk::at(START * 1000);
            // Without a cache there are no stale entries: `build` rejects the combination.
            let stale_if_error = if ttl == 0 { 0 } else { stale_if_error };
            let config = config(&clock, clerk.clone())
                .accept(SessionTokens::new())
                .jwt_keys(JwtKeys::pem(SIGNER.public_key_pem()))
                .cache_ttl(Duration::from_secs(ttl))
                .stale_if_error(Duration::from_secs(stale_if_error))
                .build()
                .unwrap();
            Stage {
                layer: ClerkAuthLayer::new(config),
                clock,
                clerk,
                played: 0,
            }
        };
        let stage = self
            .by_config
            .entry((ttl, stale_if_error))
            .or_insert_with(make);
        // Long before the cache is full, and chooses whom to admit.
        if stage.played == 1000 {
            *stage = make();
        }
        stage.played += 1;
        stage.clone()
    }
}

struct Schedule {
    seed: u64,
    rng: Rng,
    clerk: Clerk,
    clock: ManualClock,
    layer: ClerkAuthLayer,
    trace: Vec<Step>,
}

impl Schedule {
    fn new(seed: u64, layers: &mut Layers) -> Self {
        let mut rng = Rng::with_seed(seed);
        let ttl = rng.choice([0, 1, 5, 30, 300]).unwrap();
        let stale_if_error = rng.choice([0, 10, 600]).unwrap();
        let stage = layers.stage(ttl, stale_if_error);
        let begin = stage.clerk.restart(ttl * 1000, stale_if_error * 1000);
        stage.clock.set(crate::support::unix(begin / 1000));
        Self {
            seed,
            rng,
            layer: stage.layer,
            clerk: stage.clerk,
            clock: stage.clock,
            trace: Vec::new(),
        }
    }

    async fn play(mut self) {
        for n in 0..3 {
            self.issue(n);
        }
        for _ in 0..self.rng.usize(12..=28) {
            let step = self.choose();
            self.trace.push(step);
            self.take().await;
        }
        self.settle().await;
        let in_flight = self.layer.authenticator().stats().in_flight;
        self.check(if in_flight == 0 {
            Ok(())
        } else {
            Err("C117: a verification was left under way")
        });
    }

    fn choose(&mut self) -> Step {
        let token = self.rng.usize(..self.clerk.lock().tokens.len());
        match self.rng.u32(..100) {
            0..45 => Step::Request { token },
            45..47 => Step::HangUp { token },
            47..51 => Step::Issue {
                token: self.clerk.lock().tokens.len(),
            },
            51..54 => Step::EndAtClerk { token },
            54..56 => Step::Reinstate { token },
            56..62 => Step::Invalidate(self.selection(token)),
            62..67 => Step::Revoke(self.selection(token)),
            67..70 => Step::Become(Health::Up),
            70..74 => Step::Become(Health::Down(
                self.rng
                    .choice([
                        AuthErrorKind::UpstreamUnavailable,
                        AuthErrorKind::UpstreamUnavailable,
                        AuthErrorKind::RateLimited,
                        AuthErrorKind::Overloaded,
                        AuthErrorKind::InvalidUpstreamResponse,
                        AuthErrorKind::CredentialsRejected,
                    ])
                    .unwrap(),
            )),
            74..91 => Step::Advance {
                ms: self.duration(token),
            },
            91..94 => Step::SetClock {
                seconds: self.setting(),
            },
            94..96 => Step::Suspend {
                ms: self.duration(token),
            },
            _ => Step::Settle,
        }
    }

    fn selection(&mut self, token: usize) -> Selection {
        Selection::choose(&mut self.rng, token, &self.clerk.lock().tokens[token])
    }

    /// A time near one at which something ends.
    fn duration(&mut self, token: usize) -> u64 {
        let model = self.clerk.lock();
        let until_exp = model.tokens[token]
            .exp
            .map_or(0, |exp| (exp * 1000).saturating_sub(model.wall));
        let edge = match self.rng.u32(..10) {
            0 => model.ttl,
            1 => model.ttl * 9 / 10,
            2 => model.ttl * 4 / 5,
            3 => model.ttl + model.stale_if_error,
            4 => 1_000,
            5 => 5_000,
            6 => self.rng.u64(..=model.ttl + model.stale_if_error),
            7 => self.rng.u64(..=model.ttl),
            _ => until_exp,
        };
        (edge + self.rng.u64(..3)).saturating_sub(1)
    }

    /// By up to an hour either way, or right again.
    fn setting(&mut self) -> u64 {
        let model = self.clerk.lock();
        let (wall, right) = (model.wall / 1000, model.clerk / 1000);
        match self.rng.u32(..4) {
            0 => right,
            1 => right + self.rng.u64(..=3600),
            2 => wall - self.rng.u64(..=3600),
            _ => (wall + self.rng.u64(..=4)) - 2,
        }
    }

    async fn take(&mut self) {
        match *self.trace.last().expect("a step was chosen") {
            Step::Request { token } => self.request(token).await,
            Step::HangUp { token } => {
                self.clerk.lock().detours = self.rng.u32(..4);
                _ = poll_once(self.call(token));
                // The task of the verification may or may not get a turn.
                for _ in 0..self.rng.u32(..3) {
                    tokio::task::yield_now().await;
                }
            }
            Step::Issue { token } => self.issue(token),
            Step::EndAtClerk { token } => self.clerk.lock().tokens[token].is_revoked = true,
            Step::Reinstate { token } => self.clerk.lock().tokens[token].is_revoked = false,
            Step::Invalidate(selection) => {
                self.clerk.lock().invalidate(selection);
                let authenticator = self.layer.authenticator();
                selection.with(&self.text_of(selection), self.seed, |tokens| {
                    authenticator.invalidate(tokens);
                });
            }
            Step::Revoke(selection) => {
                self.clerk.lock().revoke(selection);
                let authenticator = self.layer.authenticator();
                selection.with(&self.text_of(selection), self.seed, |tokens| {
                    authenticator.revoke(tokens);
                });
            }
            Step::Become(health) => self.clerk.lock().health = health,
            Step::Advance { ms } => {
                self.clerk.lock().advance(ms);
                self.clock.advance(Duration::from_millis(ms));
            }
            Step::SetClock { seconds } => {
                self.clerk.lock().set_wall(seconds * 1000);
                self.clock.set(crate::support::unix(seconds));
            }
            Step::Suspend { ms } => {
                self.clerk.lock().suspend(ms);
                self.clock.set(self.clock.now() + Duration::from_millis(ms));
            }
            Step::Settle => self.settle().await,
        }
    }

    /// The text of the token that is selected, if it is a single one.
    fn text_of(&self, selection: Selection) -> String {
        match selection {
            Selection::One(token) => self.clerk.lock().tokens[token].text.clone(),
            _ => String::new(),
        }
    }

    async fn request(&mut self, token: usize) {
        let before = {
            let mut model = self.clerk.lock();
            model.detours = self.rng.u32(..4);
            model.tokens[token].answers()
        };
        let outcome = self.call(token).await;
        let result = self.clerk.lock().check(token, before, outcome);
        if result.is_err() {
            eprintln!("token {token} came to {outcome:?}");
        }
        self.check(result);
    }

    fn call(&self, token: usize) -> impl Future<Output = Outcome> + use<> {
        let request = crate::support::request(&self.clerk.lock().tokens[token].text);
        let mut service = self.layer.layer(service_fn(leaf));
        async move {
            let Ok(response) = service.call(request).await;
            match (response.body(), response.extensions().get::<AuthError>()) {
                (Some(stale), None) => Outcome::Accepted { stale: *stale },
                (None, Some(error)) => {
                    let kind = error.kind();
                    let is_unauthorized = response.status() == StatusCode::UNAUTHORIZED;
                    assert_eq!(is_unauthorized, kind.is_authoritative(), "{kind:?}");
                    Outcome::Rejected(kind)
                }
                other => panic!("neither accepted nor rejected: {other:?}"),
            }
        }
    }

    fn issue(&mut self, number: usize) {
        let mut model = self.clerk.lock();
        let now = model.clerk / 1000;
        let longest = (model.ttl + model.stale_if_error) / 1000 + 10;
        let token = issue(&mut self.rng, (self.seed, number), now, longest);
        model.tokens.push(token);
    }

    async fn settle(&self) {
        loop {
            for _ in 0..2 {
                tokio::task::yield_now().await;
            }
            if self.clerk.lock().under_way == 0 {
                return;
            }
        }
    }

    #[track_caller]
    fn check(&self, result: Result<(), &'static str>) {
        if let Err(what) = result {
            panic!(
                "{what}\nseed {}: {:#?}\n{:#?}",
                self.seed,
                self.trace,
                self.clerk.lock()
            );
        }
    }
}

impl Drop for Schedule {
    /// For panics that are none of ours.
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("the schedule with seed {} panicked", self.seed);
        }
    }
}

/// A configuration that needs no network: `Verify` is ours, and nothing is enriched.
pub fn config(clock: &ManualClock, verify: impl Verify) -> tower_clerk::ClerkConfigBuilder {
    let oauth = OAuthTokens::verified_by(verify).allow_clients(["me"]);
    ClerkConfig::builder("clerk.example.com")
        .accept(oauth.userinfo(Enrichment::Off))
        .transport(Nowhere)
        .clock(clock.clone())
}

/// A transport that is never used. The usual one would read all trusted certificates each time.
struct Nowhere;

impl Transport for Nowhere {
    fn send(&self, _: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async { Err(TransportError::unreachable("there is no network")) })
    }
}

/// Answers whether the claims it was given are stale.
async fn leaf(request: Request<()>) -> Result<Response<Option<bool>>, Infallible> {
    let claims: &ClerkClaims = request.extensions().get().expect("it was let through");
    Ok(Response::new(Some(claims.is_stale())))
}

fn poll_once<T>(future: impl Future<Output = T>) -> Option<T> {
    pin!(future).now_or_never()
}

fn jwt(seed: u64, number: usize, exp: Option<u64>) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"at+jwt"}"#);
    let payload = exp.map_or("{}".into(), |exp| format!(r#"{{"exp":{exp}}}"#));
    let payload = URL_SAFE_NO_PAD.encode(payload);
    format!("{header}.{payload}.s{seed}-{number}")
}

/// Issues the token of this number in the schedule of this seed. Times are in Unix seconds.
pub fn issue(rng: &mut Rng, (seed, number): (u64, usize), now: u64, longest: u64) -> Token {
    let mut token = Token::new(
        format!("oat_{seed}_{number}"),
        Named::new("user", seed, number % 2),
    );
    token.organization = rng.bool().then(|| Named::new("org", seed, 0));
    token.exp = rng.bool().then(|| now + rng.u64(1..=longest));
    token.iat = match rng.u32(..10) {
        0..5 => None,
        // Of yesterday: not to be remembered, or not for long.
        5 => Some(now - 86_400 + rng.u64(..20)),
        _ => Some(now),
    };
    match rng.u32(..6) {
        0 | 1 => {
            token.is_jwt = true;
            token.text = jwt(seed, number, token.exp);
        }
        2 => sign(&mut token, seed, now),
        _ => {}
    }
    token
}

/// Makes a token one of a session, which is verified by its signature.
fn sign(token: &mut Token, seed: u64, now: u64) {
    let session = Named::new("sess", seed, token.subject.number);
    (token.iat, token.exp) = (Some(now), Some(now + 60));
    let mut builder = SIGNER
        .session(&token.subject.name)
        .session_id(&session.name);
    if let Some(organization) = &token.organization {
        builder = builder.organization(&organization.name, "acme", "admin");
    }
    for (claim, value) in [("iat", now), ("nbf", now), ("exp", now + 60)] {
        builder = builder.claim(claim, value);
    }
    token.text = builder.issue();
    token.session = Some(session);
}

/// Signs the tokens of sessions. It answers no request.
pub static SIGNER: LazyLock<FakeClerk> = LazyLock::new(|| {
    let builder = FakeClerk::builder();
    builder.issuer("https://clerk.example.com").build()
});

/// In Unix seconds.
const START: u64 = 1_700_000_000;
