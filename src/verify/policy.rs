//! The rules that decide about a token: a pure function of the answer, the configuration and the time. They fail
//! closed: a claim that cannot be checked rejects the token.
//!
//! The order is fixed, so that a rejection reveals nothing that depends on an unchecked claim:
//!
//! 1. The token is active.
//! 2. It is a bearer token: `token_type` is Bearer or absent, `token_use` is access token or absent, and there is no
//!    `cnf` (RFC 9449 §7.2: a bound token that is sent as a bearer token was stolen).
//! 3. It is valid at this time: `nbf` and `iat` have passed, `exp` has not.
//! 4. Its issuer is a configured one, if it names an issuer. A token that is read locally must name its issuer and
//!    an `exp`.
//! 5. It satisfies the rules of its kind (`kinds`): about its client, its session and its audience.
//! 6. It names an audience, if that is required.
//! 7. All required scopes were granted.
//!
//! The claims of a JWT beside an answer about it have rules of their own (`stated`).

mod audiences;
mod kinds;
mod stated;

use std::{fmt, sync::Arc};

pub use self::audiences::AudiencePolicy;
pub(crate) use self::audiences::{AudiencePolicies, Audiences, concerns_audience};
pub(super) use self::stated::check_agreement;
use crate::{
    AuthErrorKind, TokenKind,
    checks::Hidden,
    clerk::TokenInfo,
    token::{Kinds, scope::split_scope},
};

/// The rules that a token must satisfy. The configuration makes them.
pub(crate) struct Rules {
    pub(crate) accept: Kinds,
    /// `None` if any client is allowed, which the configuration has to state explicitly.
    pub(crate) allowed_clients: Option<Vec<String>>,
    /// The audiences that name this service.
    pub(crate) audiences: Audiences,
    pub(crate) audience_policies: AudiencePolicies,
    /// The issuer of the instance.
    pub(crate) issuer: String,
    /// The URL of the instance's proxy, which is another issuer of the same instance. `None` without a proxy.
    pub(crate) proxy_issuer: Option<String>,
    /// Those of OAuth tokens.
    pub(crate) required_scopes: Vec<String>,
    pub(crate) api_key_scopes: Vec<String>,
    pub(crate) scope_implies: Option<ScopeImplies>,
    /// The tolerated difference between Clerk's clock and the local one, in seconds. For `exp`, it counts only if the
    /// token is read locally: an authorization server uses its own clock.
    pub(crate) leeway: i64,
    /// The origins that session tokens may come from; `None` if they may come from any.
    pub(crate) authorized_parties: Option<Vec<String>>,
    pub(crate) allow_pending: bool,
    /// The machines that this service is, to which machine tokens may be addressed. `None` if they may be addressed
    /// to any, which the configuration has to state explicitly.
    pub(crate) machines: Option<Vec<String>>,
}

/// A function that returns true if a granted scope implies a needed one.
pub(crate) type ScopeImplies = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

impl Rules {
    /// Returns true if a scope is granted by name, or implied by a granted one.
    pub(super) fn is_granted(&self, granted: &str, needed: &str) -> bool {
        split_scope(granted).any(|granted| {
            granted == needed
                || self
                    .scope_implies
                    .as_ref()
                    .is_some_and(|implies| implies(granted, needed))
        })
    }

    /// Checks an answer at the time `now`, in Unix seconds.
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
        self.check_audience_is_named(answer, kind)?;
        self.check_scopes(answer, kind)
    }

    /// Checks all rules except those about what the answer may still add: a required audience and scopes.
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

    /// Rejects a token that has expired or names another issuer. These rules apply before a signature is verified. A
    /// missing claim is rejected by [`check`](Self::check).
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

    /// Returns the end of the token's validity, in Unix seconds, with the leeway.
    pub(crate) fn end_of(&self, answer: &TokenInfo) -> Option<i64> {
        let leeway = if answer.is_local { self.leeway } else { 0 };
        answer.exp.map(|exp| exp.saturating_add(leeway))
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
            // A token that never was valid has expired, regardless of the leeway.
            if exp <= 0 || end <= now || ends_before_it_begins {
                return Err(AuthErrorKind::Expired);
            }
        }
        Ok(())
    }

    fn check_issuer(&self, answer: &TokenInfo) -> Result<(), AuthErrorKind> {
        match &answer.iss {
            Some(issuer) if self.issuers().any(|it| it == issuer) => Ok(()),
            None if !answer.is_local => Ok(()),
            _ => Err(AuthErrorKind::WrongIssuer),
        }
    }

    /// Returns the issuers of the instance. Each belongs to it: its key set signs.
    pub(crate) fn issuers(&self) -> impl Iterator<Item = &str> {
        [Some(&self.issuer), self.proxy_issuer.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
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

/// Shows only the issuer as text: another field may contain a misplaced secret.
impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |entries: &Option<Vec<String>>| entries.as_deref().map(Hidden::list);
        f.debug_struct("Rules")
            .field("allowed_clients", &list(&self.allowed_clients))
            .field("audiences", &self.audiences)
            .field("audience_policies", &self.audience_policies)
            .field("issuer", &self.issuer)
            .field("proxy_issuer", &self.proxy_issuer)
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

/// Rejects a token that is not an access token, or not a bearer token.
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
