//! The evidence about a token, and the one function that turns it into a proof.
//!
//! Clerk's answers are gathered first, with the rules applied between the calls, so that no call is made for a token that
//! is already rejected. The evidence then passes all rules once more, in a pure function. So evidence from any source
//! has to pass the same rules.

use std::{borrow::Cow, sync::Arc};

#[cfg(feature = "fleet")]
use super::userinfo_policy::is_of_subject;
use super::{
    Verified, Verifier, enrich::SubjectDetails, kind_of, statement::Statement,
    userinfo_policy::UserinfoPolicy,
};
use crate::{
    AuthError, AuthErrorKind, TokenKind,
    claims::User,
    clerk::{TokenInfo, userinfo::Userinfo},
    clock::Now,
    token::TokenFormat,
};

/// Clerk's answers about a token.
pub(crate) struct Evidence {
    /// The time before the first call, by the wall clock in milliseconds.
    #[cfg_attr(
        not(feature = "fleet"),
        expect(dead_code, reason = "only replicas that share it read it")
    )]
    pub(crate) called_at: u64,
    /// The answer about the token itself. Without a call, the claims that the token's signature vouches for.
    pub(crate) answer: TokenInfo,
    /// Userinfo about the subject of the token.
    pub(crate) userinfo: Option<Userinfo>,
    /// True if no profile is missing that another attempt could fetch.
    pub(crate) complete: bool,
}

impl Evidence {
    /// Returns the subject. `None` if no answer names one.
    pub(super) fn subject(&self) -> Option<&str> {
        let subject = self.answer.sub.as_deref();
        subject.or(self.userinfo.as_ref().map(|userinfo| &*userinfo.sub))
    }

    /// Applies all rules at the time `now`, and returns the proof that the token passed them. Pure: no I/O, no clock.
    ///
    /// `user`: the user of the Backend API, and true if nothing is missing there.
    pub(super) fn into_verified(
        self,
        verifier: &Verifier,
        statement: &Statement,
        user: (Option<Arc<User>>, bool),
        format: TokenFormat,
        now: Now,
    ) -> Result<Verified, AuthError> {
        let answer = Cow::Owned(self.answer);
        let answer = verifier.weigh(answer, statement, kind_of(format), now)?;
        let policy = verifier.userinfo_policy(&answer, format);
        let userinfo = match self.userinfo {
            Some(userinfo) => policy.check(&answer, Ok(userinfo))?.0,
            None if policy.any() => return Err(AuthErrorKind::ProfileUnavailable.into()),
            None => None,
        };
        let (user, has_user) = user;
        let details = SubjectDetails {
            userinfo,
            user,
            complete: self.complete && has_user,
        };
        verifier.to_verified(answer.into_owned(), details, format)
    }
}

impl Verifier {
    /// Returns true if evidence that this replica did not gather passes the rules now.
    #[cfg(feature = "fleet")]
    pub(crate) fn accepts(
        &self,
        evidence: &Evidence,
        statement: &Statement,
        format: TokenFormat,
    ) -> bool {
        let now = self.clock.now();
        let answer = Cow::Borrowed(&evidence.answer);
        let known = self.weigh(answer, statement, kind_of(format), now);
        known.is_ok_and(|known| match &evidence.userinfo {
            Some(userinfo) => is_of_subject(&known, userinfo),
            None => !self.userinfo_policy(&known, format).any(),
        })
    }

    /// Applies the rules to an answer, with what the token states about itself. Returns what is known about the token.
    pub(super) fn weigh<'a>(
        &self,
        answer: Cow<'a, TokenInfo>,
        statement: &Statement,
        kind: TokenKind,
        now: Now,
    ) -> Result<Cow<'a, TokenInfo>, AuthErrorKind> {
        let seconds = now.unix_seconds();
        let answer = match statement {
            Statement::Unverified(stated) if answer.active => {
                let stated = stated.as_ref().map_err(|kind| *kind)?;
                self.rules.check_unverified(stated, &answer, seconds)?;
                answer
            }
            Statement::Verified(stated) if answer.active && !answer.is_local => {
                match answer.as_ref().clone().with_statement(stated.clone()) {
                    // A custom verifier decides: its answer may name another subject than the JWT.
                    Err(_) if self.verifiers.oauth_is_custom => answer,
                    known => Cow::Owned(known?),
                }
            }
            _ => answer,
        };
        self.rules.check(&answer, kind, seconds)?;
        Ok(answer)
    }

    /// Returns the facts that the verification of a token needs from userinfo.
    pub(super) fn userinfo_policy(
        &self,
        answer: &TokenInfo,
        format: TokenFormat,
    ) -> UserinfoPolicy {
        UserinfoPolicy {
            // An active introspection answer alone does not show that a token is an access token: introspection calls
            // refresh tokens active, too. A `token_type` of another kind was rejected. An audience shows nothing: the
            // answer about a refresh token may name the audience of its grant.
            vouching: format == TokenFormat::Unprefixed && answer.token_type.is_none(),
            subject: answer.sub.is_none(),
            profile: self.enrich.is_by_userinfo(kind_of(format)) && self.enrich.is_required(),
        }
    }
}
