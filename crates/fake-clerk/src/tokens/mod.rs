//! Issued tokens of every kind, and their answers and payloads.

mod api_key;
mod builder;
mod category;
mod credential;
mod life;
mod machine;
mod permissions;
mod session;

use serde_json::{Map, Value, json};

pub use self::api_key::ApiKeyBuilder;
pub use self::builder::TokenBuilder;
pub use self::category::Category;
pub use self::machine::MachineTokenBuilder;
pub use self::session::SessionBuilder;

pub(super) use self::builder::ONE_DAY;
pub(super) use self::credential::{Credential, Family};

use self::life::Life;

use super::endpoint::Field;
use super::users::Organization;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Opaque,
    Jwt,
    Refresh,
}

/// An OAuth token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) subject: String,
    pub(super) client_id: String,
    pub(super) scopes: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) jti: String,
    /// The position in the order of issue, set by the ledger.
    pub(super) serial: u64,
    /// The grant of the authorization code flow that issued the token.
    pub(super) grant: Option<String>,
    /// The lifetime of a refresh token is unlimited.
    pub(super) life: Life,
    pub(super) organization: Option<Organization>,
    claims: Map<String, Value>,
    pub(super) revoked: bool,
    /// True for a refresh token that another one has replaced.
    pub(super) rotated: bool,
}

impl Token {
    pub(super) fn is_active(&self, now: u64) -> bool {
        !self.revoked && !self.life.has_ended(now)
    }

    pub(super) fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }

    /// Returns the answer of the introspection endpoint, with the documented members and the enabled ones.
    pub(super) fn introspection(
        &self,
        fields: &[Field],
        issuer: &str,
        username: Option<&str>,
    ) -> Value {
        let mut answer = self.common_members();
        answer.insert("active".to_owned(), json!(true));
        answer.extend(self.members_of(fields, issuer, username));
        answer.extend(self.claims.clone());
        Value::Object(answer)
    }

    /// Returns the payload of the token as a JWT.
    fn payload(&self, issuer: &str) -> Value {
        let fields = [Field::Exp, Field::Aud, Field::Iss, Field::Nbf, Field::Jti];
        let mut payload = self.common_members();
        payload.extend(self.members_of(&fields, issuer, None));
        payload.extend(self.claims.clone());
        Value::Object(payload)
    }

    /// Returns the members of these fields that the token has.
    fn members_of(
        &self,
        fields: &[Field],
        issuer: &str,
        username: Option<&str>,
    ) -> Map<String, Value> {
        let is_access = self.kind != Kind::Refresh;
        let member = |field: &Field| {
            let (name, value) = match field {
                Field::Exp => ("exp", self.life.expires_at.map(|end| json!(end))),
                Field::Aud => ("aud", self.audience()),
                Field::Iss => ("iss", Some(json!(issuer))),
                Field::Nbf => ("nbf", Some(json!(self.life.not_before()))),
                Field::Jti => ("jti", Some(json!(self.jti))),
                Field::TokenType => ("token_type", is_access.then(|| json!("Bearer"))),
                Field::Username => ("username", username.map(|name| json!(name))),
            };
            Some((name.to_owned(), value?))
        };
        fields.iter().filter_map(member).collect()
    }

    fn common_members(&self) -> Map<String, Value> {
        let organization = self.organization.as_ref().map(|org| json!(org.id));
        let members = [
            ("client_id", Some(json!(self.client_id))),
            ("iat", Some(json!(self.life.issued_at))),
            ("scope", Some(json!(self.scopes.join(" ")))),
            ("sub", Some(json!(self.subject))),
            ("org_id", organization),
        ];
        members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }

    fn audience(&self) -> Option<Value> {
        match self.resources.as_slice() {
            [] => None,
            [one] => Some(json!(one)),
            several => Some(json!(several)),
        }
    }
}
