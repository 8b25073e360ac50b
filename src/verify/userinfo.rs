//! Userinfo (OpenID Connect Core §5.3): who the subject is. It adds to what introspection said and
//! never widens it.

use super::{
    discovery::Address,
    error_form::{is_error, is_token_challenge},
    members::{Members, body, text, unexpected, violation},
};
use crate::{
    AuthError, AuthErrorKind, BearerToken,
    claims::Profile,
    upstream::{Endpoint, EndpointClient, Purpose, Upstream},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};

/// What userinfo answered: whom it speaks of, and the rest.
#[derive(Debug)]
pub(crate) struct Userinfo {
    pub(crate) sub: String,
    /// Whether `sub` is absent, and this is `user_id`: it can confirm a subject, and never supplies one.
    pub(crate) is_user_id: bool,
    pub(crate) profile: Profile,
}

/// Asks userinfo.
pub(crate) struct UserinfoEndpoint {
    client: EndpointClient<Userinfo>,
    address: Address,
}

impl UserinfoEndpoint {
    pub(crate) fn new(upstream: &Upstream, address: impl Into<Address>) -> Self {
        Self {
            client: upstream.client(Endpoint::Userinfo, decode),
            address: address.into(),
        }
    }

    /// Fetches what userinfo says to the bearer of the token.
    pub(super) async fn fetch(
        &self,
        token: &BearerToken,
        purpose: Purpose,
    ) -> Result<Userinfo, AuthError> {
        let request = request(self.address.get(Some(purpose.priority())).await?, token)?;
        self.client.call(purpose, token.expose(), request).await
    }
}

/// Nothing of the caller's request goes along but the token: Clerk rejects one that has an `Origin`
/// beside it.
fn request(endpoint: Uri, token: &BearerToken) -> Result<Request<Bytes>, AuthError> {
    let mut credentials = HeaderValue::try_from(format!("Bearer {}", token.expose()))
        .map_err(|_| AuthErrorKind::MalformedCredentials)?;
    credentials.set_sensitive(true);
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = endpoint;
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, credentials);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    Ok(request)
}

/// A 401 or 403 in the form of Clerk's errors, of OAuth's, or with RFC 6750's challenge is a final no about the
/// token: [`AuthErrorKind::Inactive`], which the caller of this reads as "no profile". In another form it is a
/// firewall's or a proxy's. The content type decides between JSON and a JWT (§5.3.2); signed answers are
/// not requested and not read.
fn decode(response: &Response<Bytes>) -> Result<Userinfo, AuthError> {
    match response.status() {
        StatusCode::OK => parse(body(response)?),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
            if is_error(response) || is_token_challenge(response.headers()) =>
        {
            Err(AuthErrorKind::Inactive.into())
        }
        _ => Err(unexpected(response.status())),
    }
}

/// Reads a userinfo object. `sub` is read strictly, and if it is absent, so is `user_id`, Clerk's own name for the
/// same. Of the rest, what has an unexpected type is unknown.
fn parse(body: &[u8]) -> Result<Userinfo, AuthError> {
    let Members(members) = serde_json::from_slice(body)
        .map_err(|_| violation("the body is not one JSON object with unique members"))?;
    let member = |name: &str| text(members.get(name).cloned()).map_err(violation);
    let (sub, is_user_id) = match member("sub")? {
        Some(sub) => (sub, false),
        None => match member("user_id")? {
            Some(id) => (id, true),
            None => return Err(violation("neither `sub` nor `user_id` is a string")),
        },
    };
    Ok(Userinfo {
        sub,
        is_user_id,
        profile: Profile::new(members),
    })
}

#[cfg(test)]
mod tests;
