//! The alphabets of texts in a configuration.

use super::Flaw;
use crate::token::scope::is_scope_byte;

/// Checks a non-empty text against an alphabet.
pub(crate) fn check_text(value: &str, is_allowed: fn(u8) -> bool) -> Result<(), Flaw> {
    let reason = if value.is_empty() {
        "it is empty"
    } else if !value.bytes().all(is_allowed) {
        "it holds characters that the grammar forbids (RFC 6749 appendix A)"
    } else {
        return Ok(());
    };
    Err(Flaw::invalid(value, reason))
}

/// Checks an identifier: visible ASCII characters without spaces.
pub(crate) fn check_graphic(value: &str) -> Result<(), Flaw> {
    check_text(value, |byte| byte.is_ascii_graphic())
}

/// Checks one scope. RFC 6749 allows commas, but Clerk's scopes have none, so a comma separates two scopes.
pub(crate) fn check_scope(scope: &str) -> Result<(), Flaw> {
    let is_several = |byte: u8| byte == b',' || byte == b' ';
    if scope.bytes().any(is_several) && scope.bytes().all(|it| is_several(it) || is_scope_byte(it))
    {
        let each: Vec<_> = scope
            .split([',', ' '])
            .filter(|entry| !entry.is_empty())
            .collect();
        return Err(Flaw::instead(
            scope,
            "it is one text of several scopes",
            format_args!("write {each:?}"),
        ));
    }
    check_text(scope, is_scope_byte)
}

/// Returns true for `VSCHAR = %x20-7E` (RFC 6749 appendix A).
pub(crate) fn is_vschar(byte: u8) -> bool {
    (0x20..=0x7e).contains(&byte)
}
