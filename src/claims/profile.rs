//! What userinfo tells of a person.

use std::fmt;

use serde_json::Value;

/// Who the subject is, as userinfo tells (OpenID Connect Core §5.3.2).
///
/// Which members there are depends on the scopes that were granted: `email`, `profile`,
/// `public_metadata`, `user:org:read`.
#[derive(Clone, Default)]
pub struct Profile {
    pub(crate) email: Option<Box<str>>,
    pub(crate) email_verified: Option<bool>,
    pub(crate) name: Option<Box<str>>,
    pub(crate) given_name: Option<Box<str>>,
    pub(crate) family_name: Option<Box<str>>,
    pub(crate) preferred_username: Option<Box<str>>,
    pub(crate) picture: Option<Box<str>>,
    pub(crate) organization: Option<Organization>,
    /// The whole userinfo object, as text: a tree of values would be several times its size.
    pub(crate) userinfo: Box<str>,
}

/// The organization that the user picked on the consent screen, with scope `user:org:read`.
#[derive(Clone, PartialEq, Eq)]
pub struct Organization {
    pub(crate) id: Box<str>,
    pub(crate) name: Option<Box<str>>,
    pub(crate) slug: Option<Box<str>>,
}

// === impl Profile ===

impl Profile {
    /// The primary e-mail address (scope `email`). Ask [`email_verified`](Self::email_verified)
    /// before you trust it.
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// Whether the address is known to belong to the person.
    pub fn email_verified(&self) -> Option<bool> {
        self.email_verified
    }

    /// The full name (scope `profile`).
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The given name (scope `profile`).
    pub fn given_name(&self) -> Option<&str> {
        self.given_name.as_deref()
    }

    /// The family name (scope `profile`).
    pub fn family_name(&self) -> Option<&str> {
        self.family_name.as_deref()
    }

    /// The name that the person goes by in the application (scope `profile`).
    pub fn preferred_username(&self) -> Option<&str> {
        self.preferred_username.as_deref()
    }

    /// The URL of a picture of the person (scope `profile`).
    pub fn picture(&self) -> Option<&str> {
        self.picture.as_deref()
    }

    /// The organization, with its name (scope `user:org:read`).
    pub fn organization(&self) -> Option<&Organization> {
        self.organization.as_ref()
    }

    /// Metadata that the back end may write and everybody may read (scope `public_metadata`).
    pub fn public_metadata(&self) -> Option<Value> {
        self.member("public_metadata")
    }

    /// Metadata that only the back end may read and write (scope `private_metadata`).
    pub fn private_metadata(&self) -> Option<Value> {
        self.member("private_metadata")
    }

    /// Metadata that the person themself may write: never base a decision on it (scope
    /// `public_metadata`).
    pub fn unsafe_metadata(&self) -> Option<Value> {
        self.member("unsafe_metadata")
    }

    /// The whole userinfo object. It is kept as text and parsed here, at each call.
    pub fn userinfo(&self) -> Value {
        serde_json::from_str(&self.userinfo).unwrap_or_default()
    }

    fn member(&self, name: &str) -> Option<Value> {
        match self.userinfo() {
            Value::Object(mut members) => members.remove(name).filter(|value| !value.is_null()),
            _ => None,
        }
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("email_verified", &self.email_verified)
            .finish_non_exhaustive()
    }
}

// === impl Organization ===

impl Organization {
    /// Clerk's id, `org_…`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name for people.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The name for URLs.
    pub fn slug(&self) -> Option<&str> {
        self.slug.as_deref()
    }
}

impl fmt::Debug for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Organization").finish_non_exhaustive()
    }
}
