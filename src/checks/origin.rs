//! Origins of browsers (RFC 6454 §6.2), which session tokens name, and origins of discovered addresses.

use std::net::IpAddr;

use url::{Host, Url};

use super::Flaw;

#[cfg(feature = "jwt")]
/// Checks an origin in the spelling of browsers, since origins are compared byte for byte.
pub(crate) fn check_browser_origin(text: &str) -> Result<(), Flaw> {
    let invalid = |reason: &str| Err(Flaw::invalid(text, reason));
    if text == "null" {
        return Ok(());
    }
    if text == "*" {
        return invalid("a star is not an origin: leave the list out to allow any");
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        let hint = format_args!("write an origin: https://{text}");
        return Err(Flaw::instead(text, "it has no scheme", hint));
    };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'));
    if matches!(&*scheme.to_ascii_lowercase(), "http" | "https") {
        return match Url::parse(text) {
            Ok(url) if url.origin().ascii_serialization() == text => Ok(()),
            Ok(url) => Err(Flaw::instead(
                text,
                "browsers write this origin in another way",
                format_args!("{:?}", url.origin().ascii_serialization()),
            )),
            Err(_) => invalid("it is not an origin, such as https://app.example.com"),
        };
    }
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'?' | b'#');
    if is_scheme && !rest.is_empty() && rest.bytes().all(is_plain) {
        return Ok(());
    }
    invalid("an origin is a scheme in small letters, `://` and a host, without a path")
}

/// Returns an origin that discovered addresses may have, in ASCII and without a slash at the end.
pub(crate) fn discovery_origin(text: &str, allow_http: bool) -> Result<String, Flaw> {
    // An error must not show a secret.
    if text.contains('@') {
        return Err(Flaw::hidden("leave the user info out"));
    }
    let invalid = |reason| Flaw::invalid(text, reason);
    let url = Url::parse(text).map_err(|_| invalid("give an origin: https://host"))?;
    let origin = url.origin().ascii_serialization();
    if origin != text.strip_suffix('/').unwrap_or(text) {
        return Err(invalid(
            "give an origin in its usual form: https://host, in small letters, without a path",
        ));
    }
    let may_be_http = allow_http || is_loopback(&url);
    if url.scheme() == "https" || url.scheme() == "http" && may_be_http {
        Ok(origin)
    } else {
        Err(invalid(
            "an origin is https; plain http is for loopback addresses alone",
        ))
    }
}

/// The problem of a path that is not [plain](is_plain_path).
pub(crate) const NOT_PLAIN: &str =
    "its path must consist of letters, digits, `-`, `.`, `_` and `~` between single slashes";

/// Returns true if a URL names this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

/// Returns true for a path that a parser of URLs leaves as it is: names of unreserved characters (RFC 3986 §2.3) between
/// single slashes, without dot segments and without a slash at the end. No path at all is one, too.
pub(crate) fn is_plain_path(path: &str) -> bool {
    let is_unreserved =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let is_name = |name: &str| !matches!(name, "" | "." | "..") && name.bytes().all(is_unreserved);
    path.is_empty()
        || path
            .strip_prefix('/')
            .is_some_and(|names| names.split('/').all(is_name))
}

/// Returns true for a byte of a host name.
pub(crate) fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-'
}
