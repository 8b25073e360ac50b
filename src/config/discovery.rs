//! Checks of which origins the addresses may be that the metadata of an instance names.

use url::Url;

use super::{ClerkConfigBuilder, instance::is_loopback, secret};
use crate::ConfigError;

impl ClerkConfigBuilder {
    /// The origins, in ASCII and without a slash at the end; `None` where nothing is discovered.
    pub(super) fn check_discovery(&self, issuer: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let named = self.discovery_origins.iter().map(|text| origin(text));
        let named: Vec<_> = named.collect::<Result<_, _>>()?;
        Ok(self.discover.then(|| {
            let mut origins = vec![issuer.to_owned()];
            origins.extend(named);
            origins
        }))
    }
}

fn origin(text: &str) -> Result<String, ConfigError> {
    let field = "discovery_origins";
    // What is shown in an error must be no secret.
    if text.contains('@') {
        return Err(ConfigError::InvalidSecret {
            field,
            reason: "leave the user info out",
        });
    }
    let invalid = |reason| secret::invalid(field, text, reason);
    let url = Url::parse(text).map_err(|_| invalid("give an origin: https://host"))?;
    let origin = url.origin().ascii_serialization();
    if origin != text.strip_suffix('/').unwrap_or(text) {
        return Err(invalid(
            "give an origin in its usual form: https://host, in small letters, without a path",
        ));
    }
    if url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url) {
        Ok(origin)
    } else {
        Err(invalid(
            "an origin is https; plain http is for loopback addresses alone",
        ))
    }
}
