//! The page: one document, put together from its three parts.

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_FRAME_OPTIONS};
use http_body_util::Full;

use crate::keys;
use crate::reply::Reply;

const DOCUMENT: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Returns the page. It loads nothing, connects to the fake alone, and cannot be framed.
pub(super) fn page() -> Reply {
    let nonce = keys::alphanumeric(24);
    let document = DOCUMENT
        .replace("{{nonce}}", &nonce)
        .replace("{{style}}", STYLE)
        .replace("{{script}}", SCRIPT);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let mut reply = Reply::new(Full::from(document));
    let headers = reply.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, html);
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    let policy = HeaderValue::from_str(&policy).expect("letters and digits fit in a header");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    reply
}
