//! The sessions whose tokens were issued, and the ends of sessions.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::backend::user_object;
use crate::state::State;
use crate::{FakeClerk, keys};

/// The sessions by their ids.
pub(crate) type Sessions = HashMap<String, Session>;

/// A session of which a token was issued.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) user_id: String,
    pub(crate) organization_id: Option<String>,
    /// In milliseconds.
    pub(crate) created_at: u64,
}

/// A way in which a session ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SessionEnd {
    Revoked,
    Ended,
    Removed,
}

impl SessionEnd {
    fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Ended => "ended",
            Self::Removed => "removed",
        }
    }
}

impl FakeClerk {
    /// Revokes a session, as an administrator or the Backend API does: sends `session.revoked` to the
    /// [webhook endpoints](Self::webhooks). Tokens that are issued stay valid until they expire, as with Clerk.
    ///
    /// # Panics
    ///
    /// If no token of the session was issued.
    pub fn revoke_session(&self, session_id: &str) {
        self.end(session_id, SessionEnd::Revoked);
    }

    /// Ends a session, as a sign-out does: sends `session.ended`. For the rest see
    /// [`revoke_session`](Self::revoke_session).
    ///
    /// # Panics
    ///
    /// If no token of the session was issued.
    pub fn end_session(&self, session_id: &str) {
        self.end(session_id, SessionEnd::Ended);
    }

    /// Removes a session, as a sign-out from one of several accounts does: sends `session.removed`. For the rest see
    /// [`revoke_session`](Self::revoke_session).
    ///
    /// # Panics
    ///
    /// If no token of the session was issued.
    pub fn remove_session(&self, session_id: &str) {
        self.end(session_id, SessionEnd::Removed);
    }

    fn end(&self, session_id: &str, end: SessionEnd) {
        let is_known = self.state.end_session(session_id, end);
        assert!(is_known.is_some(), "no token of {session_id} was issued");
    }
}

impl State {
    /// Sends the event of the end of a session. `None` if no token of the session was issued.
    pub(crate) fn end_session(&self, id: &str, end: SessionEnd) -> Option<()> {
        let mut ledger = self.lock();
        let session = ledger.sessions.get(id)?;
        let user = ledger.user(&session.user_id);
        let now = u64::try_from(ledger.time().as_millis()).unwrap_or(u64::MAX);
        let mut data = object(id, session, end, now);
        data["user"] = user_object(&session.user_id, &user, self.started);
        let kind = format!("session.{}", end.as_str());
        self.notify(&mut ledger, &kind, &data);
        Some(())
    }
}

fn object(id: &str, session: &Session, end: SessionEnd, now: u64) -> Value {
    const WEEK: u64 = 7 * 24 * 3_600_000;
    json!({
        "object": "session",
        "id": id,
        "user_id": session.user_id,
        "client_id": format!("client_{}", keys::alphanumeric(27)),
        "actor": null,
        "status": end.as_str(),
        "last_active_organization_id": session.organization_id,
        "last_active_at": now,
        "expire_at": session.created_at + WEEK,
        "abandon_at": session.created_at + 4 * WEEK,
        "created_at": session.created_at,
        "updated_at": now,
    })
}
