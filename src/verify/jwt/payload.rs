//! What a token says of itself (RFC 7519 §4), once its signature is known to be good. Pure.

use serde_json::{Map, Value};

use crate::{
    TokenKind,
    verify::{
        introspect::Introspection,
        members::{seconds, text, texts},
    },
};

/// Reads the members of a payload.
///
/// Only Clerk writes what is read here into a token of that kind. Sessions have claims of the
/// application's own beside it, machines such of their own: a `scope` or a `client_id` there may
/// have come from a user, and stays what it is, a claim of that name.
pub(super) fn read(
    mut members: Map<String, Value>,
    kind: TokenKind,
) -> Result<Introspection, &'static str> {
    let mut answer = Introspection {
        active: true,
        is_local: true,
        sub: text(members.remove("sub"))?,
        aud: texts(members.remove("aud"))?,
        iss: text(members.remove("iss"))?,
        exp: seconds(members.remove("exp"))?,
        iat: seconds(members.remove("iat"))?,
        nbf: seconds(members.get("nbf").cloned())?,
        confirmation: members.get("cnf").is_some_and(|cnf| !cnf.is_null()),
        ..Introspection::default()
    };
    match kind {
        TokenKind::OAuth => {
            answer.client_id = text(members.remove("client_id"))?;
            answer.org_id = text(members.remove("org_id"))?;
            answer.token_type = text(members.get("token_type").cloned())?;
            answer.token_use = text(members.get("token_use").cloned())?;
            let scope = scopes(members.remove("scope"))?;
            answer.scope = scopes(members.remove("scp"))?.or(scope);
        }
        TokenKind::Machine => answer.scope = scopes(members.remove("scopes"))?,
        TokenKind::Session => {
            let org_id = members.remove("org_id");
            // Of version 2 it is a claim of the instance's own: no fault, and no organization either.
            if members.get("v").and_then(Value::as_u64) != Some(2) {
                answer.org_id = text(org_id)?;
            }
        }
        TokenKind::ApiKey => {}
    }
    answer.other = members;
    Ok(answer)
}

/// Scopes as one string: in an array, or with spaces between them.
fn scopes(value: Option<Value>) -> Result<Option<String>, &'static str> {
    Ok(texts(value)?.map(|scopes| scopes.join(" ")))
}

#[cfg(test)]
mod tests;
