//! The proof that a token passed all rules, and its only constructor.

use std::{fmt, sync::Arc};

use super::{Verifier, acting_context::ActingContext, enrich::SubjectDetails, kind_of};
use crate::{
    AuthError, AuthErrorKind, TokenKind,
    claims::{ActiveOrganization, Claims, TokenId, entry::Acceptance},
    clerk::{TokenInfo, userinfo::Userinfo},
    observe,
    token::TokenFormat,
};

/// The proof that a token passed all rules. Only this file constructs it; the cache stores and the service injects
/// nothing else.
#[derive(Clone)]
pub(crate) struct Verified {
    // Invariant: private, so that no other module can write `Verified { .. }`.
    claims: Claims,
    expires: Option<i64>,
    cacheable_until: Option<i64>,
    complete: bool,
    is_local: bool,
    is_self_contained: bool,
    /// The age of the evidence, in milliseconds.
    age: u64,
}

impl Verified {
    /// Returns the id of the token, if log lines have it.
    pub(crate) fn logged_id(&self) -> Option<&str> {
        self.claims.logged_id()
    }
}

impl Acceptance for Verified {
    fn expires(&self) -> Option<i64> {
        self.expires
    }

    fn cacheable_until(&self) -> Option<i64> {
        self.cacheable_until
    }

    fn is_complete(&self) -> bool {
        self.complete
    }

    fn is_local(&self) -> bool {
        self.is_local
    }

    fn is_self_contained(&self) -> bool {
        self.is_self_contained
    }

    fn age(&self) -> u64 {
        self.age
    }

    fn into_claims(self) -> Claims {
        self.claims
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").finish_non_exhaustive()
    }
}

#[cfg(feature = "fleet")]
impl Verified {
    pub(crate) fn as_claims(&self) -> &Claims {
        &self.claims
    }

    /// Shortens the life of the entry by the age of the evidence, in milliseconds.
    pub(crate) fn aged(self, age: u64) -> Self {
        Self { age, ..self }
    }
}

#[cfg(test)]
impl Verified {
    /// Returns the claims as a handler gets them.
    pub(crate) fn claims(&self) -> crate::ClerkClaims {
        crate::ClerkClaims::new(self.claims.clone())
    }

    /// Creates a proof without a verification, for the tests of code that stores proofs.
    pub(crate) fn assertion(
        subject: &str,
        expires: Option<i64>,
        cacheable_until: Option<i64>,
        complete: bool,
    ) -> Self {
        Self {
            claims: Claims {
                expires_at: expires,
                ..Claims::bare(subject)
            },
            expires,
            cacheable_until,
            complete,
            is_local: false,
            is_self_contained: false,
            age: 0,
        }
    }

    /// The same proof, as that of a session token for which nothing was fetched.
    pub(crate) fn self_contained(self) -> Self {
        Self {
            is_local: true,
            is_self_contained: true,
            ..self
        }
    }
}

impl Verifier {
    /// Builds the proof from an answer that passed the rules.
    pub(super) fn to_verified(
        &self,
        mut answer: TokenInfo,
        details: SubjectDetails,
        format: TokenFormat,
    ) -> Result<Verified, AuthError> {
        let kind = kind_of(format);
        let end = self.rules.end_of(&answer);
        let (subject, profile) = match (answer.sub.take(), details.userinfo) {
            (Some(sub), userinfo) => (sub, userinfo.map(|userinfo| userinfo.profile)),
            (None, Some(Userinfo { sub, profile, .. })) => (sub, Some(profile)),
            (None, None) => return Err(AuthErrorKind::MissingSubject.into()),
        };
        if !is_usable_subject(&subject) {
            return Err(AuthErrorKind::MissingSubject.into());
        }
        let claimed_expiry = match format {
            // An answer that was read from the token itself contains its `exp` already.
            TokenFormat::Jwt { exp, .. } if !answer.is_local => exp,
            TokenFormat::Jwt { .. } | TokenFormat::Opaque(_) | TokenFormat::Unprefixed => None,
        };
        let expires = earliest([end, claimed_expiry]);
        let presumed_end = answer
            .iat
            .filter(|_| kind == TokenKind::OAuth && !answer.is_local)
            .map(|iat| iat.saturating_add(ACCESS_TOKEN_LIFE));
        // Userinfo may have been fetched for another reason.
        let profile = profile.filter(|_| self.enrich.is_by_userinfo(kind));
        let ActingContext {
            organization,
            details: of_kind,
        } = ActingContext::of(&answer, kind, &subject, profile.as_ref());
        if organization == ActiveOrganization::Unreadable {
            self.unreadable_organization
                .call_once(observe::unreadable_organization);
        }
        let other: Option<Box<str>> = (!answer.other.is_empty())
            .then(|| serde_json::Value::Object(answer.other).to_string().into());
        let claims = Claims {
            kind,
            token_id: TokenId::find(answer.token_id.as_deref(), other.as_deref()),
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
            details: of_kind,
            profile: profile.map(Box::new),
            user: details.user,
            other,
            rules: self.route_rules.clone(),
            challenges: Arc::clone(&self.challenges),
        };
        Ok(Verified {
            claims,
            expires,
            cacheable_until: earliest([expires, presumed_end]),
            complete: details.complete,
            is_local: answer.is_local,
            is_self_contained: answer.is_local
                && kind == TokenKind::Session
                && !self.enrich.fetches_for(kind),
            age: 0,
        })
    }
}

/// Returns true if a subject can be stored and compared: OpenID Connect Core §2 allows 255 characters.
pub(super) fn is_usable_subject(sub: &str) -> bool {
    !sub.is_empty() && sub.len() <= 255 && !sub.chars().any(char::is_control)
}

fn earliest(times: [Option<i64>; 2]) -> Option<i64> {
    times.into_iter().flatten().min()
}

/// The lifetime of an access token from Clerk, in seconds: one day, according to Clerk's documentation. The
/// introspection answer does not contain the expiry.
const ACCESS_TOKEN_LIFE: i64 = 86_400;
