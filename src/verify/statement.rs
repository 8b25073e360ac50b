//! The claims of an OAuth JWT whose signature is not verified, because Clerk vouches for the token.
//!
//! They are read as strictly as verified claims. A token that two readers could read differently is rejected, and so
//! is a token of another kind than its format shows. The rules decide about the use of these claims
//! (`policy::stated`).

use super::{TokenInfo, jws, payload};
use crate::{AuthErrorKind, TokenKind};

/// Reads a token that Clerk's answer calls active.
pub(super) fn read(token: &str) -> Result<TokenInfo, AuthErrorKind> {
    let (header, members) = jws::unverified(token)?;
    header.check_kind(&members, TokenKind::OAuth)?;
    let stated = payload::read(members, TokenKind::OAuth);
    Ok(TokenInfo {
        // These claims are not evidence on their own.
        is_local: false,
        ..stated.map_err(|_| AuthErrorKind::MalformedToken)?
    })
}
