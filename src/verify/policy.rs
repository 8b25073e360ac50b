//! The rules: a pure function of the answer, the rules and the time. It fails closed: what cannot be
//! checked is refused.
//!
//! In this order, so that what the caller learns depends on nothing that was not checked:
//!
//! 1. The token is active.
//! 2. It is an access token that anybody may bear: `token_type` is Bearer or absent, `token_use` says
//!    access token or is absent, and there is no `cnf` (RFC 9449 §7.2: a bound token that comes as a
//!    bearer token was stolen).
//! 3. Its time has come (`nbf`, `iat`) and is not over (`exp`).
//! 4. Its issuer, where named, is ours.
//! 5. Its client is allowed. Where no client is named, an audience on the list stands in for it.
//! 6. Its audience, where named, includes us.
//! 7. All required scopes were granted.

use std::{fmt, sync::Arc};

use super::Introspection;
use crate::{AuthErrorKind, claims::split_scope};

/// What a token must satisfy. Made by the configuration.
pub(crate) struct Rules {
    /// `None`: any client, which had to be said by name.
    pub(crate) allowed_clients: Option<Vec<String>>,
    /// What we are called as an audience; never empty.
    pub(crate) audiences: Vec<String>,
    pub(crate) require_audience: bool,
    pub(crate) issuer: String,
    pub(crate) required_scopes: Vec<String>,
    pub(crate) scope_implies: Option<ScopeImplies>,
    /// By how many seconds the server's clock may be ahead of ours. Never used for `exp`.
    pub(crate) leeway: i64,
}

/// Whether a granted scope implies a needed one.
pub(crate) type ScopeImplies = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

impl Rules {
    /// Judges an answer at the time `now`, in Unix seconds.
    pub(crate) fn check(&self, answer: &Introspection, now: i64) -> Result<(), AuthErrorKind> {
        if !answer.active {
            return Err(AuthErrorKind::Inactive);
        }
        check_use(answer)?;
        self.check_times(answer, now)?;
        if answer.iss.as_ref().is_some_and(|iss| *iss != self.issuer) {
            return Err(AuthErrorKind::WrongIssuer);
        }
        self.check_client(answer)?;
        self.check_audience(answer)?;
        self.check_scopes(answer)
    }

    /// Whether the answer names us as an audience.
    pub(crate) fn names_us(&self, answer: &Introspection) -> bool {
        intersects(&self.audiences, answer.aud.as_deref().unwrap_or_default())
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

    fn check_times(&self, answer: &Introspection, now: i64) -> Result<(), AuthErrorKind> {
        if let Some(exp) = answer.exp {
            let ends_before_it_begins = [answer.nbf, answer.iat]
                .into_iter()
                .flatten()
                .any(|start| exp < start);
            if exp <= now || ends_before_it_begins {
                return Err(AuthErrorKind::Expired);
            }
        }
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

    fn check_client(&self, answer: &Introspection) -> Result<(), AuthErrorKind> {
        let client = answer.client_id.as_deref().filter(|id| !id.is_empty());
        let audience = answer.aud.as_deref().unwrap_or_default();
        let allowed = match (&self.allowed_clients, client) {
            (Some(allowed), Some(client)) => allowed.iter().any(|id| id == client),
            (Some(allowed), None) => intersects(allowed, audience),
            (None, Some(_)) => true,
            (None, None) => !audience.is_empty(),
        };
        if allowed {
            Ok(())
        } else {
            Err(AuthErrorKind::WrongClient)
        }
    }

    fn check_audience(&self, answer: &Introspection) -> Result<(), AuthErrorKind> {
        match &answer.aud {
            Some(_) if self.names_us(answer) => Ok(()),
            None if !self.require_audience => Ok(()),
            _ => Err(AuthErrorKind::WrongAudience),
        }
    }

    fn check_scopes(&self, answer: &Introspection) -> Result<(), AuthErrorKind> {
        let scope = answer.scope.as_deref().unwrap_or_default();
        let mut needed = self.required_scopes.iter();
        if needed.all(|needed| self.is_granted(scope, needed)) {
            Ok(())
        } else {
            Err(AuthErrorKind::InsufficientScope)
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("allowed_clients", &self.allowed_clients)
            .field("audiences", &self.audiences)
            .field("require_audience", &self.require_audience)
            .field("issuer", &self.issuer)
            .field("required_scopes", &self.required_scopes)
            .field("leeway", &self.leeway)
            .finish_non_exhaustive()
    }
}

/// Refuses what is no access token, or none that anybody may bear.
fn check_use(answer: &Introspection) -> Result<(), AuthErrorKind> {
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

/// Byte for byte: no normalisation makes two names one.
fn intersects(ours: &[String], theirs: &[String]) -> bool {
    theirs.iter().any(|entry| ours.contains(entry))
}

#[cfg(test)]
mod tests;
