//! Enrichment of claims with a profile. It comes from userinfo, by the token, or from the Backend API, by the
//! subject. Both add to the claims of a valid token, and never widen its permissions.

use serde::Deserialize;
use std::sync::Arc;

use tokio::{task::yield_now, time::Instant};

use super::userinfo_policy::{is_final, unavailable};
use super::users::Users;
use crate::{
    AuthError, AuthErrorKind, TokenKind,
    cache::Made,
    claims::User,
    clerk::{
        http::{Priority, Purpose, within},
        userinfo::{Userinfo, UserinfoEndpoint},
    },
    extract::SecretToken,
};

/// The sources of enrichment.
pub(crate) struct Enrich {
    /// With a profile from userinfo.
    pub(crate) enrichment: Enrichment,
    /// Also used without enrichment, if only userinfo shows a required fact about an OAuth token.
    pub(crate) userinfo: UserinfoEndpoint,
    /// The users of the Backend API, if claims are enriched with them.
    pub(crate) users: Option<Users>,
    /// If the user cannot be fetched, the request is rejected.
    pub(crate) user_is_required: bool,
}

/// Details of the subject that the answer about the token does not contain.
pub(super) struct SubjectDetails {
    pub(super) userinfo: Option<Userinfo>,
    pub(super) user: Option<Arc<User>>,
    /// True if no detail is missing that another attempt could fetch.
    pub(super) complete: bool,
}

impl Enrich {
    pub(super) fn is_required(&self) -> bool {
        self.enrichment == Enrichment::Required
    }

    /// Returns whether a token of this kind has a profile from userinfo, which answers OAuth tokens alone.
    pub(super) fn is_by_userinfo(&self, kind: TokenKind) -> bool {
        self.enrichment != Enrichment::Off && kind == TokenKind::OAuth
    }

    /// Returns true if something may be fetched to enrich the claims of a token of this kind.
    pub(super) fn fetches_for(&self, kind: TokenKind) -> bool {
        self.is_by_userinfo(kind) || self.users.is_some()
    }

    /// Fetches userinfo, for a profile or for another fact that it shows. `is_needed`: true if the verification fails
    /// without userinfo.
    pub(super) async fn userinfo(
        &self,
        token: &SecretToken,
        priority: Priority,
        is_needed: bool,
        deadline: Instant,
    ) -> Result<Userinfo, AuthError> {
        if is_needed {
            let purpose = Purpose::needed(priority);
            return within(deadline, self.userinfo.fetch(token, purpose)).await;
        }
        // Verifications that are ready to start go first.
        yield_now().await;
        let purpose = Purpose::optional(priority, deadline);
        within(deadline, self.userinfo.fetch(token, purpose)).await
    }

    /// Returns the user of a subject, and true if nothing is missing. An organization or a machine is not a user: it
    /// has no profile, and nothing is missing.
    ///
    /// # Errors
    ///
    /// [`Inactive`](AuthErrorKind::Inactive) if the user is banned or deleted: tokens outlive users. If the profile
    /// is required, also if Clerk answers with another user; and the error of the fetch if it fails.
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
        match within(deadline, users.get(subject, priority, deadline)).await {
            Ok(Some(user)) => Ok((Some(user), true)),
            Ok(None) => Err(AuthErrorKind::Inactive.into()),
            Err(error) if !self.user_is_required => Ok((None, is_final(&error))),
            Err(error) if error.kind() == AuthErrorKind::Inactive => Err(error),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Invalidates the cached user of a subject.
    pub(crate) fn invalidate(&self, subject: &str, made: Made) {
        if let Some(users) = &self.users {
            users.invalidate(subject, made);
        }
    }

    /// Removes all cached users.
    pub(crate) fn clear(&self, made: Made) {
        if let Some(users) = &self.users {
            users.clear(made);
        }
    }

    /// Raises the time of an invalidation that was applied before, of one user or of all (`None`).
    #[cfg(feature = "fleet")]
    pub(crate) fn repeat(&self, subject: Option<&str>, made: Made) {
        if let Some(users) = &self.users {
            users.repeat(subject, made);
        }
    }
}

/// The enrichment of claims by a second call to Clerk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Enrichment {
    /// No call, unless nothing else shows what must be known about the token.
    Off,
    /// A call. If it fails, the claims lack its answer. They are cached for five seconds only, unless the failure is
    /// final or calls are scarce.
    #[default]
    BestEffort,
    /// A call. If it fails, the request is rejected with a 503.
    Required,
}
