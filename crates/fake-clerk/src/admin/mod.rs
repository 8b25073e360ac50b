//! The admin page and the JSON interface behind it.

mod api;
mod calls;
mod guard;
mod input;
mod mint;
mod page;
mod view;

use std::error::Error;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Body;
use serde_json::json;

use super::reply::{self, Reply};
use super::state::State;

pub(super) use self::calls::{CallLog, Running};
#[cfg(feature = "cli")]
pub(super) use self::view::{environment, environment_of_kinds};

/// The path of the page; all paths below it are its own.
const ROOT: &str = "/__admin";

/// The longest body that is read: far more than any form of the page sends.
const MAX_BODY: usize = 64 * 1024;

/// Returns true if a path belongs to the admin page.
pub(super) fn owns(path: &str) -> bool {
    path.strip_prefix(ROOT)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Rejects a request to another endpoint under a host that is not the fake's own. A page at a host that
/// resolves to this machine could otherwise run the authorization flow unseen and read the code.
pub(super) fn reject_host<B>(state: &State, request: &Request<B>) -> Option<Reply> {
    let own = guard::own_host(state, request.uri(), request.headers());
    own.is_none().then(guard::misdirected)
}

/// Answers a request to the admin page or its interface.
pub(super) async fn answer<B>(state: &State, request: Request<B>) -> Reply
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let (head, body) = request.into_parts();
    let path = head.uri.path().strip_prefix(ROOT).unwrap_or_default();
    let is_page = matches!(path, "" | "/");
    let reply = match guard::reject(state, &head, is_page) {
        Some(rejection) => rejection,
        None if is_page && [Method::GET, Method::HEAD].contains(&head.method) => page::page(),
        None if is_page => error(StatusCode::METHOD_NOT_ALLOWED, "the page is for GET"),
        None => match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => api::handle(state, &head.method, path, &body.to_bytes()),
            Err(_) => error(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
        },
    };
    sealed(reply)
}

/// Restricts an answer to pages of the same origin.
fn sealed(answer: Reply) -> Reply {
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    reply::with(answer, headers)
}

fn error(status: StatusCode, message: &str) -> Reply {
    reply::json(status, &json!({"error": message}))
}

fn done() -> Reply {
    reply::empty(StatusCode::NO_CONTENT)
}
