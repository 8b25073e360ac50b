//! What each kind of token has to show, beyond what all have.
//!
//! | kind | its subject | and |
//! |---|---|---|
//! | OAuth | any but a machine | its client is allowed; an audience on that list stands in for a client that is not named |
//! | session | a user, `user_…` | it names its session, `sid`; is no ID token; comes from an authorized party; is not pending |
//! | API key | a user, an organization or a machine | nothing |
//! | machine | a machine, `mch_…` | it is addressed to one that we are |
//!
//! An audience, if there is one, must name us: to OAuth tokens alone, our client id is one. A machine token's names
//! machines, and those decide.
//!
//! An ID token (OpenID Connect Core §2) is signed by the same key, and addressed to a client: a token with an `aud` and
//! a claim that ties it to a login (`nonce`, `at_hash`, `c_hash`) is one, whatever else it says. A machine's token is
//! none by its subject, and may have claims of such names.

use super::Rules;
use crate::{
    AuthErrorKind, TokenKind, claims::read::text, clerk::TokenInfo, token::scope::split_scope,
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

    /// Rejects a token of a client that is not allowed. One that names no client passes.
    pub(super) fn check_named_client(&self, stated: &TokenInfo) -> Result<(), AuthErrorKind> {
        match (&self.allowed_clients, &stated.client_id) {
            (Some(allowed), Some(client)) if !allowed.contains(client) => {
                Err(AuthErrorKind::WrongClient)
            }
            _ => Ok(()),
        }
    }

    /// Rejects a token for others. One that names no audience passes.
    pub(super) fn check_audience(
        &self,
        answer: &TokenInfo,
        kind: TokenKind,
    ) -> Result<(), AuthErrorKind> {
        match &answer.aud {
            Some(named) if !self.audiences.name_us(named, kind) => {
                Err(AuthErrorKind::WrongAudience)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// `azp`: the origin that a session token was issued to.
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

    /// `sts`: whether the user still has something to do before the session counts.
    fn check_status(&self, answer: &TokenInfo) -> Result<(), AuthErrorKind> {
        match text(&answer.other, "sts")? {
            // Older tokens have none.
            None | Some("active") => Ok(()),
            Some("pending") if self.allow_pending => Ok(()),
            // Whatever else a session may be called one day, it is not active.
            Some(_) => Err(AuthErrorKind::PendingSession),
        }
    }

    /// A machine token names the machines that it is for: as scopes, or as the audience of a JWT.
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
            Err(AuthErrorKind::WrongAudience)
        }
    }
}

/// A subject with one of these beginnings.
fn check_subject(answer: &TokenInfo, kinds: &[&str]) -> Result<(), AuthErrorKind> {
    let sub = answer.sub.as_deref().unwrap_or_default();
    if kinds.iter().any(|kind| is_id(sub, kind)) {
        Ok(())
    } else {
        Err(AuthErrorKind::MissingSubject)
    }
}

/// Where introspection names nobody, userinfo does, or the token is rejected there.
fn check_no_machine(answer: &TokenInfo) -> Result<(), AuthErrorKind> {
    match answer.sub.as_deref() {
        Some(sub) if sub.starts_with("mch_") => Err(AuthErrorKind::MissingSubject),
        _ => Ok(()),
    }
}

/// What tokens of templates and ID tokens, which the same key signs, do not have; and a template may name anything.
fn check_session(answer: &TokenInfo) -> Result<(), AuthErrorKind> {
    match text(&answer.other, "sid")? {
        Some(id) if is_id(id, "sess_") && !is_id_token(answer) => Ok(()),
        _ => Err(AuthErrorKind::NotSessionToken),
    }
}

/// Whether a JWT is an ID token, by what it says.
pub(super) fn is_id_token(stated: &TokenInfo) -> bool {
    let has = |name: &&str| stated.other.get(*name).is_some_and(|it| !it.is_null());
    stated.aud.is_some() && ["nonce", "at_hash", "c_hash"].iter().any(has)
}

/// Whether this is an id of Clerk's with this beginning.
fn is_id(text: &str, kind: &str) -> bool {
    text.strip_prefix(kind).is_some_and(|rest| !rest.is_empty())
}

/// Byte for byte: no normalisation makes two names one.
fn intersects(ours: &[String], theirs: &[String]) -> bool {
    theirs.iter().any(|entry| ours.contains(entry))
}
