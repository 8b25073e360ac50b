//! The claims of an OAuth JWT itself, beside an answer about it. Clerk's documented introspection answer contains
//! neither audience nor issuer nor expiry. The payload does:
//!
//! | the payload | rejects the token | supplies claims |
//! |---|---|---|
//! | with an unverified signature | yes | no |
//! | with a verified signature | yes, before the answer is fetched | those that the answer lacks, except `scope` |
//!
//! So a caller gains nothing by changing a payload that no signature check covers, even if Clerk looks up only an id
//! in it: the token is rejected, or has the claims of the answer.

use super::{Rules, check_use, kinds::is_id_token};
use crate::{AuthErrorKind, TokenKind, clerk::TokenInfo};

impl Rules {
    /// Checks the claims of an OAuth JWT with a verified signature, before there is an answer about it.
    pub(crate) fn check_verified(&self, stated: &TokenInfo, now: i64) -> Result<(), AuthErrorKind> {
        self.check_statement(stated, TokenKind::OAuth, now)
    }

    /// Checks the claims of an OAuth JWT beside an answer that calls it active. Its signature is not verified.
    pub(crate) fn check_unverified(
        &self,
        stated: &TokenInfo,
        answer: &TokenInfo,
        now: i64,
    ) -> Result<(), AuthErrorKind> {
        check_use(stated)?;
        self.check_times(stated, now)?;
        self.check_issuer(stated)?;
        check_agreement(answer, stated)?;
        self.check_named_client(stated)?;
        if is_id_token(stated) {
            return Err(AuthErrorKind::NotAccessToken);
        }
        self.check_audience(stated, TokenKind::OAuth)
    }
}

/// Rejects a token that speaks of another subject or another client than the answer about it.
pub(crate) fn check_agreement(answer: &TokenInfo, stated: &TokenInfo) -> Result<(), AuthErrorKind> {
    let differ = |one: &Option<String>, other: &Option<String>| {
        one.is_some() && other.is_some() && one != other
    };
    if differ(&answer.sub, &stated.sub) {
        return Err(AuthErrorKind::MissingSubject);
    }
    if differ(&answer.client_id, &stated.client_id) {
        return Err(AuthErrorKind::WrongClient);
    }
    Ok(())
}
