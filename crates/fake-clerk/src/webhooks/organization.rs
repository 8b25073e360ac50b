//! The events of organizations and memberships.

use serde_json::{Value, json};

use super::event;
use crate::FakeClerk;
use crate::state::State;

/// Sends the events of an organization; made by [`FakeClerk::organization`].
#[derive(Debug)]
pub struct OrganizationEvents<'a> {
    state: &'a State,
    id: String,
}

/// Sends the events of a membership; made by [`OrganizationEvents::member`].
#[derive(Debug)]
pub struct MembershipEvents<'a> {
    organization: OrganizationEvents<'a>,
    user_id: String,
}

impl FakeClerk {
    /// Selects an organization, to send its events to the [webhook endpoints](Self::webhooks).
    ///
    /// The fake keeps no organizations: each token has the organization and the role that the test gives it.
    pub fn organization(&self, id: impl Into<String>) -> OrganizationEvents<'_> {
        OrganizationEvents {
            state: &self.state,
            id: id.into(),
        }
    }
}

impl<'a> OrganizationEvents<'a> {
    /// Sends `organization.updated`.
    pub fn update(&self) {
        self.send("organization.updated", &self.object());
    }

    /// Sends `organization.deleted`.
    pub fn delete(&self) {
        self.send(
            "organization.deleted",
            &event::deleted("organization", &self.id),
        );
    }

    /// Selects the membership of a user.
    #[must_use]
    pub fn member(self, user_id: impl Into<String>) -> MembershipEvents<'a> {
        MembershipEvents {
            organization: self,
            user_id: user_id.into(),
        }
    }

    fn send(&self, kind: &str, data: &Value) {
        self.state.notify(&mut self.state.lock(), kind, data);
    }

    fn object(&self) -> Value {
        let slug = self.id.strip_prefix("org_").unwrap_or(&self.id);
        json!({
            "object": "organization",
            "id": self.id,
            "name": slug,
            "slug": slug,
            "has_image": false,
            "max_allowed_memberships": 5,
            "admin_delete_enabled": true,
            "public_metadata": {},
            "created_at": self.state.started,
            "updated_at": self.state.started,
        })
    }
}

impl MembershipEvents<'_> {
    /// Sends `organizationMembership.created`, with a role such as `org:member`.
    pub fn create(&self, role: &str) {
        self.send("organizationMembership.created", role);
    }

    /// Sends `organizationMembership.updated`, with the new role.
    pub fn update(&self, role: &str) {
        self.send("organizationMembership.updated", role);
    }

    /// Sends `organizationMembership.deleted`.
    pub fn delete(&self) {
        self.send("organizationMembership.deleted", "org:member");
    }

    fn send(&self, kind: &str, role: &str) {
        let Self {
            organization,
            user_id,
        } = self;
        let state = organization.state;
        let user = state.lock().user(user_id);
        let data = json!({
            "object": "organization_membership",
            "id": format!("orgmem_{}_{user_id}", organization.id),
            "role": role,
            "permissions": [],
            "public_metadata": {},
            "organization": organization.object(),
            "public_user_data": {
                "user_id": user_id,
                "first_name": user.given_name,
                "last_name": user.family_name,
                "profile_image_url": user.picture,
                "image_url": user.picture.as_deref().unwrap_or_default(),
                "has_image": user.picture.is_some(),
                "identifier": user.email,
                "banned": user.banned,
            },
            "created_at": state.started,
            "updated_at": state.started,
        });
        organization.send(kind, &data);
    }
}
