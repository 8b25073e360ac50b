//! `GET /users/{id}`: who a subject is.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::Response;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::{Answer, read, request};
use crate::{
    AuthError, AuthErrorKind, User,
    cache::UserCache,
    config::Backend,
    upstream::{Endpoint, EndpointClient, Priority, Purpose, Upstream, within},
    verify::members::{flag, violation},
};

/// The users of the instance, as the Backend API knows them.
pub(crate) struct Users {
    endpoint: Arc<UserEndpoint>,
    cache: Arc<UserCache>,
    timeout: Duration,
}

struct UserEndpoint {
    client: EndpointClient<Fetched>,
    backend: Backend,
}

/// What the endpoint answered: a user by this id, or nobody who may act.
type Fetched = Option<(String, Arc<User>)>;

impl Users {
    /// `timeout`: how long one fetch may take, its waiting included.
    pub(crate) fn new(
        upstream: &Upstream,
        backend: &Backend,
        cache: UserCache,
        timeout: Duration,
    ) -> Self {
        let endpoint = UserEndpoint {
            client: upstream.client(Endpoint::BackendUser, decode),
            backend: backend.clone(),
        };
        Self {
            endpoint: Arc::new(endpoint),
            cache: Arc::new(cache),
            timeout,
        }
    }

    /// The user of this id. `None`: the user is banned, or is no more. `priority`: that of the token.
    ///
    /// # Errors
    ///
    /// [`Inactive`](AuthErrorKind::Inactive) if Clerk answers with another user, and why the user cannot be
    /// fetched.
    pub(crate) async fn get(
        &self,
        id: &str,
        priority: Priority,
    ) -> Result<Option<Arc<User>>, AuthError> {
        if !is_id(id) {
            return Err(violation("the subject is not a user id").into_token_provoked());
        }
        self.cache
            .get(id, || {
                let endpoint = Arc::clone(&self.endpoint);
                let (id, time) = (id.to_owned(), self.timeout);
                async move { endpoint.fetch(&id, priority, time).await }
            })
            .await
    }

    pub(crate) fn invalidate(&self, id: &str) {
        self.cache.invalidate(id);
    }

    pub(crate) fn clear(&self) {
        self.cache.clear();
    }
}

impl UserEndpoint {
    async fn fetch(
        &self,
        id: &str,
        priority: Priority,
        time: Duration,
    ) -> Result<Option<Arc<User>>, AuthError> {
        let endpoint = self.backend.endpoint(&format!("/users/{id}"));
        let request = request(&self.backend, endpoint, None);
        // The token is good by now, even if it was never seen before. It must not have the share of those that
        // may be bad: a flood of them would hide that its user is banned.
        let purpose = Purpose::needed(priority.min(Priority::Returning));
        let call = self.client.call(purpose, id, request);
        let fetched = within(Instant::now() + time, call).await?;
        match fetched {
            Some((told, _)) if told != id => Err(AuthErrorKind::Inactive.into()),
            fetched => Ok(fetched.map(|(_, user)| user)),
        }
    }
}

/// Ids go into a path. A subject is data: one that would be another path is no id.
fn is_id(id: &str) -> bool {
    let is_id_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    id.len() <= 255 && id.starts_with("user_") && id.bytes().all(is_id_byte)
}

fn decode(response: &Response<Bytes>) -> Result<Fetched, AuthError> {
    match read(response, "user")? {
        Answer::Found(members) => parse(members).map_err(violation),
        Answer::Unknown => Ok(None),
    }
}

/// `id`, `banned` and `deprovisioned` are read strictly; of the rest, what has an unexpected type is unknown.
fn parse(mut members: Map<String, Value>) -> Result<Fetched, &'static str> {
    let Some(Value::String(id)) = members.remove("id") else {
        return Err("`id` is not a string");
    };
    let Some(Value::Bool(is_banned)) = members.remove("banned") else {
        return Err("`banned` is not a boolean");
    };
    // Newer than `banned`: not in the answers of every version of the API.
    let is_deprovisioned = flag(members.remove("deprovisioned").as_ref())?;
    if is_banned || is_deprovisioned {
        return Ok(None);
    }
    let user = Arc::new(User::new(&id, members));
    Ok(Some((id, user)))
}

#[cfg(test)]
mod tests;
