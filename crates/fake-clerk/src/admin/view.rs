//! The content of the page, as one JSON object.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::endpoint::{Endpoint, Field};
use crate::state::{Ledger, State};
use crate::tokens::{Credential, Family, Kind, ONE_DAY, Token};

/// The largest number of tokens, and of users, in a list.
const LISTED: usize = 100;

/// The machine id of a service with the printed environment, and the form's default scope.
const MACHINE: &str = "mch_bills";

/// Returns the object that the page polls.
pub(super) fn view(state: &State) -> Value {
    // Read before the ledger is locked, since another thread may be generating a key.
    let mut kids = state.keys.kids();
    kids.reverse();
    let ledger = state.lock();
    json!({
        "issuer": state.issuer,
        "client_id": state.client_id,
        "environment": environment(state),
        "environment_of_kinds": environment_of_kinds(state),
        "kids": kids,
        "tokens": tokens(&ledger),
        "calls": ledger.call_log.view(),
        "endpoints": endpoints(&ledger),
        "users": users(&ledger),
        "settings": {
            "jwts": ledger.flow.issues_jwts,
            "lifetime": ledger.flow.lifetime.map_or(ONE_DAY, |life| life.as_secs()),
            "reject_consent": ledger.flow.rejects_consent,
            "describe": ledger.extra_fields.contains(&Field::Aud),
        },
    })
}

/// Returns the environment of a service that uses this fake.
pub(crate) fn environment(state: &State) -> String {
    lines([
        ("CLERK_DOMAIN", &state.url),
        ("CLERK_OAUTH_CLIENT_ID", &state.client_id),
        ("CLERK_OAUTH_CLIENT_SECRET", &state.client_secret),
    ])
}

/// Returns the additional environment of a service that accepts every kind of token.
pub(crate) fn environment_of_kinds(state: &State) -> String {
    lines([
        ("CLERK_ACCEPT", "oauth,session,api_key,machine"),
        ("CLERK_MACHINES", MACHINE),
        ("CLERK_MACHINE_JWTS", "1"),
        ("CLERK_SECRET_KEY", &state.secret_key),
        ("CLERK_API_URL", &state.backend_url()),
    ])
}

fn lines<const N: usize>(variables: [(&str, &str); N]) -> String {
    variables
        .map(|(name, value)| format!("{name}={value}"))
        .join("\n")
}

/// A token that can be revoked, with its text. The fake does not store the others.
enum Listed<'a> {
    OAuth(&'a str, &'a Token),
    Other(&'a str, &'a Credential),
}

impl Listed<'_> {
    fn serial(&self) -> u64 {
        match self {
            Self::OAuth(_, token) => token.serial,
            Self::Other(_, credential) => credential.serial,
        }
    }

    fn view(&self, now: u64) -> Value {
        match self {
            Self::OAuth(text, token) => json!({
                "id": token.jti,
                "text": abbreviated(text),
                "kind": "oauth",
                "format": match token.kind {
                    Kind::Opaque => "opaque",
                    Kind::Jwt => "JWT",
                    Kind::Refresh => "refresh",
                },
                "subject": token.subject,
                "client_id": token.client_id,
                "scopes": token.scopes,
                "resources": token.resources,
                "expires_at": token.life.expires_at,
                "status": match token {
                    Token { rotated: true, .. } => "used",
                    _ => status(token.revoked, token.is_active(now)),
                },
            }),
            Self::Other(text, credential) => json!({
                "id": credential.id,
                "text": abbreviated(text),
                "kind": match credential.family {
                    Family::ApiKey => "api_key",
                    Family::MachineToken => "machine",
                },
                "format": "opaque",
                "subject": credential.subject,
                "name": credential.name,
                "scopes": credential.scopes,
                "expires_at": credential.life.expires_at,
                "status": status(credential.revoked, credential.is_active(now)),
            }),
        }
    }
}

fn status(is_revoked: bool, is_active: bool) -> &'static str {
    match (is_revoked, is_active) {
        (true, _) => "revoked",
        (false, true) => "active",
        (false, false) => "expired",
    }
}

/// Returns the tokens, newest first.
fn tokens(ledger: &Ledger) -> Vec<Value> {
    let now = ledger.now();
    let oauth = ledger.tokens.iter();
    let oauth = oauth.map(|(text, token)| Listed::OAuth(text, token));
    let others = ledger.credentials.iter();
    let others = others.map(|(text, credential)| Listed::Other(text, credential));
    let mut tokens: Vec<_> = oauth.chain(others).collect();
    tokens.sort_unstable_by_key(|token| std::cmp::Reverse(token.serial()));
    let newest = tokens.iter().take(LISTED);
    newest.map(|token| token.view(now)).collect()
}

/// Returns the first and the last characters of a token: enough to recognize it, too few to use it.
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
    let with_keys = ledger.credentials.values().map(|key| &key.subject);
    let with_keys = with_keys.filter(|subject| subject.starts_with("user_"));
    let known = ledger.users.keys().chain(with_tokens).chain(with_keys);
    let ids: BTreeSet<_> = known.collect();
    ids.into_iter()
        .take(LISTED)
        .map(|id| {
            let user = ledger.user(id);
            json!({"id": id, "email": user.email, "name": user.name, "banned": user.banned})
        })
        .collect()
}
