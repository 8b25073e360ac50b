//! Tokens that are verified by their signature alone: what may be expected of them after a revocation.
//!
//! Clerk is never called about them, so only the revocations that the layer keeps can reject them.

use tower_clerk::AuthErrorKind;

use super::{
    model::{LEEWAY, Model, Outcome, Token},
    selection::Selection,
};

/// A revocation, with the times at which it was made, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Revocation {
    pub selection: Selection,
    pub mono: u64,
    pub wall: u64,
}

impl Revocation {
    /// Returns true if it rejects a token for as long as it is kept, no matter what is invalidated later.
    fn rejects(&self, index: usize, token: &Token) -> bool {
        let is_for_ever = matches!(self.selection, Selection::One(_) | Selection::Session(_));
        let issued_at = token.iat.unwrap_or(0) * 1000;
        self.selection.selects(index, token)
            && (is_for_ever || issued_at <= self.wall + ISSUED_WITH_IT)
    }
}

impl Model {
    /// Checks what a request with such a token came to.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn check_signed(&self, index: usize, outcome: Outcome) -> Result<(), &'static str> {
        let token = &self.tokens[index];
        let now = self.wall / 1000;
        let is_over = token.is_over_at(self.wall);
        let begins_later = token.iat.is_some_and(|iat| iat > now + LEEWAY);
        let rejecting = || {
            self.revocations
                .iter()
                .filter(|it| it.rejects(index, token))
        };
        let is_kept = |it: &Revocation| self.mono - it.mono <= KEPT;
        match outcome {
            Outcome::Accepted { stale: true } => Err("a signature does not become stale"),
            Outcome::Accepted { .. } if is_over => Err("B24, C108: accepted past its end"),
            Outcome::Accepted { .. } if rejecting().any(is_kept) => {
                Err("accepted after it was revoked")
            }
            Outcome::Accepted { .. } => Ok(()),
            Outcome::Rejected(AuthErrorKind::Inactive) if rejecting().next().is_some() => Ok(()),
            Outcome::Rejected(AuthErrorKind::Inactive) => Err("rejected without a revocation"),
            // Rejections are kept for some seconds, in which the clock may have been set.
            Outcome::Rejected(AuthErrorKind::Expired) if is_over || self.was_disturbed() => Ok(()),
            Outcome::Rejected(AuthErrorKind::NotYetValid)
                if begins_later || self.was_disturbed() =>
            {
                Ok(())
            }
            Outcome::Rejected(_) => Err("E5: a valid signature was not accepted"),
        }
    }
}

/// How long a revocation is kept, in milliseconds.
const KEPT: u64 = 900_000;

/// A token that was issued up to this time after a revocation of its subject is revoked as well, in milliseconds.
const ISSUED_WITH_IT: u64 = 1_000;
