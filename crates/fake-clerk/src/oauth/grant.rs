//! Grants of codes and refresh tokens (RFC 6749 §4.1.3, §6), and the tokens that they yield.

use serde_json::{Value, json};

use super::params::Params;
use super::{Rejection, id_token, scope};
use crate::state::{Ledger, State};
use crate::tokens::{Kind, TokenBuilder};

/// The content of a grant.
pub(super) struct Entitlement<'a> {
    client_id: &'a str,
    subject: String,
    /// The id that all tokens of one consent share.
    grant: String,
    scopes: Vec<String>,
    resources: Vec<String>,
    /// The content of a new refresh token: all scopes and resources of the consent, even if this access token
    /// has fewer (RFC 6749 §6).
    consented: (Vec<String>, Vec<String>),
    /// The nonce of the ID token; only codes have one, since a refresh does not involve the user.
    nonce: Option<Option<String>>,
}

/// Returns the grant for the parameters of a client, and consumes the code or token in them.
pub(super) fn entitlement<'a>(
    ledger: &mut Ledger,
    client_id: &'a str,
    params: &Params,
) -> Result<Entitlement<'a>, Rejection> {
    match params.get("grant_type") {
        Some("authorization_code") => redeemed(ledger, client_id, params),
        Some("refresh_token") => refreshed(ledger, client_id, params),
        Some(_) => Err(Rejection::new(
            "unsupported_grant_type",
            "The grant types are authorization_code and refresh_token.",
        )),
        None => Err(Rejection::invalid_request("The grant_type is missing.")),
    }
}

fn redeemed<'a>(
    ledger: &mut Ledger,
    client_id: &'a str,
    params: &Params,
) -> Result<Entitlement<'a>, Rejection> {
    let text = params
        .get("code")
        .ok_or(Rejection::invalid_request("The code is missing."))?;
    let now = ledger.now();
    let code = ledger
        .flow
        .codes
        .get_mut(text)
        .filter(|code| code.client_id == client_id)
        .ok_or(invalid_grant("The code is unknown."))?;
    if code.redeemed {
        // RFC 6749 §4.1.2: one of the two who know the code is not the client.
        ledger.revoke_grant(text);
        let description = "The code has been redeemed before; its tokens are revoked.";
        return Err(invalid_grant(description));
    }
    if now >= code.expires_at {
        return Err(invalid_grant("The code has expired."));
    }
    if params.get("redirect_uri") != code.redirect_uri.as_deref() {
        return Err(invalid_grant("The redirect_uri is not that of the code."));
    }
    match (&code.challenge, params.get("code_verifier")) {
        (None, None) => {}
        (Some(challenge), Some(verifier)) if challenge.is_met_by(verifier) => {}
        // A verifier without a challenge means that an attacker has taken the challenge away
        // (RFC 9700 §4.8.2).
        _ => return Err(invalid_grant("The code_verifier does not fit.")),
    }
    let resources = narrowed(params, &code.resources)?;
    code.redeemed = true;
    let code = code.clone();
    Ok(Entitlement {
        client_id,
        subject: code.subject,
        grant: text.to_owned(),
        scopes: code.scopes.clone(),
        resources,
        consented: (code.scopes, code.resources),
        nonce: Some(code.nonce),
    })
}

fn refreshed<'a>(
    ledger: &mut Ledger,
    client_id: &'a str,
    params: &Params,
) -> Result<Entitlement<'a>, Rejection> {
    let text = params
        .get("refresh_token")
        .ok_or(Rejection::invalid_request("The refresh_token is missing."))?;
    let token = ledger
        .tokens
        .get_mut(text)
        .filter(|token| token.kind == Kind::Refresh && token.client_id == client_id)
        .ok_or(invalid_grant("The refresh token is unknown."))?;
    // Tokens that a test issued start their own grant.
    let grant = token.grant.get_or_insert_with(|| token.jti.clone()).clone();
    if token.rotated {
        // RFC 9700 §4.14.2: one of the two who know the token is not the client.
        ledger.revoke_grant(&grant);
        let description = "The refresh token has been used before; all of its line are revoked.";
        return Err(invalid_grant(description));
    }
    if token.revoked {
        return Err(invalid_grant("The refresh token is revoked."));
    }
    let scopes = match params.get("scope") {
        Some(text) => scope::parse(text)?,
        None => token.scopes.clone(),
    };
    if !scopes.iter().all(|scope| token.has_scope(scope)) {
        let description = "A scope goes beyond what was granted.";
        return Err(Rejection::new("invalid_scope", description));
    }
    let resources = narrowed(params, &token.resources)?;
    (token.rotated, token.revoked) = (true, true);
    Ok(Entitlement {
        client_id,
        subject: token.subject.clone(),
        grant,
        scopes,
        resources,
        consented: (token.scopes.clone(), token.resources.clone()),
        nonce: None,
    })
}

/// Returns the resources of this token: the requested ones, or else all of the grant (RFC 8707 §2.2).
fn narrowed(params: &Params, granted: &[String]) -> Result<Vec<String>, Rejection> {
    let wanted = params.resources()?;
    if !wanted.iter().all(|resource| granted.contains(resource)) {
        let description = "A resource goes beyond what was granted.";
        return Err(Rejection::new("invalid_target", description));
    }
    Ok(if wanted.is_empty() {
        granted.to_vec()
    } else {
        wanted
    })
}

/// Issues the tokens, and returns the answer of RFC 6749 §5.1.
pub(super) fn issue(state: &State, ledger: &mut Ledger, entitlement: Entitlement<'_>) -> Value {
    let Entitlement {
        client_id,
        subject,
        grant,
        scopes,
        resources,
        consented,
        nonce,
    } = entitlement;
    let mut answer = json!({"token_type": "Bearer", "scope": scopes.join(" ")});

    let client = ledger.clients.get(client_id);
    let may_refresh = client.is_some_and(|client| client.refreshes);
    if may_refresh && consented.0.iter().any(|scope| scope == "offline_access") {
        let refresh = TokenBuilder::refresh(state, subject.clone())
            .client_id(client_id)
            .scopes(consented.0)
            .of_grant(grant.clone(), consented.1);
        answer["refresh_token"] = json!(refresh.issue_in(ledger));
    }

    let mut access = TokenBuilder::new(state, subject)
        .client_id(client_id)
        .scopes(scopes)
        .of_grant(grant, resources);
    if let Some(lifetime) = ledger.flow.lifetime {
        access = access.lifetime(lifetime);
    }
    if ledger.flow.issues_jwts {
        access = access.jwt();
    }
    let text = access.issue_in(ledger);
    if let Some(token) = ledger.tokens.get(&text) {
        let end = token.life.expires_at.unwrap_or(token.life.issued_at);
        answer["expires_in"] = json!(end.saturating_sub(token.life.issued_at));
        if let Some(nonce) = nonce.filter(|_| token.has_scope("openid")) {
            answer["id_token"] = json!(id_token::of(state, ledger, token, nonce.as_deref()));
        }
    }
    answer["access_token"] = json!(text);
    answer
}

fn invalid_grant(description: &'static str) -> Rejection {
    Rejection::new("invalid_grant", description)
}
