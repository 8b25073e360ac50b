//! Clerk's Backend API: what its endpoints share. It is asked with the secret key, which has the whole
//! instance, so nothing of a caller's request goes along but the token.

mod token;
pub(crate) mod user;

pub(crate) use token::{Credential, TokenEndpoint};
pub(crate) use user::Users;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use serde_json::{Map, Value};

use super::{
    error_form::{clerk_codes, is_error},
    members::{self, Members, unexpected, violation},
};
use crate::{AuthError, AuthErrorKind, config::Backend};

/// What an answer says before anybody reads what it is about.
enum Answer {
    /// 200, and the object.
    Found(Map<String, Value>),
    /// 404, or a 400: there is no such token or user.
    Unknown,
}

/// A request with our key. `body`: a JSON object to post; without one, it is a `GET`.
fn request(backend: &Backend, endpoint: Uri, body: Option<Value>) -> Request<Bytes> {
    let json = HeaderValue::from_static("application/json");
    let mut request = Request::new(Bytes::new());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = endpoint;
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, backend.credentials.clone());
    headers.insert(API_VERSION, backend.version.clone());
    headers.insert(header::ACCEPT, json.clone());
    if let Some(body) = body {
        headers.insert(header::CONTENT_TYPE, json);
        *request.method_mut() = Method::POST;
        *request.body_mut() = body.to_string().into();
    }
    request
}

/// Reads status, content type and body. `object`: what the member of this name has to be, where there is one.
///
/// All requests to an endpoint differ in the token or the id alone. So a 400 is about that, as a 404 is, and
/// neither shows that Clerk does not work. Both count only if they are in the form of Clerk's errors: a
/// proxy's 404 shows nothing of a token.
fn read(response: &Response<Bytes>, object: &str) -> Result<Answer, AuthError> {
    match response.status() {
        StatusCode::OK => {
            let Members(members) = members::object(response)?;
            match members.get("object") {
                None => Ok(Answer::Found(members)),
                Some(Value::String(name)) if name == object => Ok(Answer::Found(members)),
                Some(_) => Err(violation("`object` has another value than expected")),
            }
        }
        StatusCode::NOT_FOUND if clerk_codes(response).is_some() => Ok(Answer::Unknown),
        // An unknown version of the API, on the other hand, is ours to mend.
        StatusCode::BAD_REQUEST
            if clerk_codes(response)
                .is_some_and(|codes| !codes.iter().any(|code| code.contains("version"))) =>
        {
            Ok(Answer::Unknown)
        }
        // In another form, it is not Clerk's: a firewall may dislike a token.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if is_error(response) => {
            Err(AuthError::new(AuthErrorKind::CredentialsRejected).with_source(SecretKeyRejected))
        }
        _ => Err(unexpected(response.status())),
    }
}

/// Of which of our credentials an error speaks.
#[derive(Debug, thiserror::Error)]
#[error("the Backend API rejected the secret key")]
struct SecretKeyRejected;

/// Whether it was the secret key that Clerk rejected, rather than client id and secret.
pub(crate) fn is_secret_key_rejected(error: &AuthError) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<SecretKeyRejected>())
}

const API_VERSION: HeaderName = HeaderName::from_static("clerk-api-version");

#[cfg(test)]
mod tests;
