//! [`Resource`]: this service as a protected resource. No other code derives the address of its metadata (RFC 9728).

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use url::Url;

use crate::{
    checks::{
        Flaw, Hidden, Problems, check_scope, parse,
        untyped::{Misfit, Untyped, in_two_steps},
    },
    resource_metadata::{Description, ResourceMetadata, WELL_KNOWN},
};

/// This service as a protected resource (RFC 8707 §2, RFC 9728 §1.2).
///
/// Its identifier counts as an audience. If it is a web address, the layer serves the [metadata](ResourceMetadata)
/// without a token, and challenges name the address of the metadata.
///
/// In a file it is a string, or the table `resource` with `uri`, `name`, `documentation`, `scopes_supported` and
/// `serve_authorization_server_metadata`.
/// `Debug` shows no text of it.
#[derive(Clone)]
#[must_use = "pass it to `ClerkConfigBuilder::resource`"]
pub struct Resource {
    pub(super) uri: String,
    name: Option<String>,
    documentation: Option<String>,
    scopes_supported: Option<Vec<String>>,
    pub(super) serve_authorization_server_metadata: bool,
}

impl Resource {
    /// Makes a resource with this identifier, as clients write it: an absolute URI without a fragment.
    ///
    /// Give the address that callers use: nothing is read from `Host` or `X-Forwarded-*`.
    ///
    /// Clients spell a web address in several ways. A token's `aud` is this resource if both are equal after the
    /// normalizations of RFC 3986 (§6.2.2, §6.2.3: capitals in scheme and host, percent-encoding, dot segments, the
    /// port of the scheme) and without one slash at the end of the path. The query must be equal byte for byte. A text
    /// that is not a URI by RFC 3986, or has user info or a fragment, must be equal as a whole. The metadata has the
    /// resource as it is written here.
    pub fn new(uri: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            name: None,
            documentation: None,
            scopes_supported: None,
            serve_authorization_server_metadata: false,
        }
    }

    /// Sets the name of this service, for people: `resource_name` of the metadata (RFC 9728 §2). Default: none.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the address of a page for developers: `resource_documentation` of the metadata (RFC 9728 §2), an `https`
    /// or `http` URL. Default: none.
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        self.documentation = Some(url.into());
        self
    }

    /// Sets the scopes that clients can request: `scopes_supported` of the metadata (RFC 9728 §2), served as written.
    /// Default: the scopes that OAuth tokens must have, without `offline_access`, since a refresh token is the client's
    /// concern. A list replaces the default: include scopes that only some operations need. With an empty list, the
    /// metadata names no scopes.
    ///
    /// The list does not change which scopes a token must have. Clients request the `scope` of a challenge first, and
    /// the scopes of this list if the challenge has none. Some request a refresh token only if the list has
    /// `offline_access`.
    pub fn scopes_supported<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.scopes_supported = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Serves Clerk's metadata as an authorization server (RFC 8414) at this resource's host, too:
    /// `/.well-known/oauth-authorization-server`, and the same followed by the path of the resource. Default: off,
    /// since a client finds the authorization server by the resource's metadata. Clients of MCP's first revision, and
    /// some later ones, request it at the resource's host.
    ///
    /// The document is Clerk's own, byte for byte. It must be one JSON object of at most 64 KiB that names an issuer of
    /// the instance. It is fetched with the first request for it, or by
    /// [`warm_up`](crate::Authenticator::warm_up), and refreshed in the background while requests arrive. Without a
    /// document, the response is a 503. Methods and headers are those of the resource's metadata.
    ///
    /// The layer and [`Authenticator::resource_metadata`](crate::Authenticator::resource_metadata) serve it. A resource
    /// that is not a web address has no host, so this is a problem then.
    pub fn serve_authorization_server_metadata(mut self) -> Self {
        self.serve_authorization_server_metadata = true;
        self
    }

    /// Checks all options, and makes the metadata if the resource is a web address.
    pub(super) fn check(
        &self,
        issuer: &str,
        required_scopes: &[String],
        problems: &mut Problems,
    ) -> Option<ResourceMetadata> {
        let url = problems.check("resource", metadata_of(&self.uri)).flatten();
        if url.is_none() && self.serve_authorization_server_metadata {
            let flaw = Flaw::hidden(
                "the resource has no host at which it could be served: give a web address as `resource`",
            );
            problems.add("resource.serve_authorization_server_metadata", flaw);
        }
        if let Some(name) = &self.name {
            problems.check("resource.name", check_name(name));
        }
        if let Some(documentation) = &self.documentation {
            problems.check("resource.documentation", check_documentation(documentation));
        }
        let named = self.scopes_supported.as_deref();
        problems.check_each(
            "resource.scopes_supported",
            named.unwrap_or_default(),
            check_scope,
        );
        // A client may request a refresh token. A resource never requires one.
        let default = required_scopes
            .iter()
            .filter(|scope| *scope != "offline_access");
        let default: Vec<_> = default.cloned().collect();
        let description = Description {
            resource: &self.uri,
            issuer,
            scopes: named.unwrap_or(&default),
            name: self.name.as_deref(),
            documentation: self.documentation.as_deref(),
        };
        Some(ResourceMetadata::new(&url?, &description))
    }
}

impl From<&str> for Resource {
    fn from(uri: &str) -> Self {
        Self::new(uri)
    }
}

impl From<String> for Resource {
    fn from(uri: String) -> Self {
        Self::new(uri)
    }
}

/// Redacts all texts, since any of them may be a misplaced secret.
impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &Option<String>| text.as_deref().map(Hidden::text);
        let scopes = self.scopes_supported.as_deref().map(Hidden::list);
        f.debug_struct("Resource")
            .field("uri", &Hidden::text(&self.uri))
            .field("name", &text(&self.name))
            .field("documentation", &text(&self.documentation))
            .field("scopes_supported", &scopes)
            .field(
                "serve_authorization_server_metadata",
                &self.serve_authorization_server_metadata,
            )
            .finish()
    }
}

/// Reads a string or a table. A visitor keeps the message about a wrong member, which an untagged enum loses.
impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        in_two_steps(deserializer, Self::read)
    }
}

impl Resource {
    fn read(untyped: Untyped) -> Result<Self, Misfit> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            uri: String,
            name: Option<String>,
            documentation: Option<String>,
            #[serde(default, deserialize_with = "parse::deserialize_list")]
            scopes_supported: Option<Vec<String>>,
            #[serde(default)]
            serve_authorization_server_metadata: bool,
        }

        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = Resource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the URI of a resource, or a table with `uri`")
            }

            fn visit_str<E: de::Error>(self, uri: &str) -> Result<Resource, E> {
                Ok(Resource::new(uri))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Resource, A::Error> {
                let table = Table::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Resource {
                    uri: table.uri,
                    name: table.name,
                    documentation: table.documentation,
                    scopes_supported: table.scopes_supported,
                    serve_authorization_server_metadata: table.serve_authorization_server_metadata,
                })
            }
        }

        untyped.deserialize_any(Form)
    }
}

/// Returns the address of a resource's metadata: the well-known path goes between host and path (RFC 9728 §3.1). `None`
/// for a resource that is not a web address.
pub(super) fn metadata_of(resource: &str) -> Result<Option<Url>, Flaw> {
    let invalid = |reason| Flaw::invalid(resource, reason);
    if !resource.bytes().all(is_uri_byte) {
        return Err(invalid(
            "it holds characters that no URI has (RFC 3986 section 2)",
        ));
    }
    let mut url = Url::parse(resource)
        .map_err(|_| invalid("it must be an absolute URI (RFC 8707 section 2)"))?;
    if resource.contains('#') {
        return Err(invalid("it must not have a fragment (RFC 8707 section 2)"));
    }
    if !is_web(&url) {
        return Ok(None);
    }
    check_web(resource, &url)?;
    let path = match url.path() {
        "/" => "",
        path => path,
    };
    let path = format!("{WELL_KNOWN}{path}");
    url.set_path(&path);
    Ok(Some(url))
}

fn check_documentation(documentation: &str) -> Result<(), Flaw> {
    match Url::parse(documentation) {
        Ok(url) if is_web(&url) && documentation.bytes().all(is_uri_byte) => {
            check_web(documentation, &url)
        }
        _ => Err(Flaw::invalid(
            documentation,
            "it must be an https or http URL (RFC 9728 section 2)",
        )),
    }
}

fn check_name(name: &str) -> Result<(), Flaw> {
    let reason = if name.trim().is_empty() {
        "it is empty"
    } else if name.chars().any(char::is_control) {
        "it holds control characters, which are not readable"
    } else {
        return Ok(());
    };
    Err(Flaw::invalid(name, reason))
}

/// Checks a web address. It becomes part of a public document as written, so it must be complete and without secrets.
fn check_web(text: &str, url: &Url) -> Result<(), Flaw> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Flaw::hidden(
            "leave the user info out: this address is public",
        ));
    }
    if !text[url.scheme().len()..].starts_with("://") {
        return Err(Flaw::invalid(text, "write it in full, with `://`"));
    }
    Ok(())
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// Returns true for a byte of RFC 3986 §2. A resource is later part of a quoted string.
fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}
