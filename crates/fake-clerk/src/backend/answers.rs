//! The answers of verifications for known tokens.

use serde_json::{Value, json};

use crate::FakeClerk;
use crate::endpoint::Field;
use crate::tokens::{Credential, Family, Token};

/// The unit of the times in the answers of the Backend API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeUnit {
    /// Seconds since the Unix epoch.
    Seconds,
    /// Milliseconds since the Unix epoch.
    Milliseconds,
}

impl TimeUnit {
    fn of(self, seconds: u64) -> u64 {
        match self {
            Self::Seconds => seconds,
            Self::Milliseconds => seconds.saturating_mul(1000),
        }
    }
}

/// The behaviour of the Backend API that Clerk does not document, or documents in two ways.
#[derive(Default)]
pub(crate) struct Habits {
    /// `None` stands for the likeliest unit of each kind of token.
    unit: Option<TimeUnit>,
    pub(super) hides_inactive: bool,
}

impl FakeClerk {
    /// Sets the unit of the times in all answers to verifications.
    ///
    /// At first the times of OAuth tokens are in seconds, as in Clerk's example, and those of API keys and
    /// machine-to-machine tokens in milliseconds, as in its specification.
    pub fn backend_times_in(&self, unit: TimeUnit) {
        self.state.lock().habits.unit = Some(unit);
    }

    /// Sets whether the Backend API answers 404 for opaque tokens and API keys that are revoked or expired.
    /// At first it answers 200 with `revoked` and `expired`.
    pub fn hide_inactive_tokens(&self, hide: bool) {
        self.state.lock().habits.hides_inactive = hide;
    }
}

/// Returns the answer for an OAuth access token.
pub(super) fn oauth_token(token: &Token, habits: &Habits, fields: &[Field], now: u64) -> Value {
    let unit = habits.unit.unwrap_or(TimeUnit::Seconds);
    let mut answer = json!({
        "object": "clerk_idp_oauth_access_token",
        "id": token.jti,
        "client_id": token.client_id,
        "subject": token.subject,
        "scopes": token.scopes,
        "revoked": token.revoked,
        "revocation_reason": null,
        "expired": token.life.has_ended(now),
        "expiration": token.life.expires_at.map(|end| unit.of(end)),
        "created_at": unit.of(token.life.issued_at),
        "updated_at": unit.of(token.life.issued_at),
    });
    if fields.contains(&Field::Aud) && !token.resources.is_empty() {
        answer["aud"] = json!(token.resources);
    }
    answer
}

/// Returns the answer for an API key or a machine-to-machine token.
pub(super) fn credential(token: &Credential, habits: &Habits, now: u64) -> Value {
    let unit = habits.unit.unwrap_or(TimeUnit::Milliseconds);
    let mut answer = json!({
        "id": token.id,
        "subject": token.subject,
        "claims": token.claims,
        "scopes": token.scopes,
        "revoked": token.revoked,
        "revocation_reason": null,
        "expired": token.life.has_ended(now),
        "expiration": token.life.expires_at.map(|end| unit.of(end)),
        "last_used_at": token.last_used_at.map(|at| unit.of(at)),
        "created_at": unit.of(token.life.issued_at),
        "updated_at": unit.of(token.life.issued_at),
    });
    match token.family {
        Family::MachineToken => answer["object"] = json!("machine_to_machine_token"),
        Family::ApiKey => {
            answer["object"] = json!("api_key");
            answer["type"] = json!("api_key");
            answer["name"] = json!(token.name);
            answer["description"] = Value::Null;
            answer["created_by"] = json!(token.created_by);
        }
    }
    answer
}
