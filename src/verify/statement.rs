//! The claims of an OAuth JWT beside Clerk's answer about it.
//!
//! Those with an unverified signature are read as strictly as verified claims. A token that two readers could read differently is rejected, and so
//! is a token of another kind than its format shows. The rules decide about the use of these claims
//! (`policy::stated`).

use super::{jws, payload, policy::check_agreement};
use crate::{AuthErrorKind, TokenKind, clerk::TokenInfo};

/// What a token states about itself, beside an answer about it.
pub(crate) enum Statement {
    /// The answer alone counts.
    None,
    /// The signature is not verified, so the statement can only reject the token. An error: the token is unreadable.
    Unverified(Result<TokenInfo, AuthErrorKind>),
    /// The signature vouches for it.
    Verified(TokenInfo),
}

/// Reads the statement of a token whose signature is not verified.
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

impl TokenInfo {
    /// Adds claims of the token itself, if the answer leaves them open. `stated`: the claims that the signature
    /// vouches for. Scopes always come from the answer: they may have been withdrawn since.
    ///
    /// # Errors
    ///
    /// An authoritative error if the two name different subjects or clients.
    pub(super) fn with_statement(self, stated: Self) -> Result<Self, AuthErrorKind> {
        check_agreement(&self, &stated)?;
        let mut other = stated.other;
        // Null means unknown. It must not hide a known value, such as the actor.
        other.extend(self.other.into_iter().filter(|(_, it)| !it.is_null()));
        Ok(Self {
            sub: self.sub.or(stated.sub),
            client_id: self.client_id.or(stated.client_id),
            aud: self.aud.or(stated.aud),
            iss: self.iss.or(stated.iss),
            exp: self.exp.or(stated.exp),
            nbf: self.nbf.or(stated.nbf),
            org_id: self.org_id.or(stated.org_id),
            token_id: self.token_id.or(stated.token_id),
            actor: self.actor.or(stated.actor),
            other,
            ..self
        })
    }
}
