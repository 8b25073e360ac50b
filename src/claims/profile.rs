//! The profile of a user, as userinfo returns it.

use std::fmt;

use serde_json::{Map, Value};

use super::{Organization, texts::Texts};

/// The profile of the subject, from userinfo (OpenID Connect Core §5.3.2).
///
/// Its members depend on the granted scopes: `email`, `profile`, `public_metadata`, `user:org:read`.
#[derive(Clone)]
pub struct Profile {
    /// The members that [`TEXTS`] names.
    texts: Texts<{ TEXTS.len() }>,
    email_verified: Option<bool>,
    /// Boxed, because most subjects act in no organization.
    organization: Option<Box<Organization>>,
    /// The members that have no field here, as JSON text. A tree of values would be several times as large.
    rest: Box<str>,
}

/// The members that are stored as texts.
const TEXTS: [&str; 7] = [
    "email",
    "name",
    "given_name",
    "family_name",
    "preferred_username",
    "username",
    "picture",
];

// === impl Profile ===

impl Profile {
    /// Reads a userinfo response. A member of an unexpected type counts as unknown.
    pub(crate) fn new(mut members: Map<String, Value>) -> Self {
        let email_verified = members.get("email_verified").and_then(Value::as_bool);
        if email_verified.is_some() {
            members.remove("email_verified");
        }
        let mut take = |name: &str| match members.remove(name)? {
            Value::String(text) => Some(text.into_boxed_str()),
            other => {
                members.insert(name.to_owned(), other);
                None
            }
        };
        Self {
            texts: Texts::new(TEXTS.map(&mut take)),
            email_verified,
            organization: take("org_id")
                .map(|id| Box::new(Organization::new(id, take("org_name"), take("org_slug")))),
            rest: Value::Object(members).to_string().into_boxed_str(),
        }
    }

    /// The primary e-mail address (scope `email`). Check [`email_verified`](Self::email_verified) before you trust it.
    pub fn email(&self) -> Option<&str> {
        self.text("email")
    }

    /// True if the address is verified to belong to the user. `None` if this is not known.
    pub fn email_verified(&self) -> Option<bool> {
        self.email_verified
    }

    /// The full name (scope `profile`).
    pub fn name(&self) -> Option<&str> {
        self.text("name")
    }

    /// The given name (scope `profile`).
    pub fn given_name(&self) -> Option<&str> {
        self.text("given_name")
    }

    /// The family name (scope `profile`).
    pub fn family_name(&self) -> Option<&str> {
        self.text("family_name")
    }

    /// The name by which the user is known in the application (scope `profile`).
    pub fn preferred_username(&self) -> Option<&str> {
        // `username` is Clerk's deprecated name for the same member.
        self.text("preferred_username")
            .or_else(|| self.text("username"))
    }

    /// The URL of a picture of the user (scope `profile`).
    pub fn picture(&self) -> Option<&str> {
        self.text("picture")
    }

    /// The organization of the subject, with its name (scope `user:org:read`).
    pub fn organization(&self) -> Option<&Organization> {
        self.organization.as_deref()
    }

    /// Metadata that the back end may write and all clients may read (scope `public_metadata`).
    pub fn public_metadata(&self) -> Option<Value> {
        self.member("public_metadata")
    }

    /// Metadata that only the back end may read and write (scope `private_metadata`).
    pub fn private_metadata(&self) -> Option<Value> {
        self.member("private_metadata")
    }

    /// Metadata that the user may write. Never base a decision on it (scope `public_metadata`).
    pub fn unsafe_metadata(&self) -> Option<Value> {
        self.member("unsafe_metadata")
    }

    /// The whole userinfo object. Each call builds it.
    pub fn userinfo(&self) -> Value {
        let mut members = self.rest();
        for (name, text) in self.texts() {
            if let Some(text) = text {
                members.insert(name.to_owned(), text.into());
            }
        }
        if let Some(verified) = self.email_verified {
            members.insert("email_verified".to_owned(), verified.into());
        }
        Value::Object(members)
    }

    /// Returns the approximate size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        let organization = self.organization().map_or(0, Organization::size);
        size_of::<Self>() + self.texts.len() + self.rest.len() + organization
    }

    fn text(&self, name: &str) -> Option<&str> {
        let place = TEXTS.iter().position(|text| *text == name)?;
        self.texts.get(place)
    }

    /// Returns the members that are stored as texts, with their names in userinfo.
    fn texts(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        let organization = self.organization();
        let of_organization = [
            ("org_id", organization.map(Organization::id)),
            ("org_name", organization.and_then(Organization::name)),
            ("org_slug", organization.and_then(Organization::slug)),
        ];
        let texts = TEXTS.into_iter().map(|name| (name, self.text(name)));
        texts.chain(of_organization)
    }

    fn rest(&self) -> Map<String, Value> {
        serde_json::from_str(&self.rest).unwrap_or_default()
    }

    fn member(&self, name: &str) -> Option<Value> {
        self.rest().remove(name).filter(|value| !value.is_null())
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("email_verified", &self.email_verified)
            .finish_non_exhaustive()
    }
}
