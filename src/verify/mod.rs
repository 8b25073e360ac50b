//! The work behind a cache miss: introspect the token, apply the rules, then enrich the claims. The order matters:
//! nothing else is requested before the token is known to be valid.
//!
//! A refresh ahead is the exception. It calls introspection and userinfo at the same time, and uses userinfo's answer
//! only if the introspection answer passes the rules.

mod acting_context;
pub(crate) mod enrich;
mod evidence;
mod intern;
pub(crate) mod jws;
#[cfg(feature = "jwt")]
pub(crate) mod jwt;
mod userinfo_policy;
mod payload;
pub(crate) mod policy;
mod route_rules;
pub(crate) mod strategy;
mod source;
mod statement;
mod users;
mod verified;

use std::{
    borrow::Cow,
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
pub(crate) use route_rules::ConfiguredRules;
pub use source::{BearerToken, Verify, VerifyRequest};
pub(crate) use strategy::JwtVerification;
pub(crate) use strategy::Verifiers;

pub(crate) use self::evidence::Evidence;
pub(crate) use self::statement::Statement;
use self::strategy::Strategy;
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
#[cfg(feature = "fleet")]
pub(crate) use users::WantedUser;
pub(crate) use users::{FetchUser, Users};
pub(crate) use verified::Verified;

/// Everything that a verification needs.
pub(crate) struct Verifier {
    pub(crate) verifiers: Verifiers,
    pub(crate) rules: Arc<Rules>,
    /// What the claims share of the configuration.
    pub(crate) route_rules: Arc<ConfiguredRules>,
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

/// The question about one token.
#[derive(Clone, Copy)]
pub(crate) struct Inquiry<'a> {
    pub(crate) token: &'a SecretToken,
    pub(crate) format: TokenFormat,
    pub(crate) priority: Priority,
    pub(crate) deadline: Instant,
}

impl<'a> Inquiry<'a> {
    fn request(self) -> VerifyRequest<'a> {
        VerifyRequest {
            token: self.token,
            kind: kind_of(self.format),
            priority: self.priority,
        }
    }
}

impl Verifier {
    /// Rejects, without a call to Clerk, a token of a kind that is not accepted and a JWT that has expired.
    pub(crate) fn precheck(&self, format: TokenFormat, now: i64) -> Result<(), AuthErrorKind> {
        let is_accepted = self.accepts_kind(format);
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

    /// Returns true if tokens of this format are verified, and not rejected at once.
    pub(crate) fn takes(&self, format: TokenFormat) -> bool {
        self.accepts_kind(format) && self.verifiers.strategy(format).is_some()
    }

    fn accepts_kind(&self, format: TokenFormat) -> bool {
        self.rules.accept.contains(kind_of(format))
            && (format != TokenFormat::Unprefixed || self.accept_unprefixed)
    }

    /// Returns true if a verification calls Clerk about the token itself: its signature alone does not verify it.
    /// Calls for the profile do not count.
    pub(crate) fn calls(&self, format: TokenFormat) -> bool {
        !matches!(self.verifiers.strategy(format), Some(Strategy::Local(_)))
    }

    /// Returns true if replicas share the evidence about a token: Clerk is called about it, or a custom verifier with a
    /// name for it.
    #[cfg(feature = "fleet")]
    pub(crate) fn is_shared(&self, format: TokenFormat) -> bool {
        let is_custom = self.verifiers.oauth_is_custom && kind_of(format) == TokenKind::OAuth;
        let custom = self.verifiers.oauth.as_ref().filter(|_| is_custom);
        self.calls(format) && custom.is_none_or(|verify| verify.shared_as().is_some())
    }

    /// Verifies a token.
    pub(crate) async fn verify(&self, inquiry: Inquiry<'_>) -> Result<Verified, AuthError> {
        let statement = self.statement(inquiry).await?;
        let evidence = self.gather(inquiry, &statement).await?;
        self.conclude(evidence, &statement, inquiry).await
    }

    /// Returns the proof that evidence makes. Fetches the user of the Backend API, if claims are enriched with it.
    pub(crate) async fn conclude(
        &self,
        evidence: Evidence,
        statement: &Statement,
        inquiry: Inquiry<'_>,
    ) -> Result<Verified, AuthError> {
        let subject = evidence.subject().unwrap_or_default();
        let user = self
            .enrich
            .user(subject, inquiry.priority, inquiry.deadline)
            .await?;
        evidence.into_verified(self, statement, user, inquiry.format, self.clock.now())
    }

    /// Returns what a token states about itself. If its signature has to be valid before a server is called, a token
    /// with another signature is rejected here.
    pub(crate) async fn statement(&self, inquiry: Inquiry<'_>) -> Result<Statement, AuthError> {
        match self.strategy(inquiry.format)? {
            Strategy::LocalThenOnline { local, .. } => {
                let verification = local.verify(inquiry.request());
                let stated = within(inquiry.deadline, verification).await?;
                let now = self.clock.now();
                let verdict = self.rules.check_verified(&stated, now.unix_seconds());
                if verdict == Err(AuthErrorKind::WrongAudience) {
                    let audience = self.rules.audience_verdict(&stated, TokenKind::OAuth);
                    self.audience_observer.verified(audience);
                    self.warn(&stated, stated.client_id.as_deref(), TokenKind::OAuth, now);
                }
                verdict?;
                Ok(Statement::Verified(stated))
            }
            Strategy::Online(_)
                if matches!(inquiry.format, TokenFormat::Jwt { .. })
                    && !self.verifiers.oauth_is_custom =>
            {
                let token = inquiry.token.expose();
                Ok(Statement::Unverified(statement::read(token)))
            }
            Strategy::Online(_) | Strategy::Local(_) => Ok(Statement::None),
        }
    }

    /// Gathers the evidence about a token: calls Clerk, and applies the rules between the calls.
    pub(crate) async fn gather(
        &self,
        inquiry: Inquiry<'_>,
        statement: &Statement,
    ) -> Result<Evidence, AuthError> {
        let Inquiry {
            token,
            format,
            priority,
            deadline,
        } = inquiry;
        let kind = kind_of(format);
        let called_at = self.clock.now().wall;
        // A profile that is not required must not use the last moment: the requests that wait stop at `deadline`, and
        // the result has to reach them before.
        let optional_until = deadline - self.timeout / 20;
        let until = |is_needed| if is_needed { deadline } else { optional_until };
        let enriches = self.enrich.is_by_userinfo(kind);
        let is_required = enriches && self.enrich.is_required();
        let mut introspection = pin!(within(deadline, self.ask(inquiry, statement)));
        let (answer, early) = if priority == Priority::Refresh && enriches {
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
        let known = self.weigh_and_observe(&answer, statement, kind)?;

        let policy = self.userinfo_policy(&known, format);
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
        let (userinfo, complete) = match userinfo {
            Some(userinfo) => policy.check(&known, userinfo)?,
            None => (None, true),
        };
        Ok(Evidence {
            called_at,
            // The id appears in logs.
            answer: answer.without_id_that_shows(token.expose()),
            userinfo,
            complete,
        })
    }

    /// Calls the source of truth for the token's format.
    async fn ask(
        &self,
        inquiry: Inquiry<'_>,
        statement: &Statement,
    ) -> Result<TokenInfo, AuthError> {
        let request = inquiry.request();
        match self.strategy(inquiry.format)? {
            Strategy::Online(source) | Strategy::Local(source) => source.verify(request).await,
            Strategy::LocalThenOnline { online, .. } => {
                match (online.verify(request).await, statement) {
                    (Err(error), Statement::Verified(stated)) if is_not_introspected(&error) => {
                        Ok(stated.clone())
                    }
                    (answer, _) => answer,
                }
            }
        }
    }

    fn strategy(&self, format: TokenFormat) -> Result<Strategy<'_>, AuthErrorKind> {
        let strategy = self.verifiers.strategy(format);
        strategy.ok_or(AuthErrorKind::UnsupportedToken)
    }

    /// Applies the rules to the answer about a token, and reports its audience.
    fn weigh_and_observe<'a>(
        &self,
        answer: &'a TokenInfo,
        statement: &Statement,
        kind: TokenKind,
    ) -> Result<Cow<'a, TokenInfo>, AuthErrorKind> {
        let now = self.clock.now();
        let known = self.weigh(Cow::Borrowed(answer), statement, kind, now);
        let verdict = known.as_ref().map(|_| ()).map_err(|kind| *kind);
        if policy::concerns_audience(verdict, kind) {
            let stated = match statement {
                Statement::Unverified(Ok(stated)) => {
                    let audience = self.rules.audience_verdict(stated, kind);
                    (stated, audience.without_evidence())
                }
                Statement::Verified(stated) => (stated, self.rules.audience_verdict(stated, kind)),
                Statement::None | Statement::Unverified(Err(_)) => {
                    (answer, AudienceVerdict::Absent)
                }
            };
            let audience = stated.1.and(self.rules.audience_verdict(answer, kind));
            self.audience_observer.verified(audience);
            if verdict == Err(AuthErrorKind::WrongAudience) {
                let is_stated = stated.1 == AudienceVerdict::Foreign;
                let rejected = if is_stated { stated.0 } else { answer };
                self.warn(rejected, answer.client_id.as_deref(), kind, now);
            }
        }
        if verdict == Err(AuthErrorKind::WrongMachine) {
            self.warn(answer, None, kind, now);
        }
        known
    }

    /// Logs a rejection by audience or machine, which an operator should see. `stated`: the claims that were rejected.
    fn warn(&self, stated: &TokenInfo, client: Option<&str>, kind: TokenKind, now: Now) {
        let rejection = self.rules.audience_rejection(stated, client, kind);
        self.audience_observer.rejected(&rejection, now);
    }
}

/// The kind whose rules apply to a token. A token in a format that Clerk does not use is introspected as an OAuth
/// token, if it is verified at all.
fn kind_of(format: TokenFormat) -> TokenKind {
    format.kind().unwrap_or(TokenKind::OAuth)
}

#[cfg(test)]
mod tests;
