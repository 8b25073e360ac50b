//! What all clones of claims have in common.

use std::sync::Arc;

use super::{ActiveOrganization, Profile, Session, User};
use crate::{TokenKind, reject::Challenges, verify::Rules};

/// The claims before they are shared.
#[derive(Clone)]
pub(crate) struct Claims {
    pub(crate) kind: TokenKind,
    pub(crate) subject: Box<str>,
    // What many tokens have in common is shared between them.
    pub(crate) client_id: Option<Arc<str>>,
    /// As it was sent: scope tokens with single spaces between them.
    pub(crate) scope: Arc<str>,
    pub(crate) audience: Box<[Arc<str>]>,
    pub(crate) issuer: Option<Arc<str>>,
    pub(crate) issued_at: Option<i64>,
    pub(crate) expires_at: Option<i64>,
    pub(crate) organization: ActiveOrganization,
    pub(crate) session: Option<Box<Session>>,
    pub(crate) profile: Option<Box<Profile>>,
    /// Shared by the tokens of the user. Its profile takes the place of the other.
    pub(crate) user: Option<Arc<User>>,
    /// The members of the introspection answer that have no field here, as the text of a JSON
    /// object; `None` where there are none.
    pub(crate) other: Option<Box<str>>,
    /// The rules that the token passed.
    pub(crate) rules: Arc<Rules>,
    /// What callers are told whom a rule behind the layer rejects.
    pub(crate) challenges: Arc<Challenges>,
}

impl Claims {
    /// About how many bytes they take in memory, for the cache to count.
    pub(crate) fn size(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let profile = self.profile.as_ref().map_or(0, |profile| profile.size());
        let user = self.user.as_ref().map_or(0, |user| user.size());
        // As if they were not shared: how many share them can change.
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
            + self.session.as_ref().map_or(0, |it| it.size())
            + user
    }
}

/// Scope tokens are separated by the space alone (RFC 6749 §3.3): other white space is part of a
/// name, and makes it match nothing.
pub(crate) fn split_scope(scope: &str) -> impl Iterator<Item = &str> {
    scope.split(' ').filter(|token| !token.is_empty())
}
