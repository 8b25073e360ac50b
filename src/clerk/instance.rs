//! Parses the name of a Clerk instance, in any of the forms that users have, into the one base URL from which all
//! addresses are derived.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::Uri;
use url::Url;

use crate::checks::{
    Flaw, may_be_secret,
    origin::{NOT_PLAIN, is_host_byte, is_loopback, is_plain_path},
};

/// The Frontend API of a Clerk instance, at its own host or behind a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    /// Scheme, host and port, and the path of a proxy. There is no slash at the end. It is also an issuer.
    base: String,
    /// The length of scheme, host and port in `base`.
    origin: usize,
    is_https: bool,
    is_loopback: bool,
}

impl Instance {
    /// Reads a host, a publishable key, or an `https` URL (`http` on loopback, or anywhere with `allow_http`). Only a
    /// URL may have a path.
    pub(crate) fn parse(value: &str, allow_http: bool) -> Result<Self, Flaw> {
        let invalid = |reason| Flaw::invalid(value, reason);
        if value.is_empty() {
            return Err(Flaw::missing(
                "give the Frontend API of your Clerk instance (its host, its https URL, or the publishable key), or \
                 set CLERK_DOMAIN or CLERK_PUBLISHABLE_KEY",
            ));
        }
        // An error must not show a secret.
        if value.starts_with("sk_") {
            return Err(Flaw::hidden(
                "this is a secret key: give the publishable key, `pk_…`",
            ));
        }
        if value.contains('@') {
            return Err(Flaw::hidden("leave the user info out"));
        }
        if may_be_secret(value) {
            return Err(Flaw::hidden(
                "this may be a secret: give a host, its https URL, or the publishable key, `pk_…`",
            ));
        }
        let url = if value.starts_with("pk_") {
            let host = decode_publishable_key(value).ok_or_else(|| {
                invalid("a publishable key is `pk_test_` or `pk_live_` and the encoded host")
            })?;
            format!("https://{host}")
        } else if value.contains("://") {
            value.to_owned()
        } else {
            format!("https://{value}")
        };
        // The parser would silently decode, drop or convert much of what is rejected here.
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(&*scheme, "https" | "http") {
            return Err(invalid("the scheme must be https"));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['?', '#']) {
            return Err(invalid("leave query and fragment out"));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if !is_authority(authority) {
            return Err(invalid("it is not a host"));
        }
        if !path.is_empty() && !value.contains("://") {
            return Err(invalid(
                "leave the path out, or write the whole URL of a proxy, with https://",
            ));
        }
        if path.len() > LONGEST_PATH || !is_plain_path(path) {
            return Err(invalid(NOT_PLAIN));
        }
        let parsed = Url::parse(&url).map_err(|_| invalid("it is neither a host nor a URL"))?;
        let host = parsed.host_str().unwrap_or_default();
        if !authority.to_ascii_lowercase().starts_with(host) {
            return Err(invalid("write an address in its usual form"));
        }
        let is_loopback = is_loopback(&parsed);
        if is_loopback && !value.contains("://") {
            return Err(Flaw::invalid(
                value,
                format_args!("a server on this machine needs a scheme: write http://{authority}"),
            ));
        }
        // A proxy may be at any host.
        if path.is_empty() {
            check_is_frontend_api(value, host)?;
        }
        if scheme == "http" && !is_loopback && !allow_http {
            return Err(invalid(
                "plain http is for loopback addresses alone: use https, or, for development, `danger_allow_http`",
            ));
        }
        let origin = parsed.origin().ascii_serialization();
        Ok(Self {
            base: format!("{origin}{path}"),
            origin: origin.len(),
            is_https: scheme == "https",
            is_loopback,
        })
    }

    /// Returns the issuer identifier (RFC 8414 §2), which is also the base URL of all endpoints.
    pub(crate) fn issuer(&self) -> &str {
        &self.base
    }

    /// Returns true if the base URL has a path, as behind a proxy.
    pub(crate) fn has_path(&self) -> bool {
        self.origin < self.base.len()
    }

    /// Returns the host, without the port.
    pub(crate) fn host(&self) -> &str {
        let origin = &self.base[..self.origin];
        let (_, host) = origin.split_once("://").unwrap_or_default();
        host.split(':').next().unwrap_or_default()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }

    /// Returns true if the instance is on this machine, such as a fake.
    pub(crate) fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    pub(crate) fn introspection_endpoint(&self) -> Uri {
        self.endpoint("/oauth/token_info")
    }

    pub(crate) fn userinfo_endpoint(&self) -> Uri {
        self.endpoint("/oauth/userinfo")
    }

    pub(crate) fn keys_endpoint(&self) -> Uri {
        self.endpoint("/.well-known/jwks.json")
    }

    pub(crate) fn discovery_endpoint(&self) -> Uri {
        self.endpoint("/.well-known/openid-configuration")
    }

    pub(crate) fn authorization_server_endpoint(&self) -> Uri {
        self.endpoint("/.well-known/oauth-authorization-server")
    }

    fn endpoint(&self, path: &str) -> Uri {
        Uri::try_from(format!("{}{path}", self.base))
            .expect("an origin in ASCII and a short plain path are a URI")
    }
}

/// Rejects Clerk's other hosts, which respond, but not as a Frontend API.
fn check_is_frontend_api(value: &str, host: &str) -> Result<(), Flaw> {
    let Some(reason) = other_host(host) else {
        return Ok(());
    };
    Err(Flaw::invalid(value, reason))
}

fn other_host(host: &str) -> Option<String> {
    const FORMS: &str = "give the Frontend API: its host (verb-noun-00.clerk.accounts.dev, clerk.example.com), its \
                         https URL, or the publishable key";
    let page = |hosts: &str, api: String| {
        format!("this is the host of {hosts}: give the Frontend API, {api}")
    };
    if let Some(name) = host.strip_suffix(".accounts.dev") {
        let is_api = name == "clerk" || name.ends_with(".clerk");
        let api = format!("{name}.clerk.accounts.dev");
        return (!is_api).then(|| page("the account portal", api));
    }
    match host {
        "dashboard.clerk.com" => Some(format!("this is Clerk's dashboard: {FORMS}")),
        "api.clerk.com" | "api.clerk.dev" => Some(format!("this is the Backend API: {FORMS}")),
        "accounts.dev" | "clerk.com" => Some(FORMS.to_owned()),
        _ => {
            let domain = host.strip_prefix("accounts.")?;
            Some(page("the account portal", format!("clerk.{domain}")))
        }
    }
}

/// Decodes `pk_test_` or `pk_live_`, followed by the base64 of the host and a `$`.
fn decode_publishable_key(key: &str) -> Option<String> {
    let encoded = key
        .strip_prefix("pk_test_")
        .or_else(|| key.strip_prefix("pk_live_"))?;
    let decoded = String::from_utf8(BASE64.decode(encoded).ok()?).ok()?;
    let host = decoded.strip_suffix('$')?;
    (host.contains('.') && host.bytes().all(is_host_byte)).then(|| host.to_owned())
}

/// Returns true if a text is a host, with or without a port: only the bytes of such names, and not longer
/// (RFC 1035 §2.3.4, RFC 3986 §3.2.2).
fn is_authority(authority: &str) -> bool {
    let is_allowed = |byte: u8| is_host_byte(byte) || matches!(byte, b':' | b'[' | b']');
    authority.len() <= 255
        && authority.bytes().all(is_allowed)
        && !authority.ends_with(':')
        && authority.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
}

/// A URI can have 64 KiB.
const LONGEST_PATH: usize = 512;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
