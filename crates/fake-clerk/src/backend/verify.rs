//! The three verifications.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::Rejection;
use super::access::Caller;
use super::answers;
use crate::handlers::is_jwt;
use crate::record::{RecordedRequest, has_media_type};
use crate::state::State;
use crate::tokens::{Family, Kind};

/// `POST /oauth_applications/access_tokens/verify`, for opaque tokens and JWTs.
pub(super) fn oauth_token(state: &State, request: &RecordedRequest) -> Result<Value, Rejection> {
    // `secret` is the former name of the member, which some libraries still use.
    let text = member(request, &["access_token", "secret"])?;
    let ledger = state.lock();
    let now = ledger.now();
    let token = ledger
        .tokens
        .get(&text)
        .filter(|token| token.kind != Kind::Refresh);
    let (is_jwt, hides_inactive) = (is_jwt(&text), ledger.habits.hides_inactive);
    match token {
        Some(token) if token.is_active(now) || !(is_jwt || hides_inactive) => Ok(
            answers::oauth_token(token, &ledger.habits, &ledger.extra_fields, now),
        ),
        // The documented answer for every JWT that is not active, known or unknown.
        _ if is_jwt => Ok(json!({"active": false})),
        _ => Err(Rejection::not_found()),
    }
}

/// `POST /m2m_tokens/verify`, for opaque tokens.
pub(super) fn machine_token(
    state: &State,
    request: &RecordedRequest,
    caller: &Caller,
) -> Result<Value, Rejection> {
    let text = member(request, &["token"])?;
    credential(state, &text, Family::MachineToken, caller)
}

/// `POST /api_keys/verify`.
pub(super) fn api_key(state: &State, request: &RecordedRequest) -> Result<Value, Rejection> {
    let text = member(request, &["secret"])?;
    credential(state, &text, Family::ApiKey, &Caller::Instance)
}

fn credential(
    state: &State,
    text: &str,
    family: Family,
    caller: &Caller,
) -> Result<Value, Rejection> {
    let mut guard = state.lock();
    let now = guard.now();
    let ledger = &mut *guard;
    let hides_inactive = ledger.habits.hides_inactive;
    let token = ledger
        .credentials
        .get_mut(text)
        .filter(|token| token.family == family)
        .filter(|token| match caller {
            Caller::Instance => true,
            Caller::Machine(id) => token.scopes.contains(id),
        })
        .filter(|token| !hides_inactive || token.is_active(now))
        .ok_or_else(Rejection::not_found)?;
    let answer = answers::credential(token, &ledger.habits, now);
    if token.is_active(now) {
        token.last_used_at = Some(now);
    }
    Ok(answer)
}

/// Reads the text from the JSON body, which has one member with one of these names and no other member.
fn member(request: &RecordedRequest, names: &[&str]) -> Result<String, Rejection> {
    let bad_request = |code, message| Rejection::new(StatusCode::BAD_REQUEST, code, message);
    if !has_media_type(&request.headers, "application/json") {
        return Err(bad_request(
            "content_type_invalid",
            "The body must be JSON, and say so",
        ));
    }
    let body: Map<String, Value> = serde_json::from_slice(&request.body)
        .map_err(|_| bad_request("request_body_invalid", "The body must be a JSON object"))?;
    if body.keys().any(|name| !names.contains(&name.as_str())) {
        return Err(bad_request(
            "form_param_unknown",
            "The body has a member that the endpoint does not know",
        ));
    }
    names
        .iter()
        .find_map(|name| body.get(*name)?.as_str())
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| bad_request("form_param_missing", "The body does not have the token"))
}
