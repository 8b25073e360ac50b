//! The equality of resource identifiers. Clients write one address in several ways: with a slash at the end, with the
//! port that goes without saying, in capitals. Pure.
//!
//! Two `http` or `https` URIs are one resource if they are equal after the normalizations that every URI can bear
//! (RFC 3986):
//!
//! 1. Scheme and host in small letters (§6.2.2.1).
//! 2. What is percent-encoded without need is decoded, the rest has capital digits (§6.2.2.1, §6.2.2.2).
//! 3. `.` and `..` are taken out of the path (§6.2.2.3).
//! 4. An empty port and the one of the scheme are left out; an empty path is `/` (§6.2.3).
//! 5. One slash at the end of the path is left out, which no RFC has, and SDKs differ in.
//!
//! The query stays as it is. What is no URI by the grammar of RFC 3986, or has user info or a fragment, is compared
//! byte for byte alone: a reader that repairs such a text, as WHATWG's do, finds another host in it than the next one.

use std::net::Ipv6Addr;

/// The identifier of a resource (RFC 8707 §2), and the other spellings of it.
#[derive(Clone, Debug)]
pub(crate) struct ResourceUri {
    text: String,
    /// `None`: it has no other spelling.
    normalized: Option<String>,
}

impl ResourceUri {
    pub(crate) fn new(text: String) -> Self {
        let normalized = normalize(&text);
        Self { text, normalized }
    }

    /// The identifier as it was configured.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a text identifies this resource.
    pub(crate) fn is(&self, text: &str) -> bool {
        text == self.text || self.normalized.is_some() && normalize(text) == self.normalized
    }
}

/// The one spelling of an `http` or `https` URI. `None`: it is compared byte for byte.
fn normalize(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let scheme = ["https", "http"]
        .into_iter()
        .find(|known| scheme.eq_ignore_ascii_case(known))?;
    let (hierarchy, query) = match rest.split_once('?') {
        Some((hierarchy, query)) => (hierarchy, Some(query)),
        None => (rest, None),
    };
    let end = hierarchy.find('/').unwrap_or(hierarchy.len());
    let (authority, path) = hierarchy.split_at(end);
    let (host, port) = split_authority(authority)?;
    let mut normalized = format!("{scheme}://{}", normalize_host(host)?);
    if let Some(port) = normalize_port(port, scheme)? {
        normalized.push(':');
        normalized.push_str(port);
    }
    let path = without_dot_segments(&decode(path, is_path_byte)?);
    normalized.push_str(path.strip_suffix('/').unwrap_or(&path));
    if let Some(query) = query {
        // Only whether it is one: it stays as it is.
        decode(query, |byte| is_path_byte(byte) || byte == b'?')?;
        normalized.push('?');
        normalized.push_str(query);
    }
    Some(normalized)
}

/// Host and port (§3.2). An `@` is in the grammar of neither: there is no user info.
fn split_authority(authority: &str) -> Option<(&str, &str)> {
    let (host, port) = match authority.find(']') {
        Some(end) => authority.split_at(end + 1),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    match port.strip_prefix(':') {
        Some(port) => Some((host, port)),
        None => port.is_empty().then_some((host, "")),
    }
}

fn normalize_host(host: &str) -> Option<String> {
    if let Some(literal) = host.strip_prefix('[') {
        let address = literal.strip_suffix(']')?;
        // Its groups can be written in several ways, too, of which §6.2.2 makes nothing.
        let _: Ipv6Addr = address.parse().ok()?;
        return Some(host.to_ascii_lowercase());
    }
    let mut host = decode(host, is_name_byte)?;
    // All but the digits behind a percent sign, which are in capitals.
    let mut digits = 0;
    host = host
        .chars()
        .map(|char| match (char, digits) {
            ('%', _) => {
                digits = 2;
                char
            }
            (_, 0) => char.to_ascii_lowercase(),
            _ => {
                digits -= 1;
                char
            }
        })
        .collect();
    (!host.is_empty()).then_some(host)
}

/// The port, where it has to be named.
#[expect(clippy::option_option, reason = "the outer one: it is no port")]
fn normalize_port<'a>(port: &'a str, scheme: &str) -> Option<Option<&'a str>> {
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let default = if scheme == "https" { "443" } else { "80" };
    // §6.2.3 speaks of its value: zeros before it do not count.
    let is_default = port.is_empty() || port.trim_start_matches('0') == default;
    Some((!is_default).then_some(port))
}

/// Decodes unreserved characters (§2.3), and writes all other codes with capital digits. `None` where a byte stands in
/// the text that may not, or a percent sign before anything but two digits.
fn decode(text: &str, is_allowed: impl Fn(u8) -> bool) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if !is_allowed(byte) {
                return None;
            }
            decoded.push(char::from(byte));
            continue;
        }
        let digits = [bytes.next()?, bytes.next()?].map(char::from);
        let [high, low] = digits.map(|digit| digit.to_digit(16));
        let byte = u8::try_from(high? * 16 + low?).ok()?;
        if is_unreserved(byte) {
            decoded.push(char::from(byte));
        } else {
            decoded.push('%');
            decoded.extend(digits.map(|digit| digit.to_ascii_uppercase()));
        }
    }
    Some(decoded)
}

/// A path as §5.2.4 leaves it; an empty one is `/`.
fn without_dot_segments(path: &str) -> String {
    let mut segments = Vec::new();
    let mut rest = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = rest.next() {
        let is_last = rest.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    segments.pop();
                }
                if is_last {
                    segments.push("");
                }
            }
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Of a registered name (§3.2.2), beside percent signs.
fn is_name_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=".contains(&byte)
}

/// Of a path (§3.3), beside percent signs.
fn is_path_byte(byte: u8) -> bool {
    is_name_byte(byte) || b":@/".contains(&byte)
}

#[cfg(test)]
mod tests;
