//! The organization that a subject acts in, with the subject's role and permissions.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::{permissions, read};
use crate::AuthErrorKind;

/// An organization, and the membership of the subject in it.
///
/// | kind of token | organization | known members |
/// |---|---|---|
/// | session | the active one of the session | slug, role and permissions |
/// | OAuth | selected on the consent screen (scope `user:org:read`) | name and slug, if userinfo was fetched |
/// | API key | the one that owns the key | none |
/// | machine | none | none |
///
/// `Debug` shows no member. `Serialize` shows all of them: `id`, `name`, `slug`, `role`, `permissions`.
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
/// The permissions are those in the token. Clerk does not include its system permissions (`org:sys_…`) in tokens of
/// version 2. If the list is ambiguous (a part is malformed, or Clerk's own libraries would read it differently), there
/// are no permissions at all.
#[derive(Clone, PartialEq, Eq)]
pub struct Organization {
    id: Box<str>,
    name: Option<Box<str>>,
    slug: Option<Box<str>>,
    /// Boxed, because most tokens have no membership.
    membership: Option<Box<Membership>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Membership {
    /// With the prefix `org:`.
    role: Option<Box<str>>,
    permissions: Box<[Box<str>]>,
}

/// The organization that a subject acts in, if the token's format is known.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum ActiveOrganization {
    #[default]
    None,
    Known(Box<Organization>),
    /// The token may name an organization, in a format that this crate does not know.
    Unreadable,
}

impl ActiveOrganization {
    /// Returns the id of the organization, if it is known.
    pub(crate) fn id(&self) -> Option<&str> {
        match self {
            Self::Known(organization) => Some(organization.id()),
            Self::None | Self::Unreadable => None,
        }
    }

    /// Returns the approximate size in memory, in bytes.
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

/// The version of a session token (`v`). It decides how the token names the organization.
///
/// | `v` | version |
/// |---|---|
/// | absent, `null`, `1` | 1 |
/// | `2` | 2 |
/// | an integer from 3 to 2^64 - 1, written without fraction and exponent | a later one |
/// | all other values: `0`, `-1`, `3.0`, `3e0`, `"3"`, `2^64` and more | none: the token is malformed |
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
    /// Creates an organization without role and permissions.
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

    /// Reads the active organization of a session. `org_id` is the claim of that name, and `claims` are the other
    /// claims.
    ///
    /// Only the version of the token decides which claims count. Claims of the other version may have any value,
    /// because an instance can add custom claims.
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

    /// The display name, if userinfo returned it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The name in URLs.
    pub fn slug(&self) -> Option<&str> {
        self.slug.as_deref()
    }

    /// The role of the subject, such as `org:admin`. It always has exactly one prefix `org:`, also if the token has
    /// none or several. Only session tokens contain a role.
    pub fn role(&self) -> Option<&str> {
        self.membership.as_ref()?.role.as_deref()
    }

    /// The permissions of the subject, such as `org:billing:read`. Only session tokens contain permissions.
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
    pub fn has_role(&self, role: &str) -> bool {
        let held = self.role().map(without_prefix).unwrap_or_default();
        !held.is_empty() && held == without_prefix(role)
    }

    /// See [`ClerkClaims::has_permission`](crate::ClerkClaims::has_permission).
    pub fn has_permission(&self, permission: &str) -> bool {
        let needed = without_prefix(permission);
        !needed.is_empty()
            && self
                .permissions()
                .any(|held| held.strip_prefix(PREFIX) == Some(needed))
    }

    /// Returns the approximate size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
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
    /// `role`: the role in the form that the token contains.
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

/// Removes the prefix of a role or a permission. As in Clerk's `has()`, repeated prefixes count as one.
fn without_prefix(name: &str) -> &str {
    name.trim_start_matches(PREFIX)
}

const PREFIX: &str = "org:";

#[cfg(test)]
mod tests;
