//! Behind a miss: introspect, then judge, then enrich. In this order, since nothing else is asked
//! before the token is known to be good.
//!
//! A token whose entry is refreshed ahead of its end is the exception: both endpoints are called at the same
//! time, and userinfo's answer counts only if introspection's passes.

mod backend;
mod acting_context;
pub(crate) mod discovery;
mod document;
mod enrich;
mod error_form;
mod intern;
pub(crate) mod introspect;
mod jws;
#[cfg(feature = "jwt")]
pub(crate) mod jwt;
mod members;
mod userinfo_policy;
mod payload;
pub(crate) mod policy;
pub(crate) mod resource_uri;
mod strategy;
mod format;
mod source;
mod statement;
mod userinfo;
mod verified;

use std::{
    pin::pin,
    sync::{Arc, Once},
    task::Poll,
    time::Duration,
};

use futures_util::{future, poll};
use tokio::time::Instant;

pub(crate) use format::TokenFormat;
pub use introspect::TokenInfo;
pub(crate) use policy::Rules;
pub use source::{Verify, VerifyRequest};
pub(crate) use strategy::Verifiers;

use self::{
    enrich::SubjectDetails, introspect::is_not_introspected, strategy::Strategy,
    userinfo_policy::UserinfoPolicy,
};
use crate::{
    AuthError, AuthErrorKind, BearerToken, TokenKind,
    clock::{Clock, Now},
    observe::AudienceLog,
    reject::Challenges,
    upstream::{Priority, within},
};
pub(crate) use backend::{Credential, TokenEndpoint, Users, is_secret_key_rejected};
pub(crate) use enrich::Enrich;
pub(crate) use intern::Interner;
pub(crate) use members::unexpected_status;
pub(crate) use userinfo::UserinfoEndpoint;
pub(crate) use verified::Verified;

/// Everything that a verification needs.
pub(crate) struct Verifier {
    pub(crate) verifiers: Verifiers,
    pub(crate) rules: Arc<Rules>,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) enrich: Enrich,
    pub(crate) accept_unprefixed: bool,
    pub(crate) timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) strings: Interner,
    /// Whether an organization that cannot be read was reported.
    pub(crate) unreadable_organization: Once,
    pub(crate) audience_log: AudienceLog,
}

impl Verifier {
    /// Whether the token is worth asking about at all: it is of a kind that is accepted, and not over.
    pub(crate) fn admit(&self, token: &str, now: i64) -> Result<TokenFormat, AuthErrorKind> {
        let format = TokenFormat::of(token);
        if format == TokenFormat::Unprefixed && !self.accept_unprefixed
            || !self.rules.accept.contains(kind_of(format))
        {
            return Err(AuthErrorKind::UnsupportedToken);
        }
        let strategy = self.verifiers.strategy(format);
        let strategy = strategy.ok_or(AuthErrorKind::UnsupportedToken)?;
        let leeway = match strategy {
            Strategy::Local(_) => self.rules.leeway,
            Strategy::Online(_) | Strategy::LocalThenOnline { .. } => 0,
        };
        match format {
            TokenFormat::Jwt { exp: Some(exp), .. } if exp.saturating_add(leeway) <= now => {
                Err(AuthErrorKind::Expired)
            }
            format => Ok(format),
        }
    }

    /// Whether Clerk has to be called for a token, however its profile is come by: its signature alone does not
    /// verify it.
    pub(crate) fn calls(&self, format: TokenFormat) -> bool {
        !matches!(self.verifiers.strategy(format), Some(Strategy::Local(_)))
    }

    /// Verifies a token, within the configured time.
    pub(crate) async fn verify(
        &self,
        token: &BearerToken,
        format: TokenFormat,
        priority: Priority,
    ) -> Result<Verified, AuthError> {
        let deadline = Instant::now() + self.timeout;
        // A profile that is not required must not take the last moment: the verdict has to reach those who
        // wait for it no longer than until then.
        let optional_until = deadline - self.timeout / 20;
        let until = |is_needed| if is_needed { deadline } else { optional_until };
        let kind = kind_of(format);
        let enriches = self.enrich.is_by_userinfo(kind);
        let is_required = enriches && self.enrich.is_required();
        let mut introspection = pin!(within(deadline, self.ask(token, format, priority)));
        let (answer, early) = if priority == Priority::Refresh && enriches {
            match poll!(&mut introspection) {
                // As it does if Clerk is known to be down: userinfo is left alone, too.
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(answer)) => (answer, None),
                Poll::Pending => {
                    let userinfo =
                        self.enrich
                            .userinfo(token, priority, is_required, until(is_required));
                    let (answer, userinfo) = future::join(introspection, userinfo).await;
                    (answer?, Some(userinfo))
                }
            }
        } else {
            (introspection.await?, None)
        };
        self.check(&answer, kind)?;

        let policy = UserinfoPolicy {
            vouching: !self.is_access_token(&answer, format),
            subject: answer.sub.is_none(),
            profile: is_required,
        };
        let is_needed = policy.any();
        let userinfo = match early {
            // Nothing is known yet if the call was not worth as much as it is now.
            Some(Err(error)) if is_needed && error.was_not_called() => None,
            early => early,
        };
        let userinfo = match userinfo {
            Some(userinfo) => Some(userinfo),
            None if is_needed || enriches => Some(
                self.enrich
                    .userinfo(token, priority, is_needed, until(is_needed))
                    .await,
            ),
            None => None,
        };
        let (userinfo, has_profile) = match userinfo {
            Some(userinfo) => policy.check(&answer, userinfo)?,
            None => (None, true),
        };
        let subject = answer.sub.as_deref();
        let subject = subject.or(userinfo.as_ref().map(|userinfo| &*userinfo.sub));
        let (user, has_user) = self
            .enrich
            .user(subject.unwrap_or_default(), priority, deadline)
            .await?;
        let details = SubjectDetails {
            userinfo,
            user,
            complete: has_profile && has_user,
        };
        self.conclude(answer, details, format)
    }

    /// Asks whoever can tell.
    async fn ask(
        &self,
        token: &BearerToken,
        format: TokenFormat,
        priority: Priority,
    ) -> Result<TokenInfo, AuthError> {
        let kind = kind_of(format);
        let verification = VerifyRequest {
            token,
            kind,
            priority,
        };
        let strategy = self.verifiers.strategy(format);
        match strategy.ok_or(AuthErrorKind::UnsupportedToken)? {
            Strategy::Online(source) => {
                let answer = source.verify(verification).await?;
                self.check_unverified(&answer, token, format)?;
                Ok(answer)
            }
            Strategy::Local(source) => source.verify(verification).await,
            Strategy::LocalThenOnline { local, online } => {
                let stated = local.verify(verification).await?;
                self.check_verified(&stated)?;
                match online.verify(verification).await {
                    Ok(answer) => self.combine(answer, stated),
                    Err(error) if is_not_introspected(&error) => Ok(stated),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// What is known of a JWT with a verified signature, and of which there is an answer.
    fn combine(&self, answer: TokenInfo, stated: TokenInfo) -> Result<TokenInfo, AuthError> {
        if !answer.active {
            return Ok(answer);
        }
        if self.verifiers.oauth_is_custom {
            // It knows what it does if it speaks of somebody else.
            return Ok(answer.clone().with_statement(stated).unwrap_or(answer));
        }
        Ok(answer.with_statement(stated)?)
    }

    fn check(&self, answer: &TokenInfo, kind: TokenKind) -> Result<(), AuthErrorKind> {
        let now = self.clock.now();
        let verdict = self.rules.check(answer, kind, now.unix_seconds());
        self.report(verdict, answer, answer.client_id.as_deref(), kind, now)
    }

    /// Checks what a JWT says with a verified signature.
    fn check_verified(&self, stated: &TokenInfo) -> Result<(), AuthErrorKind> {
        let now = self.clock.now();
        let verdict = self.rules.check_verified(stated, now.unix_seconds());
        let client = stated.client_id.as_deref();
        self.report(verdict, stated, client, TokenKind::OAuth, now)
    }

    /// Checks what a JWT says beside an answer of Clerk's. Other tokens say nothing.
    fn check_unverified(
        &self,
        answer: &TokenInfo,
        token: &BearerToken,
        format: TokenFormat,
    ) -> Result<(), AuthErrorKind> {
        let is_jwt = matches!(format, TokenFormat::Jwt { .. });
        if !is_jwt || !answer.active || self.verifiers.oauth_is_custom {
            return Ok(());
        }
        let stated = statement::read(token.expose())?;
        let now = self.clock.now();
        let seconds = now.unix_seconds();
        let verdict = self.rules.check_unverified(&stated, answer, seconds);
        let client = answer.client_id.as_deref();
        self.report(verdict, &stated, client, TokenKind::OAuth, now)
    }

    /// Has a rejection that somebody should look at seen. `stated`: what was rejected.
    fn report(
        &self,
        verdict: Result<(), AuthErrorKind>,
        stated: &TokenInfo,
        client: Option<&str>,
        kind: TokenKind,
        now: Now,
    ) -> Result<(), AuthErrorKind> {
        if verdict == Err(AuthErrorKind::WrongAudience) {
            let rejection = self.rules.audience_rejection(stated, client, kind);
            self.audience_log.rejected(&rejection, now);
        }
        verdict
    }

    /// Whether anything vouches for an access token. Introspection alone does not: it calls refresh
    /// tokens active too.
    fn is_access_token(&self, answer: &TokenInfo, format: TokenFormat) -> bool {
        // A `token_type` of another kind has been rejected by now. An audience shows nothing: what is said of a
        // refresh token may name that of its grant.
        format != TokenFormat::Unprefixed || answer.token_type.is_some()
    }
}

/// The kind by whose rules a token has to pass. What has no shape of Clerk's is asked about as an OAuth
/// token, if at all.
fn kind_of(format: TokenFormat) -> TokenKind {
    format.kind().unwrap_or(TokenKind::OAuth)
}

#[cfg(test)]
mod tests;
