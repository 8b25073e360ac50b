//! The users of the instance: the Backend API behind a cache.

use std::{sync::Arc, time::Duration};

use crate::{
    AuthError,
    cache::UserCache,
    claims::User,
    clerk::{
        backend_api::{Backend, UserEndpoint, is_id},
        http::{Priority, Upstream},
        response::violation,
    },
};

/// The users of the instance, according to the Backend API.
pub(crate) struct Users {
    endpoint: Arc<UserEndpoint>,
    cache: Arc<UserCache>,
    timeout: Duration,
}

impl Users {
    /// Creates the cache in front of the endpoint. `timeout`: the limit of one fetch, with its wait.
    pub(crate) fn new(
        upstream: &Upstream,
        backend: &Backend,
        cache: UserCache,
        timeout: Duration,
    ) -> Self {
        let endpoint = UserEndpoint::new(upstream, backend);
        Self {
            endpoint: Arc::new(endpoint),
            cache: Arc::new(cache),
            timeout,
        }
    }

    /// Returns the user of this id; `None` if the user is banned or deleted. `priority`: the priority of the token.
    ///
    /// # Errors
    ///
    /// [`Inactive`](AuthErrorKind::Inactive) if Clerk answers with another user; otherwise the error of the fetch.
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
