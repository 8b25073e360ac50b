//! A store that behaves at random, call by call: it fails, is late, replays earlier values, invents leases, and drops,
//! repeats and reorders messages.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use fastrand::Rng;
use futures_util::future::BoxFuture;
use tokio::time::sleep;
use tower_clerk::fleet::{Claim, MemoryStore, Page, Position, SharedStore, StoreError};

/// What one replica sees of a [`MemoryStore`], which may be erratic.
#[derive(Clone)]
pub struct Erratic {
    inner: MemoryStore,
    whims: Arc<Mutex<Whims>>,
}

struct Whims {
    is_on: bool,
    rng: Rng,
    records: HashMap<String, Vec<Bytes>>,
    messages: Vec<Bytes>,
}

impl Erratic {
    pub fn new(inner: MemoryStore, seed: u64) -> Self {
        let whims = Whims {
            is_on: false,
            rng: Rng::with_seed(seed),
            records: HashMap::new(),
            messages: Vec::new(),
        };
        Self {
            inner,
            whims: Arc::new(Mutex::new(whims)),
        }
    }

    pub fn replica(&self, number: usize) -> Self {
        Self {
            inner: self.inner.replica(number),
            whims: Arc::clone(&self.whims),
        }
    }

    pub fn memory(&self) -> &MemoryStore {
        &self.inner
    }

    pub fn switch(&self, is_on: bool) {
        self.whims().is_on = is_on;
    }

    fn whims(&self) -> MutexGuard<'_, Whims> {
        self.whims.lock().unwrap()
    }

    async fn call(&self) -> Result<(), StoreError> {
        let delay = {
            let mut whims = self.whims();
            if whims.one_in(8) {
                return Err(StoreError::new("a whim"));
            }
            whims.one_in(8).then(|| whims.rng.u64(..40))
        };
        if let Some(delay) = delay {
            sleep(Duration::from_millis(delay)).await;
        }
        Ok(())
    }
}

impl Whims {
    /// Whether one of `many` calls behaves in a certain way this time.
    fn one_in(&mut self, many: u32) -> bool {
        self.is_on && self.rng.u32(..many) == 0
    }

    /// The record, or one that was stored under the name at any time before.
    fn record(&mut self, name: &str, record: Option<Bytes>) -> Option<Bytes> {
        if !self.one_in(3) {
            return record;
        }
        let Self { records, rng, .. } = self;
        rng.choice(records.get(name)?).cloned()
    }

    fn page(&mut self, page: &mut Page) {
        if self.one_in(6) {
            page.messages.clear();
        }
        if self.one_in(4) {
            let Self { messages, rng, .. } = self;
            if let Some(message) = rng.choice(messages.iter()) {
                let mut position = Position::default();
                position.milliseconds = page.time.saturating_sub(rng.u64(..2_000_000));
                page.messages.push((position, message.clone()));
            }
        }
        if self.one_in(4) {
            self.rng.shuffle(&mut page.messages);
        }
        if self.one_in(8) {
            for (position, _) in &mut page.messages {
                position.milliseconds += self.rng.u64(..2_000);
            }
        }
    }
}

impl SharedStore for Erratic {
    fn open(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.open()
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        Box::pin(async move {
            self.call().await?;
            let record = self.inner.get(name).await?;
            Ok(self.whims().record(name, record))
        })
    }

    fn claim<'a>(
        &'a self,
        name: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        Box::pin(async move {
            self.call().await?;
            let mut claim = self.inner.claim(name, lease).await?;
            let mut whims = self.whims();
            claim.record = whims.record(name, claim.record.take());
            if whims.one_in(4) {
                claim.won = whims.rng.bool();
            }
            Ok(claim)
        })
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        record: Option<(Bytes, Duration)>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            if let Some((record, _)) = &record {
                let mut whims = self.whims();
                let earlier = whims.records.entry(name.to_owned()).or_default();
                earlier.push(record.clone());
            }
            self.call().await?;
            self.inner.release(name, record).await
        })
    }

    fn exchange<'a>(
        &'a self,
        log: &'a str,
        publish: &'a [Bytes],
        from: Position,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            self.whims().messages.extend_from_slice(publish);
            self.call().await?;
            let mut page = self.inner.exchange(log, publish, from).await?;
            self.whims().page(&mut page);
            Ok(page)
        })
    }

    fn count<'a>(
        &'a self,
        counter: &'a str,
        window: u64,
    ) -> BoxFuture<'a, Result<(u64, u64), StoreError>> {
        self.inner.count(counter, window)
    }
}
