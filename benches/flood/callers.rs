//! The callers, and what becomes of their requests.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use http::{Request, Response, StatusCode, header::AUTHORIZATION};
use tokio::{sync::mpsc, time};
use tower::{Layer, Service, service_fn, util::BoxCloneSyncService};
use tower_clerk::ClerkAuthLayer;

use super::{Flood, clerk::Clerk};

/// Tokens that send a request a second.
const IN_USE: usize = 20;

/// Users that send a request every forty seconds.
const RETURNING: usize = 40;
const RETURN: Duration = Duration::from_secs(40);

/// The time between two good tokens that were never seen before.
const NEW: Duration = Duration::from_secs(2);

/// How long the callers are alone.
const BEFORE: Duration = Duration::from_secs(60);

/// How long the flood lasts.
const DURING: Duration = Duration::from_secs(180);

/// The shortest time between two requests of the flood, the resolution of Tokio's timers.
const TICK: Duration = Duration::from_millis(10);

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    InUse,
    Returning,
    New,
}

/// What became of the requests of one class.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) requests: usize,
    pub(crate) accepted: usize,
    waits: Vec<Duration>,
}

impl Figures {
    pub(crate) fn p99(&self) -> Duration {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        let last = waits.len().saturating_sub(1);
        waits.get(last * 99 / 100).copied().unwrap_or_default()
    }

    fn add(&mut self, outcome: &Outcome) {
        self.requests += 1;
        self.accepted += usize::from(outcome.is_accepted);
        self.waits.push(outcome.wait);
    }
}

struct Outcome {
    class: Class,
    is_accepted: bool,
    wait: Duration,
}

type App = BoxCloneSyncService<Request<()>, Response<()>, Infallible>;

pub(crate) struct Callers {
    app: App,
    clerk: Clerk,
}

impl Callers {
    pub(crate) fn new(layer: ClerkAuthLayer, clerk: &Clerk) -> Self {
        let inner = service_fn(async |_: Request<()>| Ok(Response::new(())));
        Self {
            app: BoxCloneSyncService::new(layer.layer(inner)),
            clerk: clerk.clone(),
        }
    }

    /// Plays all callers, and returns what became of the requests that began during the flood: of tokens in
    /// use, of returning users, and of new ones.
    pub(crate) async fn play(&self, flood: Flood, rate: u32) -> [Figures; 3] {
        let (outcomes, mut received) = mpsc::unbounded_channel();
        for number in 0..IN_USE {
            let pause = Duration::from_secs(1);
            let begin = BEFORE / 2 / 20 * count(number) + pause / 20 * count(number);
            let token = move |_| format!("oat_good.user_used{number}.0");
            self.repeat(Class::InUse, begin, pause, token, &outcomes);
        }
        for number in 0..RETURNING {
            let begin = RETURN / 40 * count(number);
            let token = move |_| format!("oat_good.user_back{number}.0");
            self.repeat(Class::Returning, begin, RETURN, token, &outcomes);
        }
        let token = |time| format!("oat_good.user_new{time}.0");
        self.repeat(Class::New, BEFORE + NEW / 4, NEW, token, &outcomes);
        drop(outcomes);

        let flooding = self.flood(flood, rate);
        let mut figures = [const { Vec::new() }; 3];
        let receiving = async {
            while let Some(outcome) = received.recv().await {
                let class = match outcome.class {
                    Class::InUse => 0,
                    Class::Returning => 1,
                    Class::New => 2,
                };
                let figures: &mut Vec<Outcome> = &mut figures[class];
                figures.push(outcome);
            }
        };
        futures_util::future::join(flooding, receiving).await;
        figures.map(|outcomes| {
            let mut figures = Figures::default();
            outcomes.iter().for_each(|outcome| figures.add(outcome));
            figures
        })
    }

    /// Sends requests from `begin` to the end, and reports those during the flood.
    fn repeat(
        &self,
        class: Class,
        begin: Duration,
        pause: Duration,
        token: impl Fn(u128) -> String + Send + Sync + 'static,
        outcomes: &mpsc::UnboundedSender<Outcome>,
    ) {
        let (app, outcomes) = (self.app.clone(), outcomes.clone());
        let token = Arc::new(token);
        tokio::spawn(async move {
            let start = time::Instant::now();
            let mut ticks = time::interval_at(start + begin, pause);
            loop {
                ticks.tick().await;
                let at = start.elapsed();
                if at >= BEFORE + DURING {
                    return;
                }
                let (app, outcomes) = (app.clone(), outcomes.clone());
                let token = token(at.as_millis());
                // A caller that waits does not keep the next request from coming.
                tokio::spawn(async move {
                    let (is_accepted, wait) = ask(app, &token).await;
                    if at >= BEFORE {
                        let outcome = Outcome {
                            class,
                            is_accepted,
                            wait,
                        };
                        // The receiver waits for the last sender.
                        let _ = outcomes.send(outcome);
                    }
                });
            }
        });
    }

    fn flood(&self, flood: Flood, rate: u32) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if flood == Flood::None {
                return;
            }
            let start = time::Instant::now();
            let mut ticks = time::interval_at(start + BEFORE, TICK);
            let per_tick = rate / count(1_000 / 10);
            let mut number = 0;
            while start.elapsed() < BEFORE + DURING {
                ticks.tick().await;
                for _ in 0..per_tick {
                    number += 1;
                    let token = match flood {
                        Flood::Forged => self.clerk.forged(number),
                        Flood::OneSubject => format!("oat_good.user_flood.{number}"),
                        Flood::ManySubjects => format!("oat_good.user_flood{number}.0"),
                        Flood::Random | Flood::None => format!("oat_bad{number}"),
                    };
                    let app = self.app.clone();
                    tokio::spawn(async move { ask(app, &token).await });
                }
            }
        })
    }
}

/// Whether a request is accepted, and how long that takes.
async fn ask(mut app: App, token: &str) -> (bool, Duration) {
    let start = time::Instant::now();
    let mut request = Request::new(());
    let value = format!("Bearer {token}");
    let value = value.parse().expect("a token fits in a header");
    request.headers_mut().insert(AUTHORIZATION, value);
    let Ok(response) = app.call(request).await;
    (response.status() == StatusCode::OK, start.elapsed())
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
