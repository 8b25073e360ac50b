//! Access to the admin page: programs of this machine have it, pages of other origins in its browser do not.

use http::header::{HOST, HeaderName, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::error;
use crate::record::has_media_type;
use crate::reply::Reply;
use crate::state::State;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Rejects a request that a page of another origin may have sent.
///
/// The host must be this machine's own, against DNS rebinding. `Origin` and `Sec-Fetch-Site` reveal other
/// pages. A body must be JSON: other pages cannot send JSON without a preflight, and the fake does not answer
/// preflights here. Programs other than browsers send neither of the two headers. A link of another page may
/// lead to the admin page itself.
pub(super) fn reject(state: &State, head: &Parts, is_page: bool) -> Option<Reply> {
    let Some(host) = own_host(state, &head.uri, &head.headers) else {
        return Some(misdirected());
    };
    let forbidden = |message| Some(error(StatusCode::FORBIDDEN, message));
    let own_origin = format!("http://{host}");
    let others = head.headers.get_all(ORIGIN).iter();
    if others
        .into_iter()
        .any(|origin| origin.as_bytes() != own_origin.as_bytes())
    {
        return forbidden("the origin is another one");
    }
    let mut sites = head.headers.get_all(SEC_FETCH_SITE).iter();
    let is_foreign = |site: &[u8]| site != b"same-origin" && site != b"none";
    if !is_page && sites.any(|site| is_foreign(site.as_bytes())) {
        return forbidden("the page that asks is another one");
    }
    let has_body = [Method::POST, Method::PUT].contains(&head.method);
    if has_body && !has_media_type(&head.headers, "application/json") {
        let message = "the content type must be application/json";
        return Some(error(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    None
}

/// Returns the host that a request names, if it is the fake's own.
pub(super) fn own_host(state: &State, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    host(uri, headers).filter(|host| is_own(state, host))
}

/// Returns the answer to a request for another host.
pub(super) fn misdirected() -> Reply {
    let message = "the host must be the address of the fake";
    error(StatusCode::FORBIDDEN, message)
}

/// Returns the one host that a request names; HTTP/2 has it in the URI.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let in_uri = uri.authority().map(|host| host.as_str().to_owned());
    let mut in_headers = headers.get_all(HOST).iter();
    let in_header = match in_headers.next() {
        Some(host) => Some(host.to_str().ok()?.to_owned()),
        None => None,
    };
    match (in_uri, in_header, in_headers.next()) {
        (Some(one), None, None) | (None, Some(one), None) => Some(one),
        (Some(one), Some(other), None) if one == other => Some(one),
        _ => None,
    }
}

fn is_own(state: &State, host: &str) -> bool {
    host == state.addr.to_string() || host == format!("localhost:{}", state.addr.port())
}
