//! The authorization endpoint (RFC 6749 §3.1), which grants every request without a login.

use http::header::{HeaderValue, LOCATION};
use http::{Method, StatusCode};
use url::Url;

use super::params::Params;
use super::pkce::Challenge;
use super::{Code, Rejection, redirect, scope};
use crate::clients::{self, Client};
use crate::keys;
use crate::record::RecordedRequest;
use crate::reply::{Reply, empty, no_store};
use crate::state::{Ledger, State};

/// The user who consents if the request does not have a `login_hint`.
const DEFAULT_USER: &str = "user_fake";

/// The lifetime of a code, in seconds.
const CODE_LIFE: u64 = 60;

/// The scopes of a client that names none, neither here nor at its registration, as with Clerk.
pub(super) const DEFAULT_SCOPE: &str = "email offline_access profile";

/// Sends the browser back to the client, with a code or with an error.
///
/// Until the redirect URI is verified, the answer is an error page, to avoid a redirection to an attacker
/// (RFC 6749 §4.1.2.1).
pub(crate) fn authorize(state: &State, request: &RecordedRequest) -> Reply {
    let params = match request.method {
        Method::POST if !clients::is_form(&request.headers) => {
            return Rejection::invalid_request("The body must be a form.").shown();
        }
        Method::POST => Params::parse(&request.body),
        _ => Params::parse(request.query.as_deref().unwrap_or_default().as_bytes()),
    };
    let mut ledger = state.lock();
    let (client, target) = match client_and_target(&ledger, &params) {
        Ok(found) => found,
        Err(rejection) => return rejection.shown(),
    };
    let answer = match consent(&ledger, &client, &params) {
        Ok(code) => {
            let text = keys::alphanumeric(43);
            ledger.flow.codes.insert(text.clone(), code);
            vec![("code", text)]
        }
        Err(rejection) => vec![
            ("error", rejection.error.to_owned()),
            ("error_description", rejection.description.to_owned()),
        ],
    };
    let issuer = ledger.flow.names_issuer.then_some(state.issuer.as_str());
    redirection(&params, target, &answer, issuer)
}

fn client_and_target(ledger: &Ledger, params: &Params) -> Result<(Client, Url), Rejection> {
    for (name, description) in [
        ("client_id", "The client_id is there more than once."),
        ("redirect_uri", "The redirect_uri is there more than once."),
    ] {
        if params.is_repeated(name) {
            return Err(Rejection::invalid_request(description));
        }
    }
    let client = params
        .get("client_id")
        .and_then(|id| ledger.clients.get(id))
        .ok_or(Rejection::new(
            "invalid_client",
            "The client_id is missing or not that of a registered client.",
        ))?;
    let target = redirect::target(client, params.get("redirect_uri"))
        .and_then(|uri| Url::parse(uri).ok())
        .ok_or(Rejection::invalid_request(
            "The redirect_uri is none that the client has registered.",
        ))?;
    Ok((client.clone(), target))
}

/// The request that the user consents to.
fn consent(ledger: &Ledger, client: &Client, params: &Params) -> Result<Code, Rejection> {
    params.reject_repetition()?;
    match params.get("response_type") {
        Some("code") => {}
        None => {
            return Err(Rejection::invalid_request("The response_type is missing."));
        }
        Some(_) => {
            let description = "The only response_type is code.";
            return Err(Rejection::new("unsupported_response_type", description));
        }
    }
    if params
        .get("response_mode")
        .is_some_and(|mode| mode != "query")
    {
        return Err(Rejection::invalid_request(
            "The only response_mode is query.",
        ));
    }
    let challenge = Challenge::of(params, client.is_public())?;
    let resources = params.resources()?;
    let wanted = params.get("scope").or(client.default_scope.as_deref());
    let scopes = scope::parse(wanted.unwrap_or(DEFAULT_SCOPE))?;
    let subject = subject(ledger, params.get("login_hint"));
    if ledger.flow.rejects_consent || ledger.user(&subject).banned {
        let description = "The user does not consent.";
        return Err(Rejection::new("access_denied", description));
    }
    Ok(Code {
        client_id: params.get("client_id").unwrap_or_default().to_owned(),
        subject,
        redirect_uri: params.get("redirect_uri").map(str::to_owned),
        challenge,
        nonce: params.get("nonce").map(str::to_owned),
        scopes,
        resources,
        expires_at: ledger.now().saturating_add(CODE_LIFE),
        redeemed: false,
    })
}

/// Returns the user of the hint, which is an id or the e-mail address of a known user.
fn subject(ledger: &Ledger, hint: Option<&str>) -> String {
    let known = |hint: &str| {
        let by_email = || ledger.user_with_email(hint).map(str::to_owned);
        let is_id = hint.starts_with("user_");
        is_id.then(|| hint.to_owned()).or_else(by_email)
    };
    hint.and_then(known)
        .unwrap_or_else(|| DEFAULT_USER.to_owned())
}

fn redirection(
    params: &Params,
    mut target: Url,
    answer: &[(&'static str, String)],
    issuer: Option<&str>,
) -> Reply {
    {
        let mut query = target.query_pairs_mut();
        query.extend_pairs(answer);
        if let Some(state) = params.get("state") {
            query.append_pair("state", state);
        }
        if let Some(issuer) = issuer {
            query.append_pair("iss", issuer);
        }
    }
    let mut reply = empty(StatusCode::FOUND);
    match HeaderValue::from_str(target.as_str()) {
        Ok(location) => {
            reply.headers_mut().insert(LOCATION, location);
            no_store(reply)
        }
        // A parsed URL is ASCII without control characters, so this is unreachable.
        Err(_) => Rejection::invalid_request("The redirect_uri fits in no header.").shown(),
    }
}
