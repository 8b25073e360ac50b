//! A document of Clerk's that is kept, and refreshed while requests go on.
//!
//! It is fetched when it is first asked for, by one fetch at a time, in a task of its own: whoever asks
//! meanwhile shares what it comes to. From [`REFRESH`] on, whoever uses it has it fetched anew in the
//! background, and from [`OLD`] on, when nobody has used it for a while, waits for that. Where that fails, the
//! last good edition serves until [`KEEP`] after it was fetched.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{sync::watch, time::timeout};

use crate::{
    AuthError, AuthErrorKind,
    clock::{Clock, Now},
    sync::{Mutex, MutexGuard, Spawner},
};

/// Fetches the document.
pub(super) type Fetch<T> =
    Box<dyn Fn() -> BoxFuture<'static, Result<T, AuthError>> + Send + Sync + 'static>;

/// The document, once it was asked for.
pub(super) struct Kept<T> {
    shared: Arc<Shared<T>>,
}

/// The document as one fetch brought it.
pub(super) struct Edition<T> {
    pub(super) document: Arc<T>,
    /// Which fetch brought it.
    number: u64,
    /// When that fetch began.
    began: Now,
}

/// What there is that is newer than an edition.
pub(super) enum Newer<T> {
    Edition(Edition<T>),
    /// Nothing, and for so long nothing will be fetched for the asking.
    NotYet {
        wait: Duration,
        /// Whether the edition was itself fetched for the asking, so short a time ago.
        is_recent: bool,
    },
}

struct Shared<T> {
    fetch: Fetch<T>,
    clock: Arc<dyn Clock>,
    state: Mutex<State<T>>,
}

struct State<T> {
    latest: Option<Edition<T>>,
    /// How many fetches have begun.
    begun: u64,
    under_way: Option<Outcome<T>>,
    /// When the last fetch began, whatever for.
    tried: Option<Now>,
    /// The last fetch that somebody asked for, having an edition already.
    demanded: Option<(u64, Now)>,
}

/// What a fetch comes to, once it is over.
type Outcome<T> = watch::Receiver<Option<Result<Edition<T>, AuthError>>>;

impl<T: Send + Sync + 'static> Kept<T> {
    pub(super) fn new(fetch: Fetch<T>, clock: Arc<dyn Clock>) -> Self {
        Self {
            shared: Arc::new(Shared {
                fetch,
                clock,
                state: Mutex::new(State {
                    latest: None,
                    begun: 0,
                    under_way: None,
                    tried: None,
                    demanded: None,
                }),
            }),
        }
    }

    /// How many fetches have begun. An edition that a later one brings knows all that has happened
    /// before this was asked.
    pub(super) fn fetches_begun(&self) -> u64 {
        self.shared.lock().begun
    }

    /// The document: as it is kept, or else as a fetch brings it.
    ///
    /// # Errors
    ///
    /// Why it cannot be fetched, where none is kept.
    ///
    /// # Cancel safety
    ///
    /// Who stops waiting leaves the fetch as it is.
    pub(super) async fn get(&self) -> Result<Edition<T>, AuthError> {
        let under_way = {
            let now = self.shared.clock.now();
            let mut state = self.shared.lock();
            match state.usable(now) {
                Some(edition) => {
                    let age = age(edition.began, now);
                    if age < REFRESH || !state.may_refresh(now) {
                        return Ok(edition);
                    }
                    match self.shared.begin(state, now) {
                        Ok(under_way) if age >= OLD => (under_way, Some(edition)),
                        // Where no task can be had, this edition is good enough.
                        _ => return Ok(edition),
                    }
                }
                None => match &state.under_way {
                    Some(under_way) => (under_way.clone(), None),
                    None => (self.shared.begin(state, now)?, None),
                },
            }
        };
        match under_way {
            (under_way, None) => outcome(under_way).await,
            (under_way, Some(old)) => match timeout(PATIENCE, outcome(under_way)).await {
                Ok(Ok(newer)) => Ok(newer),
                Ok(Err(_)) | Err(_) => Ok(old),
            },
        }
    }

    /// An edition that is newer than this one: one that has come meanwhile, or that a fetch brings, at
    /// most one in [`INTERVAL`]. The first fetch of all does not count.
    ///
    /// # Errors
    ///
    /// Why it cannot be fetched.
    ///
    /// # Cancel safety
    ///
    /// As of [`get`](Self::get).
    pub(super) async fn newer(&self, than: &Edition<T>) -> Result<Newer<T>, AuthError> {
        let under_way = {
            let now = self.shared.clock.now();
            let mut state = self.shared.lock();
            match state.usable(now) {
                Some(edition) if edition.number > than.number => {
                    return Ok(Newer::Edition(edition));
                }
                _ => {}
            }
            match (&state.under_way, state.demanded) {
                (Some(under_way), _) => under_way.clone(),
                (None, Some((number, began))) if age(began, now) < INTERVAL => {
                    return Ok(Newer::NotYet {
                        wait: Duration::from_millis(INTERVAL - age(began, now)),
                        is_recent: than.number >= number,
                    });
                }
                (None, _) => {
                    state.demanded = Some((state.begun + 1, now));
                    self.shared.begin(state, now)?
                }
            }
        };
        outcome(under_way).await.map(Newer::Edition)
    }
}

impl<T: Send + Sync + 'static> Shared<T> {
    /// Begins a fetch. There must be none under way.
    fn begin(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State<T>>,
        now: Now,
    ) -> Result<Outcome<T>, AuthError> {
        let spawner = Spawner::current()?;
        let (announce, under_way) = watch::channel(None);
        state.begun += 1;
        state.tried = Some(now);
        state.under_way = Some(under_way.clone());
        let number = state.begun;
        // Not while the state is locked: on a runtime that is shutting down the task is dropped at once.
        drop(state);
        let landing = Landing(Arc::clone(self));
        spawner.spawn(async move {
            let outcome = (landing.0.fetch)().await.map(|document| Edition {
                document: Arc::new(document),
                number,
                began: now,
            });
            if let Ok(edition) = &outcome {
                landing.0.lock().latest = Some(edition.clone());
            }
            // Ordering: who learns the outcome finds it kept, and the way free for another fetch.
            drop(landing);
            announce.send_replace(Some(outcome));
        });
        Ok(under_way)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// The latest edition, unless it is too old.
    fn usable(&mut self, now: Now) -> Option<Edition<T>> {
        self.latest
            .take_if(|edition| age(edition.began, now) >= KEEP);
        self.latest.clone()
    }

    /// Whether it is time for a fetch in the background: none is under way, and none was tried just now.
    fn may_refresh(&self, now: Now) -> bool {
        self.under_way.is_none() && self.tried.is_none_or(|tried| age(tried, now) >= INTERVAL)
    }
}

impl<T> Edition<T> {
    /// Whether the fetch that brought it began after so many others had.
    pub(super) fn is_after(&self, fetches: u64) -> bool {
        self.number > fetches
    }
}

impl<T> Clone for Edition<T> {
    // Derived, it would ask for `T: Clone`.
    fn clone(&self) -> Self {
        Self {
            document: Arc::clone(&self.document),
            number: self.number,
            began: self.began,
        }
    }
}

/// Makes room for another fetch when one is over, however it ended.
struct Landing<T: Send + Sync + 'static>(Arc<Shared<T>>);

impl<T: Send + Sync + 'static> Drop for Landing<T> {
    fn drop(&mut self) {
        self.0.lock().under_way = None;
    }
}

async fn outcome<T>(mut under_way: Outcome<T>) -> Result<Edition<T>, AuthError> {
    match under_way.wait_for(Option::is_some).await.as_deref() {
        Ok(Some(outcome)) => outcome.clone(),
        // The task is gone without a word.
        Ok(None) | Err(_) => Err(lost()),
    }
}

/// How long ago that was, in milliseconds, by the clock that says more: each can stand still.
fn age(then: Now, now: Now) -> u64 {
    let mono = now.mono.saturating_sub(then.mono);
    mono.max(now.wall.saturating_sub(then.wall))
}

fn lost() -> AuthError {
    AuthError::new(AuthErrorKind::UpstreamUnavailable).with_source(Lost)
}

#[derive(Debug, thiserror::Error)]
#[error("a fetch ended without an outcome: it panicked, or its runtime was shut down")]
struct Lost;

/// From which age on an edition is fetched anew, in milliseconds: five minutes, as in Clerk's own libraries.
/// For so long at least, a key that was withdrawn may be believed.
const REFRESH: u64 = 300_000;

/// From which age on, in milliseconds, an edition is not used before it was tried to fetch another: ten minutes. In
/// a service that is busy none gets there, unless Clerk cannot be asked.
const OLD: u64 = 600_000;

/// How long is waited for that. It is tried every ten seconds at most, so that in an outage nearly nobody waits.
const PATIENCE: Duration = Duration::from_millis(500);

/// To which age an edition serves where Clerk cannot be asked, in milliseconds: one hour.
const KEEP: u64 = 3_600_000;

/// How far apart fetches are that somebody demands, in milliseconds. Whoever sends tokens can demand them.
const INTERVAL: u64 = 10_000;

#[cfg(test)]
mod tests;
