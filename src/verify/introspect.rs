//! The RFC 7662 exchange: what is asked, and the strict reading of the answer.
//!
//! Nothing is guessed here. An answer whose `active` is not the literal `true` or `false`, that has a
//! member twice, or a member of another type than the contract says, is no answer at all: the request
//! is rejected as an outage would be, and nothing is remembered.

use std::fmt;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{
    Verify, VerifyRequest,
    discovery::Address,
    error_form::{is_about_our_credentials, is_html},
    members::{Members, actor, body, flag, scopes, seconds, text, texts, unexpected, violation},
    policy::check_agreement,
};
use crate::{
    AuthError, AuthErrorKind, BearerToken,
    claims::{ActiveOrganization, Actor},
    upstream::{Endpoint, EndpointClient, Purpose, Upstream},
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
        let Members(members) = serde_json::from_slice(body)
            .map_err(|_| violation("the body is not one JSON object with unique members"))?;
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

    /// Adds what the token says of itself, if the answer leaves it open. `stated`: as its signature vouches for.
    /// Scopes are always those of the answer: they may have been taken back since.
    ///
    /// # Errors
    ///
    /// An authoritative one if both speak of different subjects or clients.
    pub(super) fn with_statement(self, stated: Self) -> Result<Self, AuthErrorKind> {
        check_agreement(&self, &stated)?;
        let mut other = stated.other;
        // Null is what is unknown, and hides nothing that is known: who acts, for one.
        other.extend(self.other.into_iter().filter(|(_, it)| !it.is_null()));
        Ok(Self {
            sub: self.sub.or(stated.sub),
            client_id: self.client_id.or(stated.client_id),
            aud: self.aud.or(stated.aud),
            iss: self.iss.or(stated.iss),
            exp: self.exp.or(stated.exp),
            nbf: self.nbf.or(stated.nbf),
            org_id: self.org_id.or(stated.org_id),
            actor: self.actor.or(stated.actor),
            other,
            ..self
        })
    }

    /// Reads the answer of an introspection endpoint: status, content type, body.
    fn from_response(response: &Response<Bytes>) -> Result<Self, AuthError> {
        match response.status() {
            StatusCode::OK => Self::from_introspection(body(response)?),
            // Some servers say so of JWTs. It is an answer about the token, not about us.
            StatusCode::BAD_REQUEST if is_unsupported_token_type(response.body()) => {
                Err(AuthError::new(AuthErrorKind::Inactive).with_source(NotIntrospected))
            }
            // Clerk's own 401 has no body. A firewall's has a page, and may be about the token.
            StatusCode::UNAUTHORIZED if !is_html(response) => {
                Err(AuthErrorKind::CredentialsRejected.into())
            }
            StatusCode::FORBIDDEN if is_about_our_credentials(response) => {
                Err(AuthErrorKind::CredentialsRejected.into())
            }
            _ => Err(unexpected(response.status())),
        }
    }
}

impl fmt::Debug for TokenInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenInfo")
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

/// Asks Clerk: the [`Verify`] that a layer has unless it is given another.
pub(crate) struct Introspect {
    client: EndpointClient<TokenInfo>,
    address: Address,
    credentials: HeaderValue,
}

impl Introspect {
    pub(crate) fn new(
        upstream: &Upstream,
        address: impl Into<Address>,
        credentials: HeaderValue,
    ) -> Self {
        Self {
            client: upstream.client(Endpoint::Introspection, TokenInfo::from_response),
            address: address.into(),
            credentials,
        }
    }

    /// `POST`, form-encoded (RFC 7662 §2.1). The hint keeps an honest server from looking among its
    /// refresh tokens.
    fn request(&self, endpoint: Uri, token: &BearerToken) -> Request<Bytes> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token.expose())
            .append_pair("token_type_hint", "access_token")
            .finish();
        let mut request = Request::new(Bytes::from(form));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = endpoint;
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, self.credentials.clone());
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        request
    }
}

impl Verify for Introspect {
    fn verify<'a>(
        &'a self,
        verification: VerifyRequest<'a>,
    ) -> BoxFuture<'a, Result<TokenInfo, AuthError>> {
        Box::pin(async move {
            let endpoint = self.address.get(Some(verification.priority())).await?;
            let token = verification.token();
            let request = self.request(endpoint, token);
            let purpose = Purpose::needed(verification.priority());
            self.client.call(purpose, token.expose(), request).await
        })
    }
}

/// The value of `Authorization` for a confidential client: both parts are form-encoded before they
/// are joined (RFC 6749 §2.3.1).
pub(crate) fn basic_credentials(client_id: &str, client_secret: &str) -> Option<HeaderValue> {
    use base64::{Engine, engine::general_purpose::STANDARD};

    let encode = |part: &str| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(client_secret));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// An error body of RFC 6749 §5.2 that says `unsupported_token_type` (RFC 7009 §2.2.1).
fn is_unsupported_token_type(body: &[u8]) -> bool {
    serde_json::from_slice(body).is_ok_and(|Members(members)| {
        members.get("error").and_then(Value::as_str) == Some("unsupported_token_type")
    })
}

/// The server does not introspect tokens of this form.
#[derive(Debug, thiserror::Error)]
#[error("the server does not introspect tokens of this form")]
struct NotIntrospected;

/// Whether an error says that the server does not introspect tokens of this form, rather than that this one
/// is no good.
pub(super) fn is_not_introspected(error: &AuthError) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<NotIntrospected>())
}

#[cfg(test)]
mod tests;
