//! Rules for MCP calls, and sessions bound to their principal.
//!
//! 1. `rules` decides by the head of a request what it needs, or leaves the decision to the body. `headers` reads the
//!    call that headers name.
//! 2. `body` reads the body, and `message` finds the calls in it.
//! 3. `require_call` compares the claims with the need. [`McpAuthLayer`](crate::mcp::McpAuthLayer) puts the
//!    authentication in front of it.

use http::{HeaderValue, Response, StatusCode, header::CACHE_CONTROL};

mod body;
mod headers;
pub(crate) mod message;
mod require_call;
mod rules;
mod session;

pub use self::{
    body::RequestBody,
    session::{McpSession, McpSessionLayer, ResponseFuture},
};
pub(crate) use self::{require_call::RequireCall, rules::Rules};

/// Returns the response to a request that is not rejected because of its claims: a status, and no body.
fn rejection<B: Default>(status: StatusCode) -> Response<B> {
    let mut response = Response::<B>::default();
    *response.status_mut() = status;
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}
