//! [`ResourceMetadata`]: the metadata of a protected resource (RFC 9728). It shows clients which authorization server
//! issues tokens for the resource. The document is built once, only from the configuration. It does not depend on
//! Clerk, the cache, or the address that a request names. Beside it, the metadata of the authorization server can be
//! served (`server`), which comes from Clerk.

#[cfg(feature = "axum")]
mod router;
mod server;
mod service;

use std::sync::{Arc, Once};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER,
    },
};
use serde::Serialize;
use url::Url;

use self::server::Server;
use crate::{observe, reject::RejectResponse};

/// The metadata of a protected resource (RFC 9728 §2), and a service that responds with it.
///
/// It exists if the configuration has a [`resource`](crate::ClerkConfigBuilder::resource) that is a web address. The
/// layer then responds to `GET`, `HEAD` and `OPTIONS` at [both paths](Self::paths). Such a request needs no token, and
/// the response does not depend on Clerk's state. Challenges contain the [URL](Self::url) of the metadata. If the layer
/// does not see the requests for these paths, because it wraps only some routes or is mounted below the root of the
/// service, mount this service beside it:
///
/// ```
/// # use tower_clerk::{Authenticator, ClerkConfigBuilder};
/// use http::Request;
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let settings = serde_json::json!({
/// #     "instance": "clerk.example.com",
/// #     "accept": { "oauth": { "client_id": "id", "client_secret": "secret" } },
/// # });
/// # let builder: ClerkConfigBuilder = serde_json::from_value(settings)?;
/// let cfg = builder.resource("https://api.example.com/mcp").build()?;
/// let auth = Authenticator::new(cfg);
/// let metadata = auth.resource_metadata().expect("a resource is configured");
/// let paths: Vec<_> = metadata.paths().collect();
/// assert_eq!(
///     paths,
///     [
///         "/.well-known/oauth-protected-resource",
///         "/.well-known/oauth-protected-resource/mcp",
///     ]
/// );
///
/// // A service of its own. With the feature `axum`, `metadata.router()` is a router of both paths.
/// let response = metadata.oneshot(Request::get("/").body(())?).await?;
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.headers()["content-type"], "application/json");
/// # Ok(()) }
/// ```
///
/// As a service, it responds at any path at which it is mounted. Responses may be cached for an hour, and scripts of
/// every origin may read them. Methods other than these three get a 405. If one host has several resources, mount each
/// at the last of its paths, because only one of them can use the first path.
///
/// The layer itself can respond only if it can create a body of the inner service's type, see
/// [`RejectResponse::json_body`]. It can in axum, with the feature of that name, and it cannot in tonic.
///
/// Cloning copies a pointer.
#[derive(Clone, Debug)]
pub struct ResourceMetadata(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: String,
    /// The path of `url`. `None` if it is [`WELL_KNOWN`].
    path: Option<String>,
    document: Document,
    /// The text of `document`.
    json: Bytes,
    /// The metadata of the authorization server. `None` unless it is served, too.
    server: Option<Arc<Server>>,
    /// Ensures that the warning about metadata that the layer cannot serve is logged only once.
    unserved: Once,
    /// Ensures the same for the warning about the metadata of another resource.
    foreign: Once,
}

/// The values from which the metadata is built.
pub(crate) struct Description<'a> {
    pub(crate) resource: &'a str,
    pub(crate) issuer: &'a str,
    pub(crate) scopes: &'a [String],
    pub(crate) name: Option<&'a str>,
    pub(crate) documentation: Option<&'a str>,
}

/// The members of RFC 9728 §2. Members without a value are omitted (§3.2).
#[derive(Clone, Debug, Serialize)]
struct Document {
    resource: String,
    authorization_servers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<String>,
}

impl ResourceMetadata {
    /// Creates the metadata that is served at `url`.
    pub(crate) fn new(url: &Url, description: &Description<'_>) -> Self {
        let document = Document {
            resource: description.resource.to_owned(),
            authorization_servers: vec![description.issuer.to_owned()],
            scopes_supported: description.scopes.to_vec(),
            bearer_methods_supported: ["header"],
            resource_name: description.name.map(ToOwned::to_owned),
            resource_documentation: description.documentation.map(ToOwned::to_owned),
        };
        let path = (url.path() != WELL_KNOWN).then(|| url.path().to_owned());
        Self::of(url.as_str().to_owned(), path, document, None)
    }

    fn of(
        url: String,
        path: Option<String>,
        document: Document,
        server: Option<Arc<Server>>,
    ) -> Self {
        let json = serde_json::to_vec(&document).expect("strings in a struct are JSON");
        Self(Arc::new(Inner {
            url,
            path,
            document,
            json: json.into(),
            server,
            unserved: Once::new(),
            foreign: Once::new(),
        }))
    }

    /// Names these authorization servers after those that are named already, each once.
    pub(crate) fn with_issuers(&self, issuers: impl Iterator<Item = String>) -> Self {
        let mut document = self.0.document.clone();
        for issuer in issuers {
            if !document.authorization_servers.contains(&issuer) {
                document.authorization_servers.push(issuer);
            }
        }
        let (url, path) = (self.0.url.clone(), self.0.path.clone());
        Self::of(url, path, document, self.0.server.clone())
    }

    /// Returns the authorization servers that are named.
    pub(crate) fn issuers(&self) -> &[String] {
        &self.0.document.authorization_servers
    }

    /// Returns the address that challenges contain as `resource_metadata` (RFC 9728 §5.1): the address of the resource,
    /// with the well-known path between host and path (§3.1).
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Returns the paths of the metadata: `/.well-known/oauth-protected-resource`, and the same followed by the path of
    /// the resource, if the resource has a path.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        [Some(WELL_KNOWN), self.0.path.as_deref()]
            .into_iter()
            .flatten()
    }

    /// Returns the JSON document.
    pub fn json(&self) -> &Bytes {
        &self.0.json
    }

    /// Returns true if a document is at this path: one of [`paths`](Self::paths), or one of the authorization server,
    /// byte for byte. Another spelling belongs to another resource. Every request calls this: it usually compares only
    /// the beginning.
    #[inline]
    pub(crate) fn is_at(&self, path: &str) -> bool {
        path.starts_with(BEGINNING) && self.has(path)
    }

    /// Out of line, to keep the path of other requests small.
    #[cold]
    fn has(&self, path: &str) -> bool {
        path == WELL_KNOWN || self.0.path.as_deref() == Some(path) || self.server_at(path).is_some()
    }

    /// Returns the layer's response with a body of the inner service's type. `None` if it cannot create such a body.
    #[cold]
    pub(crate) fn answer_as<B: 'static>(
        &self,
        method: &Method,
        path: &str,
        with: &impl RejectResponse<B>,
    ) -> Option<Response<B>> {
        let (parts, json) = self.answer(method, path).into_parts();
        let Some(body) = with.json_body(json) else {
            self.0.unserved.call_once(observe::metadata_unserved);
            return None;
        };
        Some(Response::from_parts(parts, body))
    }

    /// Logs a warning, once, if a rejected request was for the metadata of another resource.
    ///
    /// The layer rejects such a request as any other. To pass it on would open the path: the layer cannot know what the
    /// inner service does with it, and a service that responds at every path would respond without authentication.
    #[cold]
    pub(crate) fn note_rejected(&self, path: &str) {
        let rest = path.strip_prefix(WELL_KNOWN);
        if rest.is_some_and(|rest| rest.starts_with('/')) && !self.is_at(path) {
            self.0.foreign.call_once(observe::foreign_metadata);
        }
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Bytes> {
        match self.server_at(path) {
            Some(server) => answer(method, || server.json()),
            None => answer(method, || Some(self.0.json.clone())),
        }
    }
}

/// Responds with a document. `json`: the document, which only `GET` and `HEAD` need; `None` if it is not there yet.
fn answer(method: &Method, json: impl FnOnce() -> Option<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    // The response is the same for all clients.
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    match *method {
        Method::GET | Method::HEAD => {
            let Some(json) = json() else {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                return response;
            };
            describe(headers);
            if *method == Method::HEAD {
                headers.insert(CONTENT_LENGTH, json.len().into());
            } else {
                *response.body_mut() = json;
            }
        }
        Method::OPTIONS => {
            headers.insert(ALLOW, HeaderValue::from_static(METHODS));
            headers.insert(
                ACCESS_CONTROL_ALLOW_METHODS,
                HeaderValue::from_static(METHODS),
            );
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
        _ => {
            headers.insert(ALLOW, HeaderValue::from_static(METHODS));
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        }
    }
    response
}

fn describe(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=3600"),
    );
}

/// The beginning of the paths of all documents.
const BEGINNING: &str = "/.well-known/oauth-";

/// The path of the metadata of a resource without a path (RFC 9728 §3).
pub(crate) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

const METHODS: &str = "GET, HEAD, OPTIONS";

#[cfg(test)]
mod tests;
