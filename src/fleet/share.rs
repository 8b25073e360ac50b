//! Sharing: a replica looks in the store before it calls Clerk, and stores the evidence that it gathered.
//!
//! 1. The first look only reads. If there is evidence that the rules of this replica accept, it counts.
//! 2. Otherwise the replica tries to take the lease. The one that has it calls Clerk. The others wait for its evidence,
//!    within the patience of the request, and then call Clerk themselves (rule 4).
//! 3. Nothing in the store rejects a request: every failure is a miss.
//!
//! A store that does not answer costs a verification at most two looks and a pause. Looks for tokens that were not seen
//! before are bounded, so that a flood of made-up tokens costs the store a bounded number of commands.
//!
//! `tokens` and `users` share in this way, each with its own names and keys.

mod bounds;
mod tokens;
mod users;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout};

use self::bounds::{Looks, Patience};
pub(crate) use self::tokens::{Sharing, Verification};
pub(super) use self::{tokens::SharedTokens, users::SharedUsers};
use super::{SharedStore, StoreError, seal::RecordSeal};
use crate::{
    cache::CLOCK_MARGIN,
    clock::{Clock, Now, millis},
    observe::{
        CacheState, FleetWait, LabelledCounters, Priority, SharedEvent, fleet_waits, shared_store,
    },
    sync::Spawner,
};

/// The shared evidence of one realm.
pub(super) struct Share {
    store: Arc<dyn SharedStore>,
    seal: RecordSeal,
    is_live: IsLive,
    /// The life of evidence, in milliseconds.
    ttl: u64,
    lease: Duration,
    looks: Looks,
    patience: Patience,
    metrics: LabelledCounters<SharedEvent>,
    waits: LabelledCounters<(FleetWait, Priority)>,
    clock: Arc<dyn Clock>,
}

/// Returns true while the store may be used (rule 5).
pub(super) type IsLive = Arc<dyn Fn() -> bool + Send + Sync>;

/// The evidence that a replica looks for.
pub(super) trait Wanted: Sync {
    /// The result of evidence that counts here.
    type Result: Send;

    /// The text that names the evidence: a token or the id of a user. Its records open with it alone.
    fn about(&self) -> &[u8];

    fn priority(&self) -> Priority;

    /// The end of the request that needs the evidence.
    fn needed_by(&self) -> Instant;

    /// Returns the number of the latest invalidation.
    fn epoch(&self) -> u64;

    /// Returns the result of the content of a record. `epoch` was current before the look.
    ///
    /// # Errors
    ///
    /// The event of a record that does not count here.
    fn adopt(
        &self,
        content: &[u8],
        epoch: u64,
    ) -> impl Future<Output = Result<Self::Result, SharedEvent>> + Send;
}

/// The result of the looks for one piece of evidence.
pub(super) enum Looked<T> {
    /// There is evidence, and the state shows if it was waited for.
    Found(CacheState, T),
    /// This replica has the lease.
    Lead,
    /// Clerk is called without the lease.
    Alone,
}

/// The settings of the configuration that sharing depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) ttl: Duration,
    /// The longest duration of a verification.
    pub(crate) timeout: Duration,
    /// The number of verifications of tokens that were not seen before that may look in a second. `None` without a bound.
    pub(crate) looks_per_second: Option<u32>,
}

impl Share {
    pub(super) fn new(
        store: Arc<dyn SharedStore>,
        seal: RecordSeal,
        is_live: IsLive,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            store,
            seal,
            is_live,
            ttl: millis(settings.ttl),
            lease: settings.timeout * 3 / 10,
            looks: Looks::new(settings.looks_per_second),
            patience: Patience::new(settings.timeout),
            metrics: shared_store(),
            waits: fleet_waits(),
            clock,
        }
    }

    fn is_live(&self) -> bool {
        (self.is_live)()
    }

    /// Looks for evidence. Without any, takes the lease, or waits for the evidence of the replica that has it.
    async fn look<W: Wanted>(&self, name: &str, wanted: &W) -> Looked<W::Result> {
        if !self.is_live() {
            return Looked::Alone;
        }
        let priority = wanted.priority();
        if !self.looks.allows(priority, self.clock.now()) {
            self.metrics.increment(SharedEvent::Skipped);
            return Looked::Alone;
        }
        let start = Instant::now();
        let rest = wanted.needed_by().saturating_duration_since(start);
        let patience = self.patience.of_a_request(rest);
        let mut epoch = wanted.epoch();
        let mut found = self.answered(priority, self.store.get(name)).await;
        if let Err(Unanswered::Late) = found {
            // A slow store must not release all calls at once.
            sleep(patience.mul_f64(fastrand::f64() / 2.0)).await;
            if !self.is_live() {
                return Looked::Alone;
            }
            epoch = wanted.epoch();
            found = self.answered(priority, self.store.get(name)).await;
        }
        let Ok(found) = found else {
            return Looked::Alone;
        };
        if let Some(result) = self.adopt(found, wanted, epoch).await {
            return Looked::Found(CacheState::Shared, result);
        }
        let looked = self.claim(name, wanted, start + patience).await;
        let result = match &looked {
            Looked::Found(..) => FleetWait::Adopted,
            Looked::Lead => FleetWait::Led,
            Looked::Alone => FleetWait::Alone,
        };
        self.waits.increment((result, priority));
        looked
    }

    /// Takes the lease, or waits until `end` for the evidence of the replica that has it.
    async fn claim<W: Wanted>(&self, name: &str, wanted: &W, end: Instant) -> Looked<W::Result> {
        let priority = wanted.priority();
        let mut pause = Pause::of(priority);
        let mut waiter = None;
        loop {
            let epoch = wanted.epoch();
            let claim = self.store.claim(name, self.lease);
            let Ok(claim) = self.answered(priority, claim).await else {
                return Looked::Alone;
            };
            if let Some(result) = self.adopt(claim.record, wanted, epoch).await {
                if claim.won {
                    self.release(name, None);
                }
                self.patience.rewarded();
                return Looked::Found(CacheState::Awaited, result);
            }
            if claim.won {
                return Looked::Lead;
            }
            waiter = waiter.or_else(|| self.looks.wait(priority));
            if waiter.is_none() {
                self.metrics.increment(SharedEvent::Skipped);
                return Looked::Alone;
            }
            let pause = pause.next();
            if Instant::now() + pause > end || self.patience.is_over(self.clock.now()) {
                self.patience.exhausted(self.clock.now());
                return Looked::Alone;
            }
            sleep(pause).await;
        }
    }

    /// Returns the result of evidence from the store. `None` if it is no evidence, or does not count here.
    async fn adopt<W: Wanted>(
        &self,
        sealed: Option<Bytes>,
        wanted: &W,
        epoch: u64,
    ) -> Option<W::Result> {
        let Some(sealed) = sealed else {
            self.metrics.increment(SharedEvent::Miss);
            return None;
        };
        let adopted = match self.seal.open(wanted.about(), &sealed) {
            Some(content) => wanted.adopt(&content, epoch).await,
            None => Err(SharedEvent::Unreadable),
        };
        match adopted {
            Ok(result) => {
                self.metrics.increment(SharedEvent::Hit);
                Some(result)
            }
            Err(event) => {
                self.metrics.increment(event);
                None
            }
        }
    }

    /// Returns the age of evidence, in milliseconds, with the margin for clocks that differ. `None` if it is too old, or
    /// from the future (rule 2).
    fn age(&self, called_at: u64, now: Now) -> Option<u64> {
        let age = now.wall.checked_add(CLOCK_MARGIN)?.checked_sub(called_at)?;
        (age < self.ttl).then_some(age)
    }

    /// Waits for the answer of a look.
    async fn answered<T>(
        &self,
        priority: Priority,
        look: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Unanswered> {
        let Some(_place) = self.looks.place(priority).await else {
            self.metrics.increment(SharedEvent::Skipped);
            return Err(Unanswered::Failed);
        };
        match timeout(LOOK, look).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(Unanswered::Failed),
            Err(_) => {
                self.metrics.increment(SharedEvent::Timeout);
                Err(Unanswered::Late)
            }
        }
    }

    /// Returns a sealed record, with the rest of its life. `None` if it is too long.
    fn seal(&self, about: &[u8], called_at: u64, content: &[u8]) -> Option<(Bytes, Duration)> {
        let age = self.clock.now().wall.saturating_sub(called_at);
        let rest = Duration::from_millis(self.ttl.saturating_sub(age));
        Some((self.seal.seal(about, content)?, rest))
    }

    /// Ends the lease, and stores a record if there is one. The request does not wait for it.
    fn release(&self, name: &str, record: Option<(Bytes, Duration)>) {
        if record.is_some() {
            self.metrics.increment(SharedEvent::Insert);
        }
        let (store, name) = (Arc::clone(&self.store), name.to_owned());
        if let Ok(spawner) = Spawner::current() {
            spawner.spawn(async move {
                drop(timeout(RELEASE, store.release(&name, record)).await);
            });
        }
    }
}

/// A look without an answer.
enum Unanswered {
    /// The time is over. Another look may succeed.
    Late,
    /// The store failed, or there was no place for the look.
    Failed,
}

/// The pauses between two looks of a request that waits for the evidence of another replica.
struct Pause {
    longest: Duration,
    factor: f64,
    limit: Duration,
}

impl Pause {
    fn of(priority: Priority) -> Self {
        let (first, factor, limit) = match priority {
            // No request waits for a refresh.
            Priority::Refresh => (100, 2.0, 200),
            _ => (5, 1.5, 50),
        };
        Self {
            longest: Duration::from_millis(first),
            factor,
            limit: Duration::from_millis(limit),
        }
    }

    fn next(&mut self) -> Duration {
        let pause = self.longest.mul_f64(fastrand::f64());
        self.longest = self.longest.mul_f64(self.factor).min(self.limit);
        pause
    }
}

/// The time for one look.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// The time for storing a record.
const RELEASE: Duration = Duration::from_millis(250);
