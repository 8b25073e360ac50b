//! The endpoints' behaviour when nothing is made to fail.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, ORIGIN,
};
use http::{Method, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::endpoint::Endpoint;
use super::record::RecordedRequest;
use super::reply::{Reply, clerk_error, json, oauth_error};
use super::state::State;
use super::tokens::Kind;

/// Answers a request as Clerk would.
pub(super) fn handle(state: &State, request: &RecordedRequest) -> Reply {
    if let Some(refusal) = refuse_headers(&request.headers) {
        return refusal;
    }
    let Some(endpoint) = request.endpoint else {
        let message = "There is no such endpoint";
        return clerk_error(StatusCode::NOT_FOUND, "resource_not_found", message);
    };
    if !endpoint.methods().contains(&request.method) {
        return method_not_allowed(endpoint);
    }
    match endpoint {
        Endpoint::Introspection => introspection(state, request),
        Endpoint::Revocation => revocation(state, request),
        Endpoint::Userinfo => userinfo(state, request),
        Endpoint::OpenidConfiguration => json(StatusCode::OK, &openid_configuration(&state.url)),
        Endpoint::AuthorizationServer => json(StatusCode::OK, &authorization_server(&state.url)),
        Endpoint::Jwks => jwks(state),
    }
}

/// The two combinations of headers that Clerk refuses anywhere.
fn refuse_headers(headers: &HeaderMap) -> Option<Reply> {
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
    let mut reply = clerk_error(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        message,
    );
    let allowed = match endpoint.methods() {
        [Method::POST] => "POST",
        [Method::GET] => "GET",
        _ => "GET, POST",
    };
    reply
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    reply
}

fn introspection(state: &State, request: &RecordedRequest) -> Reply {
    if let Some(refusal) = refuse_client(state, request) {
        return refusal;
    }
    let Some(text) = request.form_field("token") else {
        return missing_token();
    };
    let ledger = state.lock();
    if ledger.refuses_jwt && is_jwt(&text) {
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
            token.introspection(&ledger.extra_fields, &state.url, username.as_deref())
        }
        None => json!({"active": false}),
    };
    let mut reply = json(StatusCode::OK, &answer);
    reply
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

fn revocation(state: &State, request: &RecordedRequest) -> Reply {
    if let Some(refusal) = refuse_client(state, request) {
        return refusal;
    }
    let Some(text) = request.form_field("token") else {
        return missing_token();
    };
    if is_jwt(&text) {
        return unsupported_token_type("JWT access tokens cannot be revoked.");
    }
    if let Some(token) = state.lock().tokens.get_mut(&text) {
        token.revoked = true;
    }
    Reply::new(Full::new(Bytes::new()))
}

fn userinfo(state: &State, request: &RecordedRequest) -> Reply {
    let ledger = state.lock();
    let token = credentials(&request.headers, "bearer")
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

fn jwks(state: &State) -> Reply {
    match state.signing_key() {
        Ok(key) => json(StatusCode::OK, &key.jwks(&state.instance_id)),
        Err(_) => clerk_error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_clerk_error",
            "No signing key could be generated",
        ),
    }
}

/// Refuses what does not come from a registered client, or not as a form.
fn refuse_client(state: &State, request: &RecordedRequest) -> Option<Reply> {
    if !is_registered_client(state, &request.headers) {
        return Some(oauth_error(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Client authentication failed (e.g., unknown client, no client authentication \
             included, or unsupported authentication method).",
        ));
    }
    let is_form = request
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| {
            essence
                .trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
    (!is_form).then(|| invalid_request("The body must be a form."))
}

fn missing_token() -> Reply {
    invalid_request("The form has no field `token`.")
}

fn invalid_request(description: &str) -> Reply {
    oauth_error(StatusCode::BAD_REQUEST, "invalid_request", description)
}

fn unsupported_token_type(description: &str) -> Reply {
    oauth_error(
        StatusCode::BAD_REQUEST,
        "unsupported_token_type",
        description,
    )
}

fn is_registered_client(state: &State, headers: &HeaderMap) -> bool {
    let client = credentials(headers, "basic").and_then(basic_client);
    client.is_some_and(|(id, secret)| state.lock().clients.get(&id) == Some(&secret))
}

/// The credentials of the `Authorization` header if its scheme is this one.
fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (given, credentials) = value.split_once(' ')?;
    given
        .eq_ignore_ascii_case(scheme)
        .then(|| credentials.trim())
}

fn basic_client(credentials: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

/// RFC 6749 2.3.1 has client id and secret form-encoded before they are joined. A stray percent
/// sign is an error here, as it is for Clerk, so that a client that forgets to encode is noticed.
fn form_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(bytes.next()?)? * 16 + hex_digit(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

fn is_jwt(token: &str) -> bool {
    let parts: Vec<&str> = token.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty())
}

fn openid_configuration(url: &str) -> Value {
    let mut metadata = core_metadata(url);
    metadata["introspection_endpoint"] = json!(format!("{url}/oauth/token_info"));
    metadata["userinfo_endpoint"] = json!(format!("{url}/oauth/userinfo"));
    metadata
}

fn authorization_server(url: &str) -> Value {
    let mut metadata = core_metadata(url);
    metadata["service_documentation"] = json!("https://clerk.com/docs");
    metadata["ui_locales_supported"] = json!(["en-US"]);
    metadata["op_tos_uri"] = json!("https://clerk.com/legal/terms");
    metadata
}

/// What both metadata documents have in common.
fn core_metadata(url: &str) -> Value {
    json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/oauth/authorize"),
        "token_endpoint": format!("{url}/oauth/token"),
        "revocation_endpoint": format!("{url}/oauth/token/revoke"),
        "jwks_uri": format!("{url}/.well-known/jwks.json"),
        "scopes_supported": [
            "openid", "profile", "email", "public_metadata", "private_metadata",
            "offline_access", "user:org:read",
        ],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic", "none", "client_secret_post",
        ],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "email", "name"],
        "code_challenge_methods_supported": ["S256"],
        "backchannel_logout_supported": false,
        "frontchannel_logout_supported": false,
    })
}
