//! Dynamic client registration (RFC 7591).

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::authorize::DEFAULT_SCOPE;
use super::{Rejection, redirect, scope};
use crate::clients::{AuthMethod, Client};
use crate::keys;
use crate::record::{RecordedRequest, has_media_type};
use crate::reply::{Reply, clerk_error, json, no_store};
use crate::state::State;

/// The metadata that the fake reads; it ignores the rest (RFC 7591 §2).
#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default = "basic")]
    token_endpoint_auth_method: String,
    #[serde(default = "authorization_code")]
    grant_types: Vec<String>,
    #[serde(default = "code")]
    response_types: Vec<String>,
    scope: Option<String>,
    client_name: Option<String>,
    client_uri: Option<String>,
    logo_uri: Option<String>,
}

fn basic() -> String {
    "client_secret_basic".to_owned()
}

fn authorization_code() -> Vec<String> {
    vec!["authorization_code".to_owned()]
}

fn code() -> Vec<String> {
    vec!["code".to_owned()]
}

/// Registers a client, and returns its metadata (RFC 7591 §3.2.1).
pub(crate) fn register(state: &State, request: &RecordedRequest) -> Reply {
    if state.lock().flow.rejects_registration {
        let (status, code) = (StatusCode::UNPROCESSABLE_ENTITY, "feature_not_enabled");
        return clerk_error(status, code, "Dynamic client registration is switched off");
    }
    if !has_media_type(&request.headers, "application/json") {
        return invalid_metadata("The body must be JSON.").shown();
    }
    let Ok(metadata) = serde_json::from_slice::<Metadata>(&request.body) else {
        let description = "The body is no object with client metadata.";
        return invalid_metadata(description).shown();
    };
    match client(state, &metadata) {
        Ok(client) => {
            let id = keys::alphanumeric(16);
            let mut ledger = state.lock();
            let answer = registered(&id, &client, metadata, ledger.now());
            ledger.clients.insert(id, client);
            no_store(json(StatusCode::CREATED, &answer))
        }
        Err(rejection) => rejection.shown(),
    }
}

fn client(state: &State, metadata: &Metadata) -> Result<Client, Rejection> {
    let method = AuthMethod::named(&metadata.token_endpoint_auth_method).ok_or(
        invalid_metadata("The token_endpoint_auth_method is not supported."),
    )?;
    let offered = ["authorization_code", "refresh_token"];
    let grants = &metadata.grant_types;
    if !grants.iter().all(|grant| offered.contains(&grant.as_str()))
        || !grants.iter().any(|grant| grant == "authorization_code")
    {
        let description = "The grant_types are authorization_code, and refresh_token beside it.";
        return Err(invalid_metadata(description));
    }
    if metadata.response_types != code() {
        return Err(invalid_metadata("The only response_type is code."));
    }
    let uris = &metadata.redirect_uris;
    let is_fine = |uri: &String| redirect::can_be_registered(uri, state.admin);
    if uris.is_empty() || !uris.iter().all(is_fine) {
        return Err(Rejection::new(
            "invalid_redirect_uri",
            "There must be redirect_uris, each absolute, without a fragment, and either of https, \
             of http on this machine, or of an application's own scheme.",
        ));
    }
    if let Some(scope) = &metadata.scope {
        scope::parse(scope).map_err(|rejection| invalid_metadata(rejection.description))?;
    }
    Ok(Client {
        secret: (method != AuthMethod::None).then(|| keys::alphanumeric(32)),
        methods: vec![method],
        redirect_uris: uris.clone(),
        refreshes: grants.iter().any(|grant| grant == "refresh_token"),
        default_scope: metadata.scope.clone(),
    })
}

fn registered(id: &str, client: &Client, metadata: Metadata, now: u64) -> Value {
    let mut answer = json!({
        "client_id": id,
        "client_id_issued_at": now,
        // Zero means that the secret does not expire. Clerk includes the member even without a secret.
        "client_secret_expires_at": 0,
        "client_name": metadata.client_name.unwrap_or_default(),
        "scope": metadata.scope.as_deref().unwrap_or(DEFAULT_SCOPE),
        "redirect_uris": metadata.redirect_uris,
        "token_endpoint_auth_method": metadata.token_endpoint_auth_method,
        "grant_types": metadata.grant_types,
        "response_types": metadata.response_types,
    });
    if let Some(secret) = &client.secret {
        answer["client_secret"] = json!(secret);
    }
    for (name, value) in [
        ("client_uri", metadata.client_uri),
        ("logo_uri", metadata.logo_uri),
    ] {
        if let Some(value) = value {
            answer[name] = json!(value);
        }
    }
    answer
}

fn invalid_metadata(description: &'static str) -> Rejection {
    Rejection::new("invalid_client_metadata", description)
}
