//! The organization that a subject acts in, and what it may do there.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::{permissions, read};
use crate::AuthErrorKind;

/// An organization, and what the subject is in it.
///
/// | kind of token | it is | and tells |
/// |---|---|---|
/// | session | the one that is active in the session | slug, role and permissions |
/// | OAuth | the one that the user picked on the consent screen (scope `user:org:read`) | name and slug, if userinfo was asked |
/// | API key | the one that the key belongs to | nothing else |
/// | machine | none | |
///
/// `Debug` shows nothing of it. `Serialize` shows everything: `id`, `name`, `slug`, `role`, `permissions`.
///
/// ```
/// # use tower_clerk::ClerkClaims;
/// fn may_read_invoices_of(claims: &ClerkClaims, organization: &str) -> bool {
///     claims.org_id() == Some(organization) && claims.has_permission("org:billing:read")
/// }
/// # _ = may_read_invoices_of;
/// ```
///
/// # Permissions
///
/// They are those that the token names. Clerk does not put its system permissions (`org:sys_…`) into tokens of
/// version 2. Where the list cannot be read without doubt (a part of it is malformed, or Clerk's own libraries
/// would read it differently), there are none at all: what is not certain is not granted.
#[derive(Clone, PartialEq, Eq)]
pub struct Organization {
    id: Box<str>,
    name: Option<Box<str>>,
    slug: Option<Box<str>>,
    /// Boxed: most tokens name none.
    membership: Option<Box<Membership>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Membership {
    /// With the prefix.
    role: Option<Box<str>>,
    permissions: Box<[Box<str>]>,
}

/// The organization that a subject acts in, as far as it can be read.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum ActiveOrganization {
    #[default]
    None,
    Known(Box<Organization>),
    /// The token may name one, in a way that this crate does not know.
    Unreadable,
}

impl ActiveOrganization {
    /// About how many bytes it takes in memory.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Known(organization) => organization.size(),
            Self::None | Self::Unreadable => 0,
        }
    }
}

impl From<Option<Organization>> for ActiveOrganization {
    fn from(organization: Option<Organization>) -> Self {
        organization.map_or(Self::None, |organization| {
            Self::Known(Box::new(organization))
        })
    }
}

/// The version of a session token (`v`), which decides how it names the organization.
///
/// | `v` | version |
/// |---|---|
/// | absent, `null`, `1` | 1 |
/// | `2` | 2 |
/// | an integer from 3 to 2^64 - 1, written without fraction and exponent | a later one |
/// | everything else: `0`, `-1`, `3.0`, `3e0`, `"3"`, `2^64` and more | none: the token is malformed |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
    Later,
}

impl Version {
    pub(crate) fn of(claims: &Map<String, Value>) -> Result<Self, AuthErrorKind> {
        match claims.get("v") {
            None | Some(Value::Null) => Ok(Self::One),
            Some(version) => match version.as_u64() {
                Some(1) => Ok(Self::One),
                Some(2) => Ok(Self::Two),
                Some(3..) => Ok(Self::Later),
                Some(0) | None => Err(AuthErrorKind::MalformedToken),
            },
        }
    }
}

impl Organization {
    /// One of which nothing but its names is known.
    pub(crate) fn new(
        id: impl Into<Box<str>>,
        name: Option<Box<str>>,
        slug: Option<Box<str>>,
    ) -> Self {
        Self {
            id: id.into(),
            name,
            slug,
            membership: None,
        }
    }

    /// Reads the organization that is active in a session. `org_id`: the claim of that name, `claims`: the
    /// others.
    ///
    /// Which claims count is decided by the version of the token alone. Those of the other version may be
    /// anything: an instance can add claims of its own.
    pub(crate) fn of_session(
        org_id: Option<&str>,
        claims: &Map<String, Value>,
    ) -> Result<ActiveOrganization, AuthErrorKind> {
        let organization = match Version::of(claims)? {
            Version::One => Self::of_version_1(org_id, claims)?,
            Version::Two => Self::of_version_2(claims)?,
            Version::Later => return Ok(ActiveOrganization::Unreadable),
        };
        Ok(organization.into())
    }

    fn of_version_1(
        org_id: Option<&str>,
        claims: &Map<String, Value>,
    ) -> Result<Option<Self>, AuthErrorKind> {
        let slug = read::text(claims, "org_slug")?;
        let role = read::text(claims, "org_role")?;
        let permissions = read::texts(claims, "org_permissions")?;
        let Some(id) = org_id.filter(|id| !id.is_empty()) else {
            return Ok(None);
        };
        Ok(Some(Self {
            id: id.into(),
            name: None,
            slug: slug.map(Into::into),
            membership: Membership::new(role, permissions),
        }))
    }

    fn of_version_2(claims: &Map<String, Value>) -> Result<Option<Self>, AuthErrorKind> {
        let features = read::text(claims, "fea")?;
        let organization = match claims.get("o") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Object(organization)) => organization,
            Some(_) => return Err(AuthErrorKind::MalformedToken),
        };
        let id = read::text(organization, "id")?.filter(|id| !id.is_empty());
        let slug = read::text(organization, "slg")?;
        let role = read::text(organization, "rol")?;
        let names = read::text(organization, "per")?;
        let masks = read::text(organization, "fpm")?;
        let permissions = match (features, names, masks) {
            (Some(features), Some(names), Some(masks)) => {
                permissions::decode(features, names, masks)
            }
            _ => Box::default(),
        };
        Ok(Some(Self {
            id: id.ok_or(AuthErrorKind::MalformedToken)?.into(),
            name: None,
            slug: slug.map(Into::into),
            membership: Membership::new(role, permissions),
        }))
    }

    /// Clerk's id, `org_…`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name for people, where userinfo told it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The name for URLs.
    pub fn slug(&self) -> Option<&str> {
        self.slug.as_deref()
    }

    /// The role of the subject, such as `org:admin`: with one `org:` before its name, however the token
    /// writes it. Session tokens alone name one.
    pub fn role(&self) -> Option<&str> {
        self.membership.as_ref()?.role.as_deref()
    }

    /// The permissions of the subject, such as `org:billing:read`. Session tokens alone name some.
    pub fn permissions(&self) -> impl Iterator<Item = &str> {
        let membership = self.membership.iter();
        membership.flat_map(|membership| {
            membership
                .permissions
                .iter()
                .map(|permission| &**permission)
        })
    }

    /// See [`ClerkClaims::has_role`](crate::ClerkClaims::has_role).
    pub(super) fn has_role(&self, role: &str) -> bool {
        let held = self.role().map(without_prefix).unwrap_or_default();
        !held.is_empty() && held == without_prefix(role)
    }

    /// See [`ClerkClaims::has_permission`](crate::ClerkClaims::has_permission).
    pub(super) fn has_permission(&self, permission: &str) -> bool {
        let needed = without_prefix(permission);
        !needed.is_empty()
            && self
                .permissions()
                .any(|held| held.strip_prefix(PREFIX) == Some(needed))
    }

    /// About how many bytes it takes in memory.
    fn size(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let membership = self.membership.as_ref().map_or(0, |membership| {
            let permissions = membership.permissions.iter();
            size_of::<Membership>()
                + text(&membership.role)
                + permissions
                    .map(|permission| size_of::<Box<str>>() + permission.len())
                    .sum::<usize>()
        });
        size_of::<Self>() + self.id.len() + text(&self.name) + text(&self.slug) + membership
    }
}

impl Membership {
    /// `role`: as the token writes it.
    fn new(role: Option<&str>, permissions: Box<[Box<str>]>) -> Option<Box<Self>> {
        let role = role.map(without_prefix).filter(|name| !name.is_empty());
        let role = role.map(|name| format!("{PREFIX}{name}").into_boxed_str());
        let is_known = role.is_some() || !permissions.is_empty();
        is_known.then(|| Box::new(Self { role, permissions }))
    }
}

impl Serialize for Organization {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", self.id())?;
        map.serialize_entry("name", &self.name())?;
        map.serialize_entry("slug", &self.slug())?;
        map.serialize_entry("role", &self.role())?;
        map.serialize_entry("permissions", &self.permissions().collect::<Vec<_>>())?;
        map.end()
    }
}

impl fmt::Debug for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Organization").finish_non_exhaustive()
    }
}

/// The name of a role or a permission without the prefix. As in Clerk's `has()`, a repeated one counts once.
fn without_prefix(name: &str) -> &str {
    name.trim_start_matches(PREFIX)
}

const PREFIX: &str = "org:";

#[cfg(test)]
mod tests;
