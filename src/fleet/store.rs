//! [`SharedStore`]: the store that all replicas share.

use std::{error::Error, fmt, time::Duration};

use bytes::Bytes;

use crate::{BoxFuture, observe::StoreFault};

/// A store that all replicas share.
///
/// The store is not trusted. All values are sealed, and a value that does not open is a miss. An implementation may
/// lose, delay and repeat values. Every failure is a miss: the replica then works as it does without a store.
///
/// The caller limits the time of each call and drops the future at its end. Names are at most 64 ASCII characters. They
/// are keyed digests and reveal no token.
///
/// # Cancel safety
///
/// A dropped call may or may not have had its effect. It must not change the result of a later call.
pub trait SharedStore: Send + Sync + 'static {
    /// Replaces the connection, if the store has one. Called before the first [`exchange`](Self::exchange) and after each
    /// failed one, within two seconds.
    ///
    /// # Errors
    ///
    /// An error if there is no connection. A later attempt follows within five seconds.
    fn open<'a>(&'a self) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    /// Returns the record of this name. `None` if there is none.
    ///
    /// # Errors
    ///
    /// An error if the store gave no answer. The caller then verifies the token itself.
    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>>;

    /// Takes the lease of this name unless it is taken, and then reads the record. The lease ends by itself after its
    /// duration.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    fn claim<'a>(
        &'a self,
        name: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>>;

    /// Stores a record for a duration if there is one, and then ends the lease of this name.
    ///
    /// The lease may belong to another replica by then, and ends nevertheless. Two replicas then call Clerk, and nothing
    /// else changes.
    ///
    /// # Errors
    ///
    /// An error if the record may not be stored.
    fn release<'a>(
        &'a self,
        name: &'a str,
        record: Option<(Bytes, Duration)>,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Appends messages to a log, and returns one page of it.
    ///
    /// An implementation verifies that the store can be written to, even if there is nothing to append: a copy that can
    /// only be read may be old. It then appends the messages, each at a position that is the store's time, reads the
    /// store's time, and reads up to 1,000 messages after `from`. If `from` is the default, it reads the time only.
    ///
    /// Messages may be deleted if they are more than 15 minutes older than `from`.
    ///
    /// # Errors
    ///
    /// An error if the store cannot be written to, or if the page was not read. A single message that the store rejects
    /// is no error: its flag in [`Page::accepted`] is false.
    fn exchange<'a>(
        &'a self,
        log: &'a str,
        publish: &'a [Bytes],
        from: Position,
    ) -> BoxFuture<'a, Result<Page, StoreError>>;

    /// Counts one call in a window of ten seconds, and returns the counts of this window and of the one before. A count
    /// is kept for 20 seconds.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    fn count<'a>(
        &'a self,
        counter: &'a str,
        window: u64,
    ) -> BoxFuture<'a, Result<(u64, u64), StoreError>>;
}

/// The result of [`SharedStore::claim`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Claim {
    /// True if this call took the lease.
    pub won: bool,
    /// The record, as read after the attempt to take the lease.
    pub record: Option<Bytes>,
}

/// The result of [`SharedStore::exchange`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Page {
    /// The store's time, in milliseconds since the Unix epoch. It is read before the messages.
    pub time: u64,
    /// For each published message, true if the log has it.
    pub accepted: Vec<bool>,
    /// The messages, in the order of their positions.
    pub messages: Vec<(Position, Bytes)>,
    /// The position to read on from. `None` if the page reached the end of the log.
    pub next: Option<Position>,
}

/// A position in a log: the store's time at which a message was appended, and a number that is unique within that
/// millisecond. It is the id of an entry in a Redis stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Position {
    /// Milliseconds since the Unix epoch.
    pub milliseconds: u64,
    /// The number within the millisecond.
    pub sequence: u64,
}

/// The failure of a [`SharedStore`].
pub struct StoreError {
    fault: Option<StoreFault>,
    source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    /// Creates an error from its cause. The cause must contain no password.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            fault: None,
            source: source.into(),
        }
    }

    /// Adds the problem that the operator of the store has to solve.
    #[cfg(any(feature = "redis", feature = "test-util"))]
    pub(super) fn with_fault(self, fault: StoreFault) -> Self {
        Self {
            fault: Some(fault),
            ..self
        }
    }

    pub(super) fn fault(&self) -> Option<StoreFault> {
        self.fault
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the shared store failed")
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreError").field(&self.source).finish()
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

/// The time for which the log keeps messages, in milliseconds: 15 minutes.
pub(crate) const LOG_LIFE: u64 = 15 * 60 * 1000;

/// The error of [`Authenticator::flush`](crate::Authenticator::flush): the store did not accept all messages in time.
#[derive(Debug, thiserror::Error)]
#[error("the invalidations are not published to the fleet yet")]
pub struct FleetError(());

impl FleetError {
    pub(crate) const NOT_PUBLISHED: Self = Self(());
}

#[cfg(test)]
mod tests;
