//! The link to the shared store: one task that publishes invalidations made here, reads those made elsewhere, and checks
//! that the store may be used.
//!
//! 1. It opens the connection, and makes an exchange every 200 ms, or at once if there is something to publish.
//! 2. After a start, it reads the store's time first, and then the log of the last 15 minutes. It publishes only after
//!    that.
//! 3. The state is computed at each use, from the time of the last complete read and from both clocks. A task that no
//!    longer runs cannot leave a state behind that permits the use of the store.

mod progress;

use std::{
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use self::progress::{Pause, Progress, Step};
use super::{
    Page, Position, SharedStore, StoreError,
    message::Message,
    outbox::{Outbox, Place},
    seal::LogSeal,
};
use crate::{
    AuthError,
    clock::{Clock, Now},
    observe::{FleetObserver, FleetState},
    sync::{Mutex, MutexGuard, Spawner},
    token::digest::TokenDigest,
};

/// The table of invalidations in this replica.
pub(crate) trait Apply: Send + Sync + 'static {
    /// Applies a message from the log. The position is its time by the store's clock, in milliseconds. A message may
    /// come more than once, and those of this replica come, too.
    fn apply(&self, message: Message, position: u64);

    /// Has all tokens verified again: messages may have been missed.
    fn apply_all(&self);
}

/// The link of an authenticator. Its task ends with it.
pub(super) struct Link<A> {
    store: Arc<dyn SharedStore>,
    /// The first log is read. Messages are published to all of them.
    logs: Box<[LogSeal]>,
    apply: A,
    clock: Arc<dyn Clock>,
    observer: FleetObserver,
    progress: Mutex<Progress>,
    outbox: Mutex<Outbox>,
    wake: Arc<Notify>,
    published: Notify,
}

impl<A: Apply> Link<A> {
    /// `logs` are those of the configured secrets, the first of which is read.
    pub(super) fn new(
        store: Arc<dyn SharedStore>,
        logs: impl Into<Box<[LogSeal]>>,
        apply: A,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            store,
            logs: logs.into(),
            apply,
            progress: Mutex::new(Progress::new(clock.now())),
            clock,
            observer: FleetObserver::new(),
            outbox: Mutex::new(Outbox::new()),
            wake: Arc::default(),
            published: Notify::new(),
        }
    }

    /// Starts the task unless it runs. A task that should have acted two seconds ago is replaced: its runtime is parked or
    /// gone. Two tasks at a time are harmless, since each message has an id.
    ///
    /// # Errors
    ///
    /// An error outside of a runtime.
    pub(super) fn start(self: &Arc<Self>) -> Result<(), AuthError> {
        let now = self.clock.now();
        let Some(number) = self.progress().start(now) else {
            return Ok(());
        };
        let task = run(Arc::downgrade(self), number, Arc::clone(&self.wake));
        Spawner::current()?.spawn(task);
        Ok(())
    }

    /// Returns the state, by both clocks.
    pub(super) fn state(&self, now: Now) -> FleetState {
        self.progress().state(now)
    }

    /// Publishes an invalidation to all logs, as soon as the store accepts it. `others` are the digests of the token under
    /// the further secrets, if it is about a token.
    pub(super) fn publish(&self, message: Message, others: impl Into<Box<[TokenDigest]>>) {
        let now = self.clock.now().mono;
        self.outbox().push(message, others, self.logs.len(), now);
        self.wake.notify_one();
    }

    /// Waits until all logs have the messages that were to be published at the time of the call.
    pub(super) async fn flush(&self) {
        let number = self.outbox().next_number();
        loop {
            let published = self.published.notified();
            if !self.outbox().has_before(number) {
                return;
            }
            published.await;
        }
    }

    /// Makes one step of the task. Returns the pause after it. `None` if another task has taken its place.
    async fn step(&self, task: u64) -> Option<Pause> {
        let now = self.clock.now();
        let step = self.progress().next(task, now)?;
        self.observer.state(self.state(now));
        let result = match step {
            Step::Open => self.open().await,
            Step::Time => self.read_time().await,
            Step::Read { from, publishes } => self.read(from, publishes).await,
        };
        let now = self.clock.now();
        let pause = match &result {
            Ok(()) => self.progress().pause(now),
            Err(_) => self.progress().fail(now, fastrand::f64()),
        };
        let state = self.state(now);
        match &result {
            Ok(()) => self.observer.state(state),
            Err(error) => self.observer.failed(error, error.fault(), state),
        }
        let mut outbox = self.outbox();
        let (len, dropped) = (outbox.len(), outbox.take_dropped());
        drop(outbox);
        self.observer.outbox(len, dropped, now);
        Some(pause)
    }

    async fn open(&self) -> Result<(), StoreError> {
        within(OPEN, self.store.open()).await?;
        self.progress().opened();
        Ok(())
    }

    async fn read_time(&self) -> Result<(), StoreError> {
        let page = self
            .exchange(&self.logs[0], &[], Position::default())
            .await?;
        self.progress().begin(page.time);
        Ok(())
    }

    /// Publishes, and reads a page.
    async fn read(&self, from: Position, publishes: bool) -> Result<(), StoreError> {
        let before = self.clock.now();
        let batch = match publishes {
            true => self.batch(0, before),
            false => Vec::new(),
        };
        let contents: Vec<_> = batch.iter().map(|(_, sealed)| sealed.clone()).collect();
        let page = self.exchange(&self.logs[0], &contents, from).await?;
        let after = self.clock.now();
        self.note(0, &batch, &page);
        for (position, sealed) in &page.messages {
            if let Some(content) = self.logs[0].open(sealed) {
                let message = Message::decode(&content);
                if self.progress().is_new(*position) {
                    let lag = after.wall.saturating_sub(message.at);
                    self.observer.received(Duration::from_millis(lag));
                }
                self.apply.apply(message, position.milliseconds);
            }
        }
        let has_missed = self.progress().read(&page, before, after);
        let clocks_agree = self.progress().clocks_agree();
        self.observer.exchanged(clocks_agree, skew(&page, after));
        if has_missed {
            self.apply.apply_all();
        }
        if page.next.is_none() {
            self.publish_to_others(page.time).await?;
        }
        Ok(())
    }

    /// Publishes to the logs of the further secrets. They are not read.
    async fn publish_to_others(&self, time: u64) -> Result<(), StoreError> {
        // The store's time trims those logs, too, and leaves almost nothing to read.
        let from = Position {
            milliseconds: time,
            sequence: 0,
        };
        for (at, log) in self.logs.iter().enumerate().skip(1) {
            let batch = self.batch(at, self.clock.now());
            if batch.is_empty() {
                continue;
            }
            let contents: Vec<_> = batch.iter().map(|(_, sealed)| sealed.clone()).collect();
            let page = self.exchange(log, &contents, from).await?;
            self.note(at, &batch, &page);
        }
        Ok(())
    }

    async fn exchange(
        &self,
        log: &LogSeal,
        publish: &[Bytes],
        from: Position,
    ) -> Result<Page, StoreError> {
        let exchange = self.store.exchange(log.name(), publish, from);
        within(EXCHANGE, exchange).await
    }

    fn batch(&self, log: usize, now: Now) -> Vec<(Place, Bytes)> {
        let mut outbox = self.outbox();
        outbox.expire(now.mono);
        outbox.batch(log, &self.logs[log], BATCH)
    }

    /// Notes the messages that a log accepted.
    fn note(&self, log: usize, batch: &[(Place, Bytes)], page: &Page) {
        let mut outbox = self.outbox();
        for ((place, sealed), accepted) in batch.iter().zip(&page.accepted) {
            if *accepted {
                outbox.published(log, *place, sealed);
            }
        }
        let accepted = |accepted: &&bool| **accepted;
        let accepted = page.accepted.iter().filter(accepted).count();
        if let Some((last, _)) = batch.last() {
            let has_rejected = accepted < batch.len();
            outbox.ended(log, *last, has_rejected);
            self.observer.sent(has_rejected);
        }
        drop(outbox);
        // A store that rejects everything is not tried again at once.
        let is_full = batch.len() == BATCH && accepted > 0;
        self.progress().batch_was_full(is_full);
        self.published.notify_waiters();
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the task. It holds the link only during a step, so that the link can end.
async fn run<A: Apply>(link: Weak<Link<A>>, task: u64, wake: Arc<Notify>) {
    loop {
        let Some(current) = link.upgrade() else {
            return;
        };
        let Some(pause) = current.step(task).await else {
            return;
        };
        drop(current);
        // A pause after a failure is not cut short: it spreads the attempts of many replicas.
        match pause {
            Pause::None => tokio::task::yield_now().await,
            Pause::Poll => drop(timeout(POLL, wake.notified()).await),
            Pause::Retry(pause) => sleep(pause).await,
        }
    }
}

/// Returns the store's clock minus ours, in milliseconds.
fn skew(page: &Page, now: Now) -> i64 {
    let skew = i128::from(page.time) - i128::from(now.wall);
    i64::try_from(skew).unwrap_or(i64::MAX)
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match timeout(limit, call).await {
        Ok(result) => result,
        Err(elapsed) => Err(StoreError::new(elapsed)),
    }
}

/// The time for connect, TLS and authentication.
const OPEN: Duration = Duration::from_secs(2);

/// The time for an exchange. Then the connection is dropped.
const EXCHANGE: Duration = Duration::from_millis(250);

/// The time between two exchanges.
const POLL: Duration = Duration::from_millis(200);

/// The most messages that are published at once.
const BATCH: usize = 200;

#[cfg(test)]
mod tests;
