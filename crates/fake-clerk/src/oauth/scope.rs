//! The scopes of a request.

use super::Rejection;

/// The scopes of a `scope` parameter, each once (RFC 6749 §3.3).
pub(super) fn parse(text: &str) -> Result<Vec<String>, Rejection> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        if !scope.bytes().all(is_scope_byte) {
            let description = "A scope has a character that scopes do not have.";
            return Err(Rejection::new("invalid_scope", description));
        }
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    Ok(scopes)
}

fn is_scope_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'
}
