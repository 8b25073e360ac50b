//! The three verification endpoints: for OAuth tokens, machine tokens and API keys.
//!
//! A 200 alone shows nothing. A token is valid only if the answer is about the right object, is not `active: false`,
//! and states explicitly that the token is neither revoked nor expired. An unreadable answer shows nothing about the
//! token: it rejects the request with a 503, as an outage does, and is never cached as a result.

use bytes::Bytes;
use http::{Response, Uri};
use serde_json::{Map, Value};

use super::{found, members, request};
use crate::{
    AuthError, TokenKind,
    claims::{ActiveOrganization, actor},
    clerk::{
        TokenInfo,
        backend_api::Backend,
        http::{Endpoint, EndpointClient, Priority, Purpose, Upstream},
        response::violation,
        token_info::id,
    },
    extract::SecretToken,
    token::json::{is_present, scopes, seconds, text, texts},
};

/// The kind of credential that is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    OAuthToken,
    MachineToken,
    ApiKey,
}

impl Credential {
    pub(crate) fn kind(self) -> TokenKind {
        match self {
            Self::OAuthToken => TokenKind::OAuth,
            Self::MachineToken => TokenKind::Machine,
            Self::ApiKey => TokenKind::ApiKey,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::OAuthToken => "/oauth_applications/access_tokens/verify",
            Self::MachineToken => "/m2m_tokens/verify",
            Self::ApiKey => "/api_keys/verify",
        }
    }

    /// Returns the name of the member that holds the token in a request.
    fn member(self) -> &'static str {
        match self {
            Self::OAuthToken => "access_token",
            Self::MachineToken => "token",
            Self::ApiKey => "secret",
        }
    }

    fn endpoint(self) -> Endpoint {
        match self {
            Self::OAuthToken => Endpoint::BackendOAuth,
            Self::MachineToken => Endpoint::BackendMachine,
            Self::ApiKey => Endpoint::BackendApiKey,
        }
    }

    /// Returns the value of the member `object` of an answer.
    fn object(self) -> &'static str {
        match self {
            Self::OAuthToken => "clerk_idp_oauth_access_token",
            Self::MachineToken => "machine_to_machine_token",
            Self::ApiKey => "api_key",
        }
    }

    fn decode(self) -> fn(&Response<Bytes>) -> Result<TokenInfo, AuthError> {
        match self {
            Self::OAuthToken => |response| decode(response, Self::OAuthToken),
            Self::MachineToken => |response| decode(response, Self::MachineToken),
            Self::ApiKey => |response| decode(response, Self::ApiKey),
        }
    }
}

/// One of the verification endpoints.
pub(crate) struct TokenEndpoint {
    client: EndpointClient<TokenInfo>,
    backend: Backend,
    endpoint: Uri,
    member: &'static str,
}

impl TokenEndpoint {
    pub(crate) fn new(upstream: &Upstream, backend: &Backend, credential: Credential) -> Self {
        Self {
            client: upstream.client(credential.endpoint(), credential.decode()),
            backend: backend.clone(),
            endpoint: backend.endpoint(credential.path()),
            member: credential.member(),
        }
    }

    /// Verifies a token.
    pub(crate) async fn verify(
        &self,
        token: &SecretToken,
        priority: Priority,
    ) -> Result<TokenInfo, AuthError> {
        let mut body = Map::new();
        body.insert(self.member.to_owned(), token.expose().into());
        let body = Some(Value::Object(body));
        let request = request(&self.backend, self.endpoint.clone(), body);
        let purpose = Purpose::needed(priority);
        self.client.call(purpose, token.expose(), request).await
    }
}

fn decode(response: &Response<Bytes>, credential: Credential) -> Result<TokenInfo, AuthError> {
    let Some(body) = found(response)? else {
        return Ok(TokenInfo::default());
    };
    let members = members(body, credential.object())?;
    parse(members, credential).map_err(violation)
}

/// Reads an answer into the terms of introspection. `active: false` alone decides. Otherwise all members are read
/// before any of them counts, so that no order changes the outcome.
fn parse(
    mut members: Map<String, Value>,
    credential: Credential,
) -> Result<TokenInfo, &'static str> {
    match members.remove("active") {
        None | Some(Value::Bool(true)) => {}
        // The whole answer of the OAuth endpoint about an invalid JWT.
        Some(Value::Bool(false)) => return Ok(TokenInfo::default()),
        Some(_) => return Err("`active` is not a boolean"),
    }
    let mut must_be = |name| match members.remove(name) {
        Some(Value::Bool(flag)) => Ok(flag),
        _ => Err("`revoked` or `expired` is not a boolean"),
    };
    let (revoked, expired) = (must_be("revoked")?, must_be("expired")?);
    let Some(Value::String(subject)) = members.remove("subject") else {
        return Err("`subject` is not a string");
    };
    let scopes = match members.remove("scopes") {
        Some(Value::String(_)) => return Err("`scopes` is not an array"),
        value => scopes(value)?,
    };
    // These values come from members of other names. No member may add another value for them.
    for name in ["object", "sub", "scope", "exp", "iat"] {
        members.remove(name);
    }
    Ok(TokenInfo {
        active: !revoked && !expired,
        sub: Some(subject),
        client_id: text(members.remove("client_id"))?,
        scope: scopes,
        aud: texts(members.remove("aud"))?,
        iss: text(members.remove("iss"))?,
        exp: time(members.remove("expiration"))?,
        iat: time(members.remove("created_at"))?,
        org_id: text(members.remove("org_id"))?,
        nbf: time(members.get("nbf").cloned())?,
        token_type: text(members.get("token_type").cloned())?,
        token_use: text(members.get("token_use").cloned())?,
        confirmation: is_present(&members, "cnf"),
        is_local: false,
        token_id: id(&members, "id"),
        // For the other credentials, it is a claim of the application.
        actor: match credential {
            Credential::OAuthToken => actor(&members)?,
            Credential::MachineToken | Credential::ApiKey => None,
        },
        organization: ActiveOrganization::None,
        other: members,
    })
}

/// Reads a time in Unix seconds. Clerk's documents disagree about the unit, so the magnitude decides: a value above
/// the bound would be after the year 5138 in seconds, and a value up to it before 1973 in milliseconds. The time is
/// rounded down, so that a token never lives longer because of it.
fn time(value: Option<Value>) -> Result<Option<i64>, &'static str> {
    Ok(seconds(value)?.map(|time| {
        if time > LATEST_SECONDS {
            time / 1000
        } else {
            time
        }
    }))
}

const LATEST_SECONDS: i64 = 100_000_000_000;

#[cfg(test)]
mod tests;
