//! What an OAuth JWT says of itself where its signature is not verified, because Clerk vouches for the token.
//!
//! It is read as strictly as a verified one: what two readers could read differently is rejected, and so is a token
//! that turns out to be of another kind than its form said. What may be made of it is for the rules to say
//! (`policy::stated`).

use super::{jws, payload, policy::check_agreement};
use crate::{AuthErrorKind, TokenKind, clerk::TokenInfo};

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

impl TokenInfo {
    /// Adds what the token says of itself, if the answer leaves it open. `stated`: as its signature vouches for.
    /// Scopes are always those of the answer: they may have been taken back since.
    ///
    /// # Errors
    ///
    /// An authoritative one if both speak of different subjects or clients.
    pub(super) fn with_statement(self, stated: Self) -> Result<Self, AuthErrorKind> {
        check_agreement(&self, &stated)?;
        let mut other = stated.other;
        // Null is what is unknown, and hides nothing that is known: who acts, for one.
        other.extend(self.other.into_iter().filter(|(_, it)| !it.is_null()));
        Ok(Self {
            sub: self.sub.or(stated.sub),
            client_id: self.client_id.or(stated.client_id),
            aud: self.aud.or(stated.aud),
            iss: self.iss.or(stated.iss),
            exp: self.exp.or(stated.exp),
            nbf: self.nbf.or(stated.nbf),
            org_id: self.org_id.or(stated.org_id),
            actor: self.actor.or(stated.actor),
            other,
            ..self
        })
    }
}
