//! The transport of a fake Clerk in the same process, for tests.

use bytes::Bytes;
use fake_clerk::InProcess;
use http::{Request, Response};

use super::{Transport, TransportError};
use crate::BoxFuture;

impl Transport for InProcess {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let answer = self.exchange(request).await;
            answer.map_err(TransportError::unreachable)
        })
    }
}
