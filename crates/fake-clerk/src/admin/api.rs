//! The JSON interface of the admin page.

use std::time::Duration;

use aws_lc_rs::error::Unspecified;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;

use super::input::{self, Rejected, invalid, not_found, parse};
use super::{done, error, mint, view};
use crate::endpoint::{Endpoint, Field};
use crate::fault::Fault;
use crate::reply::{self, Reply};
use crate::state::State;
use crate::users::UserBuilder;
use crate::webhooks::SessionEnd;

/// The longest delay of an answer, in seconds: one hour.
const MAX_DELAY: u64 = 3600;

pub(super) fn handle(state: &State, method: &Method, path: &str, body: &Bytes) -> Reply {
    let result = match (method.as_str(), path) {
        ("GET", "/api/state") => Ok(reply::json(StatusCode::OK, &view::view(state))),
        ("POST", "/api/tokens") => mint::oauth_token(state, body),
        ("POST", "/api/sessions") => mint::session(state, body),
        ("POST", "/api/api-keys") => mint::api_key(state, body),
        ("POST", "/api/machine-tokens") => mint::machine_token(state, body),
        ("POST", "/api/keys") => parse(body).and_then(|rotation| rotate(state, &rotation)),
        ("DELETE", "/api/keys") => changed(state.keys.retire()),
        ("PUT", "/api/users") => parse(body).and_then(|user| save(state, user)),
        ("PUT", "/api/settings") => parse(body).and_then(|settings| settle(state, &settings)),
        ("PUT", "/api/faults") => parse(body).and_then(|fault| fail(state, &fault)),
        ("DELETE", "/api/faults") => {
            state.lock().heal(None);
            Ok(done())
        }
        ("DELETE", "/api/calls") => {
            state.lock().call_log.clear();
            Ok(done())
        }
        ("DELETE", _) => delete(state, path),
        _ => Err(not_found()),
    };
    result.unwrap_or_else(|(status, message)| error(status, &message))
}

fn delete(state: &State, path: &str) -> Result<Reply, Rejected> {
    if let Some(id) = path.strip_prefix("/api/tokens/") {
        state.lock().revoke_by_id(id).ok_or_else(not_found)?;
    } else if let Some(id) = path.strip_prefix("/api/sessions/") {
        let revoked = state.end_session(id, SessionEnd::Revoked);
        revoked.ok_or_else(not_found)?;
    } else if let Some(name) = path.strip_prefix("/api/faults/") {
        let endpoint = Endpoint::named(name).ok_or_else(not_found)?;
        state.lock().heal(Some(endpoint));
    } else {
        return Err(not_found());
    }
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    kid: Kid,
}

/// The name of the next signing key.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kid {
    New,
    Same,
}

fn rotate(state: &State, rotation: &Rotation) -> Result<Reply, Rejected> {
    changed(match rotation.kid {
        Kid::New => state.keys.rotate().map(drop),
        Kid::Same => state.keys.replace(),
    })
}

fn changed(keys: Result<(), Unspecified>) -> Result<Reply, Rejected> {
    let message = || "no key can be made".to_owned();
    keys.map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, message()))?;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    id: String,
    email: Option<String>,
    name: Option<String>,
    banned: Option<bool>,
}

fn save(state: &State, user: User) -> Result<Reply, Rejected> {
    let mut builder = UserBuilder::new(state, input::id("a user", &user.id)?);
    if let Some(email) = user.email {
        builder = builder.email(email.trim());
    }
    if let Some(name) = user.name {
        builder = builder.name(name.trim());
    }
    if let Some(banned) = user.banned {
        builder = builder.banned(banned);
    }
    builder.save();
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    jwts: bool,
    lifetime: u64,
    reject_consent: bool,
    /// True if introspection includes `exp` and `aud`, which Clerk does not document.
    describe: bool,
}

fn settle(state: &State, settings: &Settings) -> Result<Reply, Rejected> {
    let lifetime = input::lifetime(settings.lifetime)?;
    let mut ledger = state.lock();
    ledger.flow.issues_jwts = settings.jwts;
    ledger.flow.lifetime = Some(lifetime);
    ledger.flow.rejects_consent = settings.reject_consent;
    ledger.extra_fields = match settings.describe {
        true => vec![Field::Exp, Field::Aud],
        false => Vec::new(),
    };
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failure {
    endpoint: String,
    kind: FaultKind,
    /// The status, for a fault of that kind.
    status: Option<u16>,
    /// The delay, for a fault of that kind.
    millis: Option<u64>,
    /// The number of calls after which the fault ends; without it, the fault holds until it is healed.
    times: Option<usize>,
    /// `Retry-After` in seconds, for a fault that is a status.
    retry_after: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum FaultKind {
    Status,
    Delay,
    Hang,
    Malformed,
    Oversized,
    Reset,
}

fn fail(state: &State, failure: &Failure) -> Result<Reply, Rejected> {
    let endpoint = Endpoint::named(&failure.endpoint).ok_or_else(not_found)?;
    let mut fault = match failure.kind {
        FaultKind::Status => {
            let status = failure.status.filter(|status| (200..=599).contains(status));
            Fault::status(status.ok_or_else(|| invalid("a status is from 200 to 599"))?)
        }
        FaultKind::Delay => {
            let delay = Duration::from_millis(failure.millis.unwrap_or_default());
            if delay.is_zero() || delay > Duration::from_secs(MAX_DELAY) {
                return Err(invalid("a delay is from one millisecond to one hour"));
            }
            Fault::delay(delay)
        }
        FaultKind::Hang => Fault::hang(),
        FaultKind::Malformed => Fault::malformed(),
        FaultKind::Oversized => Fault::oversized(1024 * 1024),
        FaultKind::Reset => Fault::reset(),
    };
    if let (FaultKind::Status, Some(seconds)) = (&failure.kind, failure.retry_after) {
        fault = fault.header("retry-after", &seconds.to_string());
    }
    if let Some(times) = failure.times {
        fault = fault.times(times);
    }
    state.lock().fail(endpoint, fault);
    Ok(done())
}
