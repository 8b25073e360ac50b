//! Reads the body of an event: whole, raw, bounded in size and time.

use std::{future::poll_fn, pin::pin, time::Duration};

use bytes::Buf;
use http_body::{Body, Frame};
use tokio::{task::coop, time};

/// The reason why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    TooLarge,
    /// The body was not complete in time.
    Slow,
    /// The connection broke.
    Broken,
}

/// Reads a body. Its deadline runs on tokio's clock.
pub(super) async fn read<B: Body>(body: B) -> Result<Vec<u8>, BodyError> {
    time::timeout(DEADLINE, collect(body))
        .await
        .unwrap_or(Err(BodyError::Slow))
}

async fn collect<B: Body>(body: B) -> Result<Vec<u8>, BodyError> {
    // A declared length is rejected before anything is read.
    if body.size_hint().lower() > u64::try_from(LIMIT).unwrap_or(u64::MAX) {
        return Err(BodyError::TooLarge);
    }
    let mut body = pin!(body);
    let mut read = Vec::new();
    // A frame is copied when it arrives, so its type need not be `Send`.
    while let Some(outcome) = poll_fn(|context| {
        let frame = body.as_mut().poll_frame(context);
        frame.map(|frame| frame.map(|frame| append(&mut read, frame)))
    })
    .await
    {
        outcome?;
        // A body that is always ready must not outrun the deadline.
        coop::consume_budget().await;
    }
    Ok(read)
}

/// Appends the data of a frame. Trailers are ignored.
fn append<D: Buf, E>(read: &mut Vec<u8>, frame: Result<Frame<D>, E>) -> Result<(), BodyError> {
    let Ok(mut data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
        return Ok(());
    };
    if data.remaining() > LIMIT - read.len() {
        return Err(BodyError::TooLarge);
    }
    while data.has_remaining() {
        let chunk = data.chunk();
        read.extend_from_slice(chunk);
        let length = chunk.len();
        data.advance(length);
    }
    Ok(())
}

/// Clerk's largest events contain the body of an e-mail. Svix sends at most 1 MiB.
const LIMIT: usize = 1024 * 1024;

/// The time for the whole body. A sender that stalls occupies its connection no longer.
const DEADLINE: Duration = Duration::from_secs(10);
