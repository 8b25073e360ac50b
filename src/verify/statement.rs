//! What an OAuth JWT says of itself where its signature is not verified, because Clerk vouches for the token.
//!
//! It is read as strictly as a verified one: what two readers could read differently is rejected, and so is a token
//! that turns out to be of another kind than its form said. What may be made of it is for the rules to say
//! (`policy::stated`).

use super::{TokenInfo, jws, payload};
use crate::{AuthErrorKind, TokenKind};

/// Reads a token that Clerk called active.
pub(super) fn read(token: &str) -> Result<TokenInfo, AuthErrorKind> {
    let (header, members) = jws::unverified(token)?;
    header.check_kind(&members, TokenKind::OAuth)?;
    let stated = payload::read(members, TokenKind::OAuth);
    Ok(TokenInfo {
        // Nothing that it says counts for itself.
        is_local: false,
        ..stated.map_err(|_| AuthErrorKind::MalformedToken)?
    })
}
