//! Behind a miss: introspect, then judge, then enrich. In this order, since nothing else is asked
//! before the token is known to be good.
//!
//! A token that *was* known to be good a moment ago, and is only refreshed, is the exception: both
//! endpoints are asked at the same time, and userinfo's answer counts only if introspection's passes.

mod enrich;
mod intern;
pub(crate) mod introspect;
mod needs;
pub(crate) mod policy;
mod shape;
mod source;

use std::{future::Future, pin::pin, sync::Arc, task::Poll, time::Duration};

use futures_util::{future, poll};
use tokio::time::{Instant, timeout_at};

pub use introspect::Introspection;
pub(crate) use policy::Rules;
pub(crate) use shape::Shape;
pub use source::{Verification, Verify};

use self::{enrich::Userinfo, needs::Needs};
use crate::{
    AuthError, AuthErrorKind, BearerToken, ClerkClaims, Enrichment, TokenKind,
    claims::{Claims, Profile},
    clock::Clock,
    reject::Challenges,
    upstream::Lane,
};
pub(crate) use enrich::Enrich;
pub(crate) use intern::Interner;

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
    pub(crate) source: Arc<dyn Verify>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) enrichment: Enrichment,
    pub(crate) enrich: Enrich,
    pub(crate) accept_unprefixed: bool,
    pub(crate) timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) strings: Interner,
}

impl Verifier {
    /// Whether the token is worth asking about at all.
    pub(crate) fn admit(&self, token: &str, now: i64) -> Result<Shape, AuthErrorKind> {
        match Shape::of(token) {
            Shape::Jwt { exp: Some(exp) } if exp <= now => Err(AuthErrorKind::Expired),
            Shape::Unprefixed if !self.accept_unprefixed => Err(AuthErrorKind::UnsupportedToken),
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
        let mut introspection = pin!(within(
            deadline,
            self.source.verify(Verification { token, lane })
        ));
        let (answer, userinfo) = if lane == Lane::Known && self.enrichment != Enrichment::Off {
            match poll!(&mut introspection) {
                // As it does where Clerk is known to be down: userinfo is left alone, too.
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(answer)) => (answer, None),
                Poll::Pending => {
                    let userinfo = self.fetch_userinfo(token, lane, deadline);
                    let (answer, userinfo) = future::join(introspection, userinfo).await;
                    (answer?, Some(userinfo))
                }
            }
        } else {
            (introspection.await?, None)
        };
        self.rules.check(&answer, self.clock.now().unix_seconds())?;

        let needs = Needs {
            vouching: !self.is_access_token(&answer, shape),
            subject: answer.sub.is_none(),
            profile: self.enrichment == Enrichment::Required,
        };
        let userinfo = match userinfo {
            Some(userinfo) => Some(userinfo),
            None if needs.any() || self.enrichment != Enrichment::Off => {
                Some(self.fetch_userinfo(token, lane, deadline).await)
            }
            None => None,
        };
        let profile = userinfo
            .map(|userinfo| needs.check(&answer, userinfo))
            .transpose()?
            .flatten();
        self.conclude(answer, profile, shape)
    }

    async fn fetch_userinfo(
        &self,
        token: &BearerToken,
        lane: Lane,
        deadline: Instant,
    ) -> Result<Userinfo, AuthError> {
        within(deadline, self.enrich.fetch(token, lane)).await
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
        answer: Introspection,
        userinfo: Option<Userinfo>,
        shape: Shape,
    ) -> Result<Verified, AuthError> {
        let complete = userinfo.is_some() || self.enrichment == Enrichment::Off;
        let (subject, profile) = match (answer.sub, userinfo) {
            (Some(sub), userinfo) => (sub, userinfo.map(|userinfo| userinfo.profile)),
            (None, Some(Userinfo { sub, profile })) => (sub, Some(profile)),
            (None, None) => return Err(AuthErrorKind::MissingSubject.into()),
        };
        if !is_usable_subject(&subject) {
            return Err(AuthErrorKind::MissingSubject.into());
        }
        let claimed_expiry = match shape {
            Shape::Jwt { exp } => exp,
            Shape::Opaque | Shape::Unprefixed => None,
        };
        let expires = earliest([answer.exp, claimed_expiry]);
        let presumed_end = answer.iat.map(|iat| iat.saturating_add(ACCESS_TOKEN_LIFE));
        let profile: Option<Profile> = profile.filter(|_| self.enrichment != Enrichment::Off);
        let org_id = answer.org_id.map(Into::into).or_else(|| {
            let organization = profile.as_ref()?.organization()?;
            Some(organization.id().into())
        });
        let claims = Claims {
            kind: TokenKind::OAuth,
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
            org_id,
            profile: profile.map(Box::new),
            other: (!answer.other.is_empty())
                .then(|| serde_json::Value::Object(answer.other).to_string().into()),
            rules: Arc::clone(&self.rules),
            challenges: Arc::clone(&self.challenges),
        };
        Ok(Verified {
            claims: ClerkClaims::new(claims),
            expires,
            good_until: earliest([expires, presumed_end]),
            complete,
        })
    }
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
