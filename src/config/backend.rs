//! The Backend API: where it is, and what every request to it carries.

use std::fmt;

use http::{HeaderValue, Uri};
use secrecy::ExposeSecret;
use url::Url;

use super::{
    ClerkConfigBuilder, OAuthEndpoint, ProfileSource,
    build::is_vschar,
    instance::{is_host_byte, is_loopback},
    secret,
};
use crate::{ConfigError, TokenKind};

/// The way to the Backend API, checked.
#[derive(Clone)]
pub(crate) struct Backend {
    /// What stands before the paths, without a slash at its end.
    base: String,
    is_https: bool,
    /// `Authorization`: the secret key, marked as sensitive.
    pub(crate) credentials: HeaderValue,
    /// `Clerk-API-Version`.
    pub(crate) version: HeaderValue,
}

impl Backend {
    /// The address of a path: it begins with a slash, and consists of what may stand in one.
    pub(crate) fn endpoint(&self, path: &str) -> Uri {
        Uri::try_from(format!("{}{path}", self.base))
            .expect("a checked address and such a path are a URI")
    }

    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }
}

/// Shows neither the secret key nor a path, which may hold one of a proxy.
impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin: Vec<_> = self.base.splitn(4, '/').take(3).collect();
        f.debug_struct("Backend")
            .field("origin", &origin.join("/"))
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl ClerkConfigBuilder {
    /// `None` where there is no secret key, and nothing that needs one. Address and version are checked in
    /// any case: a mistake should show before it matters.
    pub(super) fn check_backend(&self) -> Result<Option<Backend>, ConfigError> {
        let (base, is_https) = self.check_url()?;
        let version = self.check_version()?;
        self.check_secret_key()?;
        let key = self.secret_key.expose_secret();
        if key.is_empty() {
            return Ok(None);
        }
        let mut credentials = HeaderValue::try_from(format!("Bearer {key}"))
            .map_err(|_| invalid_key("a secret key consists of visible ASCII characters"))?;
        credentials.set_sensitive(true);
        Ok(Some(Backend {
            base,
            is_https,
            credentials,
            version,
        }))
    }

    fn check_url(&self) -> Result<(String, bool), ConfigError> {
        let value = &self.backend_api_url;
        let invalid = |reason| secret::invalid("backend_api_url", value, reason);
        // What is shown in an error must be no secret.
        if value.contains('@') {
            return Err(ConfigError::InvalidSecret {
                field: "backend_api_url",
                reason: "leave the user info out",
            });
        }
        if value.starts_with("sk_") {
            return Err(ConfigError::InvalidSecret {
                field: "backend_api_url",
                reason: "this is a secret key: give the address of the Backend API",
            });
        }
        let (scheme, rest) = value
            .split_once("://")
            .ok_or_else(|| invalid("give a URL, such as https://api.clerk.com/v1"))?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        if !is_https && !scheme.eq_ignore_ascii_case("http") {
            return Err(invalid("the scheme must be https"));
        }
        // The parser would decode, drop or convert much of what is rejected here, without a word.
        if rest.contains(['?', '#']) {
            return Err(invalid("leave query and fragment out"));
        }
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let is_authority_byte = |byte| is_host_byte(byte) || matches!(byte, b':' | b'[' | b']');
        if authority.is_empty() || !authority.bytes().all(is_authority_byte) {
            return Err(invalid("it does not name a host"));
        }
        let is_path_byte = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~')
        };
        let path = path.trim_end_matches('/');
        let is_plain = |segment: &str| !matches!(segment, "" | "." | "..");
        if !path.bytes().all(is_path_byte) || !path.split('/').skip(1).all(is_plain) {
            return Err(invalid(
                "its path must consist of letters, digits, `-`, `.`, `_` and `~` between single slashes",
            ));
        }
        let url = Url::parse(value).map_err(|_| invalid("it is no URL"))?;
        let host = url.host_str().unwrap_or_default();
        if !authority.to_ascii_lowercase().starts_with(host) {
            return Err(invalid("write an address in its usual form"));
        }
        if !is_https && !is_loopback(&url) {
            return Err(invalid(
                "plain http is for loopback addresses alone: use https",
            ));
        }
        // As `CLERK_API_URL` is written for Clerk's own libraries, which add it, too.
        let path = if path.is_empty() { "/v1" } else { path };
        let base = format!("{}{path}", url.origin().ascii_serialization());
        if base.len() > LONGEST_URL || Uri::try_from(&base).is_err() {
            return Err(invalid("it is no URI, or one of more than 1024 bytes"));
        }
        Ok((base, is_https))
    }

    /// `YYYY-MM-DD`. Which versions there are is Clerk's to say.
    fn check_version(&self) -> Result<HeaderValue, ConfigError> {
        let version = &self.backend_api_version;
        let is_date = version.len() == 10
            && version
                .bytes()
                .enumerate()
                .all(|(place, byte)| match place {
                    4 | 7 => byte == b'-',
                    _ => byte.is_ascii_digit(),
                });
        HeaderValue::try_from(version)
            .ok()
            .filter(|_| is_date)
            .ok_or_else(|| {
                secret::invalid(
                    "backend_api_version",
                    version,
                    "a version is a date, such as 2026-05-12",
                )
            })
    }

    fn check_secret_key(&self) -> Result<(), ConfigError> {
        let key = self.secret_key.expose_secret();
        let asks_as_instance = self.accept.contains(TokenKind::ApiKey)
            || self.profile_source == ProfileSource::BackendApi
            || (self.accept.contains(TokenKind::OAuth)
                && self.oauth_endpoint == OAuthEndpoint::BackendApi);
        let asks_as_machine = self.accept.contains(TokenKind::Machine) && !cfg!(feature = "jwt");
        if key.is_empty() {
            if asks_as_instance || asks_as_machine {
                return Err(ConfigError::Missing {
                    field: "secret_key",
                    hint: "give the secret key of the instance for the Backend API, or set \
                           CLERK_SECRET_KEY",
                });
            }
            return Ok(());
        }
        if !key.bytes().all(|byte| is_vschar(byte) && byte != b' ') {
            return Err(invalid_key(
                "a secret key consists of visible ASCII characters",
            ));
        }
        if key.starts_with("pk_") {
            return Err(invalid_key(
                "this is a publishable key: give the secret key, `sk_…`",
            ));
        }
        if key.starts_with("ak_") && asks_as_instance {
            return Err(invalid_key(
                "this is the secret key of a machine, which verifies machine tokens alone: give that of \
                 the instance, `sk_…`",
            ));
        }
        if !key.starts_with("sk_") && !key.starts_with("ak_") {
            return Err(invalid_key(
                "a secret key begins with `sk_`, that of a machine with `ak_`",
            ));
        }
        Ok(())
    }
}

/// A URI has room for 64 KiB, paths included.
const LONGEST_URL: usize = 1024;

fn invalid_key(reason: &'static str) -> ConfigError {
    ConfigError::InvalidSecret {
        field: "secret_key",
        reason,
    }
}
