//! The common bound on verifications and fetches that wait for Clerk.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::{Priority, Purpose};
use crate::{AuthError, AuthErrorKind};

/// Counts everything that waits: for a place among the calls in flight, or for a Clerk document.
#[derive(Debug)]
pub(crate) struct Waiters {
    bound: usize,
    count: AtomicUsize,
}

/// A place among the waiters. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Waiter(Arc<Waiters>);

impl Waiters {
    pub(crate) fn new(bound: usize) -> Arc<Self> {
        Arc::new(Self {
            bound,
            count: AtomicUsize::new(0),
        })
    }

    /// Takes a place.
    ///
    /// # Errors
    ///
    /// Returns [`AuthErrorKind::Overloaded`] if as many callers wait as the share of this priority allows.
    pub(crate) fn enter(self: &Arc<Self>, priority: Priority) -> Result<Waiter, AuthError> {
        self.enter_for(Purpose::needed(priority))
            .ok_or_else(|| AuthError::new(AuthErrorKind::Overloaded).into_not_called())
    }

    /// Takes a place if fewer callers wait than the share of this purpose allows.
    pub(super) fn enter_for(self: &Arc<Self>, purpose: Purpose) -> Option<Waiter> {
        let share = purpose.share(self.bound);
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count < share).then_some(count + 1)
            })
            .ok()
            .map(|_| Waiter(Arc::clone(self)))
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
