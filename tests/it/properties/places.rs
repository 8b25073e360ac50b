//! The oracle for the place of an instance: `https`, or `http` on loopback; a host, perhaps a port and a path,
//! and nothing else.

/// Checks what was accepted as a domain, by the `Debug` text of the configuration, which shows the
/// origin that was made of it.
#[track_caller]
pub fn check(domain: &str, shown: &str) {
    let origin = shown
        .split_once("issuer: \"")
        .and_then(|(_, rest)| rest.split_once("\", "))
        .map(|(origin, _)| origin)
        .unwrap_or_else(|| panic!("{shown} shows the issuer"));
    let what = format!("{domain:?} became {origin:?}");
    let (scheme, place) = origin.split_once("://").expect("an origin has a scheme");
    // A path is that of an instance behind a proxy.
    let (authority, kept) = place.split_once('/').unwrap_or((place, ""));
    assert!(
        !authority.is_empty() && !place.contains(['?', '#', '@', ' ']) && !kept.ends_with('/'),
        "{what}: more than a host and a path"
    );
    match scheme {
        "https" => {}
        "http" => assert!(is_loopback(authority), "{what}: plain http to elsewhere"),
        _ => panic!("{what}: another scheme"),
    }
    assert!(
        domain.bytes().all(|byte| byte.is_ascii_graphic()) && !domain.contains(['@', '\\']),
        "{what}: characters that no host has"
    );
    assert!(!domain.starts_with("sk_"), "{what}: a secret");
    if domain.starts_with("pk_") {
        return;
    }
    let (given_scheme, rest) = domain.split_once("://").unwrap_or(("https", domain));
    assert!(given_scheme.eq_ignore_ascii_case(scheme), "{what}");
    // Everybody who reads URLs of the web skips slashes too many.
    let rest = rest.trim_start_matches('/');
    let (given, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    assert_eq!(comes_to_nothing(path), kept.is_empty(), "{what}: a path");
    assert!(
        !path.contains(['?', '#']) || comes_to_nothing(path),
        "{what}: more than a path"
    );
    if let Some(expected) = plain(given, scheme) {
        assert_eq!(authority, expected, "{what}: another host");
    }
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let is_ipv4 = || {
        let parts: Vec<_> = host.split('.').map(str::parse::<u8>).collect();
        parts.len() == 4 && parts[0] == Ok(127) && parts.iter().all(Result::is_ok)
    };
    host == "localhost" || host == "[::1]" || is_ipv4()
}

/// Whether a path is none once its dots are resolved, as in `/a/..`.
fn comes_to_nothing(path: &str) -> bool {
    let mut depth = Vec::new();
    for segment in path.split('/') {
        match &*segment.to_ascii_lowercase().replace("%2e", ".") {
            ".." => _ = depth.pop(),
            "." => {}
            other => depth.push(other.to_owned()),
        }
    }
    depth.iter().all(String::is_empty) && !path.contains(['?', '#'])
}

/// Host and port as they must come out, where the host is one of letters, digits, dots and hyphens that
/// is no address.
fn plain(given: &str, scheme: &str) -> Option<String> {
    let (host, port) = given.split_once(':').unwrap_or((given, ""));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let last = host.trim_end_matches('.').rsplit('.').next()?;
    if !host.bytes().all(is_plain) || !last.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    let host = host.to_ascii_lowercase();
    let port: u16 = match port {
        "" => return Some(host),
        port => port.parse().ok()?,
    };
    match (scheme, port) {
        ("https", 443) | ("http", 80) => Some(host),
        _ => Some(format!("{host}:{port}")),
    }
}
