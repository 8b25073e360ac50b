//! The work behind a cache miss: introspect the token, apply the rules, then enrich the claims. The order matters:
//! nothing else is requested before the token is known to be valid.
//!
//! A refresh ahead is the exception. It calls introspection and userinfo at the same time, and uses userinfo's answer
//! only if the introspection answer passes the rules.

mod acting_context;
pub(crate) mod enrich;
mod intern;
pub(crate) mod jws;
#[cfg(feature = "jwt")]
pub(crate) mod jwt;
mod userinfo_policy;
mod payload;
pub(crate) mod policy;
pub(crate) mod strategy;
mod source;
mod statement;
mod users;
mod verified;

use std::{
    pin::pin,
    sync::{Arc, Once},
    task::Poll,
    time::Duration,
};

use futures_util::{future, poll};
use tokio::time::Instant;

pub use crate::clerk::TokenInfo;
pub(crate) use enrich::Enrichment;
pub(crate) use jws::JwtAlgorithm;
pub(crate) use policy::Rules;
pub use source::{BearerToken, Verify, VerifyRequest};
pub(crate) use strategy::JwtVerification;
pub(crate) use strategy::Verifiers;

use self::{enrich::SubjectDetails, strategy::Strategy, userinfo_policy::UserinfoPolicy};
use crate::{
    AuthError, AuthErrorKind, TokenKind,
    clerk::{
        http::{Priority, within},
        introspection::is_not_introspected,
    },
    clock::{Clock, Now},
    extract::SecretToken,
    observe::{AudienceObserver, AudienceVerdict, KindLog},
    reject::Challenges,
    token::TokenFormat,
};
pub(crate) use enrich::Enrich;
pub(crate) use intern::Interner;
pub(crate) use users::Users;
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
    /// The guard that reports an unreadable organization only once.
    pub(crate) unreadable_organization: Once,
    pub(crate) audience_observer: AudienceObserver,
    pub(crate) kind_log: KindLog,
}

impl Verifier {
    /// Rejects, without a call to Clerk, a token of a kind that is not accepted and a JWT that has expired.
    pub(crate) fn precheck(&self, format: TokenFormat, now: i64) -> Result<(), AuthErrorKind> {
        let is_accepted = self.rules.accept.contains(kind_of(format))
            && (format != TokenFormat::Unprefixed || self.accept_unprefixed);
        let strategy = self.verifiers.strategy(format).filter(|_| is_accepted);
        let Some(strategy) = strategy else {
            self.kind_log.rejected(format, is_accepted);
            return Err(AuthErrorKind::UnsupportedToken);
        };
        let leeway = match strategy {
            Strategy::Local(_) => self.rules.leeway,
            Strategy::Online(_) | Strategy::LocalThenOnline { .. } => 0,
        };
        match format {
            TokenFormat::Jwt { exp: Some(exp), .. } if exp.saturating_add(leeway) <= now => {
                Err(AuthErrorKind::Expired)
            }
            _ => Ok(()),
        }
    }

    /// Returns true if a verification calls Clerk about the token itself: its signature alone does not verify it.
    /// Calls for the profile do not count.
    pub(crate) fn calls(&self, format: TokenFormat) -> bool {
        !matches!(self.verifiers.strategy(format), Some(Strategy::Local(_)))
    }

    /// Verifies a token, within the configured time.
    pub(crate) async fn verify(
        &self,
        token: &SecretToken,
        format: TokenFormat,
        priority: Priority,
    ) -> Result<Verified, AuthError> {
        let deadline = Instant::now() + self.timeout;
        // A profile that is not required must not use the last moment: the requests that wait stop at `deadline`, and
        // the result has to reach them before.
        let optional_until = deadline - self.timeout / 20;
        let until = |is_needed| if is_needed { deadline } else { optional_until };
        let kind = kind_of(format);
        let enriches = self.enrich.is_by_userinfo(kind);
        let is_required = enriches && self.enrich.is_required();
        let mut introspection = pin!(within(deadline, self.ask(token, format, priority)));
        let ((answer, stated), early) = if priority == Priority::Refresh && enriches {
            match poll!(&mut introspection) {
                // An immediate error, as with an open circuit breaker: userinfo is not called either.
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
        self.check(&answer, stated, kind)?;

        let policy = UserinfoPolicy {
            vouching: !self.is_access_token(&answer, format),
            subject: answer.sub.is_none(),
            profile: is_required,
        };
        let is_needed = policy.any();
        let userinfo = match early {
            // An optional call that was not made shows nothing. The answer is needed now, so userinfo is called
            // again.
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
        self.to_verified(answer, details, format)
    }

    /// Runs the strategy for the token's format. The verdict is about the audience in the token's payload, if there is
    /// an answer beside it.
    async fn ask(
        &self,
        token: &SecretToken,
        format: TokenFormat,
        priority: Priority,
    ) -> Result<(TokenInfo, AudienceVerdict), AuthError> {
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
                let stated = self.check_unverified(&answer, token, format)?;
                Ok((answer, stated))
            }
            Strategy::Local(source) => {
                let answer = source.verify(verification).await?;
                Ok((answer, AudienceVerdict::Absent))
            }
            Strategy::LocalThenOnline { local, online } => {
                let stated = local.verify(verification).await?;
                let audience = self.check_verified(&stated)?;
                let answer = match online.verify(verification).await {
                    Ok(answer) => self.combine(answer, stated)?,
                    Err(error) if is_not_introspected(&error) => stated,
                    Err(error) => return Err(error),
                };
                Ok((answer, audience))
            }
        }
    }

    /// Combines Clerk's answer about a JWT with the claims that its verified signature vouches for.
    fn combine(&self, answer: TokenInfo, stated: TokenInfo) -> Result<TokenInfo, AuthError> {
        if !answer.active {
            return Ok(answer);
        }
        if self.verifiers.oauth_is_custom {
            // A custom verifier decides: its answer may name another subject than the JWT.
            return Ok(answer.clone().with_statement(stated).unwrap_or(answer));
        }
        Ok(answer.with_statement(stated)?)
    }

    /// Applies the rules to the answer about a token. `stated`: the verdict about the audience in the token's payload.
    fn check(
        &self,
        answer: &TokenInfo,
        stated: AudienceVerdict,
        kind: TokenKind,
    ) -> Result<(), AuthErrorKind> {
        let now = self.clock.now();
        let verdict = self.rules.check(answer, kind, now.unix_seconds());
        let audience = stated.and(self.rules.audience_verdict(answer, kind));
        if policy::concerns_audience(verdict, kind) {
            self.audience_observer.verified(audience);
        }
        self.warn(verdict, answer, answer.client_id.as_deref(), kind, now)
    }

    /// Checks the claims of a JWT whose signature is verified.
    fn check_verified(&self, stated: &TokenInfo) -> Result<AudienceVerdict, AuthErrorKind> {
        let now = self.clock.now();
        let verdict = self.rules.check_verified(stated, now.unix_seconds());
        let client = stated.client_id.as_deref();
        self.check_payload(verdict, stated, client, now)
    }

    /// Checks the unverified claims of a JWT beside Clerk's answer. Tokens of other formats have no such claims.
    fn check_unverified(
        &self,
        answer: &TokenInfo,
        token: &SecretToken,
        format: TokenFormat,
    ) -> Result<AudienceVerdict, AuthErrorKind> {
        let is_jwt = matches!(format, TokenFormat::Jwt { .. });
        if !is_jwt || !answer.active || self.verifiers.oauth_is_custom {
            return Ok(AudienceVerdict::Absent);
        }
        let stated = statement::read(token.expose())?;
        let now = self.clock.now();
        let seconds = now.unix_seconds();
        let verdict = self.rules.check_unverified(&stated, answer, seconds);
        let client = answer.client_id.as_deref();
        let audience = self.check_payload(verdict, &stated, client, now)?;
        Ok(audience.without_evidence())
    }

    /// Returns the verdict about the audience in a payload. Only a rejection is counted here: otherwise there is an
    /// answer to come, and one verification counts once.
    fn check_payload(
        &self,
        verdict: Result<(), AuthErrorKind>,
        stated: &TokenInfo,
        client: Option<&str>,
        now: Now,
    ) -> Result<AudienceVerdict, AuthErrorKind> {
        let audience = self.rules.audience_verdict(stated, TokenKind::OAuth);
        if verdict == Err(AuthErrorKind::WrongAudience) {
            self.audience_observer.verified(audience);
        }
        self.warn(verdict, stated, client, TokenKind::OAuth, now)?;
        Ok(audience)
    }

    /// Logs a rejection by audience, which an operator should see. `stated`: the claims that were rejected.
    fn warn(
        &self,
        verdict: Result<(), AuthErrorKind>,
        stated: &TokenInfo,
        client: Option<&str>,
        kind: TokenKind,
        now: Now,
    ) -> Result<(), AuthErrorKind> {
        if verdict == Err(AuthErrorKind::WrongAudience) {
            let rejection = self.rules.audience_rejection(stated, client, kind);
            self.audience_observer.rejected(&rejection, now);
        }
        verdict
    }

    /// Returns true if there is evidence of an access token. An active introspection answer alone is not evidence:
    /// introspection calls refresh tokens active, too.
    fn is_access_token(&self, answer: &TokenInfo, format: TokenFormat) -> bool {
        // A `token_type` of another kind has been rejected by now. An audience shows nothing: the answer about a
        // refresh token may name the audience of its grant.
        format != TokenFormat::Unprefixed || answer.token_type.is_some()
    }
}

/// The kind whose rules apply to a token. A token in a format that Clerk does not use is introspected as an OAuth
/// token, if it is verified at all.
fn kind_of(format: TokenFormat) -> TokenKind {
    format.kind().unwrap_or(TokenKind::OAuth)
}

#[cfg(test)]
mod tests;
