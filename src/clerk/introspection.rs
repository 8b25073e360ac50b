//! Introspection (RFC 7662): the request, and the strict reading of the answer.
//!
//! An answer is invalid if its `active` is not the literal `true` or `false`, if a member appears twice, or if a member
//! has another type than RFC 7662 §2.2 defines. An invalid answer rejects the request with a 503, as an outage does,
//! and shows nothing about the token.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use serde_json::Value;
use url::form_urlencoded;

use super::{
    discovery::Address,
    error_form::{is_about_our_credentials, is_html},
};
use crate::{
    AuthError, AuthErrorKind,
    clerk::{
        TokenInfo,
        http::{Endpoint, EndpointClient, Priority, Purpose, Upstream},
        response::{body, unexpected},
    },
    extract::SecretToken,
    token::json::Members,
};

/// Introspects tokens at Clerk.
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
            client: upstream.client(Endpoint::Introspection, read),
            address: address.into(),
            credentials,
        }
    }

    /// Introspects a token.
    pub(crate) async fn verify(
        &self,
        token: &SecretToken,
        priority: Priority,
    ) -> Result<TokenInfo, AuthError> {
        let endpoint = self.address.get(Some(priority)).await?;
        let request = self.request(endpoint, token);
        let purpose = Purpose::needed(priority);
        self.client.call(purpose, token.expose(), request).await
    }

    /// Builds the request: `POST`, form-encoded (RFC 7662 §2.1). With the hint, an honest server does not search its
    /// refresh tokens.
    fn request(&self, endpoint: Uri, token: &SecretToken) -> Request<Bytes> {
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

/// Reads the answer of an introspection endpoint: status, content type, body.
fn read(response: &Response<Bytes>) -> Result<TokenInfo, AuthError> {
    match response.status() {
        StatusCode::OK => TokenInfo::from_introspection(body(response)?),
        // Some servers answer so for every JWT. The answer is about the token, not about this service.
        StatusCode::BAD_REQUEST if is_unsupported_token_type(response.body()) => {
            Err(AuthError::new(AuthErrorKind::Inactive).with_source(NotIntrospected))
        }
        // Clerk's own 401 has no body. A firewall's 401 has a page, and may be about the token.
        StatusCode::UNAUTHORIZED if !is_html(response) => {
            Err(AuthErrorKind::CredentialsRejected.into())
        }
        StatusCode::FORBIDDEN if is_about_our_credentials(response) => {
            Err(AuthErrorKind::CredentialsRejected.into())
        }
        _ => Err(unexpected(response.status())),
    }
}

/// Returns the value of `Authorization` for a confidential client: both parts are form-encoded before they are joined
/// (RFC 6749 §2.3.1).
pub(crate) fn basic_credentials(client_id: &str, client_secret: &str) -> Option<HeaderValue> {
    use base64::{Engine, engine::general_purpose::STANDARD};

    let encode = |part: &str| form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(client_secret));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Returns true if a body is an error of RFC 6749 §5.2 with the code `unsupported_token_type` (RFC 7009 §2.2.1).
fn is_unsupported_token_type(body: &[u8]) -> bool {
    serde_json::from_slice(body).is_ok_and(|Members(members)| {
        members.get("error").and_then(Value::as_str) == Some("unsupported_token_type")
    })
}

/// The server does not introspect tokens of this form.
#[derive(Debug, thiserror::Error)]
#[error("the server does not introspect tokens of this form")]
struct NotIntrospected;

/// Returns true if an error means that the server does not introspect tokens of this form, not that this token is
/// invalid.
pub(crate) fn is_not_introspected(error: &AuthError) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<NotIntrospected>())
}

#[cfg(test)]
mod tests;
