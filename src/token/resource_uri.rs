//! The equality of resource identifiers. Clients write one address in several ways: with a slash at the end, with the
//! default port, in capitals. Pure.
//!
//! Two `http` or `https` URIs are the same resource if they are equal after these normalizations, which are safe for
//! every URI (RFC 3986):
//!
//! 1. Scheme and host are in lower case (§6.2.2.1).
//! 2. Percent-encoding is decoded if it is not needed, and has upper-case digits otherwise (§6.2.2.1, §6.2.2.2).
//! 3. `.` and `..` are removed from the path (§6.2.2.3).
//! 4. An empty port and the default port are left out; an empty path is `/` (§6.2.3).
//! 5. One slash at the end of the path is left out. No RFC defines this, but SDKs differ in it.
//!
//! The query is not changed. A text that is not a URI by the grammar of RFC 3986, or has user info or a fragment, is
//! compared only byte for byte: a reader that repairs such a text, as WHATWG parsers do, may find another host in it
//! than the next reader.

use std::net::Ipv6Addr;

/// The identifier of a resource (RFC 8707 §2), and the other spellings of it.
#[derive(Clone, Debug)]
pub(crate) struct ResourceUri {
    text: String,
    /// `None` if the identifier has no other spelling.
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

    /// Returns true if a text identifies this resource.
    pub(crate) fn is(&self, text: &str) -> bool {
        text == self.text || self.normalized.is_some() && normalize(text) == self.normalized
    }
}

/// Returns the normalized spelling of an `http` or `https` URI; `None` if the text is compared byte for byte.
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
        // Only the grammar is checked: the query is not changed.
        decode(query, |byte| is_path_byte(byte) || byte == b'?')?;
        normalized.push('?');
        normalized.push_str(query);
    }
    Some(normalized)
}

/// Splits host and port (§3.2). Neither may contain an `@`, so there is no user info.
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
        // The groups of an address have several spellings, too. §6.2.2 does not normalize them.
        let _: Ipv6Addr = address.parse().ok()?;
        return Some(host.to_ascii_lowercase());
    }
    let mut host = decode(host, is_name_byte)?;
    // Only the digits after a percent sign stay in upper case.
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

/// Returns the port; `Some(None)` if the URI need not name it, `None` if it is not a port.
#[expect(clippy::option_option, reason = "the outer one: it is no port")]
fn normalize_port<'a>(port: &'a str, scheme: &str) -> Option<Option<&'a str>> {
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let default = if scheme == "https" { "443" } else { "80" };
    // §6.2.3 compares the value: leading zeros do not count.
    let is_default = port.is_empty() || port.trim_start_matches('0') == default;
    Some((!is_default).then_some(port))
}

/// Decodes unreserved characters (§2.3), and writes all other codes with upper-case digits. `None` if the text has a
/// byte that is not allowed, or a percent sign without two digits after it.
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

/// Removes the dot segments of a path (§5.2.4); an empty path becomes `/`.
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

/// Returns true for a byte of a registered name (§3.2.2), apart from percent signs.
fn is_name_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=".contains(&byte)
}

/// Returns true for a byte of a path (§3.3), apart from percent signs.
fn is_path_byte(byte: u8) -> bool {
    is_name_byte(byte) || b":@/".contains(&byte)
}

#[cfg(test)]
mod tests;
