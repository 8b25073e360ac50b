//! CORS: headers that let scripts of pages use the fake (Fetch standard, §3.2).

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderValue,
};
use http::{Method, StatusCode};

use super::endpoint::Endpoint;
use super::record::RecordedRequest;
use super::reply::{self, Reply};

/// Returns true if scripts of other origins use the endpoint. Browsers navigate to the authorization
/// endpoint; introspection and the Backend API are for servers.
fn is_open(endpoint: Endpoint) -> bool {
    match endpoint {
        Endpoint::OpenidConfiguration
        | Endpoint::AuthorizationServer
        | Endpoint::Jwks
        | Endpoint::Registration
        | Endpoint::Token
        | Endpoint::Revocation
        | Endpoint::Userinfo => true,
        Endpoint::Authorization
        | Endpoint::Introspection
        | Endpoint::OAuthVerification
        | Endpoint::MachineTokenVerification
        | Endpoint::ApiKeyVerification
        | Endpoint::BackendUser
        | Endpoint::BackendJwks => false,
    }
}

pub(super) fn is_preflight(endpoint: Endpoint, request: &RecordedRequest) -> bool {
    is_open(endpoint)
        && request.method == Method::OPTIONS
        && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

pub(super) fn preflight() -> Reply {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        // The asterisk covers the headers that MCP clients add, but not `Authorization`.
        (ACCESS_CONTROL_ALLOW_HEADERS, "*, authorization"),
        (ACCESS_CONTROL_MAX_AGE, "3600"),
    ];
    reply::with(reply::empty(StatusCode::NO_CONTENT), headers)
}

/// Lets every page read an answer, even that of a fault. The fake has no cookies, so a page reads nothing
/// that a program without a browser could not request.
pub(super) fn open(endpoint: Option<Endpoint>, mut reply: Reply) -> Reply {
    if endpoint.is_some_and(is_open) {
        let any = HeaderValue::from_static("*");
        let headers = reply.headers_mut();
        headers
            .entry(ACCESS_CONTROL_ALLOW_ORIGIN)
            .or_insert(any.clone());
        headers.entry(ACCESS_CONTROL_EXPOSE_HEADERS).or_insert(any);
    }
    reply
}
