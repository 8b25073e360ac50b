//! [`TokenInfo`]: what is known about a token, whichever source vouches for it.

use std::fmt;

use serde_json::{Map, Value};

use super::response::{members, violation};
use crate::{
    AuthError,
    claims::{ActiveOrganization, Actor, actor},
    token::json::{Members, flag, is_present, scopes, seconds, text, texts},
};

/// Information about a token, as an authorization server returns it (RFC 7662 §2.2). It is decoded strictly, and the
/// rules are not applied yet.
///
/// A custom [`Verify`](crate::verify::Verify) returns this type. `Debug` shows only whether the token is active.
#[derive(Clone, Default)]
pub struct TokenInfo {
    pub(crate) active: bool,
    pub(crate) sub: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) aud: Option<Vec<String>>,
    pub(crate) iss: Option<String>,
    pub(crate) exp: Option<i64>,
    pub(crate) nbf: Option<i64>,
    pub(crate) iat: Option<i64>,
    pub(crate) org_id: Option<String>,
    pub(crate) token_type: Option<String>,
    pub(crate) token_use: Option<String>,
    /// True if there is a confirmation claim (RFC 7800): the token is bound to a key.
    pub(crate) confirmation: bool,
    /// True if the information was read from the token itself, by its signature, without a call.
    pub(crate) is_local: bool,
    /// The id of the token, which is one of the other members, too.
    pub(crate) token_id: Option<String>,
    pub(crate) actor: Option<Actor>,
    /// The organization of a session token. Other kinds have none here.
    pub(crate) organization: ActiveOrganization,
    /// All members that [`ClerkClaims`](crate::ClerkClaims) has no field for.
    pub(crate) other: Map<String, Value>,
}

impl TokenInfo {
    /// Reads the body of an introspection answer.
    ///
    /// # Errors
    ///
    /// [`AuthErrorKind::InvalidUpstreamResponse`](crate::AuthErrorKind::InvalidUpstreamResponse) if the body is not one
    /// JSON object, has a member twice, lacks `active`, or has a known member of a wrong type.
    pub fn from_introspection(body: &[u8]) -> Result<Self, AuthError> {
        let Members(members) = members(body)?;
        Self::from_members(members).map_err(violation)
    }

    fn from_members(mut members: Map<String, Value>) -> Result<Self, &'static str> {
        let Some(Value::Bool(active)) = members.remove("active") else {
            return Err("`active` is not a boolean");
        };
        if !active {
            // The other members of such an answer are irrelevant.
            return Ok(Self::default());
        }
        // The Backend API has these members. They count if this answer has them, too. Both are read before either
        // counts, and all members are read before any rule applies: the outcome does not depend on an order.
        let (revoked, expired) = (flag(members.get("revoked"))?, flag(members.get("expired"))?);
        Ok(Self {
            active: !revoked && !expired,
            sub: text(members.remove("sub"))?,
            client_id: text(members.remove("client_id"))?,
            scope: scopes(text(members.remove("scope"))?.map(Value::String))?,
            aud: texts(members.remove("aud"))?,
            iss: text(members.remove("iss"))?,
            exp: seconds(members.remove("exp"))?,
            iat: seconds(members.remove("iat"))?,
            org_id: text(members.remove("org_id"))?,
            nbf: seconds(members.get("nbf").cloned())?,
            token_type: text(members.get("token_type").cloned())?,
            token_use: text(members.get("token_use").cloned())?,
            confirmation: is_present(&members, "cnf"),
            is_local: false,
            token_id: id(&members, "jti"),
            actor: actor(&members)?,
            organization: ActiveOrganization::None,
            other: members,
        })
    }
}

impl TokenInfo {
    /// Drops an id that contains the token.
    pub(crate) fn without_id_that_shows(mut self, token: &str) -> Self {
        self.token_id = self.token_id.filter(|id| !id.contains(token));
        self
    }
}

/// Reads the id of a token. It grants nothing, so a member of another type only means that the id is unknown.
pub(crate) fn id(members: &Map<String, Value>, name: &str) -> Option<String> {
    members.get(name)?.as_str().map(ToOwned::to_owned)
}

impl fmt::Debug for TokenInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenInfo")
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}
