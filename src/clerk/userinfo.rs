//! Userinfo (OpenID Connect Core §5.3): the profile of the subject. It adds to the introspection answer, and never
//! widens the token's permissions.

use super::{
    discovery::Address,
    error_form::{is_error, is_token_challenge},
};
use crate::{
    AuthError, AuthErrorKind,
    claims::Profile,
    clerk::{
        http::{Endpoint, EndpointClient, Purpose, Upstream},
        response::{body, members, unexpected, violation},
    },
    extract::SecretToken,
    token::json::{Members, text},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};

/// An answer of userinfo: the subject and its profile.
#[derive(Debug)]
pub(crate) struct Userinfo {
    pub(crate) sub: String,
    /// True if `sub` is absent and this is `user_id`. It can confirm a subject, but never supplies one.
    pub(crate) is_user_id: bool,
    pub(crate) profile: Profile,
}

#[cfg(feature = "fleet")]
impl Userinfo {
    /// Returns the whole object, as [`parse`] reads it.
    pub(crate) fn to_value(&self) -> serde_json::Value {
        self.profile.userinfo()
    }
}

/// The userinfo endpoint.
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

    /// Fetches the userinfo of the token's subject.
    pub(crate) async fn fetch(
        &self,
        token: &SecretToken,
        purpose: Purpose,
    ) -> Result<Userinfo, AuthError> {
        let request = request(self.address.get(Some(purpose.priority())).await?, token)?;
        self.client.call(purpose, token.expose(), request).await
    }
}

/// Builds the request. It contains the token, and nothing else of the caller's request: Clerk rejects a token that is
/// sent with an `Origin`.
fn request(endpoint: Uri, token: &SecretToken) -> Result<Request<Bytes>, AuthError> {
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

/// Decodes an answer. A 401 or 403 in Clerk's error form, in OAuth's, or with RFC 6750's challenge is a final
/// rejection of the token: [`AuthErrorKind::Inactive`], which the calling code treats as "no profile". In another
/// form, a 401 or 403 is a firewall's or a proxy's. The content type decides between JSON and a JWT (§5.3.2); signed
/// answers are neither requested nor read.
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

/// Reads a userinfo object. `sub` is read strictly. If it is absent, so is `user_id`, Clerk's own name for it. Any
/// other member counts as unknown if its type is unexpected.
pub(crate) fn parse(body: &[u8]) -> Result<Userinfo, AuthError> {
    let Members(members) = members(body)?;
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
