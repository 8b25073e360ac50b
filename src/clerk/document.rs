//! A cached document from Clerk, refreshed in the background.
//!
//! 1. The first request that needs the document fetches it. There is one fetch at a time.
//! 2. From the age [`REFRESH`] on, a request that uses the document starts a fetch in the background.
//! 3. From the age [`OLD`] on, if the document was not used for a while, the request waits for that fetch, up to
//!    [`PATIENCE`].
//! 4. If the fetch fails, the last version is used until its age is [`KEEP`](version::KEEP).
//!
//! A version can be too old for the purpose of a request. Then the request waits for a version that was fetched
//! later. Any caller can cause such a fetch, so it begins at least [`PAUSE`] after the fetch before, and a request
//! that waits takes a place among the [`Waiters`]. While there is no version at all, each request may cause a fetch,
//! up to [`FAILURES`] failures in a row.

mod version;

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

pub(crate) use self::version::Version;
use self::version::{State, age};
use crate::{
    AuthError, AuthErrorKind, BoxFuture,
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

/// A fetched document.
#[derive(Debug)]
pub(crate) struct Fetched<T> {
    pub(crate) document: T,
    /// True if the answer comes from Clerk itself, not from a cache on the way.
    pub(crate) is_fresh: bool,
}

/// A document that is fetched when a request first needs it, and then cached.
pub(crate) struct CachedDocument<T> {
    shared: Arc<Shared<T>>,
}

/// The place of one request among those that wait. A request takes its place when it first has to wait, and keeps the
/// place until it gets its version.
pub(crate) struct Place {
    waiters: Arc<Waiters>,
    /// `None` for work in the background, which takes no place.
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

/// The reasons not to begin a fetch.
enum Found<T> {
    /// Another fetch has brought this version in the meantime.
    Version(Version<T>),
    /// The last fetch began too recently. The next one may begin at this instant.
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
    /// Creates the cache, without a document. `timeout`: the limit of a fetch, and of a request's wait for it.
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

    /// Returns the number of fetches that have begun. A version from a later fetch is newer than this moment.
    #[cfg_attr(not(feature = "jwt"), expect(dead_code, reason = "it is for key sets"))]
    pub(crate) fn fetches_begun(&self) -> u64 {
        self.shared.lock().begun
    }

    /// Returns the place of a request whose token has this priority; `None` for work in the background.
    pub(crate) fn place(&self, priority: Option<Priority>) -> Place {
        Place {
            waiters: Arc::clone(&self.shared.waiters),
            priority,
            taken: None,
        }
    }

    /// Returns the document: the cached version, or else the result of a fetch.
    ///
    /// # Errors
    ///
    /// The error of the fetch, if no version is cached; [`AuthErrorKind::Overloaded`] if no place to wait is free.
    ///
    /// # Cancel safety
    ///
    /// A request that stops waiting does not stop the fetch.
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

    /// Returns the cached version without waiting. Begins a fetch in the background if there is no version, at most
    /// one each [`PAUSE`], or if the version is to be refreshed.
    pub(crate) fn current(&self) -> Option<Version<T>> {
        let now = self.shared.clock.now();
        let (version, may_refresh) = {
            let mut state = self.shared.lock();
            let is_paused = state.tried.is_some_and(|(tried, begun)| {
                Instant::now() < begun + PAUSE && age(tried, now) < millis(PAUSE)
            });
            match state.usable(now) {
                None => (None, !is_paused),
                Some(version) => {
                    let is_due = age(version.began, now) >= REFRESH && state.may_refresh(now);
                    (Some(version), is_due)
                }
            }
        };
        if may_refresh {
            let number = version.as_ref().map_or(0, |version| version.number);
            // If no task can be spawned, the next request tries again.
            let _ = self.shared.join(number, None);
        }
        version
    }

    /// Fetches the document before the first request needs it.
    pub(crate) async fn warm_up(&self) -> Result<(), AuthError> {
        self.get(&mut self.place(None)).await.map(drop)
    }

    /// Returns a version that was fetched later than this one: a cached version, or else the result of a fetch.
    ///
    /// # Errors
    ///
    /// The error of the fetch; [`AuthErrorKind::Overloaded`] if no place to wait is free.
    ///
    /// # Cancel safety
    ///
    /// The same as for [`get`](Self::get).
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
        // A version that is already cached needs no place to wait.
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

    /// Joins the fetch in flight, or begins one for a version later than `number`, at least `pause` after the last
    /// fetch began.
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

    /// Returns the instant at which the next fetch may begin; `None` if it may begin now. Either clock can show that
    /// the pause is over: the runtime's clock wakes the requests that wait.
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

    /// Counts the fetch that begins now, and returns its number.
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

    /// Returns the cached version if it is later than `number`.
    fn known(&self, number: u64) -> Option<Version<T>> {
        let version = self.lock().usable(self.clock.now())?;
        (version.number > number).then_some(version)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The age from which on a version is refreshed, in milliseconds: five minutes, as in Clerk's own libraries. A key
/// that was withdrawn may be trusted for at least this long.
const REFRESH: u64 = 300_000;

/// The age from which on a version is used only after an attempt to refresh it, in milliseconds: ten minutes. A busy
/// service does not reach this age unless Clerk is unavailable.
const OLD: u64 = 600_000;

/// The longest wait of a request for that attempt. There is at most one attempt every ten seconds, so that nearly no
/// request waits in an outage.
const PATIENCE: Duration = Duration::from_millis(500);

/// The shortest time between two fetches that requests cause. A flood of forged tokens causes at most one fetch in
/// this time.
const PAUSE: Duration = Duration::from_secs(1);

/// The number of failures in a row from which on [`PAUSE`] applies to the first version, too. It is larger than the
/// number that opens the circuit breaker.
const FAILURES: u32 = 16;

#[cfg(test)]
mod tests;
