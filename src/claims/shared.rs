//! The data that all clones of claims share.

use std::sync::Arc;

use super::{ActiveOrganization, ApiKey, Profile, Session, TokenId, User};
use crate::{TokenKind, reject::Challenges};

/// The claims that a cache entry holds.
#[derive(Clone)]
pub(crate) struct Claims {
    pub(crate) kind: TokenKind,
    /// The id of the token, which is in `other`.
    pub(crate) token_id: TokenId,
    pub(crate) subject: Box<str>,
    // Values that many tokens have in common are shared between those tokens.
    pub(crate) client_id: Option<Arc<str>>,
    /// The scope as received: scope tokens separated by single spaces.
    pub(crate) scope: Arc<str>,
    pub(crate) audience: Box<[Arc<str>]>,
    pub(crate) issuer: Option<Arc<str>>,
    pub(crate) issued_at: Option<i64>,
    pub(crate) expires_at: Option<i64>,
    pub(crate) organization: ActiveOrganization,
    pub(crate) details: Option<Box<Details>>,
    pub(crate) profile: Option<Box<Profile>>,
    /// Shared by the tokens of the user. Its profile takes precedence over `profile`.
    pub(crate) user: Option<Arc<User>>,
    /// The members of the introspection response that have no field here, as the text of a JSON object. `None` if there
    /// are none.
    pub(crate) other: Option<Box<str>>,
    /// The rules that the token passed.
    pub(crate) rules: Arc<dyn RouteRules>,
    /// The challenges for requests that a rule after the layer rejects.
    pub(crate) challenges: Arc<Challenges>,
}

/// The claims that only tokens of some kinds have. Most entries hold at most one of them.
#[derive(Clone)]
pub(crate) enum Details {
    /// Of session tokens, and of OAuth tokens with an actor.
    Session(Session),
    ApiKey(ApiKey),
}

/// The part of the configuration that rules and claims behind the layer need, and the layer's clock.
pub(crate) trait RouteRules: Send + Sync {
    /// Returns true if a scope is granted by name, or implied by a granted one.
    fn is_granted(&self, granted: &str, needed: &str) -> bool;

    /// The issuer of the instance.
    fn issuer(&self) -> &str;

    /// Returns the present time, in Unix seconds.
    fn unix_seconds(&self) -> i64;

    /// Returns true if log lines have the id of the token.
    fn logs_token_ids(&self) -> bool;
}

impl Details {
    /// Returns the approximate size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        let behind_pointers = match self {
            Self::Session(session) => session.size(),
            Self::ApiKey(key) => key.size(),
        };
        size_of::<Self>() + behind_pointers
    }
}

impl Claims {
    pub(crate) fn session(&self) -> Option<&Session> {
        match self.details.as_deref()? {
            Details::Session(session) => Some(session),
            Details::ApiKey(_) => None,
        }
    }

    pub(crate) fn api_key(&self) -> Option<&ApiKey> {
        match self.details.as_deref()? {
            Details::ApiKey(key) => Some(key),
            Details::Session(_) => None,
        }
    }

    pub(crate) fn token_id(&self) -> Option<&str> {
        self.token_id.in_text(self.other.as_deref()?)
    }

    /// Returns the id of the token, if log lines have it.
    pub(crate) fn logged_id(&self) -> Option<&str> {
        self.token_id().filter(|_| self.rules.logs_token_ids())
    }

    /// Returns the approximate size in memory, in bytes. The cache counts it.
    pub(crate) fn size(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let profile = self.profile.as_ref().map_or(0, |profile| profile.size());
        let user = self.user.as_ref().map_or(0, |user| user.size());
        // Counted as if they were not shared, because the number of owners can change.
        let shared = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len());
        let audience = self.audience.iter().map(|entry| entry.len() + 16);
        size_of::<Self>()
            + self.subject.len()
            + self.scope.len()
            + shared(&self.client_id)
            + shared(&self.issuer)
            + audience.sum::<usize>()
            + text(&self.other)
            + profile
            + self.organization.size()
            + self.details.as_ref().map_or(0, |it| it.size())
            + user
    }
}
