//! The key set of the instance, by `GET /jwks`. It is the same as that of the Frontend API.

use bytes::Bytes;
use http::{Request, Response, Uri};

use super::{Backend, failure, request};
use crate::AuthError;

/// The endpoint for the key set.
#[derive(Clone)]
pub(crate) struct KeysEndpoint {
    backend: Backend,
    endpoint: Uri,
}

impl KeysEndpoint {
    pub(crate) fn new(backend: &Backend) -> Self {
        Self {
            backend: backend.clone(),
            endpoint: backend.endpoint("/jwks"),
        }
    }

    /// Returns a request with the secret key.
    pub(crate) fn request(&self) -> Request<Bytes> {
        request(&self.backend, self.endpoint.clone(), None)
    }

    /// Returns the error for a response without a key set.
    pub(crate) fn failure(response: &Response<Bytes>) -> AuthError {
        failure(response)
    }
}
