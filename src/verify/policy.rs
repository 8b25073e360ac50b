//! The rules: a pure function of the answer, the rules and the time. It fails closed: what cannot be
//! checked is rejected.
//!
//! In this order, so that what the caller learns depends on nothing that was not checked:
//!
//! 1. The token is active.
//! 2. It is a token that anybody may bear: `token_type` is Bearer or absent, `token_use` says access
//!    token or is absent, and there is no `cnf` (RFC 9449 §7.2: a bound token that comes as a bearer
//!    token was stolen).
//! 3. Its time has come (`nbf`, `iat`) and is not over (`exp`).
//! 4. Its issuer is ours, where it is named. A token that was read here must name it, and an `exp`.
//! 5. What its kind asks for (`kinds`): its client, its session, whom it is addressed to.
//! 6. It names an audience, if that is required.
//! 7. All required scopes were granted.
//!
//! What a JWT says beside an answer about it has rules of its own (`stated`).

mod audiences;
mod kinds;
mod stated;

use std::{fmt, sync::Arc};

pub(crate) use self::audiences::Audiences;
pub(super) use self::stated::check_agreement;
use super::TokenInfo;
use crate::{AuthErrorKind, TokenKind, claims::split_scope, config::Hidden, kind::Kinds};

/// What a token must satisfy. Made by the configuration.
pub(crate) struct Rules {
    pub(crate) accept: Kinds,
    /// `None`: any client, which had to be said by name.
    pub(crate) allowed_clients: Option<Vec<String>>,
    /// The audiences that name this service. A token that names only others is for others.
    pub(crate) audiences: Audiences,
    /// The kinds whose tokens must name an audience.
    pub(crate) require_audience: Kinds,
    pub(crate) issuer: String,
    /// Those of OAuth tokens.
    pub(crate) required_scopes: Vec<String>,
    pub(crate) api_key_scopes: Vec<String>,
    pub(crate) scope_implies: Option<ScopeImplies>,
    /// By how many seconds Clerk's clock may differ from ours. For `exp` it counts only where the token
    /// was read here: an authorization server knows by its own clock whether a token is over.
    pub(crate) leeway: i64,
    /// Where session tokens may come from; `None`: anywhere.
    pub(crate) authorized_parties: Option<Vec<String>>,
    pub(crate) allow_pending: bool,
    /// Which machines we are, for tokens of others to be addressed to. `None`: whichever, which had to be
    /// said by name.
    pub(crate) machines: Option<Vec<String>>,
}

/// Whether a granted scope implies a needed one.
pub(crate) type ScopeImplies = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

impl Rules {
    /// Judges an answer at the time `now`, in Unix seconds.
    pub(crate) fn check(
        &self,
        answer: &TokenInfo,
        kind: TokenKind,
        now: i64,
    ) -> Result<(), AuthErrorKind> {
        if !answer.active {
            return Err(AuthErrorKind::Inactive);
        }
        self.check_statement(answer, kind, now)?;
        if self.require_audience.contains(kind) && answer.aud.is_none() {
            return Err(AuthErrorKind::WrongAudience);
        }
        self.check_scopes(answer, kind)
    }

    /// Checks everything but what the answer about the token may still add: an audience and scopes.
    fn check_statement(
        &self,
        answer: &TokenInfo,
        kind: TokenKind,
        now: i64,
    ) -> Result<(), AuthErrorKind> {
        check_use(answer)?;
        self.check_times(answer, now)?;
        self.check_issuer(answer)?;
        self.check_kind(answer, kind)
    }

    /// Rejects a token that is over, or names another issuer: rules that can be applied before a signature is
    /// verified. What a token does not say is for [`check`](Self::check) to reject.
    #[cfg(feature = "jwt")]
    pub(super) fn check_end_and_issuer(
        &self,
        answer: &TokenInfo,
        now: i64,
    ) -> Result<(), AuthErrorKind> {
        self.check_end(answer, now)?;
        if answer.iss.is_some() {
            self.check_issuer(answer)?;
        }
        Ok(())
    }

    /// When the token is over, in Unix seconds.
    pub(crate) fn end_of(&self, answer: &TokenInfo) -> Option<i64> {
        let leeway = if answer.is_local { self.leeway } else { 0 };
        answer.exp.map(|exp| exp.saturating_add(leeway))
    }

    /// Whether a scope is granted by name, or implied by one that is. `granted`: as the answer has it.
    pub(crate) fn is_granted(&self, granted: &str, needed: &str) -> bool {
        split_scope(granted).any(|granted| {
            granted == needed
                || self
                    .scope_implies
                    .as_ref()
                    .is_some_and(|implies| implies(granted, needed))
        })
    }

    fn check_times(&self, answer: &TokenInfo, now: i64) -> Result<(), AuthErrorKind> {
        if answer.exp.is_none() && answer.is_local {
            return Err(AuthErrorKind::MalformedToken);
        }
        self.check_end(answer, now)?;
        let latest_start = now.saturating_add(self.leeway);
        let begins_later = [answer.nbf, answer.iat]
            .into_iter()
            .flatten()
            .any(|start| start > latest_start);
        if begins_later {
            return Err(AuthErrorKind::NotYetValid);
        }
        Ok(())
    }

    fn check_end(&self, answer: &TokenInfo, now: i64) -> Result<(), AuthErrorKind> {
        if let (Some(exp), Some(end)) = (answer.exp, self.end_of(answer)) {
            let ends_before_it_begins = [answer.nbf, answer.iat]
                .into_iter()
                .flatten()
                .any(|start| exp < start);
            // Whatever the leeway, a token that never was valid is not.
            if exp <= 0 || end <= now || ends_before_it_begins {
                return Err(AuthErrorKind::Expired);
            }
        }
        Ok(())
    }

    fn check_issuer(&self, answer: &TokenInfo) -> Result<(), AuthErrorKind> {
        match &answer.iss {
            Some(issuer) if *issuer == self.issuer => Ok(()),
            None if !answer.is_local => Ok(()),
            _ => Err(AuthErrorKind::WrongIssuer),
        }
    }

    /// The scopes that a challenge names: those of OAuth tokens, if these are accepted.
    pub(crate) fn challenged_scopes(&self) -> &[String] {
        let is_oauth = self.accept.contains(TokenKind::OAuth);
        self.scopes_of(if is_oauth {
            TokenKind::OAuth
        } else {
            TokenKind::ApiKey
        })
    }

    fn scopes_of(&self, kind: TokenKind) -> &[String] {
        match kind {
            TokenKind::OAuth => &self.required_scopes,
            TokenKind::ApiKey => &self.api_key_scopes,
            TokenKind::Session | TokenKind::Machine => &[],
        }
    }

    fn check_scopes(&self, answer: &TokenInfo, kind: TokenKind) -> Result<(), AuthErrorKind> {
        let scope = answer.scope.as_deref().unwrap_or_default();
        let mut needed = self.scopes_of(kind).iter();
        if needed.all(|needed| self.is_granted(scope, needed)) {
            Ok(())
        } else {
            Err(AuthErrorKind::InsufficientScope)
        }
    }
}

/// Shows no text but the issuer: a secret may be in the wrong place.
impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |entries: &Option<Vec<String>>| entries.as_deref().map(Hidden::list);
        f.debug_struct("Rules")
            .field("allowed_clients", &list(&self.allowed_clients))
            .field("audiences", &self.audiences)
            .field("require_audience", &self.require_audience)
            .field("issuer", &self.issuer)
            .field("required_scopes", &Hidden::list(&self.required_scopes))
            .field("api_key_scopes", &Hidden::list(&self.api_key_scopes))
            .field("leeway", &self.leeway)
            .field("accept", &self.accept)
            .field("authorized_parties", &list(&self.authorized_parties))
            .field("allow_pending", &self.allow_pending)
            .field("machines", &list(&self.machines))
            .finish_non_exhaustive()
    }
}

/// Rejects what is no access token, or none that anybody may bear.
fn check_use(answer: &TokenInfo) -> Result<(), AuthErrorKind> {
    let is = |value: &Option<String>, expected: &str| {
        value
            .as_ref()
            .is_none_or(|value| value.eq_ignore_ascii_case(expected))
    };
    if answer.confirmation || !is(&answer.token_type, "bearer") {
        return Err(AuthErrorKind::SenderConstrained);
    }
    if !is(&answer.token_use, "access_token") {
        return Err(AuthErrorKind::NotAccessToken);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
