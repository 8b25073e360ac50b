//! [`MemoryStore`]: a store within one process, with faults that tests switch on.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    future::pending,
    sync::{Arc, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::sleep;

use super::{Claim, Page, Position, SharedStore, StoreError};
use crate::{
    BoxFuture,
    clock::{Clock, millis},
    observe::StoreFault,
    sync::{Mutex, MutexGuard},
    testing::ManualClock,
};

/// A store within one process, for tests of several replicas.
///
/// Clones share the values. [`replica`](Self::replica) returns the store as one replica sees it, and
/// [`inject`](Self::inject) switches a fault on.
///
/// ```
/// use tower_clerk::{fleet::{Fault, MemoryStore, SharedStore}, testing::ManualClock};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let store = MemoryStore::new(ManualClock::new());
/// assert!(store.get("name").await.is_ok());
/// store.inject(Fault::Unreachable);
/// assert!(store.get("name").await.is_err());
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Mutex<Values>>,
    clock: Arc<dyn Clock>,
    replica: usize,
}

/// A fault of a [`MemoryStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Each call fails.
    Unreachable,
    /// No call is answered, not even after the fault has ended.
    Frozen,
    /// Each call is answered after this time.
    Delayed(Duration),
    /// The store is a copy that can only be read.
    ReadOnly,
    /// Nothing can be added.
    Full,
    /// Messages and records are accepted and lost.
    Lossy,
    /// Each message is appended twice.
    Repeating,
    /// The messages of a page are in the reverse order.
    Reordering,
    /// This bit is flipped in all records and messages that are read, counted modulo their length.
    Altering(usize),
    /// Each record is read under the name of another one.
    Swapping,
    /// Each record is the first that was ever stored under its name, and does not expire.
    Replaying,
    /// The positions of messages are moved by this number of milliseconds.
    Renumbering(i64),
    /// Messages that are appended now are never visible to this replica.
    HidingFrom(usize),
    /// The replicas of even and of odd number do not see each other's values.
    Split,
    /// Counts are off by this number.
    Miscounting(i64),
    /// The store's clock is off by this number of milliseconds.
    WrongTime(i64),
}

#[derive(Default)]
struct Values {
    records: BTreeMap<String, Vec<Record>>,
    /// The ends of leases.
    leases: HashMap<String, u64>,
    logs: HashMap<String, Vec<Message>>,
    counts: HashMap<(String, u64), u64>,
    faults: Vec<Fault>,
    calls: u64,
}

struct Record {
    content: Bytes,
    end: u64,
    author: usize,
}

struct Message {
    position: Position,
    content: Bytes,
    author: usize,
    hidden_from: Vec<usize>,
}

impl MemoryStore {
    /// Creates an empty store with this clock.
    pub fn new(clock: ManualClock) -> Self {
        Self::with_clock(Arc::new(clock))
    }

    pub(crate) fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self {
            shared: Arc::default(),
            clock,
            replica: 0,
        }
    }

    /// Returns the store as the replica of this number sees it.
    #[must_use]
    pub fn replica(&self, number: usize) -> Self {
        Self {
            replica: number,
            ..self.clone()
        }
    }

    /// Switches a fault on, beside those that are on already.
    pub fn inject(&self, fault: Fault) {
        self.values().faults.push(fault);
    }

    /// Switches all faults off.
    pub fn heal(&self) {
        self.values().faults.clear();
    }

    /// Removes all values.
    pub fn clear(&self) {
        let mut values = self.values();
        *values = Values {
            faults: values.faults.split_off(0),
            calls: values.calls,
            ..Values::default()
        };
    }

    /// Returns the number of calls so far, failed ones included.
    pub fn calls(&self) -> u64 {
        self.values().calls
    }

    fn values(&self) -> MutexGuard<'_, Values> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call: the faults that concern all calls.
    async fn call(&self) -> Result<(), StoreError> {
        let delay = {
            let mut values = self.values();
            values.calls += 1;
            if values.has(Fault::Unreachable) {
                return Err(StoreError::new("the store is unreachable"));
            }
            match values.has(Fault::Frozen) {
                true => None,
                false => Some(values.delay()),
            }
        };
        match delay {
            None => pending().await,
            Some(Duration::ZERO) => {}
            Some(delay) => sleep(delay).await,
        }
        Ok(())
    }

    fn time(&self, values: &Values) -> u64 {
        values
            .faults
            .iter()
            .fold(self.clock.now().wall, |time, fault| match fault {
                Fault::WrongTime(off) => time.saturating_add_signed(*off),
                _ => time,
            })
    }

    /// Returns true if this replica sees the values of the other one.
    fn sees(&self, values: &Values, author: usize) -> bool {
        !values.has(Fault::Split) || self.replica % 2 == author % 2
    }

    fn read(&self, values: &Values, name: &str) -> Option<Bytes> {
        let name = match values.has(Fault::Swapping) {
            true => values.records.keys().find(|other| *other != name)?,
            false => name,
        };
        let mut records = values.records.get(name)?.iter();
        if values.has(Fault::Replaying) {
            return Some(values.altered(&records.next()?.content));
        }
        let record = records.rfind(|it| self.sees(values, it.author))?;
        let lives = self.time(values) < record.end;
        lives.then(|| values.altered(&record.content))
    }

    fn append(&self, values: &mut Values, log: &str, content: &Bytes) {
        let time = self.time(values);
        let hidden_from = values.faults.iter().filter_map(|fault| match fault {
            Fault::HidingFrom(replica) => Some(*replica),
            _ => None,
        });
        let hidden_from = hidden_from.collect();
        let log = values.logs.entry(log.to_owned()).or_default();
        let position = match log.last() {
            Some(last) if last.position.milliseconds >= time => Position {
                sequence: last.position.sequence + 1,
                ..last.position
            },
            _ => Position {
                milliseconds: time,
                sequence: 0,
            },
        };
        log.push(Message {
            position,
            content: content.clone(),
            author: self.replica,
            hidden_from,
        });
    }

    fn page(&self, values: &Values, log: &str, from: Position) -> Page {
        let mut page = Page {
            time: self.time(values),
            ..Page::default()
        };
        if from == Position::default() {
            return page;
        }
        let all = values.logs.get(log).map(Vec::as_slice).unwrap_or_default();
        let visible = all.iter().filter(|message| {
            !message.hidden_from.contains(&self.replica) && self.sees(values, message.author)
        });
        let messages =
            visible.map(|it| (values.renumbered(it.position), values.altered(&it.content)));
        page.messages = messages
            .filter(|(position, _)| *position > from)
            .take(PAGE)
            .collect();
        if page.messages.len() == PAGE {
            page.next = page.messages.last().map(|(position, _)| *position);
        }
        if values.has(Fault::Reordering) {
            page.messages.reverse();
        }
        page
    }
}

impl Values {
    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn delay(&self) -> Duration {
        let delays = self.faults.iter().filter_map(|fault| match fault {
            Fault::Delayed(delay) => Some(*delay),
            _ => None,
        });
        delays.sum()
    }

    fn is_writable(&self) -> bool {
        !self.has(Fault::ReadOnly) && !self.has(Fault::Full)
    }

    fn altered(&self, content: &Bytes) -> Bytes {
        let mut altered = content.to_vec();
        for fault in &self.faults {
            if let Fault::Altering(bit) = fault
                && !altered.is_empty()
            {
                let bit = bit % (altered.len() * 8);
                altered[bit / 8] ^= 1 << (bit % 8);
            }
        }
        altered.into()
    }

    fn miscounted(&self, count: u64) -> u64 {
        self.faults.iter().fold(count, |count, fault| match fault {
            Fault::Miscounting(by) => count.saturating_add_signed(*by),
            _ => count,
        })
    }

    fn renumbered(&self, position: Position) -> Position {
        self.faults
            .iter()
            .fold(position, |position, fault| match fault {
                Fault::Renumbering(by) => Position {
                    milliseconds: position.milliseconds.saturating_add_signed(*by),
                    ..position
                },
                _ => position,
            })
    }
}

impl SharedStore for MemoryStore {
    fn open<'a>(&'a self) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.call())
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        Box::pin(async move {
            self.call().await?;
            Ok(self.read(&self.values(), name))
        })
    }

    fn claim<'a>(
        &'a self,
        name: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        Box::pin(async move {
            self.call().await?;
            let mut values = self.values();
            let record = self.read(&values, name);
            if !values.is_writable() {
                return match record {
                    None => Err(StoreError::new("the lease was rejected")),
                    record => Ok(Claim { won: false, record }),
                };
            }
            let now = self.time(&values);
            let end = values.leases.entry(name.to_owned()).or_default();
            let won = *end <= now;
            if won {
                *end = now.saturating_add(millis(lease));
            }
            Ok(Claim { won, record })
        })
    }

    fn release<'a>(
        &'a self,
        name: &'a str,
        record: Option<(Bytes, Duration)>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.call().await?;
            let mut values = self.values();
            if values.has(Fault::ReadOnly) || record.is_some() && !values.is_writable() {
                return Err(StoreError::new("the record was rejected"));
            }
            values.leases.remove(name);
            if let Some((content, rest)) = record
                && !values.has(Fault::Lossy)
            {
                let record = Record {
                    content,
                    end: self.time(&values).saturating_add(millis(rest)),
                    author: self.replica,
                };
                values
                    .records
                    .entry(name.to_owned())
                    .or_default()
                    .push(record);
            }
            Ok(())
        })
    }

    fn exchange<'a>(
        &'a self,
        log: &'a str,
        publish: &'a [Bytes],
        from: Position,
    ) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(async move {
            self.call().await?;
            let mut values = self.values();
            if values.has(Fault::ReadOnly) {
                let error = StoreError::new("the store can only be read");
                return Err(error.with_fault(StoreFault::ReadOnly));
            }
            let accepts = values.is_writable();
            let copies = match (values.has(Fault::Lossy), values.has(Fault::Repeating)) {
                (true, _) => 0,
                (false, true) => 2,
                (false, false) => 1,
            };
            for message in publish.iter().filter(|_| accepts) {
                for _ in 0..copies {
                    self.append(&mut values, log, message);
                }
            }
            let mut page = self.page(&values, log, from);
            page.accepted = vec![accepts; publish.len()];
            Ok(page)
        })
    }

    fn count<'a>(
        &'a self,
        counter: &'a str,
        window: u64,
    ) -> BoxFuture<'a, Result<(u64, u64), StoreError>> {
        Box::pin(async move {
            self.call().await?;
            let mut values = self.values();
            if !values.is_writable() {
                return Err(StoreError::new("the count was rejected"));
            }
            let before = (counter.to_owned(), window.saturating_sub(1));
            let before = values.counts.get(&before).copied().unwrap_or_default();
            let count = values
                .counts
                .entry((counter.to_owned(), window))
                .or_default();
            *count += 1;
            let count = *count;
            Ok((values.miscounted(count), values.miscounted(before)))
        })
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

/// The most messages of a page.
const PAGE: usize = 1_000;

#[cfg(test)]
mod tests;
