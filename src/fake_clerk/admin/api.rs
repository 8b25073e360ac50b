//! What the page can have done.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{done, error, view};
use crate::fake_clerk::endpoint::{Endpoint, Field};
use crate::fake_clerk::fault::Fault;
use crate::fake_clerk::oauth;
use crate::fake_clerk::reply::{self, Reply};
use crate::fake_clerk::state::State;
use crate::fake_clerk::tokens::TokenBuilder;
use crate::fake_clerk::users::UserBuilder;

/// The longest life of a token and the longest delay of an answer, in seconds: ten years, one hour.
const MAX_LIFE: u64 = 315_360_000;
const MAX_DELAY: u64 = 3600;

/// Why a request of the page is refused, told to the person before it.
type Refused = (StatusCode, String);

pub(super) fn handle(state: &State, method: &Method, path: &str, body: &Bytes) -> Reply {
    let result = match (method.as_str(), path) {
        ("GET", "/api/state") => Ok(reply::json(StatusCode::OK, &view::view(state))),
        ("POST", "/api/tokens") => parse(body).and_then(|mint| issue(state, mint)),
        ("PUT", "/api/users") => parse(body).and_then(|user| save(state, user)),
        ("PUT", "/api/settings") => parse(body).and_then(|settings| settle(state, &settings)),
        ("PUT", "/api/faults") => parse(body).and_then(|fault| fail(state, &fault)),
        ("DELETE", "/api/faults") => {
            heal(state, None);
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

fn delete(state: &State, path: &str) -> Result<Reply, Refused> {
    if let Some(id) = path.strip_prefix("/api/tokens/") {
        let mut ledger = state.lock();
        let token = ledger.tokens.values_mut().find(|token| token.jti == id);
        token.ok_or_else(not_found)?.revoked = true;
    } else if let Some(name) = path.strip_prefix("/api/faults/") {
        heal(state, Some(Endpoint::named(name).ok_or_else(not_found)?));
    } else {
        return Err(not_found());
    }
    Ok(done())
}

fn heal(state: &State, only: Option<Endpoint>) {
    for (endpoint, faults) in &mut state.lock().faults {
        if only.is_none_or(|only| only == *endpoint) {
            faults.heal();
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mint {
    user: String,
    #[serde(default)]
    scope: String,
    /// Empty for the client that is registered from the start.
    #[serde(default)]
    client_id: String,
    /// In seconds; one day if it is not there.
    lifetime: Option<u64>,
    /// Empty for a token without an audience.
    #[serde(default)]
    resource: String,
    #[serde(default)]
    format: Format,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Opaque,
    Jwt,
}

fn issue(state: &State, mint: Mint) -> Result<Reply, Refused> {
    let user = named(&mint.user)?;
    let scopes = oauth::parse_scope(&mint.scope)
        .ok_or_else(|| invalid("a scope has a character that scopes do not have"))?;
    let mut token = TokenBuilder::new(state, user).scopes(scopes);
    if !mint.client_id.trim().is_empty() {
        token = token.client_id(mint.client_id.trim());
    }
    if let Some(lifetime) = mint.lifetime {
        if !(1..=MAX_LIFE).contains(&lifetime) {
            return Err(invalid("a token lives from one second to ten years"));
        }
        token = token.lifetime(Duration::from_secs(lifetime));
    }
    for resource in mint.resource.split_whitespace() {
        if url::Url::parse(resource).is_err() || resource.contains('#') {
            let message = "a resource is an absolute URI without a fragment";
            return Err(invalid(message));
        }
        token = token.resource(resource);
    }
    if matches!(mint.format, Format::Jwt) {
        token = token.jwt();
    }
    let text = token.issue();
    let id = state
        .lock()
        .tokens
        .get(&text)
        .map(|token| token.jti.clone());
    let answer = json!({"id": id, "token": text});
    Ok(reply::json(StatusCode::CREATED, &answer))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    id: String,
    email: Option<String>,
    name: Option<String>,
    banned: Option<bool>,
}

fn save(state: &State, user: User) -> Result<Reply, Refused> {
    let mut builder = UserBuilder::new(state, named(&user.id)?);
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
    refuse_consent: bool,
    /// Whether introspection says `exp` and `aud`, beyond what Clerk documents.
    describe: bool,
}

fn settle(state: &State, settings: &Settings) -> Result<Reply, Refused> {
    if !(1..=MAX_LIFE).contains(&settings.lifetime) {
        return Err(invalid("a token lives from one second to ten years"));
    }
    let mut ledger = state.lock();
    ledger.flow.issues_jwts = settings.jwts;
    ledger.flow.lifetime = Some(Duration::from_secs(settings.lifetime));
    ledger.flow.refuses_consent = settings.refuse_consent;
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
    /// After how many calls it ends; until it is healed if it is not there.
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

fn fail(state: &State, failure: &Failure) -> Result<Reply, Refused> {
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
    let mut ledger = state.lock();
    ledger.faults.entry(endpoint).or_default().push(fault);
    Ok(done())
}

/// The id of a user.
fn named(id: &str) -> Result<String, Refused> {
    let id = id.trim();
    if id.is_empty() || id.len() > 200 || id.chars().any(char::is_control) {
        return Err(invalid("a user needs an id, of at most 200 bytes"));
    }
    Ok(id.to_owned())
}

fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| invalid(&format!("not understood: {error}")))
}

fn invalid(message: &str) -> Refused {
    (StatusCode::UNPROCESSABLE_ENTITY, message.to_owned())
}

fn not_found() -> Refused {
    (StatusCode::NOT_FOUND, "there is no such thing".to_owned())
}
