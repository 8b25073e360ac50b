//! Webhooks: what happens at the fake is sent to endpoints, signed as Svix signs it.

mod deliver;
mod event;
mod organization;
mod session;
mod sign;

use std::collections::VecDeque;

use bytes::Bytes;
use http::Request;
use serde_json::Value;

pub use self::organization::{MembershipEvents, OrganizationEvents};
pub use self::sign::InvalidWebhook;

pub(super) use self::deliver::deliver;
pub(super) use self::event::deleted;
pub(super) use self::session::{Session, SessionEnd, Sessions};

use self::sign::Endpoint;
use super::FakeClerk;
use super::state::{Ledger, State};

/// The endpoints, and the events that are not sent yet.
#[derive(Debug, Default)]
pub(super) struct Webhooks {
    endpoints: Vec<Endpoint>,
    outbox: VecDeque<Delivery>,
}

/// An event for one endpoint.
#[derive(Clone, Debug)]
struct Delivery {
    endpoint: Endpoint,
    /// The id of the message, the same at every attempt.
    id: String,
    body: Bytes,
}

impl FakeClerk {
    /// Sends events to an endpoint from now on, signed with a secret (`whsec_` and base64).
    ///
    /// | cause | event |
    /// |---|---|
    /// | [`revoke_session`](Self::revoke_session), [`end_session`](Self::end_session), [`remove_session`](Self::remove_session) | `session.revoked`, `session.ended`, `session.removed` |
    /// | [`UserBuilder::save`](super::UserBuilder::save) | `user.created` for a new user, otherwise `user.updated` |
    /// | [`delete_user`](Self::delete_user) | `user.deleted` |
    /// | [`organization`](Self::organization) | those of the organization and its memberships |
    ///
    /// The user of an issued token comes into being without an event.
    ///
    /// # Delivery
    ///
    /// A fake that listens sends each event by HTTP/1.1. An attempt fails after 15 seconds, and with every answer other
    /// than a 2xx. Svix repeats it after 5 s, 5 min, 30 min and so on. The fake repeats it after 0.1 s, and doubles the
    /// pause each time: seven attempts within 6.3 s. All attempts have the same id, and each has the time of its start.
    /// Events are sent concurrently, so they may arrive in any order, as with Svix.
    ///
    /// A fake without a socket sends nothing. [`webhook_requests`](Self::webhook_requests) returns the requests, for the
    /// test to pass on.
    ///
    /// # Errors
    ///
    /// If the URL is not an absolute `http` URL with a host, or the secret is not `whsec_` and base64.
    pub fn webhooks(
        &self,
        url: impl AsRef<str>,
        secret: impl AsRef<str>,
    ) -> Result<(), InvalidWebhook> {
        let endpoint = Endpoint::new(url.as_ref(), secret.as_ref())?;
        self.state.lock().webhooks.endpoints.push(endpoint);
        Ok(())
    }

    /// Returns the events that are not sent yet as signed requests, and forgets them.
    ///
    /// The requests are those that a fake with a socket would send. Clone a request to deliver it again. If the fake
    /// listens, it takes the events itself, and this method finds none.
    #[must_use]
    pub fn webhook_requests(&self) -> Vec<Request<Bytes>> {
        let mut ledger = self.state.lock();
        let now = ledger.now();
        let outbox = ledger.webhooks.outbox.drain(..);
        outbox.map(|delivery| delivery.request(now)).collect()
    }
}

impl State {
    /// Sends an event to all endpoints. `ledger` is the state's own, locked.
    pub(super) fn notify(&self, ledger: &mut Ledger, kind: &str, data: &Value) {
        if ledger.webhooks.endpoints.is_empty() {
            return;
        }
        let now = u64::try_from(ledger.time().as_millis()).unwrap_or(u64::MAX);
        let body = event::envelope(kind, &self.instance_id, now, data);
        let webhooks = &mut ledger.webhooks;
        for endpoint in &webhooks.endpoints {
            webhooks.outbox.push_back(Delivery {
                endpoint: endpoint.clone(),
                id: sign::message_id(),
                body: body.clone(),
            });
        }
        self.events.notify_one();
    }
}
