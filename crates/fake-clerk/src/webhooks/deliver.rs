//! Sends events from the server's thread, each until an attempt succeeds.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::Delivery;
use crate::state::State;

/// The number of attempts to deliver an event.
const ATTEMPTS: u32 = 7;

/// The pause after the first attempt.
const PAUSE: Duration = Duration::from_millis(100);

/// The time for an answer, as with Svix.
const PATIENCE: Duration = Duration::from_secs(15);

/// Sends events until the server ends.
pub(crate) async fn deliver(state: Arc<State>) {
    loop {
        state.events.notified().await;
        let outbox = std::mem::take(&mut state.lock().webhooks.outbox);
        for delivery in outbox {
            tokio::spawn(attempts(Arc::clone(&state), delivery));
        }
    }
}

async fn attempts(state: Arc<State>, delivery: Delivery) {
    for attempt in 0..ATTEMPTS {
        let request = delivery.request(state.lock().now());
        if timeout(PATIENCE, is_accepted(request)).await == Ok(Some(true)) {
            return;
        }
        sleep(PAUSE * 2_u32.pow(attempt)).await;
    }
}

/// Sends a request on a connection of its own. `None` if there is no answer.
async fn is_accepted(mut request: Request<Bytes>) -> Option<bool> {
    let uri = request.uri().clone();
    let address = (
        uri.host()?.trim_matches(['[', ']']),
        uri.port_u16().unwrap_or(80),
    );
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    // The connection ends with the sender.
    tokio::spawn(connection);
    let host = HeaderValue::from_str(uri.authority()?.as_str()).ok()?;
    request.headers_mut().insert(HOST, host);
    *request.uri_mut() = Uri::builder()
        .path_and_query(uri.path_and_query()?.clone())
        .build()
        .ok()?;
    let response = sender.send_request(request.map(Full::new)).await.ok()?;
    let status = response.status();
    response.into_body().collect().await.ok()?;
    Some(status.is_success())
}
