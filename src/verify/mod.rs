//! Behind a miss: introspect, then judge, then enrich. In this order, since nothing else is asked
//! before the token is known to be good.
//!
//! A token that *was* known to be good a moment ago, and is only refreshed, is the exception: both
//! endpoints are asked at the same time, and userinfo's answer counts only if introspection's passes.

mod backend;
mod capacity;
pub(crate) mod discovery;
mod enrich;
mod intern;
pub(crate) mod introspect;
#[cfg(feature = "jwt")]
pub(crate) mod jwt;
mod kept;
mod needs;
pub(crate) mod policy;
mod route;
mod shape;
mod source;
mod userinfo;

use std::{future::Future, pin::pin, sync::Arc, task::Poll, time::Duration};

use futures_util::{future, poll};
use tokio::time::{Instant, timeout_at};

pub use introspect::Introspection;
pub(crate) use policy::Rules;
pub(crate) use route::Sources;
pub(crate) use shape::Shape;
pub use source::{Verification, Verify};

use self::{
    capacity::Capacity, enrich::Person, introspect::is_not_introspected, needs::Needs,
    route::Route, userinfo::Userinfo,
};
use crate::{
    AuthError, AuthErrorKind, BearerToken, ClerkClaims, TokenKind, claims::Claims, clock::Clock,
    reject::Challenges, upstream::Lane,
};
pub(crate) use backend::{Credential, TokenEndpoint, Users, is_secret_key_rejected};
pub(crate) use enrich::Enrich;
pub(crate) use intern::Interner;
pub(crate) use userinfo::UserinfoEndpoint;

/// The proof that a token passed all rules. Only this module makes one; the cache stores and the
/// service injects nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    // Invariant: private, so that no other module can write `Verified { .. }`.
    claims: ClerkClaims,
    expires: Option<i64>,
    good_until: Option<i64>,
    complete: bool,
}

impl Verified {
    pub(crate) fn claims(&self) -> &ClerkClaims {
        &self.claims
    }

    /// When the token is over, in Unix seconds: never accept it at or after this.
    pub(crate) fn expires(&self) -> Option<i64> {
        self.expires
    }

    /// Until when the verdict may be remembered, in Unix seconds, whatever the cache's own bounds
    /// are. Not later than [`expires`](Self::expires).
    pub(crate) fn good_until(&self) -> Option<i64> {
        self.good_until
    }

    /// Whether all that was to be fetched was fetched.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }
}

#[cfg(test)]
impl Verified {
    /// A proof of nothing, for the tests of what stores one.
    pub(crate) fn assertion(
        subject: &str,
        expires: Option<i64>,
        good_until: Option<i64>,
        complete: bool,
    ) -> Self {
        Self {
            claims: ClerkClaims::new(Claims {
                expires_at: expires,
                ..Claims::bare(subject)
            }),
            expires,
            good_until,
            complete,
        }
    }
}

/// Everything that a verification needs.
pub(crate) struct Verifier {
    pub(crate) sources: Sources,
    pub(crate) rules: Arc<Rules>,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) enrich: Enrich,
    pub(crate) accept_unprefixed: bool,
    pub(crate) timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) strings: Interner,
}

impl Verifier {
    /// Whether the token is worth asking about at all: it is of a kind that is accepted, and not over.
    pub(crate) fn admit(&self, token: &str, now: i64) -> Result<Shape, AuthErrorKind> {
        let shape = Shape::of(token);
        if shape == Shape::Unprefixed && !self.accept_unprefixed
            || !self.rules.accept.contains(kind_of(shape))
        {
            return Err(AuthErrorKind::UnsupportedToken);
        }
        let route = self.sources.route(shape);
        let route = route.ok_or(AuthErrorKind::UnsupportedToken)?;
        let leeway = match route {
            Route::Local(_) => self.rules.leeway,
            Route::Online(_) | Route::LocalThenOnline { .. } => 0,
        };
        match shape {
            Shape::Jwt { exp: Some(exp), .. } if exp.saturating_add(leeway) <= now => {
                Err(AuthErrorKind::Expired)
            }
            shape => Ok(shape),
        }
    }

    /// Verifies a token, within the configured time.
    pub(crate) async fn verify(
        &self,
        token: &BearerToken,
        shape: Shape,
        lane: Lane,
    ) -> Result<Verified, AuthError> {
        let deadline = Instant::now() + self.timeout;
        let kind = kind_of(shape);
        let enriches = self.enrich.is_by_userinfo(kind);
        let mut introspection = pin!(within(deadline, self.ask(token, shape, lane)));
        let (answer, userinfo) = if lane == Lane::Known && enriches {
            match poll!(&mut introspection) {
                // As it does where Clerk is known to be down: userinfo is left alone, too.
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(answer)) => (answer, None),
                Poll::Pending => {
                    let userinfo = self.enrich.userinfo(token, lane, deadline);
                    let (answer, userinfo) = future::join(introspection, userinfo).await;
                    (answer?, Some(userinfo))
                }
            }
        } else {
            (introspection.await?, None)
        };
        self.check(&answer, kind)?;

        let needs = Needs {
            vouching: !self.is_access_token(&answer, shape),
            subject: answer.sub.is_none(),
            profile: enriches && self.enrich.is_required(),
        };
        let userinfo = match userinfo {
            Some(userinfo) => Some(userinfo),
            None if needs.any() || enriches => {
                Some(self.enrich.userinfo(token, lane, deadline).await)
            }
            None => None,
        };
        let userinfo = userinfo
            .map(|userinfo| needs.check(&answer, userinfo))
            .transpose()?
            .flatten();
        let subject = answer.sub.as_deref();
        let subject = subject.or(userinfo.as_ref().map(|userinfo| &*userinfo.sub));
        let (user, nothing_is_missing) = self
            .enrich
            .user(subject.unwrap_or_default(), lane, deadline)
            .await?;
        let complete = nothing_is_missing && (userinfo.is_some() || !enriches);
        let person = Person {
            userinfo,
            user,
            complete,
        };
        self.conclude(answer, person, shape)
    }

    /// Asks whoever can tell.
    async fn ask(
        &self,
        token: &BearerToken,
        shape: Shape,
        lane: Lane,
    ) -> Result<Introspection, AuthError> {
        let kind = kind_of(shape);
        let verification = Verification { token, kind, lane };
        let route = self.sources.route(shape);
        match route.ok_or(AuthErrorKind::UnsupportedToken)? {
            Route::Online(source) | Route::Local(source) => source.verify(verification).await,
            Route::LocalThenOnline { local, online } => {
                let stated = local.verify(verification).await?;
                self.check(&stated, kind)?;
                match online.verify(verification).await {
                    Ok(answer) => answer.with_statement(stated),
                    Err(error) if is_not_introspected(&error) => Ok(stated),
                    Err(error) => Err(error),
                }
            }
        }
    }

    fn check(&self, answer: &Introspection, kind: TokenKind) -> Result<(), AuthErrorKind> {
        let now = self.clock.now().unix_seconds();
        self.rules.check(answer, kind, now)
    }

    /// Whether anything vouches for an access token. Introspection alone does not: it calls refresh
    /// tokens active too.
    fn is_access_token(&self, answer: &Introspection, shape: Shape) -> bool {
        // A `token_type` of another kind has been refused by now.
        shape != Shape::Unprefixed || answer.token_type.is_some() || self.rules.names_us(answer)
    }

    /// Builds the proof from an answer that passed the rules.
    fn conclude(
        &self,
        mut answer: Introspection,
        person: Person,
        shape: Shape,
    ) -> Result<Verified, AuthError> {
        let kind = kind_of(shape);
        let end = self.rules.end_of(&answer);
        let (subject, profile) = match (answer.sub.take(), person.userinfo) {
            (Some(sub), userinfo) => (sub, userinfo.map(|userinfo| userinfo.profile)),
            (None, Some(Userinfo { sub, profile })) => (sub, Some(profile)),
            (None, None) => return Err(AuthErrorKind::MissingSubject.into()),
        };
        if !is_usable_subject(&subject) {
            return Err(AuthErrorKind::MissingSubject.into());
        }
        let claimed_expiry = match shape {
            // What was read from the token itself is in the answer.
            Shape::Jwt { exp, .. } if !answer.is_local => exp,
            Shape::Jwt { .. } | Shape::Opaque(_) | Shape::Unprefixed => None,
        };
        let expires = earliest([end, claimed_expiry]);
        let presumed_end = answer
            .iat
            .filter(|_| kind == TokenKind::OAuth && !answer.is_local)
            .map(|iat| iat.saturating_add(ACCESS_TOKEN_LIFE));
        // Userinfo may have been asked for another reason.
        let profile = profile.filter(|_| self.enrich.is_by_userinfo(kind));
        let Capacity {
            organization,
            session,
        } = Capacity::of(&answer, kind, &subject, profile.as_ref())?;
        let claims = Claims {
            kind,
            subject: subject.into(),
            client_id: answer.client_id.map(|id| self.strings.intern(&id)),
            scope: self.strings.intern(&answer.scope.unwrap_or_default()),
            audience: answer
                .aud
                .unwrap_or_default()
                .iter()
                .map(|entry| self.strings.intern(entry))
                .collect(),
            issuer: answer.iss.map(|issuer| self.strings.intern(&issuer)),
            issued_at: answer.iat,
            expires_at: answer.exp,
            organization,
            session,
            profile: profile.map(Box::new),
            user: person.user,
            other: (!answer.other.is_empty())
                .then(|| serde_json::Value::Object(answer.other).to_string().into()),
            rules: Arc::clone(&self.rules),
            challenges: Arc::clone(&self.challenges),
        };
        Ok(Verified {
            claims: ClerkClaims::new(claims),
            expires,
            good_until: earliest([expires, presumed_end]),
            complete: person.complete,
        })
    }
}

/// The kind by whose rules a token has to pass. What has no shape of Clerk's is asked about as an OAuth
/// token, if at all.
fn kind_of(shape: Shape) -> TokenKind {
    shape.kind().unwrap_or(TokenKind::OAuth)
}

/// A subject that can be stored and compared: OpenID Connect Core §2 allows 255 characters.
fn is_usable_subject(sub: &str) -> bool {
    !sub.is_empty() && sub.len() <= 255 && !sub.chars().any(char::is_control)
}

fn earliest(times: [Option<i64>; 2]) -> Option<i64> {
    times.into_iter().flatten().min()
}

async fn within<T>(
    deadline: Instant,
    future: impl Future<Output = Result<T, AuthError>>,
) -> Result<T, AuthError> {
    timeout_at(deadline, future)
        .await
        .unwrap_or_else(|elapsed| {
            Err(AuthError::new(AuthErrorKind::UpstreamUnavailable).with_source(elapsed))
        })
}

/// How long an access token of Clerk lives, in seconds: one day, as its documentation says. Its
/// introspection answer does not tell when a token expires.
const ACCESS_TOKEN_LIFE: i64 = 86_400;

#[cfg(test)]
mod tests;
