//! Generated schedules of several replicas that share a store: requests, invalidations, revocations, restarts and clocks
//! that are set, while the store fails and lies, against a model that knows what may come of it.
//!
//! `SCHEDULES` sets how many, `SEED` where they begin. A schedule that fails prints its seed, and `SEED=… SCHEDULES=1`
//! plays it again.

mod model;
mod store;

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use fastrand::Rng;
use futures_util::future::{Either, join_all, select};
use tokio::time::sleep;
use tower_clerk::{
    AuthErrorKind, Authenticator,
    config::JwtKeys,
    fleet::{Fault, Fleet, MemoryStore},
    kinds::SessionTokens,
    observe::FleetState,
    testing::ManualClock,
};

use self::{
    model::{Counts, Line, Model, Moment, Outcome, Request},
    store::Erratic,
};
use super::SECRET;
use crate::schedules::{SIGNER, config, issue, model::Token, number, selection::Selection};

#[test]
fn no_store_brings_a_token_through_that_must_not_pass_or_rejects_one_that_must() {
    let (first, schedules) = (number("SEED", 0), number("SCHEDULES", SCHEDULES));
    let halves: Vec<_> = thread::scope(|scope| {
        let play = |half| move || play((first..first + schedules).skip(half).step_by(2));
        let halves = [0, 1].map(|half| scope.spawn(play(half)));
        halves
            .into_iter()
            .map(|half| half.join().unwrap())
            .collect()
    });
    let sum = |count: fn(&Counts) -> u64| halves.iter().map(count).sum::<u64>();
    let counts = [
        ("shared", sum(|it| it.shared)),
        ("invalidated elsewhere", sum(|it| it.invalidated_elsewhere)),
        ("called once", sum(|it| it.called_once)),
    ];
    println!("{counts:?}");
    for (name, count) in counts {
        assert!(count >= schedules / 10, "the schedules show little: {name}");
    }
}

fn play(seeds: impl Iterator<Item = u64>) -> Counts {
    let mut counts = Counts::default();
    for seed in seeds {
        // The pauses of replicas are random.
        fastrand::seed(seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        counts += runtime.block_on(async { Schedule::new(seed).play().await });
    }
    counts
}

/// What happens next. The trace of a schedule that failed is made of these.
#[derive(Clone, Copy, Debug)]
enum Step {
    Request {
        replica: usize,
        token: usize,
    },
    /// At all replicas at once.
    Requests {
        token: usize,
    },
    /// The same, with an invalidation before all of them have their answers.
    RequestsAndInvalidation {
        token: usize,
        after: u64,
        what: Invalidation,
    },
    Invalidation(Invalidation),
    Issue,
    EndAtClerk {
        token: usize,
    },
    Trouble(Option<AuthErrorKind>),
    ClerkTakes {
        ms: u64,
    },
    Inject(Fault),
    BecomeErratic,
    Heal,
    Empty,
    SetClock {
        replica: usize,
        offset: i64,
    },
    Restart {
        replica: usize,
    },
    Pass {
        ms: u64,
    },
}

#[derive(Clone, Copy, Debug)]
struct Invalidation {
    replica: usize,
    selection: Selection,
    is_revocation: bool,
}

/// The options of a schedule, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Settings {
    ttl: u64,
    stale_if_error: u64,
    /// Whether clocks may be off by more than the store permits. The store's clock is right, then: it could hide this.
    has_bad_clocks: bool,
}

struct Schedule {
    seed: u64,
    rng: Rng,
    settings: Settings,
    model: Arc<Mutex<Model>>,
    store: Erratic,
    store_clock: ManualClock,
    replicas: Vec<Replica>,
    trace: Vec<Step>,
}

struct Replica {
    authenticator: Authenticator,
    clock: ManualClock,
    offset: i64,
    was_set: bool,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let settings = Settings {
            ttl: rng.choice([5_000, 6_000, 10_000]).unwrap(),
            stale_if_error: rng.choice([0, 0, 8_000]).unwrap(),
            has_bad_clocks: rng.u32(..4) == 0,
        };
        let store_clock = ManualClock::at(crate::support::unix(START));
        let memory = MemoryStore::new(store_clock.clone());
        let mut schedule = Self {
            seed,
            rng,
            settings,
            model: Arc::new(Mutex::new(Model::new(settings, START * 1000))),
            store: Erratic::new(memory, seed),
            store_clock,
            replicas: Vec::new(),
            trace: Vec::new(),
        };
        for number in 0..REPLICAS {
            let clock = ManualClock::at(crate::support::unix(START));
            let authenticator = schedule.start(number, &clock);
            schedule.replicas.push(Replica {
                authenticator,
                clock,
                offset: 0,
                was_set: false,
            });
            let offset = schedule.offset();
            schedule.set_clock(number, offset);
            schedule.replicas[number].was_set = false;
        }
        schedule
    }

    /// Starts a replica.
    fn start(&self, number: usize, clock: &ManualClock) -> Authenticator {
        let line = Line {
            model: Arc::clone(&self.model),
            replica: number,
        };
        let config = config(clock, line)
            .accept(SessionTokens::new())
            .jwt_keys(JwtKeys::pem(SIGNER.public_key_pem()))
            .cache_ttl(Duration::from_millis(self.settings.ttl))
            .stale_if_error(Duration::from_millis(self.settings.stale_if_error))
            .timeout(Duration::from_millis(TIMEOUT))
            .fleet(Fleet::store(self.store.replica(number), SECRET));
        Authenticator::new(config.build().unwrap())
    }

    async fn play(mut self) -> Counts {
        for _ in 0..3 {
            self.take(Step::Issue).await;
        }
        if self.rng.u32(..8) > 0 {
            for replica in &self.replicas {
                drop(tokio::spawn(replica.authenticator.warm_up()));
            }
            self.pass(500).await;
        }
        for _ in 0..self.rng.usize(10..=30) {
            let step = self.choose();
            self.trace.push(step);
            self.take(step).await;
        }
        self.model().counts()
    }

    fn choose(&mut self) -> Step {
        let tokens = self.model().tokens.len();
        let token = self.rng.usize(..tokens);
        let replica = self.rng.usize(..REPLICAS);
        match self.rng.u32(..100) {
            0..30 => Step::Request { replica, token },
            30..40 => Step::Requests { token },
            40..45 => Step::RequestsAndInvalidation {
                token,
                after: self.rng.u64(..400),
                what: self.invalidation(token),
            },
            45..54 => Step::Invalidation(self.invalidation(token)),
            54..58 => Step::Issue,
            58..61 => Step::EndAtClerk { token },
            61 => Step::Trouble(Some(AuthErrorKind::UpstreamUnavailable)),
            62..64 => Step::Trouble(None),
            64..66 => Step::ClerkTakes {
                ms: self.rng.choice([0, 10, 100, 300, 600]).unwrap(),
            },
            66..74 => self.fault(),
            74..79 => Step::Heal,
            79 => Step::Empty,
            80..82 => Step::SetClock {
                replica,
                offset: self.offset(),
            },
            82..84 => Step::Restart { replica },
            _ => Step::Pass {
                ms: self.duration(),
            },
        }
    }

    fn invalidation(&mut self, token: usize) -> Invalidation {
        let rng = &mut self.rng;
        let selection = Selection::choose(rng, token, &self.model.lock().unwrap().tokens[token]);
        Invalidation {
            replica: rng.usize(..REPLICAS),
            selection,
            is_revocation: rng.bool(),
        }
    }

    fn fault(&mut self) -> Step {
        let rng = &mut self.rng;
        let most = if self.settings.has_bad_clocks { 19 } else { 20 };
        let by = |rng: &mut Rng| rng.choice([40, 250, 700, 1_500, 1_200_000]).unwrap();
        let signed = |rng: &mut Rng| if rng.bool() { by(rng) } else { -by(rng) };
        let fault = match rng.u32(..most) {
            0 => Fault::Unreachable,
            1 => Fault::Frozen,
            2 | 3 => Fault::Delayed(Duration::from_millis(
                rng.choice([5, 15, 30, 120, 300]).unwrap(),
            )),
            4 => Fault::ReadOnly,
            5 => Fault::Full,
            6 => Fault::Lossy,
            7 => Fault::Repeating,
            8 => Fault::Reordering,
            9 => Fault::Altering(rng.usize(..20_000)),
            10 => Fault::Swapping,
            11 | 12 => Fault::Replaying,
            13 => Fault::Renumbering(signed(rng)),
            14 => Fault::HidingFrom(rng.usize(..REPLICAS)),
            15 => Fault::Split,
            16..19 => return Step::BecomeErratic,
            _ => Fault::WrongTime(signed(rng)),
        };
        Step::Inject(fault)
    }

    /// How far a clock is off.
    fn offset(&mut self) -> i64 {
        let permitted = [0, 0, 100, -100, 249, -251, 450, -450, 500, -500];
        let bad = [600, -600, 5_000, -5_000, 1_200_000, -600_000];
        match self.settings.has_bad_clocks && self.rng.bool() {
            true => self.rng.choice(bad).unwrap(),
            false => self.rng.choice(permitted).unwrap(),
        }
    }

    /// A time near one at which something ends.
    fn duration(&mut self) -> u64 {
        let ttl = self.settings.ttl;
        let edge = match self.rng.u32(..12) {
            0 => ttl,
            1 => ttl - 1_000,
            2 => ttl * 9 / 10,
            3 => ttl + self.settings.stale_if_error,
            4..7 => 1_000,
            7..9 => 200,
            9 => self.rng.u64(..6_000),
            _ => self.rng.u64(..600),
        };
        edge.saturating_add_signed(self.rng.i64(-1..=1) * TICK.cast_signed())
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Request { replica, token } => self.requests(&[replica], token, None).await,
            Step::Requests { token } => self.requests(&[0, 1, 2], token, None).await,
            Step::RequestsAndInvalidation { token, after, what } => {
                self.requests(&[0, 1, 2], token, Some((after, what))).await;
            }
            Step::Invalidation(what) => self.invalidate(what),
            Step::Issue => {
                let number = self.model().tokens.len();
                let longest = 3 * self.settings.ttl / 1000;
                let now = self.model().now / 1000;
                let token = issue(&mut self.rng, (self.seed, number), now, longest);
                self.model().tokens.push(token);
            }
            Step::EndAtClerk { token } => self.model().tokens[token].is_revoked = true,
            Step::Trouble(trouble) => self.model().trouble = trouble,
            Step::ClerkTakes { ms } => self.model().delay = ms,
            Step::Inject(fault) => {
                let is_a_lie = !matches!(
                    fault,
                    Fault::Unreachable
                        | Fault::Frozen
                        | Fault::Delayed(_)
                        | Fault::ReadOnly
                        | Fault::Full
                );
                self.model().fails(is_a_lie);
                self.store.memory().inject(fault);
            }
            Step::BecomeErratic => {
                self.model().fails(true);
                self.store.switch(true);
            }
            Step::Heal => {
                self.store.memory().heal();
                self.store.switch(false);
                self.model().is_healed();
            }
            Step::Empty => {
                self.store.memory().clear();
                self.model().is_emptied();
            }
            Step::SetClock { replica, offset } => self.set_clock(replica, offset),
            Step::Restart { replica } => {
                self.model().end(replica);
                let clock = self.replicas[replica].clock.clone();
                self.replicas[replica].authenticator = self.start(replica, &clock);
            }
            Step::Pass { ms } => self.pass(ms).await,
        }
    }

    /// Sends a request to each of these replicas, with an invalidation after some time, and checks all outcomes.
    async fn requests(
        &mut self,
        replicas: &[usize],
        token: usize,
        meanwhile: Option<(u64, Invalidation)>,
    ) {
        let requests = replicas.iter().map(|replica| self.request(*replica, token));
        let requests = join_all(requests);
        let (calls_one, before) = (self.calls_one(token), self.model().answers(token));
        let requests = {
            let mut requests = pin!(requests);
            match meanwhile {
                Some((after, what)) => {
                    let waiting = pin!(self.pass(after));
                    match select(requests.as_mut(), waiting).await {
                        Either::Left((requests, _)) => requests,
                        Either::Right(_) => {
                            self.invalidate(what);
                            self.passing(requests).await
                        }
                    }
                }
                None => self.passing(requests).await,
            }
        };
        for request in &requests {
            let result = self.model().check(request);
            self.check(result, request);
        }
        if calls_one && meanwhile.is_none() && replicas.len() > 1 {
            let calls = self.model().called_once(token, before);
            self.check(calls, &requests);
        }
    }

    /// Whether all replicas together must call Clerk once about a token.
    fn calls_one(&self, token: usize) -> bool {
        let model = self.model();
        let is_quick = model.delay <= 300 && model.trouble.is_none();
        let about: &Token = &model.tokens[token];
        // The clocks of all replicas are before its end.
        let is_over = about.is_over_at(model.now + 2_000);
        let is_good = !about.is_revoked && about.session.is_none() && !is_over;
        is_quick && is_good && model.is_new(token) && (0..REPLICAS).all(|it| self.is_live(it))
    }

    fn request(&self, number: usize, token: usize) -> impl Future<Output = Request> + use<> {
        let Replica {
            authenticator,
            clock,
            was_set,
            ..
        } = &self.replicas[number];
        let (authenticator, clock, was_set) = (authenticator.clone(), clock.clone(), *was_set);
        let (model, is_live) = (Arc::clone(&self.model), self.is_live(number));
        async move {
            let (text, began) = {
                let mut model = model.lock().unwrap();
                (model.tokens[token].text.clone(), model.moment())
            };
            let outcome = match authenticator.verify(&text).await {
                Ok(claims) => Outcome::Accepted {
                    subject: claims.subject().to_owned(),
                    stale: claims.is_stale(),
                },
                Err(error) => Outcome::Rejected(error.kind()),
            };
            let ended: Moment = model.lock().unwrap().moment();
            Request {
                token,
                replica: number,
                is_live,
                was_set,
                began,
                ended,
                wall: wall(&clock),
                outcome,
            }
        }
    }

    fn invalidate(&self, what: Invalidation) {
        let Invalidation {
            replica: number,
            selection,
            is_revocation,
        } = what;
        let replica = &self.replicas[number];
        let text = match selection {
            Selection::One(token) => self.model().tokens[token].text.clone(),
            _ => String::new(),
        };
        selection.with(&text, self.seed, |tokens| match is_revocation {
            true => replica.authenticator.revoke(tokens),
            false => replica.authenticator.invalidate(tokens),
        });
        let (wall, is_live) = (wall(&replica.clock), self.is_live(number));
        self.model()
            .invalidate((selection, is_revocation), number, wall, is_live);
    }

    fn is_live(&self, number: usize) -> bool {
        self.replicas[number].authenticator.health().fleet == Some(FleetState::Live)
    }

    fn set_clock(&mut self, number: usize, offset: i64) {
        let now = self.model().now;
        let replica = &mut self.replicas[number];
        let by = offset - replica.offset;
        // A step of less than this is noticed at the next poll only. Until then the clock must not be too far off.
        if by.abs() < 250 && offset.abs() > 500 {
            return;
        }
        let wall = now.saturating_add_signed(offset);
        replica
            .clock
            .set(std::time::UNIX_EPOCH + Duration::from_millis(wall));
        (replica.offset, replica.was_set) = (offset, replica.was_set || by != 0);
    }

    async fn pass(&self, ms: u64) {
        let mut rest = ms;
        while rest > 0 {
            let step = rest.min(4 * TICK);
            sleep(Duration::from_millis(step)).await;
            self.advance(step);
            rest -= step;
        }
    }

    /// Lets time pass until the future is ready.
    async fn passing<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        loop {
            let tick = pin!(sleep(Duration::from_millis(TICK)));
            match select(future.as_mut(), tick).await {
                Either::Left((output, _)) => return output,
                Either::Right(_) => self.advance(TICK),
            }
        }
    }

    fn advance(&self, ms: u64) {
        let by = Duration::from_millis(ms);
        self.model().now += ms;
        self.store_clock.advance(by);
        for replica in &self.replicas {
            replica.clock.advance(by);
        }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }

    #[track_caller]
    fn check(&self, result: Result<(), &'static str>, of: &impl std::fmt::Debug) {
        if let Err(what) = result {
            panic!(
                "{what}\n{of:#?}\nseed {}, {:?}: {:#?}\n{:#?}",
                self.seed,
                self.settings,
                self.trace,
                self.model()
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

fn wall(clock: &ManualClock) -> u64 {
    let now = clock.now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_millis().try_into().unwrap()
}

/// How many schedules are played by default: 13 ms of one core each, without optimizations.
const SCHEDULES: u64 = 3_000;

const REPLICAS: usize = 3;

/// In Unix seconds.
const START: u64 = 1_700_000_000;

/// In milliseconds.
const TIMEOUT: u64 = 2_000;

/// The step in which time passes, in milliseconds.
const TICK: u64 = 5;
