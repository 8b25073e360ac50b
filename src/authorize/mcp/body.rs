//! The body of a request on its way through the layer: read ahead, or streamed.

use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a request behind [`McpAuthLayer`](crate::mcp::McpAuthLayer). Its bytes and its trailers are those
    /// that the client sent.
    pub struct RequestBody<B> {
        #[pin]
        content: Content<B>,
    }
}

pin_project! {
    #[project = ContentProj]
    enum Content<B> {
        // The layer has read the body in full.
        Read {
            data: Bytes,
            trailers: Option<HeaderMap>,
        },
        // The layer has read nothing of the body.
        Stream {
            #[pin]
            body: B,
        },
    }
}

pin_project! {
    /// Reads a body up to a limit. The bytes are copied into one buffer, so that a body in many small frames costs no
    /// more memory than its bytes.
    pub(super) struct Reading<B> {
        #[pin]
        body: B,
        limit: usize,
        data: BytesMut,
        trailers: Option<HeaderMap>,
    }
}

/// The reason why a body was not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    TooLarge,
    /// The connection to the client failed.
    Failed,
}

// === impl RequestBody ===

impl<B> RequestBody<B> {
    pub(super) fn stream(body: B) -> Self {
        Self {
            content: Content::Stream { body },
        }
    }

    fn read(data: Bytes, trailers: Option<HeaderMap>) -> Self {
        Self {
            content: Content::Read { data, trailers },
        }
    }

    /// Returns the bytes of a body that was read in full.
    pub(super) fn as_bytes(&self) -> &[u8] {
        match &self.content {
            Content::Read { data, .. } => data,
            Content::Stream { .. } => &[],
        }
    }
}

impl<B: Body<Data = Bytes>> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().content.project() {
            ContentProj::Stream { body } => body.poll_frame(cx),
            ContentProj::Read { data, .. } if !data.is_empty() => {
                Poll::Ready(Some(Ok(Frame::data(mem::take(data)))))
            }
            ContentProj::Read { trailers, .. } => Poll::Ready(
                trailers
                    .take()
                    .map(|trailers| Ok(Frame::trailers(trailers))),
            ),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Stream { body } => body.is_end_stream(),
            Content::Read { data, trailers } => data.is_empty() && trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Stream { body } => body.size_hint(),
            Content::Read { data, .. } => {
                SizeHint::with_exact(data.len().try_into().unwrap_or(u64::MAX))
            }
        }
    }
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").finish_non_exhaustive()
    }
}

// === impl Reading ===

impl<B: Body<Data = Bytes>> Reading<B> {
    pub(super) fn new(body: B, limit: usize) -> Self {
        Self {
            body,
            limit,
            data: BytesMut::new(),
            trailers: None,
        }
    }

    /// Reads the body to its end. Returns an error at the first byte beyond the limit, or before the first byte if the
    /// body states its size.
    pub(super) fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<RequestBody<B>, Unread>> {
        let mut this = self.project();
        let limit = *this.limit;
        if this.body.size_hint().lower() > limit.try_into().unwrap_or(u64::MAX) {
            return Poll::Ready(Err(Unread::TooLarge));
        }
        while let Some(frame) = ready!(this.body.as_mut().poll_frame(cx)) {
            let Ok(frame) = frame else {
                return Poll::Ready(Err(Unread::Failed));
            };
            match frame.into_data() {
                Ok(data) if data.len() > limit - this.data.len() => {
                    return Poll::Ready(Err(Unread::TooLarge));
                }
                Ok(data) => this.data.extend_from_slice(&data),
                Err(frame) => *this.trailers = frame.into_trailers().ok(),
            }
        }
        let data = mem::take(this.data).freeze();
        Poll::Ready(Ok(RequestBody::read(data, this.trailers.take())))
    }
}

#[cfg(test)]
mod tests;
