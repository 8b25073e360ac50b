//! Authentication at the Backend API.

use http::StatusCode;

use super::Rejection;
use crate::clients;
use crate::record::RecordedRequest;
use crate::state::State;

/// The owner of the secret key of a request.
pub(super) enum Caller {
    /// The secret key of the instance.
    Instance,
    /// The secret key of the machine with this id.
    Machine(String),
}

/// Accepts the secret key of the instance.
pub(super) fn of_instance(state: &State, request: &RecordedRequest) -> Result<(), Rejection> {
    if key(request)? == state.secret_key {
        return Ok(());
    }
    Err(unauthorized(
        "clerk_key_invalid",
        "The provided Clerk Secret Key is invalid",
    ))
}

/// Accepts the secret keys of machines, too.
pub(super) fn of_instance_or_machine(
    state: &State,
    request: &RecordedRequest,
) -> Result<Caller, Rejection> {
    let key = key(request)?;
    if !key.starts_with("ak_") {
        return of_instance(state, request).map(|()| Caller::Instance);
    }
    let machine = state.lock().machine_keys.get(key).cloned();
    machine.map(Caller::Machine).ok_or_else(|| {
        let message = "The provided Machine Secret Key is invalid";
        unauthorized("machine_secret_key_invalid", message)
    })
}

fn key(request: &RecordedRequest) -> Result<&str, Rejection> {
    clients::credentials(&request.headers, "bearer").ok_or_else(|| {
        unauthorized(
            "authorization_header_format_invalid",
            "Invalid Authorization header format",
        )
    })
}

fn unauthorized(code: &'static str, message: &'static str) -> Rejection {
    Rejection::new(StatusCode::UNAUTHORIZED, code, message)
}
