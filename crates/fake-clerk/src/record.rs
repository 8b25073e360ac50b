//! Recorded requests.

use std::fmt;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, PROXY_AUTHORIZATION};
use http::request::Parts;
use http::{HeaderMap, Method};

use super::Endpoint;

/// A request that the fake received.
///
/// The [`Debug`](fmt::Debug) form hides credentials and the body, so that a failed assertion does
/// not print a token.
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The endpoint of the path; `None` for an unknown path.
    pub endpoint: Option<Endpoint>,
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The query without its question mark.
    pub query: Option<String>,
    /// All headers, in the order of arrival for each name.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl RecordedRequest {
    pub(super) fn new(endpoint: Option<Endpoint>, head: Parts, body: Bytes) -> Self {
        let mut headers = head.headers;
        for (name, value) in &mut headers {
            if [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(name) {
                value.set_sensitive(true);
            }
        }
        Self {
            endpoint,
            method: head.method,
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(str::to_owned),
            headers,
            body,
        }
    }

    /// Returns the body as a form: decoded names and values, in order.
    #[must_use]
    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body)
            .into_owned()
            .collect()
    }

    /// Returns the first value of the form field `name`.
    #[must_use]
    pub fn form_field(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(&self.body)
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.into_owned())
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedRequest")
            .field("endpoint", &self.endpoint)
            .field("method", &self.method)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("headers", &self.headers)
            .field("body", &format_args!("<{} bytes>", self.body.len()))
            .finish()
    }
}

/// Returns true if the content type is this media type, with any parameters.
pub(super) fn has_media_type(headers: &HeaderMap, wanted: &str) -> bool {
    let essence = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok()?.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}
