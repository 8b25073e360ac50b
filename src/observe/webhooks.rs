//! The log lines and metrics of webhooks. No id of an event, session, user or organization appears.

use super::{
    Effect,
    handle::counter,
    metrics::{LabelledCounters, WEBHOOKS},
    per_minute::PerMinute,
};
use crate::clock::Now;

/// The result of a request to the webhook endpoint: the label `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WebhookResult {
    /// An event was applied.
    Done,
    /// An event had been applied before.
    Repeated,
    /// An event of a type without effect.
    Ignored,
    /// A signature was absent or wrong.
    Unsigned,
    /// A request or an event could not be read.
    Malformed,
    /// The event was applied here, and the store of the fleet did not accept it in time.
    Unpublished,
}

impl WebhookResult {
    const ALL: [Self; 6] = [
        Self::Done,
        Self::Repeated,
        Self::Ignored,
        Self::Unsigned,
        Self::Malformed,
        Self::Unpublished,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Repeated => "repeated",
            Self::Ignored => "ignored",
            Self::Unsigned => "unsigned",
            Self::Malformed => "malformed",
            Self::Unpublished => "unpublished",
        }
    }
}

/// Records what happens to requests to the webhook endpoint.
#[derive(Debug)]
pub(crate) struct WebhookObserver {
    results: LabelledCounters<WebhookResult>,
    /// Each caller can cause the warning, without a signature.
    unsigned: PerMinute,
}

impl WebhookObserver {
    pub(crate) fn new() -> Self {
        let results = |result: WebhookResult| counter(WEBHOOKS, &[("result", result.as_str())]);
        Self {
            results: LabelledCounters::new(WebhookResult::ALL, results),
            unsigned: PerMinute::default(),
        }
    }

    /// Records a request that is answered with success.
    pub(crate) fn received(&self, result: WebhookResult) {
        self.results.increment(result);
        tracing::debug!(webhook.result = result.as_str(), "webhook received");
    }

    /// Records an event that removed trust.
    pub(crate) fn applied(&self, event: &'static str, effect: Effect) {
        tracing::debug!(
            webhook.event = event,
            webhook.effect = effect.as_str(),
            "webhook applied"
        );
    }

    /// Records a request whose signature is absent or wrong.
    pub(crate) fn unsigned(&self, cause: &'static str, now: Now) {
        self.results.increment(WebhookResult::Unsigned);
        if self.unsigned.allows(cause, now) {
            tracing::warn!(
                cause,
                "webhook rejected: if Clerk sent it, check CLERK_WEBHOOK_SIGNING_SECRET and the clock of this machine"
            );
        }
    }

    /// Records a request that cannot be an event.
    pub(crate) fn malformed(&self, cause: &'static str) {
        self.results.increment(WebhookResult::Malformed);
        tracing::debug!(cause, "webhook rejected: the request is malformed");
    }

    /// Records a signed event that cannot be read.
    pub(crate) fn unreadable(&self, cause: &'static str) {
        self.results.increment(WebhookResult::Malformed);
        tracing::error!(
            cause,
            "a signed webhook event cannot be read, so the tokens that it concerns are not revoked: update tower-clerk"
        );
    }

    /// Records an event that only this replica has.
    pub(crate) fn unpublished(&self) {
        self.results.increment(WebhookResult::Unpublished);
        tracing::debug!(
            webhook.result = WebhookResult::Unpublished.as_str(),
            "webhook applied, and not published to the other replicas: it will come again"
        );
    }
}
