//! Claims for unit tests, without a token, and a clock that tests control.
//!
//! There is one builder of claims for each kind of token. Use the builders to test handlers and functions that take
//! [`ClerkClaims`]. They are synchronous, and need no key, no `fake_clerk` and no runtime. Nothing is
//! verified: the claims have the values that the test sets.
//!
//! ```
//! use tower_clerk::{ClerkClaims, testing::SessionClaims};
//!
//! fn may_delete(claims: &ClerkClaims, owner: &str) -> bool {
//!     claims.subject() == owner || claims.has_permission("org:notes:delete")
//! }
//!
//! let admin = SessionClaims::new("user_2")
//!     .organization("org_1")
//!     .role("org:admin")
//!     .permissions(["org:notes:delete"])
//!     .build();
//! assert!(may_delete(&admin, "user_1"));
//! assert!(!may_delete(&SessionClaims::new("user_2").build(), "user_1"));
//! ```

mod draft;

use std::time::Duration;

use serde_json::{Map, Value, json};

use self::draft::{Draft, common};
pub use crate::clock::ManualClock;
use crate::{
    ClerkClaims, TokenKind,
    claims::{
        ActiveOrganization, Actor, ApiKey, Details, FactorTimes, Organization, Profile, Session,
        SessionStatus,
    },
};

/// Claims of an OAuth access token.
#[derive(Clone)]
#[must_use = "call `build`"]
pub struct OAuthClaims {
    draft: Draft,
    client_id: Option<String>,
    userinfo: Option<Map<String, Value>>,
}

/// Claims of a session token.
#[derive(Clone)]
#[must_use = "call `build`"]
pub struct SessionClaims {
    draft: Draft,
    session_id: Option<String>,
    organization: Option<String>,
    role: Option<String>,
    permissions: Vec<String>,
    plans: Vec<String>,
    features: Vec<String>,
    factors: Option<FactorTimes>,
    actor: Option<String>,
}

/// Claims of an API key.
#[derive(Clone)]
#[must_use = "call `build`"]
pub struct ApiKeyClaims {
    draft: Draft,
}

/// Claims of a machine token.
#[derive(Clone)]
#[must_use = "call `build`"]
pub struct MachineClaims {
    draft: Draft,
}

common!(OAuthClaims);
common!(SessionClaims);
common!(ApiKeyClaims);
common!(MachineClaims);

// === impl OAuthClaims ===

impl OAuthClaims {
    /// Begins with a subject (`user_…`).
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            draft: Draft::new(TokenKind::OAuth, subject),
            client_id: None,
            userinfo: None,
        }
    }

    /// Sets the granted scopes. Default: none.
    pub fn scopes<I, T>(mut self, scopes: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        self.draft.set_scopes(scopes);
        self
    }

    /// Sets the client that the token was issued to. Default: none.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// Sets the audience (RFC 8707). Default: none.
    pub fn audience<I, T>(mut self, audience: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        self.draft.audience = audience.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the response of userinfo (OpenID Connect Core §5.3.2), which the [profile](ClerkClaims::profile) and the
    /// [organization](ClerkClaims::organization) come from. Default: none.
    ///
    /// # Panics
    ///
    /// If the value is not a JSON object.
    #[track_caller]
    pub fn userinfo(mut self, userinfo: impl Into<Value>) -> Self {
        self.userinfo = Some(draft::object(userinfo.into()));
        self
    }

    /// Makes the claims.
    pub fn build(self) -> ClerkClaims {
        let profile = self.userinfo.map(Profile::new);
        let organization = profile.as_ref().and_then(Profile::organization).cloned();
        let mut claims = self.draft.into_claims();
        claims.client_id = self.client_id.map(Into::into);
        claims.organization = organization.into();
        claims.profile = profile.map(Box::new);
        draft::share(claims)
    }
}

// === impl SessionClaims ===

impl SessionClaims {
    /// Begins with a subject (`user_…`).
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            draft: Draft::new(TokenKind::Session, subject),
            session_id: None,
            organization: None,
            role: None,
            permissions: Vec::new(),
            plans: Vec::new(),
            features: Vec::new(),
            factors: None,
            actor: None,
        }
    }

    /// Sets the session (`sess_…`). Default: none.
    pub fn session_id(mut self, id: impl Into<String>) -> Self {
        self.session_id = Some(id.into());
        self
    }

    /// Sets the active organization (`org_…`). Default: none.
    pub fn organization(mut self, id: impl Into<String>) -> Self {
        self.organization = Some(id.into());
        self
    }

    /// Sets the role in the organization, `org:admin` for instance. Default: none.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.role = Some(role.into());
        self
    }

    /// Sets the permissions in the organization, `org:billing:read` for instance. Default: none.
    pub fn permissions<I, T>(mut self, permissions: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        self.permissions = permissions.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a plan, as Clerk writes it into tokens: `u:pro` for a plan of the user, `o:pro` for one of the
    /// organization, `ou:pro` for one of both. Default: none.
    pub fn plan(mut self, plan: impl Into<String>) -> Self {
        self.plans.push(plan.into());
        self
    }

    /// Adds a feature, written as a [`plan`](Self::plan). Default: none.
    pub fn feature(mut self, feature: impl Into<String>) -> Self {
        self.features.push(feature.into());
        self
    }

    /// Sets the time since the verification of the first and the second factor, in whole seconds. `None` means never.
    /// The ages do not advance: [`ClerkClaims::factor_age`] returns them as they are. Default: unknown.
    pub fn factor_age(mut self, first: Option<Duration>, second: Option<Duration>) -> Self {
        let time = |age: Duration| i64::try_from(age.as_secs()).map_or(i64::MIN, |age| -age);
        self.factors = Some(FactorTimes {
            first: first.map(time),
            second: second.map(time),
        });
        self
    }

    /// Sets the actor, which acts in place of the subject. Default: none.
    pub fn actor(mut self, subject: impl Into<String>) -> Self {
        self.actor = Some(subject.into());
        self
    }

    /// Makes the claims.
    ///
    /// # Panics
    ///
    /// If there is a role or a permission without an organization, the actor's subject is empty, or a plan or a feature
    /// has no colon. No token has such claims.
    #[track_caller]
    pub fn build(mut self) -> ClerkClaims {
        let mut listed = self.plans.iter().chain(&self.features);
        assert!(
            listed.all(|entry| entry.contains(':')),
            "a plan or a feature has the form `o:name`, `u:name` or `ou:name`"
        );
        assert!(
            self.organization.is_some() || (self.role.is_none() && self.permissions.is_empty()),
            "a role or a permission needs an organization: call `organization`"
        );
        if let Some(id) = &self.session_id {
            self.draft.insert("sid", id.as_str());
        }
        let mut membership = Map::new();
        if let Some(role) = &self.role {
            membership.insert("org_role".to_owned(), role.as_str().into());
        }
        membership.insert("org_permissions".to_owned(), self.permissions.into());
        let Ok(organization) = Organization::of_session(self.organization.as_deref(), &membership)
        else {
            unreachable!("all members are of their types");
        };
        let actor = self.actor.map(|subject| json!({ "sub": subject }));
        let Ok(actor) = Actor::read(actor.as_ref()) else {
            panic!("the subject of an actor must not be empty");
        };
        let is_in_organization = matches!(organization, ActiveOrganization::Known(_));
        // The lists are those of version 2.
        let mut lists = Map::new();
        lists.insert("v".to_owned(), 2.into());
        lists.insert("pla".to_owned(), self.plans.join(",").into());
        lists.insert("fea".to_owned(), self.features.join(",").into());
        let session = Session {
            id: self.session_id.map(Into::into),
            status: Some(SessionStatus::Active),
            factors: self.factors,
            ..Session::read(&lists, actor, is_in_organization, None)
        };
        let mut claims = self.draft.into_claims();
        claims.organization = organization;
        claims.details = Some(Box::new(Details::Session(session)));
        draft::share(claims)
    }
}

// === impl ApiKeyClaims ===

impl ApiKeyClaims {
    /// Begins with a subject: a user (`user_…`), an organization (`org_…`), which is then the
    /// [organization](ClerkClaims::organization) of the claims, or a machine (`mch_…`). The id of the key is `ak_test`,
    /// unless the [`claim`](Self::claim) `id` is another.
    pub fn new(subject: impl Into<String>) -> Self {
        let mut draft = Draft::new(TokenKind::ApiKey, subject);
        draft.insert("id", "ak_test");
        Self { draft }
    }

    /// Sets the scopes of the key. Default: none.
    pub fn scopes<I, T>(mut self, scopes: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        self.draft.set_scopes(scopes);
        self
    }

    /// Sets the [name](crate::claims::ApiKey::name) of the key. Default: none.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.draft.insert("name", name.into());
        self
    }

    /// Makes the claims.
    pub fn build(self) -> ClerkClaims {
        let id = self.draft.get("id").and_then(Value::as_str);
        let key = id.map(|id| ApiKey::read(id, self.draft.members()));
        let mut claims = self.draft.into_claims();
        claims.details = key.map(|key| Box::new(Details::ApiKey(key)));
        let is_organization = claims.subject.starts_with("org_");
        let organization = is_organization.then(|| Organization::new(&*claims.subject, None, None));
        claims.organization = organization.into();
        draft::share(claims)
    }
}

// === impl MachineClaims ===

impl MachineClaims {
    /// Begins with a subject: the machine that sends the token (`mch_…`).
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            draft: Draft::new(TokenKind::Machine, subject),
        }
    }

    /// Sets the machines that the token is addressed to (`mch_…`). In the claims they are the
    /// [scopes](ClerkClaims::scopes), as in Clerk's tokens. Default: none.
    pub fn addressed_to<I, T>(mut self, machines: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        self.draft.set_scopes(machines);
        self
    }

    /// Makes the claims.
    pub fn build(self) -> ClerkClaims {
        draft::share(self.draft.into_claims())
    }
}

#[cfg(test)]
mod tests;
