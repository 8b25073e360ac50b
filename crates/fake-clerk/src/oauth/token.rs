//! The token endpoint (RFC 6749 §3.2): exchanges codes and refresh tokens for tokens.

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderMap, PRAGMA, WWW_AUTHENTICATE};

use super::params::Params;
use super::{Rejection, grant};
use crate::clients::{self, AuthMethod};
use crate::record::RecordedRequest;
use crate::reply::{Reply, invalid_client, json, no_store, with};
use crate::state::{Ledger, State};

/// Answers a request for tokens.
pub(crate) fn token(state: &State, request: &RecordedRequest) -> Reply {
    if !clients::is_form(&request.headers) {
        return Rejection::invalid_request("The body must be a form.").shown();
    }
    let params = Params::parse(&request.body);
    if signs(&state.lock(), &params) {
        // Generated before the ledger is locked, since it takes a while.
        state.keys.warm_up();
    }
    let mut ledger = state.lock();
    let client_id = match authenticate(&ledger, &request.headers, &params) {
        Ok(id) => id,
        Err(Trouble::Request(rejection)) => return no_store(rejection.shown()),
        Err(Trouble::Client) => return no_store(challenge(&request.headers)),
    };
    let answer = params
        .reject_repetition()
        .and_then(|()| grant::entitlement(&mut ledger, &client_id, &params))
        .map(|entitlement| grant::issue(state, &mut ledger, entitlement));
    let reply = match answer {
        Ok(answer) => json(StatusCode::OK, &answer),
        Err(rejection) => documented(rejection).shown(),
    };
    no_store(with(reply, [(PRAGMA, "no-cache")]))
}

/// Maps a rejection to the errors that Clerk documents for the token endpoint, which are fewer than those of
/// RFC 6749 and RFC 8707.
fn documented(rejection: Rejection) -> Rejection {
    match rejection.error {
        "invalid_grant" | "unsupported_grant_type" => rejection,
        _ => Rejection::invalid_request(rejection.description),
    }
}

/// Returns true if the answer may contain a JWT, of either kind.
fn signs(ledger: &Ledger, params: &Params) -> bool {
    let code = params
        .get("code")
        .and_then(|text| ledger.flow.codes.get(text));
    let identifies = code.is_some_and(|code| code.scopes.iter().any(|scope| scope == "openid"));
    ledger.flow.issues_jwts || identifies
}

enum Trouble {
    Request(Rejection),
    Client,
}

/// Returns the id of the client that sent the request, authenticated by its registered method.
fn authenticate(ledger: &Ledger, headers: &HeaderMap, params: &Params) -> Result<String, Trouble> {
    let posted = params.get("client_secret");
    let (id, secret, method) = match (headers.contains_key(AUTHORIZATION), posted) {
        (true, Some(_)) => {
            let description = "The client authenticates in two ways (RFC 6749 §2.3).";
            return Err(Trouble::Request(Rejection::invalid_request(description)));
        }
        (true, None) => {
            let (id, secret) = clients::basic(headers).ok_or(Trouble::Client)?;
            (id, Some(secret), AuthMethod::Basic)
        }
        (false, Some(secret)) => {
            let id = params.get("client_id").ok_or(Trouble::Client)?;
            (id.to_owned(), Some(secret.to_owned()), AuthMethod::Post)
        }
        (false, None) => {
            let id = params.get("client_id").ok_or(Trouble::Client)?;
            (id.to_owned(), None, AuthMethod::None)
        }
    };
    let client = ledger.clients.get(&id).ok_or(Trouble::Client)?;
    let is_same = params.get("client_id").is_none_or(|named| named == id);
    if is_same && client.methods.contains(&method) && client.secret == secret {
        return Ok(id);
    }
    Err(Trouble::Client)
}

/// Returns the rejection of a client, with a challenge if the client sent the header (RFC 6749 §5.2).
fn challenge(headers: &HeaderMap) -> Reply {
    let reply = invalid_client();
    if headers.contains_key(AUTHORIZATION) {
        return with(reply, [(WWW_AUTHENTICATE, "Basic realm=\"clerk\"")]);
    }
    reply
}
