//! Where the profile comes from: from userinfo, by the token, or from the Backend API, by the subject. Either
//! adds to what is known of a good token, and never widens it.

use std::sync::Arc;

use tokio::{task::yield_now, time::Instant};

use super::{
    backend::Users,
    needs::{is_final, unavailable},
    userinfo::{Userinfo, UserinfoEndpoint},
};
use crate::{
    AuthError, AuthErrorKind, BearerToken, TokenKind, User,
    kinds::Enrichment,
    upstream::{Priority, Purpose, within},
};

/// What there is to enrich claims with.
pub(crate) struct Enrich {
    /// With a profile from userinfo.
    pub(crate) enrichment: Enrichment,
    /// Asked without enrichment, too, where nothing else shows what must be known of an OAuth token.
    pub(crate) userinfo: UserinfoEndpoint,
    /// The users of the Backend API, if claims are enriched with them.
    pub(crate) users: Option<Users>,
    /// If the user cannot be fetched, the request is rejected.
    pub(crate) user_is_required: bool,
}

/// What was found out of the subject, beside what the answer about the token says.
pub(super) struct Person {
    pub(super) userinfo: Option<Userinfo>,
    pub(super) user: Option<Arc<User>>,
    /// Whether nothing is missing that was to be fetched.
    pub(super) complete: bool,
}

impl Enrich {
    /// Returns whether the profile from userinfo is required.
    pub(super) fn is_required(&self) -> bool {
        self.enrichment == Enrichment::Required
    }

    /// Returns whether a token of this kind has a profile from userinfo, which answers OAuth tokens alone.
    pub(super) fn is_by_userinfo(&self, kind: TokenKind) -> bool {
        self.enrichment != Enrichment::Off && kind == TokenKind::OAuth
    }

    /// Fetches from userinfo, for a profile or for what else it shows. `is_needed`: the verification cannot do
    /// without.
    pub(super) async fn userinfo(
        &self,
        token: &BearerToken,
        priority: Priority,
        is_needed: bool,
        deadline: Instant,
    ) -> Result<Userinfo, AuthError> {
        if is_needed {
            let purpose = Purpose::needed(priority);
            return within(deadline, self.userinfo.fetch(token, purpose)).await;
        }
        // Verifications that could start at this moment come before.
        yield_now().await;
        let purpose = Purpose::optional(priority, deadline);
        within(deadline, self.userinfo.fetch(token, purpose)).await
    }

    /// The user that the subject is, and whether nothing is missing. An organization or a machine is no user:
    /// it has no profile, and misses none.
    ///
    /// # Errors
    ///
    /// [`Inactive`](AuthErrorKind::Inactive) if the user is banned or is no more: tokens outlive them. And if
    /// the profile is required: the same if Clerk answers with another user, and why it cannot be fetched.
    pub(super) async fn user(
        &self,
        subject: &str,
        priority: Priority,
        deadline: Instant,
    ) -> Result<(Option<Arc<User>>, bool), AuthError> {
        let users = self.users.as_ref();
        let Some(users) = users.filter(|_| subject.starts_with("user_")) else {
            return Ok((None, true));
        };
        match within(deadline, users.get(subject, priority)).await {
            Ok(Some(user)) => Ok((Some(user), true)),
            Ok(None) => Err(AuthErrorKind::Inactive.into()),
            Err(error) if !self.user_is_required => Ok((None, is_final(&error))),
            Err(error) if error.kind() == AuthErrorKind::Inactive => Err(error),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Forgets what is known of a subject.
    pub(crate) fn invalidate(&self, subject: &str) {
        if let Some(users) = &self.users {
            users.invalidate(subject);
        }
    }

    /// Forgets everybody.
    pub(crate) fn clear(&self) {
        if let Some(users) = &self.users {
            users.clear();
        }
    }
}
