//! The Backend API, for servers that hold the secret key of the instance.
//!
//! It answers at the address of the instance. The paths of verifications work with and without `/v1`, since
//! Clerk's documents use one form and its libraries the other.

mod access;
mod answers;
mod user;
mod verify;

use http::StatusCode;
use serde_json::Value;

use super::handlers;
use super::record::RecordedRequest;
use super::reply::{self, Reply};
use super::state::State;

pub(super) use self::answers::Habits;
pub use self::answers::TimeUnit;
pub(super) use self::user::object as user_object;

pub(super) fn verify_oauth_token(state: &State, request: &RecordedRequest) -> Reply {
    let access = access::of_instance(state, request);
    shown(access.and_then(|()| verify::oauth_token(state, request)))
}

pub(super) fn verify_machine_token(state: &State, request: &RecordedRequest) -> Reply {
    let access = access::of_instance_or_machine(state, request);
    shown(access.and_then(|caller| verify::machine_token(state, request, &caller)))
}

pub(super) fn verify_api_key(state: &State, request: &RecordedRequest) -> Reply {
    let access = access::of_instance(state, request);
    shown(access.and_then(|()| verify::api_key(state, request)))
}

pub(super) fn user(state: &State, request: &RecordedRequest) -> Reply {
    let access = access::of_instance(state, request);
    shown(access.and_then(|()| user::answer(state, request)))
}

/// Returns the key set to a client with the secret key.
pub(super) fn jwks(state: &State, request: &RecordedRequest) -> Reply {
    match access::of_instance(state, request) {
        Ok(()) => handlers::jwks(state),
        Err(rejection) => rejection.shown(),
    }
}

fn shown(answer: Result<Value, Rejection>) -> Reply {
    match answer {
        Ok(answer) => reply::no_store(reply::json(StatusCode::OK, &answer)),
        Err(rejection) => rejection.shown(),
    }
}

/// The reason for a rejection, in Clerk's codes.
struct Rejection {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
}

impl Rejection {
    fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self {
            status,
            code,
            message,
        }
    }

    fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "resource_not_found", "not found")
    }

    fn shown(self) -> Reply {
        reply::clerk_error(self.status, self.code, self.message)
    }
}
