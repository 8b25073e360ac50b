//! The users of the instance: the Backend API behind a cache.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    AuthError, BoxFuture,
    cache::{FetchedUser, Made, UserCache},
    claims::User,
    clerk::{
        backend_api::{UserEndpoint, is_id},
        http::Priority,
        response::violation,
    },
};

/// The users of the instance, according to the Backend API.
pub(crate) struct Users {
    source: Arc<dyn FetchUser>,
    cache: Arc<UserCache>,
    timeout: Duration,
}

/// The source of users: the Backend API, or the evidence that replicas share in front of it.
pub(crate) trait FetchUser: Send + Sync + 'static {
    /// Fetches a user.
    ///
    /// # Errors
    ///
    /// `Inactive` if Clerk answers with another user; otherwise the error of the call.
    fn fetch(
        self: Arc<Self>,
        wanted: WantedUser,
    ) -> BoxFuture<'static, Result<FetchedUser, AuthError>>;
}

/// A user to fetch.
#[derive(Clone)]
pub(crate) struct WantedUser {
    pub(crate) id: Box<str>,
    /// The priority of the token.
    pub(crate) priority: Priority,
    /// The end of the fetch.
    pub(crate) deadline: Instant,
    /// The end of the verification that started the fetch.
    #[cfg(feature = "fleet")]
    pub(crate) needed_by: Instant,
    /// The cache that the user is for.
    #[cfg(feature = "fleet")]
    pub(crate) cache: Arc<UserCache>,
}

impl Users {
    /// Creates the cache in front of the source. `timeout`: the limit of one fetch, with its wait.
    pub(crate) fn new(source: Arc<dyn FetchUser>, cache: UserCache, timeout: Duration) -> Self {
        Self {
            source,
            cache: Arc::new(cache),
            timeout,
        }
    }

    /// Returns the user of this id; `None` if the user is banned or deleted. `priority`: the priority of the token.
    /// `needed_by`: the end of its verification.
    ///
    /// # Errors
    ///
    /// [`Inactive`](AuthErrorKind::Inactive) if Clerk answers with another user; otherwise the error of the fetch.
    pub(crate) async fn get(
        &self,
        id: &str,
        priority: Priority,
        needed_by: Instant,
    ) -> Result<Option<Arc<User>>, AuthError> {
        if !is_id(id) {
            return Err(violation("the subject is not a user id").into_token_provoked());
        }
        #[cfg(not(feature = "fleet"))]
        let _ = needed_by;
        self.cache
            .get(id, || {
                Arc::clone(&self.source).fetch(WantedUser {
                    id: id.into(),
                    priority,
                    deadline: Instant::now() + self.timeout,
                    #[cfg(feature = "fleet")]
                    needed_by,
                    #[cfg(feature = "fleet")]
                    cache: Arc::clone(&self.cache),
                })
            })
            .await
    }

    pub(crate) fn invalidate(&self, id: &str, made: Made) {
        self.cache.invalidate(id, made);
    }

    pub(crate) fn clear(&self, made: Made) {
        self.cache.clear(made);
    }

    /// Raises the time of an invalidation that was applied before, of one user or of all (`None`).
    #[cfg(feature = "fleet")]
    pub(crate) fn repeat(&self, id: Option<&str>, made: Made) {
        self.cache.repeat(id, made);
    }
}

impl FetchUser for UserEndpoint {
    fn fetch(
        self: Arc<Self>,
        wanted: WantedUser,
    ) -> BoxFuture<'static, Result<FetchedUser, AuthError>> {
        Box::pin(async move {
            let WantedUser {
                id,
                priority,
                deadline,
                ..
            } = wanted;
            let user = self.get(&id, priority, deadline).await?;
            Ok(FetchedUser { user, age: 0 })
        })
    }
}
