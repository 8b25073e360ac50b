//! What the page shows, as one JSON object.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fake_clerk::endpoint::{Endpoint, Field};
use crate::fake_clerk::state::{Ledger, State};
use crate::fake_clerk::tokens::{Kind, ONE_DAY, Token};

/// How many tokens, and how many users, are listed.
const LISTED: usize = 100;

/// All that the page polls for.
pub(super) fn view(state: &State) -> Value {
    let ledger = state.lock();
    json!({
        "issuer": state.url,
        "client_id": state.client_id,
        "environment": environment(state),
        "tokens": tokens(&ledger),
        "calls": ledger.call_log.view(),
        "endpoints": endpoints(&ledger),
        "users": users(&ledger),
        "settings": {
            "jwts": ledger.flow.issues_jwts,
            "lifetime": ledger.flow.lifetime.map_or(ONE_DAY, |life| life.as_secs()),
            "refuse_consent": ledger.flow.refuses_consent,
            "describe": ledger.extra_fields.contains(&Field::Aud),
        },
    })
}

/// The lines to paste for a service that takes this fake for Clerk.
fn environment(state: &State) -> String {
    [
        ("CLERK_DOMAIN", &state.url),
        ("CLERK_OAUTH_CLIENT_ID", &state.client_id),
        ("CLERK_OAUTH_CLIENT_SECRET", &state.client_secret),
    ]
    .map(|(name, value)| format!("{name}={value}"))
    .join("\n")
}

/// The tokens, newest first.
fn tokens(ledger: &Ledger) -> Vec<Value> {
    let now = ledger.now();
    let mut tokens: Vec<_> = ledger.tokens.iter().collect();
    tokens.sort_unstable_by_key(|(_, token)| std::cmp::Reverse(token.serial));
    tokens
        .into_iter()
        .take(LISTED)
        .map(|(text, token)| {
            json!({
                "id": token.jti,
                "text": abbreviated(text),
                "format": match token.kind {
                    Kind::Opaque => "opaque",
                    Kind::Jwt => "JWT",
                    Kind::Refresh => "refresh",
                },
                "user": token.subject,
                "client_id": token.client_id,
                "scopes": token.scopes,
                "resources": token.resources,
                "expires_at": token.life.expires_at,
                "status": status(token, now),
            })
        })
        .collect()
}

fn status(token: &Token, now: u64) -> &'static str {
    match token {
        Token { rotated: true, .. } => "used",
        Token { revoked: true, .. } => "revoked",
        _ if token.is_active(now) => "active",
        _ => "expired",
    }
}

/// Enough of a token to know it again, and too little to use it.
fn abbreviated(text: &str) -> String {
    let end: String = text.chars().rev().take(4).collect();
    let end: String = end.chars().rev().collect();
    let start: String = text.chars().take(8).collect();
    format!("{start}…{end}")
}

fn endpoints(ledger: &Ledger) -> Vec<Value> {
    let view = |endpoint: Endpoint| {
        let faults = ledger.faults.get(&endpoint);
        json!({
            "name": endpoint.name(),
            "path": endpoint.path(),
            "faults": faults.map(|faults| faults.describe()).unwrap_or_default(),
        })
    };
    Endpoint::ALL.into_iter().map(view).collect()
}

fn users(ledger: &Ledger) -> Vec<Value> {
    let with_tokens = ledger.tokens.values().map(|token| &token.subject);
    let ids: BTreeSet<_> = ledger.users.keys().chain(with_tokens).collect();
    ids.into_iter()
        .take(LISTED)
        .map(|id| {
            let user = ledger.user(id);
            json!({"id": id, "email": user.email, "name": user.name, "banned": user.banned})
        })
        .collect()
}
