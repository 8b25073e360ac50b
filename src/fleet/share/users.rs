//! The shared users of the Backend API.
//!
//! A record is about one user, by its id. Only users who may act are shared: a record can only add to claims, and a
//! replica that finds none calls Clerk.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Looked, Share, Wanted};
use crate::{
    AuthError, BoxFuture,
    cache::FetchedUser,
    fleet::record,
    observe::{Priority, SharedEvent},
    verify::{FetchUser, WantedUser},
};

/// The shared users of one realm, in front of their endpoint.
pub(crate) struct SharedUsers {
    share: Share,
    endpoint: Arc<dyn FetchUser>,
}

impl SharedUsers {
    pub(in crate::fleet) fn new(share: Share, endpoint: Arc<dyn FetchUser>) -> Self {
        Self { share, endpoint }
    }

    async fn find_or_fetch(&self, user: WantedUser) -> Result<FetchedUser, AuthError> {
        let share = &self.share;
        let wanted = Shared { user: &user, share };
        let name = share.seal.name(wanted.about());
        let leads = match share.look(&name, &wanted).await {
            Looked::Found(_, user) => return Ok(user),
            Looked::Lead => true,
            Looked::Alone => false,
        };

        // Read before Clerk is called: the record names the invalidations that it comes after.
        let (epoch, start, was_live) = (user.cache.epoch(), Instant::now(), share.is_live());
        let called_at = share.clock.now().wall;
        let fetched = Arc::clone(&self.endpoint).fetch(user.clone()).await;
        share.patience.verified(start.elapsed());
        let sealed = match &fetched {
            Ok(FetchedUser {
                user: Some(found), ..
            }) if was_live => {
                let now = share.clock.now();
                let after = user.cache.applied(&user.id, epoch, now);
                let content = record::encode_user(found, called_at).finish(&after);
                share.seal(wanted.about(), called_at, &content)
            }
            _ => None,
        };
        if leads || sealed.is_some() {
            share.release(&name, sealed);
        }
        fetched
    }
}

impl FetchUser for SharedUsers {
    fn fetch(
        self: Arc<Self>,
        wanted: WantedUser,
    ) -> BoxFuture<'static, Result<FetchedUser, AuthError>> {
        Box::pin(async move { self.find_or_fetch(wanted).await })
    }
}

/// The evidence about one user.
struct Shared<'a> {
    user: &'a WantedUser,
    share: &'a Share,
}

impl Wanted for Shared<'_> {
    type Result = FetchedUser;

    fn about(&self) -> &[u8] {
        self.user.id.as_bytes()
    }

    fn priority(&self) -> Priority {
        // The token is valid by now, even if it was never seen before.
        self.user.priority.min(Priority::Returning)
    }

    fn needed_by(&self) -> Instant {
        self.user.needed_by
    }

    /// The cache of users compares the epoch of the whole fetch.
    fn epoch(&self) -> u64 {
        self.user.cache.epoch()
    }

    async fn adopt(&self, content: &[u8], _: u64) -> Result<FetchedUser, SharedEvent> {
        let WantedUser { id, cache, .. } = self.user;
        let record = record::decode_user(content, id).ok_or(SharedEvent::Unreadable)?;
        let age = self.share.age(record.called_at, self.share.clock.now());
        let age = age.ok_or(SharedEvent::Miss)?;
        if cache.rejects_evidence(id, record.called_at, &record.after) {
            return Err(SharedEvent::Invalidate);
        }
        Ok(FetchedUser {
            user: Some(record.user),
            age,
        })
    }
}
