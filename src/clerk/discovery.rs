//! The addresses of endpoints at Clerk. They are derived from the host of the instance, or taken from its metadata
//! (OpenID Connect Discovery §4).
//!
//! Credentials and tokens are sent to the addresses in the metadata. So the metadata is read strictly, and cannot
//! extend trust: the issuer has to equal a configured one, byte for byte (§4.3), and every address has to be below that
//! issuer or below an origin that the configuration names. Behind a proxy, the issuer has a path, and the other paths of
//! its host belong to the application, which must not receive credentials.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode, Uri};
use serde_json::{Map, Value};
use url::Url;

use super::document::{CachedDocument, Fetched};
use crate::{
    AuthError, BoxFuture,
    clerk::{
        http::{Endpoint, Priority, Upstream},
        instance::Instance,
        response::{object, unexpected, violation},
    },
    token::json::Members,
};

/// The address of an endpoint: a fixed one, or one from the metadata.
#[derive(Clone)]
pub(crate) struct Address(Known);

#[derive(Clone)]
enum Known {
    Fixed(Uri),
    Discovered(Arc<Discovery>, fn(&Endpoints) -> &Uri),
}

/// The addresses of the endpoints of an instance.
pub(crate) struct Addresses {
    pub(crate) introspection: Address,
    pub(crate) userinfo: Address,
    #[cfg_attr(
        not(feature = "jwt"),
        expect(dead_code, reason = "JWTs are read there")
    )]
    pub(crate) keys: Address,
    /// The source of discovered addresses; `None` if the addresses are fixed.
    pub(crate) discovery: Option<Arc<Discovery>>,
}

/// The cached metadata of an instance.
pub(crate) struct Discovery {
    document: CachedDocument<Endpoints>,
}

/// The addresses that the metadata of an instance names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Endpoints {
    introspection: Uri,
    userinfo: Uri,
    keys: Uri,
}

/// The trusted issuers and base URLs.
#[derive(Clone, Debug)]
struct Trust {
    issuers: Arc<[String]>,
    /// In ASCII, without a slash at the end. The issuers are among them.
    bases: Arc<[String]>,
}

// === impl Addresses ===

impl Addresses {
    /// `issuers`: those that the metadata may name. `bases`: the base URLs of discovered addresses; `None` if no
    /// address is discovered. `timeout`: the limit of a fetch.
    pub(crate) fn of(
        instance: &Instance,
        issuers: &[String],
        bases: Option<&[String]>,
        timeout: Duration,
        upstream: &Upstream,
    ) -> Self {
        let Some(bases) = bases else {
            return Self {
                introspection: instance.introspection_endpoint().into(),
                userinfo: instance.userinfo_endpoint().into(),
                keys: instance.keys_endpoint().into(),
                discovery: None,
            };
        };
        let trust = Trust {
            issuers: issuers.into(),
            bases: bases.into(),
        };
        let discovery = Arc::new(Discovery::new(instance, timeout, upstream, trust));
        let discovered = |which| Address(Known::Discovered(Arc::clone(&discovery), which));
        Self {
            introspection: discovered(|endpoints| &endpoints.introspection),
            userinfo: discovered(|endpoints| &endpoints.userinfo),
            keys: discovered(|endpoints| &endpoints.keys),
            discovery: Some(discovery),
        }
    }
}

// === impl Address ===

impl Address {
    /// Returns the address: the configured one, or the one in the cached metadata. Without cached metadata, fetches
    /// it first.
    ///
    /// `priority`: the priority of the waiting request's token; `None` for work in the background.
    ///
    /// # Errors
    ///
    /// The error of the fetch, if the metadata is not available.
    pub(crate) async fn get(&self, priority: Option<Priority>) -> Result<Uri, AuthError> {
        match &self.0 {
            Known::Fixed(uri) => Ok(uri.clone()),
            Known::Discovered(discovery, which) => {
                let mut place = discovery.document.place(priority);
                let version = discovery.document.get(&mut place).await?;
                Ok(which(&version.document).clone())
            }
        }
    }
}

impl From<Uri> for Address {
    fn from(uri: Uri) -> Self {
        Self(Known::Fixed(uri))
    }
}

// === impl Discovery ===

impl Discovery {
    fn new(instance: &Instance, timeout: Duration, upstream: &Upstream, trust: Trust) -> Self {
        let client = Arc::new(upstream.client(Endpoint::Discovery, decode));
        let endpoint = instance.discovery_endpoint();
        let patience = timeout;
        let fetch = move || -> BoxFuture<'static, _> {
            let (client, endpoint) = (Arc::clone(&client), endpoint.clone());
            let trust = trust.clone();
            Box::pin(async move {
                let Members(members) = client.get(endpoint, patience).await?;
                let document = trust.endpoints(&members).map_err(violation)?;
                // An address does not depend on the age of the copy.
                Ok(Fetched {
                    document,
                    is_fresh: true,
                })
            })
        };
        let (clock, waiters) = (Arc::clone(&upstream.clock), Arc::clone(&upstream.waiters));
        Self {
            document: CachedDocument::new(Box::new(fetch), clock, waiters, timeout),
        }
    }

    /// Fetches the metadata before the first token arrives.
    pub(crate) async fn warm_up(&self) -> Result<(), AuthError> {
        self.document.warm_up().await
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery").finish_non_exhaustive()
    }
}

// === impl Trust ===

impl Trust {
    /// Returns the addresses that the metadata names. An address or issuer that is not trusted is an error.
    fn endpoints(&self, metadata: &Map<String, Value>) -> Result<Endpoints, &'static str> {
        let issuer = metadata.get("issuer").and_then(Value::as_str);
        if !issuer.is_some_and(|named| self.issuers.iter().any(|issuer| issuer == named)) {
            return Err("the metadata has another issuer");
        }
        Ok(Endpoints {
            introspection: self.address(metadata, "introspection_endpoint")?,
            userinfo: self.address(metadata, "userinfo_endpoint")?,
            keys: self.address(metadata, "jwks_uri")?,
        })
    }

    fn address(&self, metadata: &Map<String, Value>, name: &str) -> Result<Uri, &'static str> {
        let text = metadata
            .get(name)
            .and_then(Value::as_str)
            .ok_or("the metadata lacks an address")?;
        let url = Url::parse(text).map_err(|_| "an address in the metadata is not a URL")?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("an address in the metadata has user info or a fragment");
        }
        // The comparison includes the scheme: a configured base is https, except for loopback. Dot segments are
        // resolved by now.
        if !self.bases.iter().any(|base| is_below(url.as_str(), base)) {
            return Err("an address in the metadata is not below a base URL that is configured");
        }
        Uri::try_from(url.as_str()).map_err(|_| "an address in the metadata is not a URI")
    }
}

/// Returns true if a normalized URL is below a base URL: its path continues with a slash. An encoded slash or dot could
/// lead out of the path of a proxy, so nothing is encoded there.
fn is_below(url: &str, base: &str) -> bool {
    let has_path = |base: &str| base.matches('/').count() > 2;
    url.strip_prefix(base)
        .is_some_and(|rest| rest.starts_with('/') && !(has_path(base) && rest.contains('%')))
}

fn decode(response: &Response<Bytes>) -> Result<Members, AuthError> {
    match response.status() {
        StatusCode::OK => object(response),
        _ => Err(unexpected(response.status())),
    }
}

#[cfg(test)]
mod tests;
