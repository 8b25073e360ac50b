//! [`ResourceMetadata`]: what a service says of itself as a protected resource (RFC 9728), so that clients
//! find out whom to ask for a token. Made once, of the configuration alone: it depends on no upstream, no
//! cache, and nothing that a request says of where it was sent.

#[cfg(feature = "axum")]
mod router;
mod service;

use std::sync::{Arc, Once};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE,
    },
};
use serde::Serialize;
use url::Url;

use crate::{RejectResponse, observe};

/// The metadata of a protected resource (RFC 9728 §2), and a service that answers with it.
///
/// It exists where a [`resource`](crate::ClerkConfigBuilder::resource) is configured that is a web
/// address. Then the layer answers `GET`, `HEAD` and `OPTIONS` at [both addresses](Self::paths), without
/// a token and whatever state Clerk is in, and challenges name [one of them](Self::url). Where the layer
/// does not see the requests for these addresses, since it stands below the root of the service or around
/// some routes alone, this is mounted beside it:
///
/// ```
/// # use tower_clerk::{ClerkAuthLayer, ClerkConfig};
/// use http::Request;
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cfg = ClerkConfig::builder("verb-noun-00.clerk.accounts.dev").accept(tower_clerk::kinds::OAuthTokens::introspection("aB3dE5gH7jK9mN1p", "from a file that only the service can read").required_scopes(["email"]))
///     .resource("https://api.example.com/mcp")
///     .build()?;
/// let metadata = cfg.resource_metadata().expect("a resource is configured");
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
/// As a service it answers at whatever path it is mounted at. Answers may be cached for an hour, and read
/// by scripts of every origin. Other methods than the three get a 405. Of several resources on one host,
/// each is mounted at the last of its paths: the first can belong to one alone.
///
/// Whether the layer itself can answer depends on the bodies of the service behind it, see
/// [`RejectResponse::json_body`]. It can in axum, with the feature of that name, and not in tonic.
///
/// Cloning copies a pointer.
#[derive(Clone, Debug)]
pub struct ResourceMetadata(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    url: String,
    /// The path of `url`; `None` where it is [`WELL_KNOWN`] itself.
    path: Option<String>,
    json: Bytes,
    /// That it cannot be served through a layer is said once.
    unserved: Once,
}

/// What the metadata is made of.
pub(crate) struct Description<'a> {
    pub(crate) resource: &'a str,
    pub(crate) issuer: &'a str,
    pub(crate) scopes: &'a [String],
    pub(crate) name: Option<&'a str>,
    pub(crate) documentation: Option<&'a str>,
}

/// The members of RFC 9728 §2. Those without a value are left out (§3.2).
#[derive(Serialize)]
struct Document<'a> {
    resource: &'a str,
    authorization_servers: [&'a str; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<&'a str>,
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<&'a str>,
}

impl ResourceMetadata {
    /// Metadata that is found at `url`.
    pub(crate) fn new(url: &Url, description: &Description<'_>) -> Self {
        let document = Document {
            resource: description.resource,
            authorization_servers: [description.issuer],
            scopes_supported: description.scopes.iter().map(String::as_str).collect(),
            bearer_methods_supported: ["header"],
            resource_name: description.name,
            resource_documentation: description.documentation,
        };
        let json = serde_json::to_vec(&document).expect("strings in a struct are JSON");
        Self(Arc::new(Inner {
            url: url.as_str().to_owned(),
            path: (url.path() != WELL_KNOWN).then(|| url.path().to_owned()),
            json: json.into(),
            unserved: Once::new(),
        }))
    }

    /// The address that challenges name as `resource_metadata` (RFC 9728 §5.1): that of the resource, with
    /// the well-known path between host and path (§3.1).
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The paths at which it belongs: `/.well-known/oauth-protected-resource`, and the same with the path of
    /// the resource behind it, where that has one.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        [Some(WELL_KNOWN), self.0.path.as_deref()]
            .into_iter()
            .flatten()
    }

    /// The document itself.
    pub fn json(&self) -> &Bytes {
        &self.0.json
    }

    /// Whether a path is one of [`paths`](Self::paths), byte for byte: another spelling is another
    /// resource's. On the way of every request: two lengths are compared, and hardly ever more.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        path == WELL_KNOWN || self.0.path.as_deref() == Some(path)
    }

    /// The answer of a layer with bodies of its service's kind; `None` where no such body can be made.
    #[cold]
    pub(crate) fn answer_as<B: 'static>(
        &self,
        method: &Method,
        with: &impl RejectResponse<B>,
    ) -> Option<Response<B>> {
        let (parts, json) = self.answer(method).into_parts();
        let Some(body) = with.json_body(json) else {
            self.0.unserved.call_once(observe::metadata_unserved);
            return None;
        };
        Some(Response::from_parts(parts, body))
    }

    fn answer(&self, method: &Method) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        // There is nothing in it that depends on who asks.
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        match *method {
            Method::GET => {
                self.describe(headers);
                *response.body_mut() = self.0.json.clone();
            }
            Method::HEAD => {
                self.describe(headers);
                headers.insert(CONTENT_LENGTH, self.0.json.len().into());
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

    fn describe(&self, headers: &mut HeaderMap) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=3600"),
        );
    }
}

/// Where the metadata of a resource without a path stands (RFC 9728 §3).
pub(crate) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

const METHODS: &str = "GET, HEAD, OPTIONS";

#[cfg(test)]
mod tests;
