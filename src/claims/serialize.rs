//! The claims as JSON: the promised members, with null for unknown values.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{ClerkClaims, Profile};

impl Serialize for ClerkClaims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let profile = self.profile();
        let userinfo = profile.map(Profile::userinfo);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("sub", self.subject())?;
        map.serialize_entry("client_id", &self.client_id())?;
        map.serialize_entry("scopes", &self.scopes().collect::<Vec<_>>())?;
        map.serialize_entry("aud", &self.audience().collect::<Vec<_>>())?;
        map.serialize_entry("iss", &self.issuer())?;
        map.serialize_entry("iat", &self.shared().issued_at)?;
        map.serialize_entry("exp", &self.shared().expires_at)?;
        map.serialize_entry("org_id", &self.org_id())?;
        map.serialize_entry("organization", &self.organization())?;
        // Present only if true, so that all other claims have exactly the documented members.
        if self.has_unreadable_organization() {
            map.serialize_entry("has_unreadable_organization", &true)?;
        }
        map.serialize_entry("session_id", &self.session_id())?;
        map.serialize_entry("actor", &self.actor())?;
        map.serialize_entry("token_kind", &self.kind())?;
        map.serialize_entry("stale", &self.is_stale())?;
        map.serialize_entry("email", &profile.and_then(Profile::email))?;
        map.serialize_entry("email_verified", &profile.and_then(Profile::email_verified))?;
        map.serialize_entry("name", &profile.and_then(Profile::name))?;
        map.serialize_entry("given_name", &profile.and_then(Profile::given_name))?;
        map.serialize_entry("family_name", &profile.and_then(Profile::family_name))?;
        map.serialize_entry(
            "preferred_username",
            &profile.and_then(Profile::preferred_username),
        )?;
        map.serialize_entry("picture", &profile.and_then(Profile::picture))?;
        map.serialize_entry(
            "public_metadata",
            &userinfo.as_ref().and_then(|all| all.get("public_metadata")),
        )?;
        map.serialize_entry("userinfo", &userinfo)?;
        map.end()
    }
}
