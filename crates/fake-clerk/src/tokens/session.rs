//! The builder of session tokens.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::category::Category;
use super::life::Life;
use super::permissions;
use crate::keys;
use crate::state::State;
use crate::webhooks::Session;

/// The lifetime of a session token, as with Clerk.
const ONE_MINUTE: Duration = Duration::from_secs(60);

/// A builder of a session token, a JWT; made by [`FakeClerk::session`](crate::FakeClerk::session).
#[derive(Debug)]
#[must_use = "there is no token until `issue` is called"]
pub struct SessionBuilder<'a> {
    state: &'a State,
    subject: String,
    session_id: String,
    version: Version,
    organization: Option<Organization>,
    permissions: Vec<String>,
    features: Vec<String>,
    plans: Vec<String>,
    status: &'static str,
    lifetime: Duration,
    expired: bool,
    category: Category,
    is_template: bool,
    claims: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

#[derive(Debug)]
struct Organization {
    id: String,
    slug: String,
    role: String,
}

impl<'a> SessionBuilder<'a> {
    pub(crate) fn new(state: &'a State, subject: String) -> Self {
        Self {
            state,
            subject,
            session_id: format!("sess_{}", keys::alphanumeric(27)),
            version: Version::Two,
            organization: None,
            permissions: Vec::new(),
            features: Vec::new(),
            plans: Vec::new(),
            status: "active",
            lifetime: ONE_MINUTE,
            expired: false,
            category: Category::Session,
            is_template: false,
            claims: Map::new(),
        }
    }

    /// Writes the claims of version 1, which Clerk has deprecated; the default is version 2.
    pub fn v1(mut self) -> Self {
        self.version = Version::One;
        self
    }

    /// Sets the id of the session, `sid`; by default it is random.
    pub fn session_id(mut self, id: impl Into<String>) -> Self {
        self.session_id = id.into();
        self
    }

    /// Sets the active organization, and the user's role in it, such as `admin`, without `org:`. By default
    /// none is active.
    pub fn organization(
        mut self,
        id: impl Into<String>,
        slug: impl Into<String>,
        role: impl Into<String>,
    ) -> Self {
        self.organization = Some(Organization {
            id: id.into(),
            slug: slug.into(),
            role: role.into(),
        });
        self
    }

    /// Sets the permissions of the user in the active organization, of the form `org:feature:name`; by
    /// default there are none. Without an active organization the token omits them.
    ///
    /// # Panics
    ///
    /// If a permission does not have that form.
    pub fn permissions(mut self, permissions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.permissions = permissions.into_iter().map(Into::into).collect();
        assert!(
            self.permissions
                .iter()
                .all(|text| Self::is_permission(text)),
            "a permission has the form org:feature:name"
        );
        self
    }

    /// Returns true if the text has the form that [`permissions`](Self::permissions) requires.
    pub(crate) fn is_permission(text: &str) -> bool {
        permissions::parts(text).is_some()
    }

    /// Adds features without permissions, such as `o:dashboard` or `u:export`. Tokens of version 1 do not
    /// have features.
    pub fn features(mut self, features: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.features = features.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a feature without permissions, as [`features`](Self::features) does.
    pub fn feature(mut self, feature: impl Into<String>) -> Self {
        self.features.push(feature.into());
        self
    }

    /// Adds a plan of Clerk Billing, `pla`: `o:pro` for a plan of the active organization, `u:basic` for one of the
    /// user. By default there is none, as in an instance without Billing. Tokens of version 1 do not have
    /// plans.
    pub fn plan(mut self, plan: impl Into<String>) -> Self {
        self.plans.push(plan.into());
        self
    }

    /// Sets the origin that the token was issued to, `azp`; by default there is none, as in a token
    /// issued without an `Origin`.
    pub fn authorized_party(self, origin: impl Into<String>) -> Self {
        self.claim("azp", origin.into())
    }

    /// Sets the user who acts in place of the session's user, `act`; by default there is none.
    pub fn actor(self, user_id: impl Into<String>) -> Self {
        let actor = json!({
            "iss": "https://dashboard.clerk.com",
            "sid": format!("sess_{}", keys::alphanumeric(27)),
            "sub": user_id.into(),
        });
        self.claim("act", actor)
    }

    /// Sets the minutes since the verification of the first and the second factor, `fva`; -1 means never. The
    /// default is `[0, -1]`.
    pub fn factor_age(self, minutes: [i64; 2]) -> Self {
        self.claim("fva", json!(minutes))
    }

    /// Makes the session pending, `sts`: the user has an open task, such as the choice of an organization. By
    /// default the session is active.
    pub fn pending(mut self) -> Self {
        self.status = "pending";
        self
    }

    /// Makes the token one of a JWT template: with another category, and without the claims `sid`, `sts`,
    /// `fva` and the claims of organizations, since a template defines its own claims.
    pub fn template(mut self) -> Self {
        self.is_template = true;
        self.category(Category::Template)
    }

    /// Writes this category into the header; the default is [`Category::Session`].
    pub fn category(mut self, category: Category) -> Self {
        self.category = category;
        self
    }

    /// Sets the lifetime of the token, in whole seconds; the default is one minute.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the time of issue so that the token expired an hour ago.
    pub fn expired(mut self) -> Self {
        self.expired = true;
        self
    }

    /// Adds a claim to the token, and replaces a claim of the same name; null removes that claim.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Issues the token. It cannot be revoked, but its session can end:
    /// [`FakeClerk::revoke_session`](crate::FakeClerk::revoke_session).
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers for it.
    #[must_use]
    pub fn issue(self) -> String {
        let state = self.state;
        let category = self.category.value();
        let now = {
            let mut ledger = state.lock();
            ledger.meet(&self.subject);
            let created_at = u64::try_from(ledger.time().as_millis()).unwrap_or_default();
            let session = ledger.sessions.entry(self.session_id.clone());
            session.or_insert_with(|| Session {
                user_id: self.subject.clone(),
                organization_id: self.organization.as_ref().map(|it| it.id.clone()),
                created_at,
            });
            ledger.now()
        };
        let payload = Value::Object(self.payload(now));
        state.sign(keys::PLAIN, category, &payload)
    }

    fn payload(self, now: u64) -> Map<String, Value> {
        let life = Life::new(now, Some(self.lifetime), self.expired);
        let mut claims = members([
            ("iss", json!(self.state.issuer)),
            ("sub", json!(self.subject)),
            ("exp", json!(life.expires_at)),
            ("iat", json!(life.issued_at)),
            ("nbf", json!(life.not_before())),
        ]);
        if !self.is_template {
            claims.extend(members([
                ("sid", json!(self.session_id)),
                ("sts", json!(self.status)),
                ("fva", json!([0, -1])),
            ]));
            match self.version {
                Version::One => claims.extend(self.organization_v1()),
                Version::Two => claims.extend(self.organization_v2()),
            }
        }
        if self.version == Version::Two {
            claims.insert("v".to_owned(), json!(2));
            claims.insert("jti".to_owned(), json!(keys::hexadecimal(20)));
        }
        claims.extend(self.claims);
        claims.retain(|_, value| !value.is_null());
        claims
    }

    fn organization_v1(&self) -> Map<String, Value> {
        let Some(organization) = &self.organization else {
            return Map::new();
        };
        members([
            ("org_id", json!(organization.id)),
            ("org_slug", json!(organization.slug)),
            ("org_role", json!(format!("org:{}", organization.role))),
            ("org_permissions", json!(self.permissions)),
        ])
    }

    fn organization_v2(&self) -> Map<String, Value> {
        let permissions = match self.organization {
            Some(_) => self.permissions.as_slice(),
            None => &[],
        };
        let encoded = permissions::encode(permissions, &self.features);
        let present = |text: String| (!text.is_empty()).then_some(text);
        let mut claims = members([
            ("fea", json!(present(encoded.features))),
            ("pla", json!(present(self.plans.join(",")))),
        ]);
        if let Some(organization) = &self.organization {
            let mut described = members([
                ("id", json!(organization.id)),
                ("slg", json!(organization.slug)),
                ("rol", json!(organization.role)),
                ("per", json!(present(encoded.permissions))),
                ("fpm", json!(present(encoded.masks))),
            ]);
            described.retain(|_, value| !value.is_null());
            claims.insert("o".to_owned(), Value::Object(described));
        }
        claims
    }
}

fn members<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
