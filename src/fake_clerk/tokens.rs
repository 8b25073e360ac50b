//! Issued tokens, and the two ways in which Clerk describes one.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::endpoint::Field;
use super::keys;
use super::state::State;
use super::users::Organization;

/// How long ago a token made with [`TokenBuilder::expired`] ran out, in seconds.
const EXPIRED_SINCE: u64 = 3600;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Opaque,
    Jwt,
    Refresh,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) subject: String,
    client_id: String,
    scopes: Vec<String>,
    resources: Vec<String>,
    jti: String,
    issued_at: u64,
    /// `None` for a refresh token, which lasts for ever.
    expires_at: Option<u64>,
    pub(super) organization: Option<Organization>,
    claims: Map<String, Value>,
    pub(super) revoked: bool,
}

impl Token {
    pub(super) fn is_active(&self, now: u64) -> bool {
        !self.revoked && self.expires_at.is_none_or(|end| now < end)
    }

    pub(super) fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }

    /// The answer of the introspection endpoint, with the documented members and those asked for.
    pub(super) fn introspection(
        &self,
        fields: &[Field],
        issuer: &str,
        username: Option<&str>,
    ) -> Value {
        let mut answer = self.common_members();
        answer.insert("active".to_owned(), json!(true));
        for field in fields {
            let access = self.kind != Kind::Refresh;
            let (name, value) = match field {
                Field::Exp => ("exp", self.expires_at.map(|end| json!(end))),
                Field::Aud => ("aud", self.audience()),
                Field::Iss => ("iss", Some(json!(issuer))),
                Field::Nbf => ("nbf", Some(json!(self.not_before()))),
                Field::Jti => ("jti", Some(json!(self.jti))),
                Field::TokenType => ("token_type", access.then(|| json!("Bearer"))),
                Field::Username => ("username", username.map(|name| json!(name))),
            };
            answer.extend(value.map(|value| (name.to_owned(), value)));
        }
        answer.extend(self.claims.clone());
        Value::Object(answer)
    }

    /// The payload of the token as a JWT.
    fn payload(&self, issuer: &str) -> Value {
        let mut payload = self.common_members();
        let more = [
            ("iss", Some(json!(issuer))),
            ("exp", self.expires_at.map(|end| json!(end))),
            ("nbf", Some(json!(self.not_before()))),
            ("jti", Some(json!(self.jti))),
            ("aud", self.audience()),
        ];
        payload.extend(
            more.into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
        payload.extend(self.claims.clone());
        Value::Object(payload)
    }

    fn common_members(&self) -> Map<String, Value> {
        let organization = self.organization.as_ref().map(|org| json!(org.id));
        let members = [
            ("client_id", Some(json!(self.client_id))),
            ("iat", Some(json!(self.issued_at))),
            ("scope", Some(json!(self.scopes.join(" ")))),
            ("sub", Some(json!(self.subject))),
            ("org_id", organization),
        ];
        members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }

    fn not_before(&self) -> u64 {
        self.issued_at.saturating_sub(10)
    }

    fn audience(&self) -> Option<Value> {
        match self.resources.as_slice() {
            [] => None,
            [one] => Some(json!(one)),
            several => Some(json!(several)),
        }
    }
}

/// Describes a token to be issued; made by [`FakeClerk::token`](super::FakeClerk::token).
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
    claims: Map<String, Value>,
}

impl<'a> TokenBuilder<'a> {
    pub(super) fn new(state: &'a State, subject: String) -> Self {
        Self {
            state,
            kind: Kind::Opaque,
            subject,
            client_id: state.client_id.clone(),
            scopes: vec!["email".to_owned(), "profile".to_owned()],
            resources: Vec::new(),
            lifetime: Duration::from_secs(86_400),
            expired: false,
            claims: Map::new(),
        }
    }

    pub(super) fn refresh(state: &'a State, subject: String) -> Self {
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

    /// Issues the token to another client than the default one. It need not be registered, and may
    /// be a URL.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = id.into();
        self
    }

    /// Sets how long the token is valid, in whole seconds; the default is one day.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Issues the token so long ago that it ran out an hour ago.
    pub fn expired(mut self) -> Self {
        self.expired = true;
        self
    }

    /// Issues the token for a resource (RFC 8707), which becomes its audience. Several calls add up.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resources.push(resource.into());
        self
    }

    /// Issues a JWT; the default is an opaque token.
    pub fn jwt(mut self) -> Self {
        self.kind = Kind::Jwt;
        self
    }

    /// Puts a member into the JWT payload and the introspection answer, in place of one of the same
    /// name. The fake itself goes on judging the token by its real properties.
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.claims.insert(name.into(), value.into());
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
        let token = self.build();
        let text = match token.kind {
            Kind::Opaque => format!("oat_{}", keys::alphanumeric(32)),
            Kind::Refresh => keys::base64_text(),
            Kind::Jwt => state
                .signing_key()
                .and_then(|key| key.sign(&state.instance_id, &token.payload(&state.url)))
                .expect("a fresh RSA key of 2048 bits signs any message"),
        };
        state.lock().tokens.insert(text.clone(), token);
        text
    }

    fn build(self) -> Token {
        let ledger = self.state.lock();
        let lifetime = self.lifetime.as_secs();
        let age = if self.expired {
            lifetime.saturating_add(EXPIRED_SINCE)
        } else {
            0
        };
        let issued_at = ledger.now().saturating_sub(age);
        let mut token = Token {
            kind: self.kind,
            client_id: self.client_id,
            scopes: self.scopes,
            resources: self.resources,
            jti: format!("oat_{}", keys::upper_alphanumeric(16)),
            issued_at,
            expires_at: (self.kind != Kind::Refresh).then(|| issued_at.saturating_add(lifetime)),
            organization: None,
            claims: self.claims,
            revoked: false,
            subject: self.subject,
        };
        if token.has_scope("user:org:read") {
            token.organization = ledger.user(&token.subject).organization;
        }
        token
    }
}
