//! What the configuration says of the service as a protected resource, and the one place where it is
//! decided under which address its metadata stands (RFC 9728).

use url::Url;

use super::{ClerkConfigBuilder, check::check_text, secret};
use crate::{
    ConfigError, ResourceMetadata,
    metadata::{Description, WELL_KNOWN},
    token::scope::is_scope_byte,
};

impl ClerkConfigBuilder {
    /// The resource identifier of this service (RFC 8707 §2, RFC 9728 §1.2): an absolute URI without
    /// a fragment. Default: none.
    ///
    /// It counts as an [audience](Self::audiences). If it is a web address, the layer answers
    /// requests for its [metadata](ResourceMetadata), without a token, and challenges name its
    /// address. Give the address that callers use: nothing is read from `Host` or `X-Forwarded-*`.
    ///
    /// Clients spell a web address in several ways. A token's `aud` is this resource if both are equal after the
    /// normalizations of RFC 3986 (§6.2.2, §6.2.3: capitals in scheme and host, percent-encoding, dot segments, the
    /// port of the scheme) and without one slash at the end of the path. The query has to be the same, byte for byte;
    /// and what is no URI by RFC 3986, or has user info or a fragment, has to be the same as a whole. The metadata has
    /// the resource as it is written here.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// The name of this service, for people: `resource_name` of the [metadata](ResourceMetadata) (RFC
    /// 9728 §2). Default: none. Of no effect without a [`resource`](Self::resource).
    pub fn resource_name(mut self, name: impl Into<String>) -> Self {
        self.resource_name = Some(name.into());
        self
    }

    /// The address of a page for developers: `resource_documentation` of the
    /// [metadata](ResourceMetadata) (RFC 9728 §2), an `https` or `http` URL. Default: none. Of no effect
    /// without a [`resource`](Self::resource).
    pub fn resource_documentation(mut self, url: impl Into<String>) -> Self {
        self.resource_documentation = Some(url.into());
        self
    }

    /// The scopes that clients can ask for: `scopes_supported` of the [metadata](ResourceMetadata)
    /// (RFC 9728 §2). Default: the [required](Self::required_scopes) ones. A list that is given replaces
    /// them: name those that some operations need beyond them, too. An empty one names none.
    ///
    /// It has no say in what a token must have. Named ask for the `scope` of a challenge first, and for
    /// these where it has none. `offline_access` is left out: a resource never asks for it.
    pub fn scopes_supported<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.scopes_supported = Some(scopes.into_iter().map(Into::into).collect());
        self
    }

    /// Checks all of it, and makes the metadata where there can be any.
    pub(super) fn check_resource(
        &self,
        issuer: &str,
    ) -> Result<Option<ResourceMetadata>, ConfigError> {
        let url = match &self.resource {
            Some(resource) => metadata_of(resource)?,
            None => None,
        };
        if let Some(name) = &self.resource_name {
            check_name(name)?;
        }
        if let Some(documentation) = &self.resource_documentation {
            check_documentation(documentation)?;
        }
        for scope in self.scopes_supported.iter().flatten() {
            check_text("scopes_supported", scope, is_scope_byte)?;
        }
        let (Some(resource), Some(url)) = (&self.resource, url) else {
            return Ok(None);
        };
        let scopes = self.scopes_supported.as_ref();
        let description = Description {
            resource,
            issuer,
            scopes: scopes.unwrap_or(&self.required_scopes),
            name: self.resource_name.as_deref(),
            documentation: self.resource_documentation.as_deref(),
        };
        Ok(Some(ResourceMetadata::new(&url, &description)))
    }
}

/// Where the metadata of a resource is found: the well-known path goes between host and path (RFC 9728
/// §3.1). `None` for a resource that is no web address.
pub(super) fn metadata_of(resource: &str) -> Result<Option<Url>, ConfigError> {
    let invalid = |reason| invalid("resource", resource, reason);
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
    check_web("resource", resource, &url)?;
    let path = match url.path() {
        "/" => "",
        path => path,
    };
    let path = format!("{WELL_KNOWN}{path}");
    url.set_path(&path);
    Ok(Some(url))
}

fn check_documentation(documentation: &str) -> Result<(), ConfigError> {
    let field = "resource_documentation";
    let reason = "it must be an https or http URL (RFC 9728 section 2)";
    match Url::parse(documentation) {
        Ok(url) if is_web(&url) && documentation.bytes().all(is_uri_byte) => {
            check_web(field, documentation, &url)
        }
        _ => Err(invalid(field, documentation, reason)),
    }
}

fn check_name(name: &str) -> Result<(), ConfigError> {
    let reason = if name.trim().is_empty() {
        "it is empty"
    } else if name.chars().any(char::is_control) {
        "it holds control characters, which nobody can read"
    } else {
        return Ok(());
    };
    Err(invalid("resource_name", name, reason))
}

/// A web address stands as it was written in a document for everybody: in full, and without secrets.
fn check_web(field: &'static str, text: &str, url: &Url) -> Result<(), ConfigError> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigError::InvalidSecret {
            field,
            reason: "leave the user info out: everybody is shown this address",
        });
    }
    if !text[url.scheme().len()..].starts_with("://") {
        return Err(invalid(field, text, "write it in full, with `://`"));
    }
    Ok(())
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// The alphabet of RFC 3986 §2. A resource stands in a quoted string later on.
fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

fn invalid(field: &'static str, value: &str, reason: &'static str) -> ConfigError {
    secret::invalid(field, value, reason)
}
