//! The endpoints' behaviour without faults.

use http::header::{ALLOW, AUTHORIZATION, HeaderMap, ORIGIN};
use http::{Method, StatusCode};
use serde_json::json;

use super::backend;
use super::clients;
use super::cors;
use super::endpoint::Endpoint;
use super::metadata;
use super::oauth;
use super::record::RecordedRequest;
use super::reply::{
    Reply, clerk_error, empty, invalid_client, invalid_request, json, no_store, oauth_error, with,
};
use super::state::State;
use super::tokens::Kind;

/// Answers a request as Clerk would.
pub(super) fn handle(state: &State, request: &RecordedRequest) -> Reply {
    if let Some(rejection) = reject_headers(&request.headers) {
        return rejection;
    }
    let Some(endpoint) = request.endpoint else {
        let message = "There is no such endpoint";
        return clerk_error(StatusCode::NOT_FOUND, "resource_not_found", message);
    };
    if cors::is_preflight(endpoint, request) {
        return cors::preflight();
    }
    if !endpoint.methods().contains(&request.method) {
        return method_not_allowed(endpoint);
    }
    match endpoint {
        Endpoint::Introspection => introspection(state, request),
        Endpoint::Revocation => revocation(state, request),
        Endpoint::Userinfo => userinfo(state, request),
        Endpoint::OpenidConfiguration => {
            json(StatusCode::OK, &metadata::openid_configuration(state))
        }
        Endpoint::AuthorizationServer => {
            json(StatusCode::OK, &metadata::authorization_server(state))
        }
        Endpoint::Jwks => jwks(state),
        Endpoint::Registration => oauth::register(state, request),
        Endpoint::Authorization => oauth::authorize(state, request),
        Endpoint::Token => oauth::token(state, request),
        Endpoint::OAuthVerification => backend::verify_oauth_token(state, request),
        Endpoint::MachineTokenVerification => backend::verify_machine_token(state, request),
        Endpoint::ApiKeyVerification => backend::verify_api_key(state, request),
        Endpoint::BackendUser => backend::user(state, request),
        Endpoint::BackendJwks => backend::jwks(state, request),
    }
}

/// Rejects the two combinations of headers that Clerk rejects at every endpoint.
fn reject_headers(headers: &HeaderMap) -> Option<Reply> {
    let bad_request = |code, message| Some(clerk_error(StatusCode::BAD_REQUEST, code, message));
    let authorizations = headers.get_all(AUTHORIZATION).iter().count();
    if authorizations > 1 {
        return bad_request(
            "multiple_authorization_header_values_forbidden",
            "Multiple authorization header values are forbidden",
        );
    }
    if authorizations == 1 && headers.contains_key(ORIGIN) {
        return bad_request(
            "origin_authorization_headers_conflict",
            "Setting both the Origin and Authorization headers is forbidden",
        );
    }
    None
}

fn method_not_allowed(endpoint: Endpoint) -> Reply {
    let message = "The endpoint does not answer to this method";
    let reply = clerk_error(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        message,
    );
    let allowed = match endpoint.methods() {
        [Method::POST] => "POST",
        [Method::GET] => "GET",
        _ => "GET, POST",
    };
    with(reply, [(ALLOW, allowed)])
}

fn introspection(state: &State, request: &RecordedRequest) -> Reply {
    if !clients::is_known(state, &request.headers) {
        // Clerk documents the status for this endpoint, but not a body.
        return empty(StatusCode::UNAUTHORIZED);
    }
    let text = match token_in(request) {
        Ok(text) => text,
        Err(description) => return invalid_request(description),
    };
    let ledger = state.lock();
    if ledger.rejects_jwt && is_jwt(&text) {
        return unsupported_token_type("JWT access tokens cannot be introspected.");
    }
    let wanted = request.form_field("scope").unwrap_or_default();
    let token = ledger.active_token(&text).filter(|token| {
        wanted
            .split_whitespace()
            .all(|scope| token.has_scope(scope))
    });
    let answer = match token {
        Some(token) => {
            let username = ledger.user(&token.subject).preferred_username;
            token.introspection(&ledger.extra_fields, &state.issuer, username.as_deref())
        }
        None => json!({"active": false}),
    };
    no_store(json(StatusCode::OK, &answer))
}

fn revocation(state: &State, request: &RecordedRequest) -> Reply {
    if !clients::is_known(state, &request.headers) {
        return invalid_client();
    }
    let text = match token_in(request) {
        Ok(text) => text,
        Err(description) => return invalid_request(description),
    };
    if is_jwt(&text) {
        return unsupported_token_type("JWT access tokens cannot be revoked.");
    }
    if let Some(token) = state.lock().tokens.get_mut(&text) {
        token.revoked = true;
    }
    empty(StatusCode::OK)
}

fn userinfo(state: &State, request: &RecordedRequest) -> Reply {
    let ledger = state.lock();
    let token = clients::credentials(&request.headers, "bearer")
        .and_then(|text| ledger.active_token(text))
        .filter(|token| token.kind != Kind::Refresh);
    let Some(token) = token else {
        let message = "The access token is missing or not valid";
        return clerk_error(StatusCode::UNAUTHORIZED, "oauth_fetch_user_error", message);
    };
    let user = ledger.user(&token.subject);
    if user.banned {
        let (status, code) = (StatusCode::FORBIDDEN, "oauth_fetch_user_forbidden_error");
        return clerk_error(status, code, "The user is not allowed in this application");
    }
    json(StatusCode::OK, &user.info(&state.instance_id, token))
}

pub(super) fn jwks(state: &State) -> Reply {
    match state.keys.jwks() {
        Ok(keys) => json(StatusCode::OK, &keys),
        Err(_) => clerk_error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_clerk_error",
            "No signing key could be generated",
        ),
    }
}

/// Returns the token that a form names, or the description of an error.
fn token_in(request: &RecordedRequest) -> Result<String, &'static str> {
    if !clients::is_form(&request.headers) {
        return Err("The body must be a form.");
    }
    request
        .form_field("token")
        .ok_or("The form has no field `token`.")
}

fn unsupported_token_type(description: &str) -> Reply {
    oauth_error(
        StatusCode::BAD_REQUEST,
        "unsupported_token_type",
        description,
    )
}

pub(super) fn is_jwt(token: &str) -> bool {
    let parts: Vec<&str> = token.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty())
}
