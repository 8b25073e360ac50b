//! Synchronization primitives that a model checker can replace. With `--cfg shuttle`, tests run random interleavings of
//! threads, see `cache/tests/schedules.rs`.

pub(crate) mod single_flight;

#[cfg(not(shuttle))]
pub(crate) use crossbeam_utils::sync::ShardedLock;
#[cfg(not(shuttle))]
pub(crate) use std::sync::{
    Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU32, AtomicU64},
};

#[cfg(shuttle)]
pub(crate) use shuttle::sync::RwLock as ShardedLock;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{
    Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU32, AtomicU64},
};

use std::{future::Future, mem};

use tokio::time::Instant;

use crate::AuthError;

/// The runtime on which tasks are spawned.
#[cfg(not(shuttle))]
pub(crate) struct Spawner(tokio::runtime::Handle);

#[cfg(not(shuttle))]
impl Spawner {
    /// Returns the current runtime.
    pub(crate) fn current() -> Result<Self, AuthError> {
        tokio::runtime::Handle::try_current()
            .map(Self)
            .map_err(|error| {
                AuthError::new(crate::AuthErrorKind::UpstreamUnavailable).with_source(error)
            })
    }

    /// Runs a task in the background.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }
}

#[cfg(shuttle)]
pub(crate) struct Spawner;

#[cfg(shuttle)]
impl Spawner {
    pub(crate) fn current() -> Result<Self, AuthError> {
        Ok(Self)
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(shuttle::future::spawn(task));
    }
}

/// Waits for a future until the deadline.
///
/// The time is that of the runtime which polls it. Without a runtime, the deadline has no effect.
#[cfg(not(shuttle))]
pub(crate) async fn until<F: Future>(deadline: Instant, future: F) -> Option<F::Output> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Some(future.await);
    }
    tokio::time::timeout_at(deadline, future).await.ok()
}

/// Waits for a future. No time passes in a model.
#[cfg(shuttle)]
pub(crate) async fn until<F: Future>(_: Instant, future: F) -> Option<F::Output> {
    Some(future.await)
}

/// Drops the instance of a service that was polled ready, and with it what that instance reserved, such as a permit. A
/// request that waits for Clerk, or is rejected, must not occupy it. The clone in its place is not ready (see the
/// docs of `tower::Service`, "Be careful when cloning inner services").
pub(crate) fn give_up_readiness<S: Clone>(inner: &mut S) {
    let not_ready = inner.clone();
    drop(mem::replace(inner, not_ready));
}
