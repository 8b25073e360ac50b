//! The users of the instance.

use serde_json::{Value, json};

use super::backend::user_object;
use super::state::State;
use super::tokens::Token;

/// The organization that a user chose on the consent screen.
#[derive(Clone, Debug)]
pub(super) struct Organization {
    pub(super) id: String,
    name: String,
    slug: String,
}

#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) email: Option<String>,
    pub(super) email_verified: bool,
    pub(super) given_name: Option<String>,
    pub(super) family_name: Option<String>,
    pub(super) name: Option<String>,
    pub(super) preferred_username: Option<String>,
    pub(super) picture: Option<String>,
    pub(super) public_metadata: Value,
    pub(super) private_metadata: Value,
    pub(super) unsafe_metadata: Value,
    pub(super) organization: Option<Organization>,
    pub(super) banned: bool,
    pub(super) deprovisioned: bool,
    /// Addresses other than the primary one.
    pub(super) other_emails: Vec<String>,
    pub(super) deleted: bool,
}

impl User {
    /// Returns a plausible user with this id.
    pub(super) fn derived_from(id: &str) -> Self {
        let handle: String = id
            .strip_prefix("user_")
            .unwrap_or(id)
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        Self {
            email: Some(format!("{handle}@example.com")),
            email_verified: true,
            given_name: Some("Test".to_owned()),
            family_name: Some("User".to_owned()),
            name: Some("Test User".to_owned()),
            picture: Some(format!("https://img.example.com/{handle}.png")),
            preferred_username: Some(handle),
            ..Self::bare()
        }
    }

    fn bare() -> Self {
        Self {
            email: None,
            email_verified: false,
            given_name: None,
            family_name: None,
            name: None,
            preferred_username: None,
            picture: None,
            public_metadata: json!({}),
            private_metadata: json!({}),
            unsafe_metadata: json!({}),
            organization: None,
            banned: false,
            deprovisioned: false,
            other_emails: Vec::new(),
            deleted: false,
        }
    }

    /// Returns the userinfo answer for `token`, with the members of its scopes.
    pub(super) fn info(&self, instance_id: &str, token: &Token) -> Value {
        let mut info = json!({
            "object": "oauth_user_info",
            "instance_id": instance_id,
            "user_id": token.subject,
            "sub": token.subject,
        });
        if token.has_scope("email") {
            info["email"] = json!(self.email);
            info["email_verified"] = json!(self.email.as_ref().map(|_| self.email_verified));
        }
        if token.has_scope("profile") {
            info["given_name"] = json!(self.given_name);
            info["family_name"] = json!(self.family_name);
            info["name"] = json!(self.name);
            info["username"] = json!(self.preferred_username);
            info["preferred_username"] = json!(self.preferred_username);
            info["picture"] = json!(self.picture);
        }
        if token.has_scope("public_metadata") {
            info["public_metadata"] = self.public_metadata.clone();
            info["unsafe_metadata"] = self.unsafe_metadata.clone();
        }
        if token.has_scope("private_metadata") {
            info["private_metadata"] = self.private_metadata.clone();
        }
        if let Some(organization) = &token.organization {
            info["org_id"] = json!(organization.id);
            info["org_name"] = json!(organization.name);
            info["org_slug"] = json!(organization.slug);
        }
        info
    }
}

/// A builder that changes one user; made by [`FakeClerk::user`](super::FakeClerk::user).
///
/// It starts with the current user, so only differences are set.
#[derive(Debug)]
#[must_use = "the user does not change until `save` is called"]
pub struct UserBuilder<'a> {
    state: &'a State,
    id: String,
    user: User,
}

impl<'a> UserBuilder<'a> {
    pub(super) fn new(state: &'a State, id: String) -> Self {
        let user = state.lock().user(&id);
        Self { state, id, user }
    }

    /// Empties the profile: every member that Clerk allows to be null is null, metadata is `{}`, and the user
    /// has neither an organization nor a ban.
    pub fn bare(mut self) -> Self {
        self.user = User::bare();
        self
    }

    /// Sets the e-mail address.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.user.email = Some(email.into());
        self
    }

    /// Adds a verified e-mail address that is not the primary one. Only the Backend API shows it.
    pub fn other_email(mut self, email: impl Into<String>) -> Self {
        self.user.other_emails.push(email.into());
        self
    }

    /// Sets whether the e-mail address is verified.
    pub fn email_verified(mut self, verified: bool) -> Self {
        self.user.email_verified = verified;
        self
    }

    /// Sets the given name, but not the full name.
    pub fn given_name(mut self, name: impl Into<String>) -> Self {
        self.user.given_name = Some(name.into());
        self
    }

    /// Sets the family name, but not the full name.
    pub fn family_name(mut self, name: impl Into<String>) -> Self {
        self.user.family_name = Some(name.into());
        self
    }

    /// Sets the full name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.user.name = Some(name.into());
        self
    }

    /// Sets the user name, under both `preferred_username` and the deprecated `username`.
    pub fn preferred_username(mut self, name: impl Into<String>) -> Self {
        self.user.preferred_username = Some(name.into());
        self
    }

    /// Sets the URL of the avatar.
    pub fn picture(mut self, url: impl Into<String>) -> Self {
        self.user.picture = Some(url.into());
        self
    }

    /// Sets the public metadata, which need the scope `public_metadata`.
    pub fn public_metadata(mut self, metadata: Value) -> Self {
        self.user.public_metadata = metadata;
        self
    }

    /// Sets the private metadata, which need the scope `private_metadata`.
    pub fn private_metadata(mut self, metadata: Value) -> Self {
        self.user.private_metadata = metadata;
        self
    }

    /// Sets the unsafe metadata, which need the scope `public_metadata`.
    pub fn unsafe_metadata(mut self, metadata: Value) -> Self {
        self.user.unsafe_metadata = metadata;
        self
    }

    /// Sets the organization that tokens with the scope `user:org:read` carry.
    ///
    /// As with Clerk, a token keeps the organization of its issue.
    pub fn org(
        mut self,
        id: impl Into<String>,
        name: impl Into<String>,
        slug: impl Into<String>,
    ) -> Self {
        self.user.organization = Some(Organization {
            id: id.into(),
            name: name.into(),
            slug: slug.into(),
        });
        self
    }

    /// Bans the user, so that userinfo answers 403, or lifts the ban.
    pub fn banned(mut self, banned: bool) -> Self {
        self.user.banned = banned;
        self
    }

    /// Deprovisions the user, as a directory of the user's company does, or lifts that. Only the Backend API and
    /// events show it.
    pub fn deprovisioned(mut self, deprovisioned: bool) -> Self {
        self.user.deprovisioned = deprovisioned;
        self
    }

    /// Applies the changes. A deleted user exists again. Sends `user.updated`, or `user.created` for a new user, to the
    /// [webhook endpoints](super::FakeClerk::webhooks).
    pub fn save(mut self) {
        self.user.deleted = false;
        let mut ledger = self.state.lock();
        let data = user_object(&self.id, &self.user, self.state.started);
        let known = ledger.users.insert(self.id, self.user);
        let kind = match known {
            Some(User { deleted: false, .. }) => "user.updated",
            _ => "user.created",
        };
        self.state.notify(&mut ledger, kind, &data);
    }
}
