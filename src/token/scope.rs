//! Scopes (RFC 6749 §3.3): names without spaces, separated by single spaces.

/// `NQCHAR = %x21 / %x23-5B / %x5D-7E`, of which a scope token consists (RFC 6749 appendix A.4)
pub(crate) fn is_scope_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'
}

/// Splits a scope. Only a space separates scope tokens (RFC 6749 §3.3): other white space is part of a name, which then
/// matches no scope.
pub(crate) fn split_scope(scope: &str) -> impl Iterator<Item = &str> {
    scope.split(' ').filter(|token| !token.is_empty())
}
