//! Clerk's Backend API: the code that its endpoints share. The secret key of each call controls the whole instance,
//! so nothing of a caller's request is sent except the token.

mod backend;
#[cfg(feature = "jwt")]
mod keys;
mod token_verification;
mod users;

pub(crate) use self::backend::Backend;
#[cfg(feature = "jwt")]
pub(crate) use self::keys::KeysEndpoint;
pub(crate) use self::{
    token_verification::{Credential, TokenEndpoint},
    users::{UserEndpoint, is_id},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use serde_json::{Map, Value};

use super::error_form::{clerk_codes, is_error};
use crate::{
    AuthError, AuthErrorKind,
    clerk::response::{self, unexpected, violation},
    error::SecretKeyRejected,
    token::json::Members,
};

/// The outcome of a call, before the object is read.
enum Answer {
    /// 200, and the object.
    Found(Map<String, Value>),
    /// 404, or a 400: there is no such token or user.
    Unknown,
}

/// Builds a request with the secret key. `body`: a JSON object to post; without one, the request is a `GET`.
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

/// Reads status, content type and body. `object`: the expected value of the member `object`, if there is one.
///
/// All requests to an endpoint differ only in the token or the id. So a 400 is about the token or the id, as a 404
/// is, and neither shows an outage. Both count only if they have Clerk's error form: a proxy's 404 shows
/// nothing about a token.
fn read(response: &Response<Bytes>, object: &str) -> Result<Answer, AuthError> {
    match response.status() {
        StatusCode::OK => {
            let Members(members) = response::object(response)?;
            match members.get("object") {
                None => Ok(Answer::Found(members)),
                Some(Value::String(name)) if name == object => Ok(Answer::Found(members)),
                Some(_) => Err(violation("`object` has another value than expected")),
            }
        }
        StatusCode::NOT_FOUND if clerk_codes(response).is_some() => Ok(Answer::Unknown),
        // A 400 about an unknown version of the API is an error of the configuration.
        StatusCode::BAD_REQUEST
            if clerk_codes(response)
                .is_some_and(|codes| !codes.iter().any(|code| code.contains("version"))) =>
        {
            Ok(Answer::Unknown)
        }
        _ => Err(failure(response)),
    }
}

/// Returns the error for a response that has no object. A 401 or 403 is about the secret key. In another form it is not
/// Clerk's: a firewall may reject a token.
fn failure(response: &Response<Bytes>) -> AuthError {
    match response.status() {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if is_error(response) => {
            AuthError::new(AuthErrorKind::CredentialsRejected).with_source(SecretKeyRejected)
        }
        status => unexpected(status),
    }
}

const API_VERSION: HeaderName = HeaderName::from_static("clerk-api-version");

#[cfg(test)]
mod tests;
