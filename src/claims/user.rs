//! A user, as the Backend API returns it.

use std::{fmt, time::SystemTime};

use serde_json::{Map, Value};

use super::{Profile, time::milliseconds};
#[cfg(feature = "fleet")]
use crate::token::json::text;

/// A user of the instance, as the Backend API shows one (`GET /v1/users/{id}`): where the configuration has
/// [profiles from there](crate::ClerkConfigBuilder::users).
///
/// The tokens of one user share it. It is up to a minute old, plus the age of the token's cache entry. The scopes of
/// the token do not limit its content.
#[derive(Clone)]
pub struct User {
    id: Box<str>,
    /// The members that userinfo would return. Texts that both have are stored only here.
    profile: Profile,
    external_id: Option<Box<str>>,
    /// JSON text, stored separately from the profile, because the user may see the profile.
    private_metadata: Option<Box<str>>,
    created_at: Option<i64>,
    updated_at: Option<i64>,
    last_sign_in_at: Option<i64>,
    last_active_at: Option<i64>,
}

impl User {
    /// Reads the members of a user object. A member of an unexpected type, other than `id`, counts as unknown.
    pub(crate) fn new(id: &str, mut members: Map<String, Value>) -> Self {
        let time = |name: &str| members.get(name).and_then(Value::as_i64);
        let (created_at, updated_at) = (time("created_at"), time("updated_at"));
        let (last_sign_in_at, last_active_at) = (time("last_sign_in_at"), time("last_active_at"));
        let primary = primary_email(&members);
        let external_id = take_text(&mut members, "external_id");
        let private_metadata = members
            .remove("private_metadata")
            .filter(|metadata| !metadata.is_null())
            .map(|metadata| metadata.to_string().into_boxed_str());
        Self {
            id: id.into(),
            profile: Profile::new(userinfo(id, primary, members)),
            external_id,
            private_metadata,
            created_at,
            updated_at,
            last_sign_in_at,
            last_active_at,
        }
    }

    /// Clerk's id, `user_…`: the subject of the token.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The profile that userinfo would return.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The username. `None` if the instance does not use usernames.
    pub fn username(&self) -> Option<&str> {
        self.profile.preferred_username()
    }

    /// The first name.
    pub fn first_name(&self) -> Option<&str> {
        self.profile.given_name()
    }

    /// The last name.
    pub fn last_name(&self) -> Option<&str> {
        self.profile.family_name()
    }

    /// The URL of a picture, which Clerk may have generated.
    pub fn image_url(&self) -> Option<&str> {
        self.profile.picture()
    }

    /// The primary e-mail address: the one that `primary_email_address_id` names, not simply the first. Check
    /// [`email_verified`](Self::email_verified) before you trust it.
    pub fn primary_email(&self) -> Option<&str> {
        self.profile.email()
    }

    /// True if the primary address is verified to belong to the user. `None` without a primary address.
    pub fn email_verified(&self) -> Option<bool> {
        self.profile.email_verified()
    }

    /// The id of the user in your own system.
    pub fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    /// Metadata that the back end may write and all clients may read.
    pub fn public_metadata(&self) -> Option<Value> {
        self.profile.public_metadata()
    }

    /// Metadata that only the back end may read and write. Neither the [profile](Self::profile) nor the claims as JSON
    /// contain it.
    pub fn private_metadata(&self) -> Option<Value> {
        serde_json::from_str(self.private_metadata.as_deref()?).ok()
    }

    /// Metadata that the user may write. Never base a decision on it.
    pub fn unsafe_metadata(&self) -> Option<Value> {
        self.profile.unsafe_metadata()
    }

    /// Returns the time at which the user was created, in milliseconds.
    pub fn created_at(&self) -> Option<SystemTime> {
        milliseconds(self.created_at?)
    }

    /// Returns the time at which the user was last changed, in milliseconds.
    pub fn updated_at(&self) -> Option<SystemTime> {
        milliseconds(self.updated_at?)
    }

    /// Returns the time at which the user last signed in, in milliseconds.
    pub fn last_sign_in_at(&self) -> Option<SystemTime> {
        milliseconds(self.last_sign_in_at?)
    }

    /// Returns the time at which the user was last active, in milliseconds.
    pub fn last_active_at(&self) -> Option<SystemTime> {
        milliseconds(self.last_active_at?)
    }

    /// Returns the approximate size in memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        size_of::<Self>() - size_of::<Profile>()
            + self.profile.size()
            + self.id.len()
            + text(&self.external_id)
            + text(&self.private_metadata)
    }
}

#[cfg(feature = "fleet")]
impl User {
    /// Returns all members, as [`of_members`](Self::of_members) reads them. They are not those of a user object.
    pub(crate) fn to_members(&self) -> Map<String, Value> {
        let Self {
            id: _,
            profile,
            external_id,
            private_metadata: _,
            created_at,
            updated_at,
            last_sign_in_at,
            last_active_at,
        } = self;
        let members = [
            ("profile", Some(profile.userinfo())),
            ("external_id", external_id.as_deref().map(Value::from)),
            ("private_metadata", self.private_metadata()),
            ("created_at", created_at.map(Value::from)),
            ("updated_at", updated_at.map(Value::from)),
            ("last_sign_in_at", last_sign_in_at.map(Value::from)),
            ("last_active_at", last_active_at.map(Value::from)),
        ];
        let present = members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        present.collect()
    }

    /// Reads the members that [`to_members`](Self::to_members) returns. `None` if they are of another user, or any of them
    /// is not understood.
    pub(crate) fn of_members(id: &str, mut members: Map<String, Value>) -> Option<Self> {
        let Value::Object(profile) = members.remove("profile")? else {
            return None;
        };
        if profile.get("sub").and_then(Value::as_str) != Some(id) {
            return None;
        }
        let external_id = text(members.remove("external_id")).ok()?;
        let private_metadata = members
            .remove("private_metadata")
            .filter(|it| !it.is_null());
        let mut time = |name: &str| match members.remove(name) {
            None => Some(None),
            Some(time) => time.as_i64().map(Some),
        };
        let user = Self {
            id: id.into(),
            profile: Profile::new(profile),
            external_id: external_id.map(String::into_boxed_str),
            private_metadata: private_metadata.map(|it| it.to_string().into_boxed_str()),
            created_at: time("created_at")?,
            updated_at: time("updated_at")?,
            last_sign_in_at: time("last_sign_in_at")?,
            last_active_at: time("last_active_at")?,
        };
        members.is_empty().then_some(user)
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("profile", &self.profile)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// Converts a user object to the members of userinfo, under their names there. Other members, such as phone numbers and
/// external accounts, are dropped.
fn userinfo(
    id: &str,
    primary: Option<(String, bool)>,
    mut members: Map<String, Value>,
) -> Map<String, Value> {
    let mut info = Map::new();
    info.insert("sub".to_owned(), id.into());
    let (first, last) = (
        take_text(&mut members, "first_name"),
        take_text(&mut members, "last_name"),
    );
    let names: Vec<_> = [&first, &last]
        .into_iter()
        .flatten()
        .map(|name| &**name)
        .collect();
    let name = (!names.is_empty()).then(|| names.join(" ").into());
    for (member, text) in [
        ("name", name),
        ("given_name", first),
        ("family_name", last),
        ("preferred_username", take_text(&mut members, "username")),
        ("picture", take_text(&mut members, "image_url")),
    ] {
        if let Some(text) = text {
            info.insert(member.to_owned(), String::from(text).into());
        }
    }
    if let Some((address, is_verified)) = primary {
        info.insert("email".to_owned(), address.into());
        info.insert("email_verified".to_owned(), is_verified.into());
    }
    for member in ["public_metadata", "unsafe_metadata"] {
        if let Some(metadata) = members.remove(member).filter(|value| !value.is_null()) {
            info.insert(member.to_owned(), metadata);
        }
    }
    info
}

/// Returns the address that `primary_email_address_id` names, and true if it is verified.
fn primary_email(members: &Map<String, Value>) -> Option<(String, bool)> {
    let id = members.get("primary_email_address_id")?.as_str()?;
    let addresses = members.get("email_addresses")?.as_array()?;
    let primary = addresses
        .iter()
        .find(|address| address.get("id").and_then(Value::as_str) == Some(id))?;
    let status = primary
        .get("verification")
        .and_then(|all| all.get("status"));
    let is_verified = status.and_then(Value::as_str) == Some("verified");
    Some((
        primary.get("email_address")?.as_str()?.to_owned(),
        is_verified,
    ))
}

/// Removes a text. `None` if it is empty or not a text.
fn take_text(members: &mut Map<String, Value>, name: &str) -> Option<Box<str>> {
    match members.remove(name)? {
        Value::String(text) if !text.is_empty() => Some(text.into_boxed_str()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
