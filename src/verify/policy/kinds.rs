//! What each kind of token has to show, beyond what all have.
//!
//! | kind | its subject | and |
//! |---|---|---|
//! | OAuth | any but a machine | its client is allowed; an audience on that list stands in for a client that is not named |
//! | session | a user, `user_…` | it names its session, `sid`; comes from an authorized party; is not pending |
//! | API key | a user, an organization or a machine | nothing |
//! | machine | a machine, `mch_…` | it is addressed to one that we are |
//!
//! An audience, where there is one, must name us. A machine token's names machines, and those decide.

use serde_json::Value;

use super::Rules;
use crate::{AuthErrorKind, TokenKind, claims::split_scope, verify::Introspection};

impl Rules {
    pub(super) fn check_kind(
        &self,
        answer: &Introspection,
        kind: TokenKind,
    ) -> Result<(), AuthErrorKind> {
        match kind {
            TokenKind::OAuth => {
                check_subject(answer, is_no_machine)?;
                self.check_client(answer)?;
                self.check_audience(answer)
            }
            TokenKind::Session => {
                check_subject(answer, |sub| sub.starts_with("user_"))?;
                check_session(answer)?;
                self.check_party(answer)?;
                self.check_status(answer)?;
                self.check_audience(answer)
            }
            TokenKind::ApiKey => {
                check_subject(answer, |sub| {
                    ["user_", "org_", "mch_"]
                        .iter()
                        .any(|kind| sub.starts_with(kind))
                })?;
                self.check_audience(answer)
            }
            TokenKind::Machine => {
                check_subject(answer, |sub| sub.starts_with("mch_"))?;
                self.check_machine(answer)
            }
        }
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

    /// `azp`: the origin that a session token was issued to.
    fn check_party(&self, answer: &Introspection) -> Result<(), AuthErrorKind> {
        let Some(authorized) = &self.authorized_parties else {
            return Ok(());
        };
        match answer.other.get("azp").and_then(Value::as_str) {
            Some(party) if authorized.iter().any(|entry| entry == party) => Ok(()),
            _ => Err(AuthErrorKind::WrongParty),
        }
    }

    /// `sts`: whether the user still has something to do before the session counts.
    fn check_status(&self, answer: &Introspection) -> Result<(), AuthErrorKind> {
        match answer.other.get("sts") {
            // Older tokens have none.
            None | Some(Value::Null) => Ok(()),
            Some(Value::String(status)) if status == "active" => Ok(()),
            Some(Value::String(status)) if status == "pending" && self.allow_pending => Ok(()),
            Some(_) => Err(AuthErrorKind::PendingSession),
        }
    }

    /// A machine token names the machines that it is for: as scopes, or as the audience of a JWT.
    fn check_machine(&self, answer: &Introspection) -> Result<(), AuthErrorKind> {
        let Some(machines) = &self.machines else {
            return Ok(());
        };
        let scope = answer.scope.as_deref().unwrap_or_default();
        let is_one = |name: &str| machines.iter().any(|machine| machine == name);
        let is_addressed = match &answer.aud {
            Some(audience) => intersects(machines, audience),
            None => split_scope(scope).any(is_one),
        };
        if is_addressed {
            Ok(())
        } else {
            Err(AuthErrorKind::WrongAudience)
        }
    }
}

fn check_subject(
    answer: &Introspection,
    is_of_kind: impl Fn(&str) -> bool,
) -> Result<(), AuthErrorKind> {
    match answer.sub.as_deref() {
        Some(sub) if is_of_kind(sub) => Ok(()),
        // Where introspection names nobody, userinfo does, or the token is refused there.
        None if is_of_kind("") => Ok(()),
        _ => Err(AuthErrorKind::MissingSubject),
    }
}

fn is_no_machine(sub: &str) -> bool {
    !sub.starts_with("mch_")
}

fn check_session(answer: &Introspection) -> Result<(), AuthErrorKind> {
    match answer.other.get("sid") {
        Some(Value::String(id)) if id.starts_with("sess_") => Ok(()),
        _ => Err(AuthErrorKind::NotSession),
    }
}

/// Byte for byte: no normalisation makes two names one.
pub(super) fn intersects(ours: &[String], theirs: &[String]) -> bool {
    theirs.iter().any(|entry| ours.contains(entry))
}
