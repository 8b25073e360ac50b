//! [`TokenInfo`]: what is known about a token, whichever source vouches for it.

use std::fmt;

use serde_json::{Map, Value};

use super::response::violation;
use crate::{
    AuthError,
    claims::{ActiveOrganization, Actor, actor},
    token::json::{Members, flag, scopes, seconds, text, texts},
};

/// What an authorization server says of a token (RFC 7662 §2.2), decoded strictly and not judged yet.
///
/// It is what a [`Verify`] of your own returns. `Debug` shows nothing of it but whether the token is
/// active.
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
    /// Whether there is a confirmation claim (RFC 7800): the token is bound to a key.
    pub(crate) confirmation: bool,
    /// Whether it was read from the token itself, by its signature, and nobody was asked.
    pub(crate) is_local: bool,
    pub(crate) actor: Option<Actor>,
    /// Of a session token alone.
    pub(crate) organization: ActiveOrganization,
    /// All members that [`ClerkClaims`](crate::ClerkClaims) has no field for.
    pub(crate) other: Map<String, Value>,
}

impl TokenInfo {
    /// Reads the body of an introspection answer.
    ///
    /// # Errors
    ///
    /// [`AuthErrorKind::InvalidUpstreamResponse`] where the body is not one JSON object, has a member
    /// twice, lacks `active`, or has a known member of a wrong type.
    pub fn from_introspection(body: &[u8]) -> Result<Self, AuthError> {
        let Members(members) =
            serde_json::from_slice(body).map_err(|_| violation("not one JSON object"))?;
        Self::from_members(members).map_err(violation)
    }

    fn from_members(mut members: Map<String, Value>) -> Result<Self, &'static str> {
        let Some(Value::Bool(active)) = members.remove("active") else {
            return Err("`active` is not a boolean");
        };
        if !active {
            // What else such an answer says is of no interest.
            return Ok(Self::default());
        }
        // Members of Clerk's Backend API. If they come in this answer, they count. Both are read before either
        // counts, as all others are before any rule: the outcome depends on no order.
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
            confirmation: members.get("cnf").is_some_and(|cnf| !cnf.is_null()),
            is_local: false,
            actor: actor(&members)?,
            organization: ActiveOrganization::None,
            other: members,
        })
    }
}

impl fmt::Debug for TokenInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenInfo")
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}
