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
///     claims.organization().is_some_and(|active| {
///         active.id() == organization && active.has_permission("org:billing:read")
///     })
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
    role: Option<Box<str>>,
    permissions: Box<[Box<str>]>,
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

    /// The one that is active in a session. `org_id`: the claim of that name, `claims`: the others.
    ///
    /// Which claims count is decided by the version of the token alone. Those of the other version may be
    /// anything: an instance can add claims of its own.
    pub(crate) fn of_session(
        org_id: Option<&str>,
        claims: &Map<String, Value>,
    ) -> Result<Option<Self>, AuthErrorKind> {
        match claims.get("v") {
            None | Some(Value::Null) => Self::of_version_1(org_id, claims),
            Some(version) => match version.as_u64() {
                Some(1) => Self::of_version_1(org_id, claims),
                Some(2) => Self::of_version_2(claims),
                // What a version means that is not known yet, nobody can tell.
                _ => Err(AuthErrorKind::MalformedToken),
            },
        }
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
            membership: Membership::new(role.map(Into::into), permissions),
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
            membership: Membership::new(
                role.filter(|role| !role.is_empty())
                    .map(|role| format!("org:{role}").into()),
                permissions,
            ),
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

    /// The role of the subject, such as `org:admin`. Session tokens alone name one.
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

    /// Whether the subject has exactly this role, `org:admin` for instance. Case matters, and the `org:`
    /// belongs to it, whatever the version of the token. No role implies another.
    pub fn has_role(&self, role: &str) -> bool {
        self.role() == Some(role)
    }

    /// Whether the subject has exactly this permission, `org:billing:read` for instance. Case matters, and no
    /// permission implies another.
    pub fn has_permission(&self, permission: &str) -> bool {
        self.permissions().any(|held| held == permission)
    }

    /// About how many bytes it takes in memory.
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
    fn new(role: Option<Box<str>>, permissions: Box<[Box<str>]>) -> Option<Box<Self>> {
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

#[cfg(test)]
mod tests;
