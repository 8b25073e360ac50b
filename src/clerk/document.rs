//! A cached document of Clerk's, fetched again while requests go on.
//!
//! It is fetched when the first request needs it, by one fetch at a time. From [`REFRESH`] on, the request that
//! uses it starts a fetch in the background, and from [`OLD`] on, if it was not used for a while, waits for
//! that. If the fetch fails, the last version serves until [`KEEP`] after it was fetched.
//!
//! A version can be too old to show what a request needs. Then the request waits for one that was fetched
//! later. Any caller can cause that, so these fetches begin at least [`PAUSE`] after the one before, and a
//! request that waits takes a place among the [`Waiters`]. While there is no version at all, each request may
//! cause a fetch, up to [`FAILURES`] that fail in a row.

mod version;

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

pub(crate) use self::version::Version;
use self::version::{State, age};
use crate::{
    AuthError, AuthErrorKind,
    clerk::http::{Priority, Waiter, Waiters},
    clock::{Clock, millis},
    sync::{
        Mutex, MutexGuard,
        single_flight::{self, Join, Landed, Outcome, SingleFlight},
        until,
    },
};

/// Fetches the document.
pub(crate) type Fetch<T> =
    Box<dyn Fn() -> BoxFuture<'static, Result<Fetched<T>, AuthError>> + Send + Sync + 'static>;

/// The document as the endpoint answered it.
#[derive(Debug)]
pub(crate) struct Fetched<T> {
    pub(crate) document: T,
    /// Whether it comes from Clerk itself, and not from a cache on the way.
    pub(crate) is_fresh: bool,
}

/// The document, once a request has needed it.
pub(crate) struct CachedDocument<T> {
    shared: Arc<Shared<T>>,
}

/// The place of one request among those that wait. It is taken when the request has to wait for the first time,
/// and kept until the request has what it needs.
pub(crate) struct Place {
    waiters: Arc<Waiters>,
    /// None for work in the background, which takes no place.
    priority: Option<Priority>,
    taken: Option<Waiter>,
}

struct Shared<T> {
    fetch: Fetch<T>,
    clock: Arc<dyn Clock>,
    waiters: Arc<Waiters>,
    timeout: Duration,
    flights: Arc<SingleFlight<(), Version<T>>>,
    state: Mutex<State<T>>,
}

/// What a request finds that would have to fetch the document.
enum Found<T> {
    /// A version that another fetch has brought meanwhile.
    Version(Version<T>),
    /// The last fetch began so short a time ago that the next has to wait until then.
    Pause(Instant),
}

impl Place {
    fn take(&mut self) -> Result<(), AuthError> {
        if let (None, Some(priority)) = (&self.taken, self.priority) {
            self.taken = Some(self.waiters.enter(priority)?);
        }
        Ok(())
    }
}

impl<T: Send + Sync + 'static> CachedDocument<T> {
    /// `timeout`: how long a fetch takes, and a request waits, at most.
    pub(crate) fn new(
        fetch: Fetch<T>,
        clock: Arc<dyn Clock>,
        waiters: Arc<Waiters>,
        timeout: Duration,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                fetch,
                clock,
                waiters,
                timeout,
                flights: SingleFlight::new(timeout),
                state: Mutex::default(),
            }),
        }
    }

    /// How many fetches have begun: a version that a later one brings is later than this moment.
    #[cfg_attr(not(feature = "jwt"), expect(dead_code, reason = "it is for key sets"))]
    pub(crate) fn fetches_begun(&self) -> u64 {
        self.shared.lock().begun
    }

    /// The place of a request whose token has this priority; `None` for work in the background.
    pub(crate) fn place(&self, priority: Option<Priority>) -> Place {
        Place {
            waiters: Arc::clone(&self.shared.waiters),
            priority,
            taken: None,
        }
    }

    /// Returns the document: as it is cached, or else as a fetch brings it.
    ///
    /// # Errors
    ///
    /// Why it cannot be fetched, if none is cached; [`AuthErrorKind::Overloaded`] if there is no place to wait.
    ///
    /// # Cancel safety
    ///
    /// A request that stops waiting leaves the fetch as it is.
    pub(crate) async fn get(&self, place: &mut Place) -> Result<Version<T>, AuthError> {
        let now = self.shared.clock.now();
        let (version, may_refresh) = {
            let mut state = self.shared.lock();
            (state.usable(now), state.may_refresh(now))
        };
        let Some(version) = version else {
            return self.shared.later_than(0, place).await;
        };
        let age = age(version.began, now);
        if age < REFRESH || !may_refresh {
            return Ok(version);
        }
        // If no task can be spawned, this version is good enough.
        let Ok(Join::Pending(mut waiter)) = self.shared.join(version.number, None) else {
            return Ok(version);
        };
        if age < OLD || place.take().is_err() {
            return Ok(version);
        }
        let later = until(Instant::now() + PATIENCE, waiter.outcome()).await;
        Ok(later.flatten().and_then(Result::ok).unwrap_or(version))
    }

    /// Returns a version that was fetched later than this one: one that has come meanwhile, or that a fetch
    /// brings.
    ///
    /// # Errors
    ///
    /// Why it cannot be fetched; [`AuthErrorKind::Overloaded`] if there is no place to wait.
    ///
    /// # Cancel safety
    ///
    /// As of [`get`](Self::get).
    #[cfg_attr(not(feature = "jwt"), expect(dead_code, reason = "it is for key sets"))]
    pub(crate) async fn later(
        &self,
        than: &Version<T>,
        place: &mut Place,
    ) -> Result<Version<T>, AuthError> {
        self.shared.later_than(than.number, place).await
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    async fn later_than(
        self: &Arc<Self>,
        number: u64,
        place: &mut Place,
    ) -> Result<Version<T>, AuthError> {
        // What is there need not be waited for.
        if let Some(version) = self.known(number) {
            return Ok(version);
        }
        place.take()?;
        let deadline = Instant::now() + self.timeout;
        loop {
            let pause =
                match single_flight::wait(deadline, || self.join(number, Some(PAUSE))).await? {
                    Landed::Known(Found::Version(version)) => return Ok(version),
                    Landed::Known(Found::Pause(end)) => end,
                    Landed::Flight { outcome, .. } => return outcome,
                };
            if until(deadline, sleep_until(pause)).await.is_none() {
                return Err(AuthErrorKind::UpstreamUnavailable.into());
            }
        }
    }

    /// Joins the fetch that is under way, or begins one for a version later than this number, `pause` after the
    /// last one.
    fn join(
        self: &Arc<Self>,
        number: u64,
        pause: Option<Duration>,
    ) -> Result<Join<Version<T>, Found<T>>, AuthError> {
        self.flights.join(
            (),
            |_| true,
            || match self.known(number) {
                Some(version) => Some(Found::Version(version)),
                None => self.pause(pause?).map(Found::Pause),
            },
            || self.begin(),
            |number| {
                let shared = Arc::clone(self);
                let remember = move |_, outcome: &Outcome<_>| shared.lock().remember(outcome);
                (Arc::clone(self).run(number), remember)
            },
        )
    }

    /// When the next fetch may begin, if not now. Whichever clock shows that the time has passed: requests that
    /// wait are woken by the runtime's.
    fn pause(&self, pause: Duration) -> Option<Instant> {
        let (tried, begun) = {
            let state = self.lock();
            if state.latest.is_none() && state.failures < FAILURES {
                return None;
            }
            state.tried?
        };
        let end = begun + pause;
        let is_over = Instant::now() >= end || age(tried, self.clock.now()) >= millis(pause);
        (!is_over).then_some(end)
    }

    /// Numbers the fetch that begins now.
    fn begin(&self) -> u64 {
        let now = self.clock.now();
        let mut state = self.lock();
        state.begun += 1;
        state.tried = Some((now, Instant::now()));
        state.begun
    }

    async fn run(self: Arc<Self>, number: u64) -> (u64, Outcome<Version<T>>) {
        let began = self.clock.now();
        let fetched = (self.fetch)().await;
        let version = fetched.map(|Fetched { document, is_fresh }| Version {
            document: Arc::new(document),
            is_fresh,
            number,
            began,
        });
        (number, version)
    }

    /// The version that is cached, if it is later than this number.
    fn known(&self, number: u64) -> Option<Version<T>> {
        let version = self.lock().usable(self.clock.now())?;
        (version.number > number).then_some(version)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From which age on a version is fetched anew, in milliseconds: five minutes, as in Clerk's own libraries.
/// For so long at least, a key that was withdrawn may be believed.
const REFRESH: u64 = 300_000;

/// From which age on, in milliseconds, a version is not used before it was tried to fetch another: ten minutes. In
/// a service that is busy none gets there, unless Clerk is unavailable.
const OLD: u64 = 600_000;

/// How long a request waits for that. It is tried every ten seconds at most, so that in an outage nearly no
/// request waits.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long after the fetch before a request can have another begin: a flood of forged tokens causes one in this
/// time.
const PAUSE: Duration = Duration::from_secs(1);

/// From how many failures in a row on that holds for the first version, too. More than open the circuit breaker.
const FAILURES: u32 = 16;

#[cfg(test)]
mod tests;
