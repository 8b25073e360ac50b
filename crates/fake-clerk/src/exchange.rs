//! The path of a request through the fake: the same over sockets and in process.

use std::error::Error;
use std::fmt;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Body;

use super::admin::{self, Running};
use super::cors;
use super::endpoint::Endpoint;
use super::fault::Action;
use super::handlers;
use super::record::RecordedRequest;
use super::reply::{Reply, clerk_error};
use super::state::State;

/// The longest request body that is read.
const MAX_BODY: usize = 1024 * 1024;

/// The error of a connection that breaks before an answer; see [`Fault::reset`](super::Fault::reset).
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectionReset;

impl fmt::Display for ConnectionReset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fake broke the connection")
    }
}

impl Error for ConnectionReset {}

/// Answers a request as the instance does, with the faults that are set for the endpoint.
pub(super) async fn exchange<B>(
    state: &State,
    request: Request<B>,
) -> Result<Reply, ConnectionReset>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
{
    if state.admin {
        if admin::owns(request.uri().path()) {
            return Ok(admin::answer(state, request).await);
        }
        if let Some(rejection) = admin::reject_host(state, &request) {
            return Ok(rejection);
        }
    }
    let endpoint = state.endpoint_at(request.uri().path());
    let (head, body) = request.into_parts();
    let running = Running::begin(state, &head, endpoint);
    let reply = reply(state, endpoint, head, body).await?;
    if let Some(running) = running {
        running.answered(&reply);
    }
    Ok(cors::open(endpoint, reply))
}

async fn reply<B>(
    state: &State,
    endpoint: Option<Endpoint>,
    head: Parts,
    body: B,
) -> Result<Reply, ConnectionReset>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let strike = state.lock().arrival(endpoint);
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        let message = "The body is too large";
        return Ok(clerk_error(status, "request_body_too_large", message));
    };
    let request = RecordedRequest::new(endpoint, head, body.to_bytes());
    state.lock().record(request.clone());

    if let Some(mut strike) = strike {
        match strike.action {
            Action::Answer(answer) => return Ok(answer.into_reply()),
            Action::Delay(time) => tokio::time::sleep(time).await,
            // The state owns the sender, so the sender exists.
            Action::Hang => drop(strike.healed.changed().await),
            Action::Reset => return Err(ConnectionReset),
        }
    }
    Ok(handlers::handle(state, &request))
}
