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

/// Returns the body of an answer by its status and content type; `None` for a 404 or a 400: there is no such token or
/// user.
///
/// All requests to an endpoint differ only in the token or the id. So a 400 is about the token or the id, as a 404
/// is, and neither shows an outage. Both count only if they have Clerk's error form: a proxy's 404 shows
/// nothing about a token.
fn found(response: &Response<Bytes>) -> Result<Option<&[u8]>, AuthError> {
    match response.status() {
        StatusCode::OK => response::body(response).map(Some),
        StatusCode::NOT_FOUND if clerk_codes(response).is_some() => Ok(None),
        // A 400 about an unknown version of the API is an error of the configuration.
        StatusCode::BAD_REQUEST
            if clerk_codes(response)
                .is_some_and(|codes| !codes.iter().any(|code| code.contains("version"))) =>
        {
            Ok(None)
        }
        _ => Err(failure(response)),
    }
}

/// Reads the members of a body. `object`: the expected value of the member `object`, if there is one.
fn members(body: &[u8], object: &str) -> Result<Map<String, Value>, AuthError> {
    let Members(members) = response::members(body)?;
    match members.get("object") {
        None => Ok(members),
        Some(Value::String(name)) if name == object => Ok(members),
        Some(_) => Err(violation("`object` has another value than expected")),
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
