//! The users of the instance: the Backend API behind a cache.

use std::{sync::Arc, time::Duration};

use crate::{
    AuthError, User,
    cache::UserCache,
    clerk::{
        backend_api::{Backend, UserEndpoint, is_id},
        http::{Priority, Upstream},
        response::violation,
    },
};

/// The users of the instance, as the Backend API knows them.
pub(crate) struct Users {
    endpoint: Arc<UserEndpoint>,
    cache: Arc<UserCache>,
    timeout: Duration,
}

impl Users {
    /// `timeout`: how long one fetch may take, its waiting included.
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
            return Err(violation("the subject cannot be the id of a user").into_token_provoked());
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
