//! Sharing: a verification looks in the store before it calls Clerk, and stores the evidence that it gathered.
//!
//! 1. The first look only reads. If there is evidence that the rules of this replica accept, it counts.
//! 2. Otherwise the replica tries to take the lease of the token. The one that has it calls Clerk. The others wait for its
//!    evidence, within the patience of the request, and then call Clerk themselves (rule 4).
//! 3. Nothing in the store rejects a request: every failure is a miss.
//!
//! A store that does not answer costs a verification at most two looks and a pause. Looks for tokens that were not seen
//! before are bounded, so that a flood of made-up tokens does not reach the store.

mod bounds;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout};

use self::bounds::{Looks, Patience};
use super::{SharedStore, StoreError, record, seal::RecordSeal};
use crate::{
    AuthError,
    cache::{CLOCK_MARGIN, Cache, Properties},
    clock::{Clock, millis},
    observe::{FleetState, LabelledCounters, Priority, SharedEvent, shared_store},
    sync::Spawner,
    token::digest::TokenDigest,
    verify::{Inquiry, Statement, Verified, Verifier},
};

/// The shared evidence of the tokens of one realm.
pub(crate) struct Share {
    store: Arc<dyn SharedStore>,
    seal: RecordSeal,
    /// The life of evidence, in milliseconds: the TTL of the cache.
    ttl: u64,
    lease: Duration,
    looks: Looks,
    patience: Patience,
    metrics: LabelledCounters<SharedEvent>,
    clock: Arc<dyn Clock>,
}

/// The result of the looks of one verification.
enum Looked {
    /// There is evidence. The epoch was current before the look.
    Found(u64, Box<Result<Verified, AuthError>>),
    /// This replica has the lease.
    Lead,
    /// Clerk is called without the lease.
    Alone,
}

/// The verification of one token.
#[derive(Clone, Copy)]
pub(crate) struct Verification<'a> {
    pub(crate) key: TokenDigest,
    pub(crate) inquiry: Inquiry<'a>,
    pub(crate) cache: &'a Cache,
    pub(crate) verifier: &'a Verifier,
}

impl Share {
    pub(super) fn new(
        store: Arc<dyn SharedStore>,
        seal: RecordSeal,
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            store,
            seal,
            ttl: millis(settings.ttl),
            lease: settings.timeout * 3 / 10,
            looks: Looks::new(settings.looks_per_second),
            patience: Patience::new(settings.timeout),
            metrics: shared_store(),
            clock,
        }
    }

    /// Verifies a token, by the evidence in the store or by calls to Clerk. Returns the epoch before which invalidations
    /// do not concern the result. `state` returns the state of the link.
    pub(super) async fn verify(
        &self,
        verification: Verification<'_>,
        state: impl Fn() -> FleetState,
    ) -> (u64, Result<Verified, AuthError>) {
        let Verification {
            key,
            inquiry,
            cache,
            verifier,
        } = verification;
        let epoch = cache.epoch();
        let statement = match verifier.statement(inquiry).await {
            Ok(statement) => statement,
            Err(error) => return (epoch, Err(error)),
        };
        let is_shared = verifier.is_shared(inquiry.format);
        let is_live = || is_shared && state() == FleetState::Live;
        let name = self.seal.name(key);
        let leads = match self.look(&name, verification, &statement, is_live).await {
            Looked::Found(epoch, result) => return (epoch, *result),
            Looked::Lead => true,
            Looked::Alone => false,
        };

        // Read before Clerk is called: earlier invalidations do not affect the outcome.
        let (epoch, start, was_live) = (cache.epoch(), Instant::now(), is_live());
        let evidence = verifier.gather(inquiry, &statement).await;
        self.patience.verified(start.elapsed());
        let (content, result) = match evidence {
            Ok(evidence) => (
                record::encode(&evidence).filter(|_| was_live),
                verifier.conclude(evidence, &statement, inquiry).await,
            ),
            Err(error) => (None, Err(error)),
        };
        let now = self.clock.now();
        let sealed = match (content, &result) {
            (Some(content), Ok(verified)) => {
                let token = Properties::of(key, verified.as_claims());
                let rest = self
                    .ttl
                    .saturating_sub(now.wall.saturating_sub(content.called_at));
                let content = content.finish(&cache.applied(token, epoch, now));
                let sealed = self.seal.seal(inquiry.token.expose(), &content);
                sealed.map(|sealed| (sealed, Duration::from_millis(rest)))
            }
            _ => None,
        };
        if leads || sealed.is_some() {
            self.release(name, sealed);
        }
        (epoch, result)
    }

    async fn look(
        &self,
        name: &str,
        verification: Verification<'_>,
        statement: &Statement,
        is_live: impl Fn() -> bool,
    ) -> Looked {
        if !is_live() {
            return Looked::Alone;
        }
        let priority = verification.inquiry.priority;
        let cache = verification.cache;
        let start = Instant::now();
        let patience = self.patience.of_a_request();
        let mut epoch = cache.epoch();
        let mut found = self.answered(priority, self.store.get(name)).await;
        if let Err(Unanswered::Late) = found {
            // A slow store must not release all calls at once.
            sleep(patience.mul_f64(fastrand::f64() / 2.0)).await;
            if !is_live() {
                return Looked::Alone;
            }
            epoch = cache.epoch();
            found = self.answered(priority, self.store.get(name)).await;
        }
        let Ok(found) = found else {
            return Looked::Alone;
        };
        if let Some(result) = self.adopt(found, verification, statement).await {
            return Looked::Found(epoch, Box::new(result));
        }
        let mut pause = Pause::of(priority);
        loop {
            let epoch = cache.epoch();
            let claim = self.store.claim(name, self.lease);
            let Ok(claim) = self.answered(priority, claim).await else {
                return Looked::Alone;
            };
            if let Some(result) = self.adopt(claim.record, verification, statement).await {
                if claim.won {
                    self.release(name.to_owned(), None);
                }
                self.patience.rewarded();
                return Looked::Found(epoch, Box::new(result));
            }
            if claim.won {
                return Looked::Lead;
            }
            let pause = pause.next();
            if start.elapsed() + pause > patience || self.patience.is_over(self.clock.now()) {
                self.patience.exhausted(self.clock.now());
                return Looked::Alone;
            }
            sleep(pause).await;
        }
    }

    /// Returns the proof that evidence from the store makes. `None` if it is no evidence, or does not count here. An error
    /// is a rejection that does not come from the store: that of the user, whom this replica fetches itself.
    async fn adopt(
        &self,
        sealed: Option<Bytes>,
        verification: Verification<'_>,
        statement: &Statement,
    ) -> Option<Result<Verified, AuthError>> {
        let Verification {
            key,
            inquiry,
            cache,
            verifier,
        } = verification;
        let Some(sealed) = sealed else {
            self.metrics.increment(SharedEvent::Miss);
            return None;
        };
        let content = self.seal.open(inquiry.token.expose(), &sealed);
        let Some(record) = content.and_then(|content| record::decode(&content)) else {
            self.metrics.increment(SharedEvent::Unreadable);
            return None;
        };
        let now = self.clock.now();
        let called_at = record.evidence.called_at;
        // A refresh needs evidence that is newer than the entry. An entry is refreshed in the last fifth of its life, so
        // newer evidence is younger than half a life.
        let newer_than = match inquiry.priority {
            Priority::Refresh => now.wall.saturating_sub(self.ttl / 2),
            _ => 0,
        };
        let is_timely = called_at > newer_than
            && called_at <= now.wall.saturating_add(CLOCK_MARGIN)
            && called_at
                .saturating_add(self.ttl)
                .saturating_sub(CLOCK_MARGIN)
                > now.wall;
        if !is_timely || !verifier.accepts(&record.evidence, statement, inquiry.format) {
            self.metrics.increment(SharedEvent::Miss);
            return None;
        }
        let verified = match verifier.conclude(record.evidence, statement, inquiry).await {
            Ok(verified) => verified,
            Err(error) => return Some(Err(error)),
        };
        let token = Properties::of(key, verified.as_claims());
        if cache.rejects_evidence(token, called_at, &record.after) {
            self.metrics.increment(SharedEvent::Miss);
            return None;
        }
        self.metrics.increment(SharedEvent::Hit);
        // The margin for clocks that differ shortens the life of the entry.
        let age = now
            .wall
            .saturating_add(CLOCK_MARGIN)
            .saturating_sub(called_at);
        Some(Ok(verified.aged(age)))
    }

    /// Waits for the answer of a look.
    async fn answered<T>(
        &self,
        priority: Priority,
        look: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Unanswered> {
        let Some(_place) = self.looks.place(priority, self.clock.now()).await else {
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

    /// Ends the lease, and stores a record if there is one. The request does not wait for it.
    fn release(&self, name: String, record: Option<(Bytes, Duration)>) {
        if record.is_some() {
            self.metrics.increment(SharedEvent::Insert);
        }
        let store = Arc::clone(&self.store);
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
    /// The store failed, or no look is allowed.
    Failed,
}

/// The settings of the configuration that sharing depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) ttl: Duration,
    /// The longest duration of a verification.
    pub(crate) timeout: Duration,
    /// The bound on looks for tokens that were not seen before. `None` without a bound.
    pub(crate) looks_per_second: Option<u32>,
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
const LOOK: Duration = Duration::from_millis(20);

/// The time for storing a record.
const RELEASE: Duration = Duration::from_millis(250);
