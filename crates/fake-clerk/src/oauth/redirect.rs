//! The registration and the comparison of redirect URIs.

use url::{Host, Url};

use crate::clients::Client;

/// Schemes that a browser handles itself, which makes them harmful.
const DANGEROUS: [&str; 8] = [
    "about",
    "blob",
    "data",
    "file",
    "filesystem",
    "ftp",
    "javascript",
    "vbscript",
];

/// Returns true if a client may register this URI. It must be absolute and without a fragment (RFC 6749
/// §3.1.2), with the scheme `https`, `http` for this machine, or the scheme of a native application (RFC 8252
/// §7).
///
/// With the admin page, redirections stay on this machine: consent is automatic, so any page could otherwise
/// register itself and get a token.
pub(super) fn can_be_registered(text: &str, beside_a_browser: bool) -> bool {
    let Ok(url) = Url::parse(text) else {
        return false;
    };
    if text.contains('#') || text.chars().any(char::is_control) {
        return false;
    }
    match url.scheme() {
        "https" => !beside_a_browser || is_local(&url),
        "http" => is_local(&url),
        scheme => !DANGEROUS.contains(&scheme),
    }
}

/// Returns the redirect URI, if the client may use it.
pub(super) fn target<'a>(client: &'a Client, requested: Option<&'a str>) -> Option<&'a str> {
    match (requested, client.redirect_uris.as_slice()) {
        (Some(requested), registered) => registered
            .iter()
            .any(|known| known == requested || differs_in_port(known, requested))
            .then_some(requested),
        // A request may omit the URI if the client has only one (RFC 6749 §3.1.2.3).
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// Returns true if two loopback URIs are equal except for the port, since a native application listens on any
/// free port (RFC 8252 §7.3).
fn differs_in_port(known: &str, requested: &str) -> bool {
    let without_port = |text: &str| {
        let mut url = Url::parse(text).ok()?;
        let is_address = match url.host()? {
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
            Host::Domain(_) => false,
        };
        let names_it_plainly = url.as_str() == text && url.scheme() == "http" && is_address;
        names_it_plainly.then(|| url.set_port(None).map(|()| url).ok())?
    };
    // Parsing normalizes a URI, so only a normalized URI is compared this way.
    without_port(known).is_some_and(|known| without_port(requested) == Some(known))
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}
