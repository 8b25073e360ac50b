//! What a token says of itself (RFC 7519 §4), once its signature is known to be good. Pure.

use serde_json::{Map, Value};

use crate::{
    TokenKind,
    claims::{ActiveOrganization, Organization, Version, actor},
    clerk::TokenInfo,
    token::json::{scopes, seconds, text, texts},
};

/// Reads the members of a payload.
///
/// Only Clerk writes what is read here into a token of that kind. Sessions have claims of the
/// application's own beside it, machines such of their own: a `scope` or a `client_id` there may
/// have come from a user, and stays what it is, a claim of that name.
pub(super) fn read(
    mut members: Map<String, Value>,
    kind: TokenKind,
) -> Result<TokenInfo, &'static str> {
    let mut answer = TokenInfo {
        active: true,
        is_local: true,
        sub: text(members.remove("sub"))?,
        aud: texts(members.remove("aud"))?,
        iss: text(members.remove("iss"))?,
        exp: seconds(members.remove("exp"))?,
        iat: seconds(members.remove("iat"))?,
        nbf: seconds(members.get("nbf").cloned())?,
        confirmation: members.get("cnf").is_some_and(|cnf| !cnf.is_null()),
        ..TokenInfo::default()
    };
    match kind {
        TokenKind::OAuth => {
            answer.client_id = text(members.remove("client_id"))?;
            answer.org_id = text(members.remove("org_id"))?;
            answer.token_type = text(members.get("token_type").cloned())?;
            answer.token_use = text(members.get("token_use").cloned())?;
            let scope = scopes(members.remove("scope"))?;
            answer.scope = scopes(members.remove("scp"))?.or(scope);
            answer.actor = actor(&members)?;
        }
        TokenKind::Machine => answer.scope = scopes(members.remove("scopes"))?,
        TokenKind::Session => {
            answer.actor = actor(&members)?;
            (answer.org_id, answer.organization) = of_session(&mut members)?;
        }
        TokenKind::ApiKey => {}
    }
    answer.other = members;
    Ok(answer)
}

/// Reads what session tokens alone say. Version 1 names the organization by `org_id`; in later versions that is a
/// claim of the instance's own, whatever its type, and names none.
fn of_session(
    members: &mut Map<String, Value>,
) -> Result<(Option<String>, ActiveOrganization), &'static str> {
    let version = Version::of(members).map_err(|_| "`v` is not a version")?;
    let org_id = members.remove("org_id");
    let org_id = match version {
        Version::One => text(org_id)?,
        Version::Two | Version::Later => None,
    };
    // The rules read these by name. They are not to find out that one cannot be read.
    let member = |name: &str| text(members.get(name).cloned());
    let (sid, status) = (member("sid")?, member("sts")?);
    member("azp")?;
    // Both are what keeps other tokens of the instance apart from those of sessions. What a later version leaves
    // out, or calls by another name, cannot be read as in version 2.
    if version == Version::Later && (sid.is_none() || status.is_none()) {
        return Err("a session token of a later version lacks `sid` or `sts`");
    }
    let organization = Organization::of_session(org_id.as_deref(), members)
        .map_err(|_| "the organization cannot be read")?;
    Ok((org_id, organization))
}

#[cfg(test)]
mod tests;
