//! The user of a subject, by `GET /users/{id}`.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use tokio::time::Instant;

use super::{found, members, request};
use crate::{
    AuthError, AuthErrorKind,
    claims::User,
    clerk::{
        backend_api::Backend,
        http::{Endpoint, EndpointClient, Priority, Purpose, Upstream, within},
        response::violation,
    },
    token::json::Object,
};

/// The endpoint for users.
pub(crate) struct UserEndpoint {
    client: EndpointClient<Fetched>,
    backend: Backend,
}

/// The answer of the endpoint: the user and its id. `None` if there is no such user, or the user may not act.
type Fetched = Option<(String, Arc<User>)>;

impl UserEndpoint {
    pub(crate) fn new(upstream: &Upstream, backend: &Backend) -> Self {
        Self {
            client: upstream.client(Endpoint::BackendUser, decode),
            backend: backend.clone(),
        }
    }

    /// Fetches the user of an id. `None`: the user is banned or deleted. `priority`: the priority of the token.
    ///
    /// # Errors
    ///
    /// [`Inactive`](AuthErrorKind::Inactive) if Clerk returns another user.
    pub(crate) async fn get(
        &self,
        id: &str,
        priority: Priority,
        deadline: Instant,
    ) -> Result<Option<Arc<User>>, AuthError> {
        let endpoint = self.backend.endpoint(&format!("/users/{id}"));
        let request = request(&self.backend, endpoint, None);
        // The token is valid by now, even if it was never seen before. It must not use the share of tokens that may
        // be invalid: a flood of those would hide that the user is banned.
        let purpose = Purpose::needed(priority.min(Priority::Returning));
        let call = self.client.call(purpose, id, request);
        let fetched = within(deadline, call).await?;
        match fetched {
            Some((told, _)) if told != id => Err(AuthErrorKind::Inactive.into()),
            fetched => Ok(fetched.map(|(_, user)| user)),
        }
    }
}

/// Returns true if a text can be the id of a user. The id becomes part of a path, and a subject is data: a text that
/// would be another path is not an id.
pub(crate) fn is_id(id: &str) -> bool {
    let is_id_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    id.len() <= 255 && id.starts_with("user_") && id.bytes().all(is_id_byte)
}

/// Reads an answer. `id`, `banned` and `deprovisioned` are read strictly; any other member counts as unknown if its
/// type is unexpected.
///
/// A ban counts although the other members cannot be read. Users write some of them, such as `unsafe_metadata`. One
/// that is nested too deeply would otherwise hide the ban if the profile is optional.
fn decode(response: &Response<Bytes>) -> Result<Fetched, AuthError> {
    let Some(body) = found(response)? else {
        return Ok(None);
    };
    let Object(standing) = serde_json::from_slice::<Object<Standing>>(body)
        .map_err(|_| violation("`id`, `banned` or `deprovisioned` cannot be read"))?;
    if standing.may_not_act() {
        return Ok(None);
    }
    let user = User::new(&standing.id, members(body, "user")?);
    Ok(Some((standing.id, Arc::new(user))))
}

/// The members that decide if a user may act.
#[derive(Deserialize)]
struct Standing {
    id: String,
    banned: bool,
    /// Newer than `banned`: not every version of the API has it.
    deprovisioned: Option<bool>,
}

impl Standing {
    fn may_not_act(&self) -> bool {
        self.banned || self.deprovisioned == Some(true)
    }
}

#[cfg(test)]
mod tests;
