//! Reads the body of a response strictly.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::http::is_json;
use crate::{AuthError, AuthErrorKind, error::UnexpectedStatus, token::json::Members};

/// Returns the body of an answer if its content type is JSON.
pub(crate) fn body(response: &Response<Bytes>) -> Result<&[u8], AuthError> {
    if is_json(response.headers()) {
        Ok(response.body())
    } else {
        Err(violation("the content type is not JSON"))
    }
}

/// Returns the members of the body of an answer.
pub(crate) fn object(response: &Response<Bytes>) -> Result<Members, AuthError> {
    members(body(response)?)
}

/// Reads the members of a body.
pub(crate) fn members(body: &[u8]) -> Result<Members, AuthError> {
    serde_json::from_slice(body)
        .map_err(|_| violation("the body is not one JSON object with unique members"))
}

/// Creates the error for an answer that breaks the contract. It has fixed texts only, so that no part of the answer
/// gets into a log.
pub(crate) fn violation(what: &'static str) -> AuthError {
    AuthError::new(AuthErrorKind::InvalidUpstreamResponse).with_source(Violation(what))
}

/// Creates the error for an answer with a status that the endpoint does not have.
pub(crate) fn unexpected(status: StatusCode) -> AuthError {
    AuthError::new(AuthErrorKind::InvalidUpstreamResponse).with_source(UnexpectedStatus(status))
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Violation(&'static str);
