//! One retry of a call that failed in transit, within a budget.

use std::{sync::Arc, time::Duration};

use tokio::time::{Sleep, sleep};
use tower::retry::{
    Policy,
    budget::{Budget, TpsBudget},
};

use super::{attempt::Call, breaker::Breaker, call_error::CallError};
use crate::observe::EndpointObserver;

/// Retries once, after a random pause (full jitter), if the budget allows it. Clones share the budget.
#[derive(Clone)]
pub(super) struct RetryOnce {
    is_spent: bool,
    budget: Arc<TpsBudget>,
    breaker: Arc<Breaker>,
    observer: Arc<EndpointObserver>,
}

impl RetryOnce {
    /// `breaker`: no retry is made unless it is closed, because it would reject the retry.
    pub(super) fn new(
        budget: Arc<TpsBudget>,
        breaker: Arc<Breaker>,
        observer: Arc<EndpointObserver>,
    ) -> Self {
        Self {
            is_spent: false,
            budget,
            breaker,
            observer,
        }
    }
}

/// Creates the retry budget of a layer.
pub(super) fn budget() -> Arc<TpsBudget> {
    Arc::new(TpsBudget::new(BUDGET_WINDOW, AT_LEAST_PER_SECOND, SHARE))
}

impl<T> Policy<Call, T, CallError> for RetryOnce {
    type Future = Sleep;

    fn retry(&mut self, _: &mut Call, result: &mut Result<T, CallError>) -> Option<Sleep> {
        match result {
            // No call was made, so it does not count for the ratio of retries to calls.
            Err(error) if error.was_not_called() => None,
            Err(error) if error.is_worth_a_retry() => {
                if self.is_spent {
                    return None;
                }
                let is_granted = self.breaker.is_closed() && self.budget.withdraw();
                self.observer.retry(is_granted);
                if !is_granted {
                    return None;
                }
                self.is_spent = true;
                let pause = fastrand::u64(0..=LONGEST_PAUSE_MS);
                Some(sleep(Duration::from_millis(pause)))
            }
            _ => {
                self.budget.deposit();
                None
            }
        }
    }

    fn clone_request(&mut self, call: &Call) -> Option<Call> {
        Some(call.clone())
    }
}

/// One retry per ten calls that needed no retry, and at least one per second. A service with few calls therefore has
/// its retry, and a service whose calls all fail makes few retries.
const SHARE: f32 = 0.1;
const AT_LEAST_PER_SECOND: u32 = 1;
const BUDGET_WINDOW: Duration = Duration::from_secs(10);

/// Longer than the restart of a proxy worker, and well before the deadline.
const LONGEST_PAUSE_MS: u64 = 100;
