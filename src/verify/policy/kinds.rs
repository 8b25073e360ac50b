//! The rules of each kind of token, beyond those that all tokens share.
//!
//! | kind | subject | other rules |
//! |---|---|---|
//! | OAuth | any but a machine | its client is allowed; or it names none, and an audience of it is an allowed client |
//! | session | a user, `user_…` | has a session id; is not an ID token; is of an authorized party; is not pending |
//! | API key | a user, an organization or a machine | none |
//! | machine | a machine, `mch_…` | is addressed to one of the machines that this service is |
//!
//! If there is an audience, it must name this service, unless the policy only observes it. The client id of this service is an audience of OAuth tokens
//! only. The audience of a machine token names machines, and the rule about machines decides.
//!
//! An ID token (OpenID Connect Core §2) is signed by the same key, and addressed to a client. A token with an `aud`
//! and a claim that ties it to a login (`nonce`, `at_hash`, `c_hash`) is an ID token, regardless of its other claims.
//! A machine token is not one, because of its subject, and may have claims of such names.

use super::Rules;
use crate::{
    AuthErrorKind, TokenKind,
    claims::read::text,
    clerk::TokenInfo,
    token::{json::is_present, scope::split_scope},
};

impl Rules {
    pub(super) fn check_kind(
        &self,
        answer: &TokenInfo,
        kind: TokenKind,
    ) -> Result<(), AuthErrorKind> {
        match kind {
            TokenKind::OAuth => {
                check_no_machine(answer)?;
                self.check_client(answer)?;
                if answer.is_local && is_id_token(answer) {
                    return Err(AuthErrorKind::NotAccessToken);
                }
                self.check_audience(answer, kind)
            }
            TokenKind::Session => {
                check_subject(answer, &["user_"])?;
                check_session(answer)?;
                self.check_party(answer)?;
                self.check_status(answer)?;
                self.check_audience(answer, kind)
            }
            TokenKind::ApiKey => {
                check_subject(answer, &["user_", "org_", "mch_"])?;
                self.check_audience(answer, kind)
            }
            TokenKind::Machine => {
                check_subject(answer, &["mch_"])?;
                self.check_machine(answer)
            }
        }
    }

    fn check_client(&self, answer: &TokenInfo) -> Result<(), AuthErrorKind> {
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

    /// Rejects a token whose client is not allowed. A token that names no client passes.
    pub(super) fn check_named_client(&self, stated: &TokenInfo) -> Result<(), AuthErrorKind> {
        match (&self.allowed_clients, &stated.client_id) {
            (Some(allowed), Some(client)) if !allowed.contains(client) => {
                Err(AuthErrorKind::WrongClient)
            }
            _ => Ok(()),
        }
    }

    /// Checks `azp`, the origin that a session token was issued to.
    fn check_party(&self, answer: &TokenInfo) -> Result<(), AuthErrorKind> {
        let party = text(&answer.other, "azp")?;
        match (&self.authorized_parties, party) {
            (None, _) => Ok(()),
            (Some(authorized), Some(party)) if authorized.iter().any(|entry| entry == party) => {
                Ok(())
            }
            (Some(_), _) => Err(AuthErrorKind::UnauthorizedParty),
        }
    }

    /// Checks `sts`: a session is pending while its user still has a task to complete.
    fn check_status(&self, answer: &TokenInfo) -> Result<(), AuthErrorKind> {
        match text(&answer.other, "sts")? {
            // Older tokens have no `sts`.
            None | Some("active") => Ok(()),
            Some("pending") if self.allow_pending => Ok(()),
            // An unknown status is not active.
            Some(_) => Err(AuthErrorKind::PendingSession),
        }
    }

    /// Checks the machines that a machine token is for. It names them as scopes, or as the audience of a JWT.
    fn check_machine(&self, answer: &TokenInfo) -> Result<(), AuthErrorKind> {
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
            Err(AuthErrorKind::WrongMachine)
        }
    }
}

/// Rejects a token whose subject begins with none of these prefixes.
fn check_subject(answer: &TokenInfo, kinds: &[&str]) -> Result<(), AuthErrorKind> {
    let sub = answer.sub.as_deref().unwrap_or_default();
    if kinds.iter().any(|kind| is_id(sub, kind)) {
        Ok(())
    } else {
        Err(AuthErrorKind::MissingSubject)
    }
}

/// Rejects a token of a machine. If introspection names no subject, userinfo has to name it.
fn check_no_machine(answer: &TokenInfo) -> Result<(), AuthErrorKind> {
    match answer.sub.as_deref() {
        Some(sub) if sub.starts_with("mch_") => Err(AuthErrorKind::MissingSubject),
        _ => Ok(()),
    }
}

/// Rejects ID tokens and tokens of JWT templates, which the same key signs and which do not name a session. A
/// template may define a claim of any name.
fn check_session(answer: &TokenInfo) -> Result<(), AuthErrorKind> {
    match text(&answer.other, "sid")? {
        Some(id) if is_id(id, "sess_") && !is_id_token(answer) => Ok(()),
        _ => Err(AuthErrorKind::NotSessionToken),
    }
}

/// Returns true if the claims of a JWT are those of an ID token.
pub(super) fn is_id_token(stated: &TokenInfo) -> bool {
    let has = |name| is_present(&stated.other, name);
    stated.aud.is_some() && ["nonce", "at_hash", "c_hash"].into_iter().any(has)
}

/// Returns true if a text is an id with this prefix.
fn is_id(text: &str, kind: &str) -> bool {
    text.strip_prefix(kind).is_some_and(|rest| !rest.is_empty())
}

/// Returns true if the lists share an entry, byte for byte: no normalization makes two names equal.
fn intersects(ours: &[String], theirs: &[String]) -> bool {
    theirs.iter().any(|entry| ours.contains(entry))
}
