//! The claims in the payload of a token (RFC 7519 §4). Pure; the signature is verified elsewhere.

use serde_json::{Map, Value};

use crate::{
    TokenKind,
    claims::{ActiveOrganization, Organization, Version, actor},
    clerk::{TokenInfo, token_info::id},
    token::json::{is_present, scopes, seconds, text, texts},
};

/// Reads the members of a payload.
///
/// Only Clerk writes the claims that are read here for a kind. Session tokens also have claims of the application,
/// and machine tokens have claims of the machine. A `scope` or a `client_id` there may come from a user, so it stays
/// a custom claim of that name.
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
        confirmation: is_present(&members, "cnf"),
        token_id: id(&members, "jti"),
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

/// Reads the claims that only session tokens have. Version 1 names the organization in `org_id`. In later versions,
/// `org_id` is a custom claim of any type, and names no organization.
fn of_session(
    members: &mut Map<String, Value>,
) -> Result<(Option<String>, ActiveOrganization), &'static str> {
    let version = Version::of(members).map_err(|_| "`v` is not a version")?;
    let org_id = members.remove("org_id");
    let org_id = match version {
        Version::One => text(org_id)?,
        Version::Two | Version::Later => None,
    };
    // The rules read these claims by name. A claim of a wrong type is rejected here, before the rules.
    let member = |name: &str| text(members.get(name).cloned());
    let (sid, status) = (member("sid")?, member("sts")?);
    member("azp")?;
    // Only these two claims distinguish session tokens from the other tokens of the instance. A later version that
    // omits or renames one of them cannot be read like version 2.
    if version == Version::Later && (sid.is_none() || status.is_none()) {
        return Err("a session token of a later version lacks `sid` or `sts`");
    }
    let organization = Organization::of_session(org_id.as_deref(), members)
        .map_err(|_| "the organization cannot be read")?;
    Ok((org_id, organization))
}

#[cfg(test)]
mod tests;
