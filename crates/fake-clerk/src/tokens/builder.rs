//! The builder of OAuth tokens.

use std::time::Duration;

use serde_json::{Map, Value};

use super::category::Category;
use super::life::Life;
use super::{Kind, Token};
use crate::keys;
use crate::state::{Ledger, State};

/// The lifetime of an access token, in seconds, as with Clerk.
pub(crate) const ONE_DAY: u64 = 86_400;

/// A builder of an OAuth token; made by [`FakeClerk::token`](crate::FakeClerk::token).
#[derive(Debug)]
#[must_use = "there is no token until `issue` is called"]
pub struct TokenBuilder<'a> {
    state: &'a State,
    kind: Kind,
    subject: String,
    client_id: String,
    scopes: Vec<String>,
    resources: Vec<String>,
    lifetime: Duration,
    expired: bool,
    category: Category,
    claims: Map<String, Value>,
    grant: Option<String>,
}

impl<'a> TokenBuilder<'a> {
    pub(crate) fn new(state: &'a State, subject: String) -> Self {
        Self {
            state,
            kind: Kind::Opaque,
            subject,
            client_id: state.client_id.clone(),
            scopes: vec!["email".to_owned(), "profile".to_owned()],
            resources: Vec::new(),
            lifetime: Duration::from_secs(ONE_DAY),
            expired: false,
            category: Category::Absent,
            claims: Map::new(),
            grant: None,
        }
    }

    pub(crate) fn refresh(state: &'a State, subject: String) -> Self {
        let mut builder = Self::new(state, subject);
        builder.kind = Kind::Refresh;
        builder.scopes.push("offline_access".to_owned());
        builder
    }

    /// Grants exactly these scopes; the default is `email` and `profile`.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the client; the default is the one registered from the start. It may be unregistered, and may be
    /// a URL.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = id.into();
        self
    }

    /// Sets the lifetime of the token, in whole seconds; the default is one day.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the time of issue so that the token expired an hour ago.
    pub fn expired(mut self) -> Self {
        self.expired = true;
        self
    }

    /// Adds a resource (RFC 8707) to the audience of the token.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Issues a JWT; the default is an opaque token.
    pub fn jwt(mut self) -> Self {
        self.kind = Kind::Jwt;
        self
    }

    /// Writes this category into the header of a JWT. The default is [`Category::Absent`], since Clerk does
    /// not document the category.
    pub fn category(mut self, category: Category) -> Self {
        self.category = category;
        self
    }

    /// Puts a member into the JWT payload and the introspection answer, in place of one of the same name. The
    /// fake still checks the token by its real properties.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
        self
    }

    /// Adds the token to a grant for these resources. It is revoked with the grant.
    pub(crate) fn of_grant(mut self, grant: String, resources: Vec<String>) -> Self {
        self.grant = Some(grant);
        self.resources = resources;
        self
    }

    /// Issues the token.
    ///
    /// # Panics
    ///
    /// If the operating system has no random numbers for it.
    #[must_use]
    pub fn issue(self) -> String {
        let state = self.state;
        if self.kind == Kind::Jwt {
            state.keys.warm_up();
        }
        self.issue_in(&mut state.lock())
    }

    /// Issues the token under the lock of the caller, so that the cause and the token appear as one step.
    pub(crate) fn issue_in(self, ledger: &mut Ledger) -> String {
        let state = self.state;
        let category = self.category.value();
        ledger.meet(&self.subject);
        let token = self.build(ledger);
        let text = match token.kind {
            Kind::Opaque => format!("oat_{}", keys::alphanumeric(32)),
            Kind::Refresh => keys::base64_text(),
            Kind::Jwt => state.sign(keys::ACCESS_TOKEN, category, &token.payload(&state.issuer)),
        };
        ledger.insert(text.clone(), token);
        text
    }

    fn build(self, ledger: &Ledger) -> Token {
        let lifetime = (self.kind != Kind::Refresh).then_some(self.lifetime);
        let life = Life::new(ledger.now(), lifetime, self.expired);
        let mut token = Token {
            kind: self.kind,
            client_id: self.client_id,
            scopes: self.scopes,
            resources: self.resources,
            jti: format!("oat_{}", keys::hexadecimal(32).to_ascii_uppercase()),
            serial: 0,
            grant: self.grant,
            life,
            organization: None,
            claims: self.claims,
            revoked: false,
            rotated: false,
            subject: self.subject,
        };
        if token.has_scope("user:org:read") {
            token.organization = ledger.user(&token.subject).organization;
        }
        token
    }
}
