//! Issues tokens: one form for each kind.
//!
//! An absent or empty field has the default of the builder of that kind.

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::input::{self, Rejected, invalid, parse};
use crate::reply::{self, Reply};
use crate::state::State;
use crate::tokens::{ApiKeyBuilder, MachineTokenBuilder, SessionBuilder, TokenBuilder};

/// The largest number of permissions of a session: far more than a session of Clerk has, and quick to encode.
const MAX_PERMISSIONS: usize = 500;

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Opaque,
    Jwt,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OAuthToken {
    user: String,
    #[serde(default)]
    scope: String,
    /// Empty for the client that is registered from the start.
    #[serde(default)]
    client_id: String,
    /// In seconds.
    lifetime: Option<u64>,
    /// Separated by spaces; empty for a token without an audience.
    #[serde(default)]
    resource: String,
    #[serde(default)]
    format: Format,
}

pub(super) fn oauth_token(state: &State, body: &Bytes) -> Result<Reply, Rejected> {
    let form: OAuthToken = parse(body)?;
    let user = input::id("a user", &form.user)?;
    let mut token = TokenBuilder::new(state, user).scopes(input::scopes(&form.scope)?);
    if let Some(client_id) = input::optional("a client", &form.client_id)? {
        token = token.client_id(client_id);
    }
    if let Some(seconds) = form.lifetime {
        token = token.lifetime(input::lifetime(seconds)?);
    }
    for resource in form.resource.split_whitespace() {
        if url::Url::parse(resource).is_err() || resource.contains('#') {
            let message = "a resource is an absolute URI without a fragment";
            return Err(invalid(message));
        }
        token = token.resource(resource);
    }
    if matches!(form.format, Format::Jwt) {
        token = token.jwt();
    }
    Ok(minted(state, &token.issue()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    user: String,
    /// Empty if no organization is active.
    #[serde(default)]
    organization_id: String,
    /// Empty for the part of the id after `org_`.
    #[serde(default)]
    organization_slug: String,
    /// With or without `org:`; empty for `member`.
    #[serde(default)]
    organization_role: String,
    /// With spaces between.
    #[serde(default)]
    permissions: String,
    /// The origin that the token is issued to, `azp`.
    #[serde(default)]
    authorized_party: String,
    /// The user who acts in place of the session's user.
    #[serde(default)]
    actor: String,
    #[serde(default)]
    pending: bool,
    version: Option<u8>,
    /// In seconds.
    lifetime: Option<u64>,
}

pub(super) fn session(state: &State, body: &Bytes) -> Result<Reply, Rejected> {
    let form: Session = parse(body)?;
    let mut token = SessionBuilder::new(state, input::id("a user", &form.user)?);
    token = match form.version {
        None | Some(2) => token,
        Some(1) => token.v1(),
        Some(_) => return Err(invalid("a session token is of version 1 or 2")),
    };
    token = in_organization(token, &form)?;
    if let Some(origin) = input::optional("an authorized party", &form.authorized_party)? {
        token = token.authorized_party(origin);
    }
    if let Some(actor) = input::optional("an actor", &form.actor)? {
        token = token.actor(actor);
    }
    if form.pending {
        token = token.pending();
    }
    if let Some(seconds) = form.lifetime {
        token = token.lifetime(input::lifetime(seconds)?);
    }
    Ok(minted(state, &token.issue()))
}

fn in_organization<'a>(
    token: SessionBuilder<'a>,
    form: &Session,
) -> Result<SessionBuilder<'a>, Rejected> {
    let slug = input::optional("an organization", &form.organization_slug)?;
    let role = input::optional("an organization", &form.organization_role)?;
    let permissions: Vec<_> = form.permissions.split_whitespace().collect();
    let Some(id) = input::optional("an organization", &form.organization_id)? else {
        if slug.is_some() || role.is_some() || !permissions.is_empty() {
            let message = "slug, role and permissions are those in an organization: give its id";
            return Err(invalid(message));
        }
        return Ok(token);
    };
    if !permissions
        .iter()
        .all(|text| SessionBuilder::is_permission(text))
    {
        return Err(invalid("a permission has the form org:feature:name"));
    }
    if permissions.len() > MAX_PERMISSIONS {
        let message = format!("a session has at most {MAX_PERMISSIONS} permissions");
        return Err(invalid(&message));
    }
    let slug = slug.unwrap_or_else(|| id.strip_prefix("org_").unwrap_or(&id).to_owned());
    // The builder adds the prefix that the version requires.
    let role = role.as_deref().unwrap_or("member");
    let role = role.strip_prefix("org:").unwrap_or(role);
    Ok(token.organization(id, slug, role).permissions(permissions))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApiKey {
    subject: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    scope: String,
    /// In seconds.
    lifetime: Option<u64>,
}

pub(super) fn api_key(state: &State, body: &Bytes) -> Result<Reply, Rejected> {
    let form: ApiKey = parse(body)?;
    let subject = input::id("the subject of an API key", &form.subject)?;
    let mut key = ApiKeyBuilder::new(state, subject).scopes(input::scopes(&form.scope)?);
    if let Some(name) = input::optional("the name of an API key", &form.name)? {
        key = key.name(name);
    }
    if let Some(seconds) = form.lifetime {
        key = key.lifetime(input::lifetime(seconds)?);
    }
    Ok(minted(state, &key.issue()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MachineToken {
    machine: String,
    /// The machines that the token is for, separated by spaces.
    #[serde(default)]
    scope: String,
    /// In seconds.
    lifetime: Option<u64>,
    #[serde(default)]
    format: Format,
}

pub(super) fn machine_token(state: &State, body: &Bytes) -> Result<Reply, Rejected> {
    let form: MachineToken = parse(body)?;
    let machine = input::id("a machine", &form.machine)?;
    let mut token = MachineTokenBuilder::new(state, machine).scopes(input::scopes(&form.scope)?);
    if let Some(seconds) = form.lifetime {
        token = token.lifetime(input::lifetime(seconds)?);
    }
    if matches!(form.format, Format::Jwt) {
        token = token.jwt();
    }
    Ok(minted(state, &token.issue()))
}

/// Returns the token, which is shown only once, and the id that revokes it, if it can be revoked.
fn minted(state: &State, text: &str) -> Reply {
    let id = state.lock().id_of(text).map(str::to_owned);
    reply::json(StatusCode::CREATED, &json!({"id": id, "token": text}))
}
