//! The audiences by which tokens are addressed to this service.

use std::fmt;

use serde::Deserialize;

use super::Rules;
use crate::{
    AuthErrorKind, TokenKind,
    checks::Hidden,
    clerk::TokenInfo,
    observe::{AudienceRejection, AudienceVerdict},
    token::{resource_uri::ResourceUri, scope::split_scope},
};

/// The rule for the audiences (`aud`) that a token may and must name. The audiences of a service are those of the kind's
/// list, the [`resource`](crate::ClerkConfigBuilder::resource) and, for OAuth tokens, the service's own client id.
///
/// Every policy counts the verified tokens in `clerk_auth_audience_total`, by whether their audience is `ours`,
/// `foreign` or `absent`. So the policies can be introduced one after the other: from `Observe` to `RejectForeign` once
/// no token is `foreign`, and to `Require` once none is `absent`.
///
/// An audience counts as `ours` only if Clerk's response or a payload with a verified signature names it. A payload
/// with an unverified signature can only make a token `foreign`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AudiencePolicy {
    /// Counts the audiences, and rejects no token because of its audience. The tokens of every service that uses the
    /// instance are then accepted. Use it only to find out which tokens another policy would reject.
    Observe,
    /// Rejects a token whose `aud` names only other services. A token without `aud` passes: Clerk sets one only if the
    /// client requested the token for a resource (RFC 8707).
    #[default]
    RejectForeign,
    /// Rejects a token without `aud`, too.
    ///
    /// Clerk's documented introspection responses have no `aud`, and the payload of a JWT counts only once its
    /// signature is verified. So this policy needs
    /// [`JwtVerification::LocalThenIntrospect`](crate::kinds::JwtVerification::LocalThenIntrospect) for JWTs, or
    /// the [Backend API](crate::kinds) for opaque tokens, whose responses have an `aud`. With introspection alone, all tokens are rejected unless the instance returns more than is documented.
    /// Without the feature `jwt`, that combination is a problem of [`build`](crate::ClerkConfigBuilder::build). With the
    /// feature, a warning is logged.
    Require,
}

/// The audience policies of the kinds that have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AudiencePolicies {
    pub(crate) oauth: AudiencePolicy,
    pub(crate) session: AudiencePolicy,
}

impl AudiencePolicies {
    /// Returns the policy of a kind. API keys have no option for it. The audience of a machine token names machines,
    /// and the rule about machines decides.
    pub(super) fn of(self, kind: TokenKind) -> AudiencePolicy {
        match kind {
            TokenKind::OAuth => self.oauth,
            TokenKind::Session => self.session,
            TokenKind::ApiKey | TokenKind::Machine => AudiencePolicy::RejectForeign,
        }
    }
}

/// The audiences that name this service.
#[derive(Clone)]
pub(crate) struct Audiences {
    /// Those of OAuth tokens in the configuration, byte for byte.
    pub(crate) oauth: Vec<String>,
    /// Those of session tokens.
    pub(crate) session: Vec<String>,
    /// In any spelling.
    pub(crate) resource: Option<ResourceUri>,
    /// The client id of this service, which is an audience of OAuth tokens only: an ID token always names it.
    pub(crate) client_id: Option<String>,
}

impl Audiences {
    /// Returns true if one of the audiences of a token of this kind names this service.
    fn name_us(&self, audience: &[String], kind: TokenKind) -> bool {
        audience.iter().any(|entry| {
            self.named(kind).contains(entry)
                || self.client_id(kind) == Some(entry)
                || self.resource.as_ref().is_some_and(|it| it.is(entry))
        })
    }

    /// Returns all audiences that a token of this kind may name.
    pub(crate) fn of_kind(&self, kind: TokenKind) -> impl Iterator<Item = &str> {
        let resource = self.resource.as_ref().map(ResourceUri::as_str);
        let named = self.named(kind).iter().map(String::as_str);
        resource
            .into_iter()
            .chain(named)
            .chain(self.client_id(kind))
    }

    fn named(&self, kind: TokenKind) -> &[String] {
        match kind {
            TokenKind::OAuth => &self.oauth,
            TokenKind::Session => &self.session,
            TokenKind::ApiKey | TokenKind::Machine => &[],
        }
    }

    fn client_id(&self, kind: TokenKind) -> Option<&str> {
        self.client_id
            .as_deref()
            .filter(|_| kind == TokenKind::OAuth)
    }
}

/// Shows no text: a secret may be in the wrong place.
impl fmt::Debug for Audiences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audiences")
            .field("oauth", &Hidden::list(&self.oauth))
            .field("session", &Hidden::list(&self.session))
            .finish_non_exhaustive()
    }
}

impl Rules {
    /// Returns whether the audience of a token names this service. The caller decides whether `answer` is evidence.
    pub(crate) fn audience_verdict(&self, answer: &TokenInfo, kind: TokenKind) -> AudienceVerdict {
        match &answer.aud {
            None => AudienceVerdict::Absent,
            Some(named) if self.audiences.name_us(named, kind) => AudienceVerdict::Ours,
            Some(_) => AudienceVerdict::Foreign,
        }
    }

    /// Rejects a token for another audience, unless its audience is only observed. A token that names no audience
    /// passes.
    pub(super) fn check_audience(
        &self,
        answer: &TokenInfo,
        kind: TokenKind,
    ) -> Result<(), AuthErrorKind> {
        match (
            self.audience_policies.of(kind),
            self.audience_verdict(answer, kind),
        ) {
            (AudiencePolicy::RejectForeign | AudiencePolicy::Require, AudienceVerdict::Foreign) => {
                Err(AuthErrorKind::WrongAudience)
            }
            _ => Ok(()),
        }
    }

    /// Rejects a token that names no audience, if its kind has to name one.
    pub(super) fn check_audience_is_named(
        &self,
        answer: &TokenInfo,
        kind: TokenKind,
    ) -> Result<(), AuthErrorKind> {
        match (
            self.audience_policies.of(kind),
            self.audience_verdict(answer, kind),
        ) {
            (AudiencePolicy::Require, AudienceVerdict::Absent) => Err(AuthErrorKind::WrongAudience),
            _ => Ok(()),
        }
    }

    /// Describes the rejection of a token for another audience. `client`: the client that a trusted source names.
    pub(crate) fn audience_rejection<'a>(
        &'a self,
        stated: &'a TokenInfo,
        client: Option<&'a str>,
        kind: TokenKind,
    ) -> AudienceRejection<'a> {
        let audience = stated.aud.as_deref();
        let named = audience.unwrap_or_default().iter().map(String::as_str);
        let (found, expected) = if kind == TokenKind::Machine {
            let machines = self.machines.iter().flatten().map(String::as_str);
            let scope = stated.scope.as_deref().filter(|_| audience.is_none());
            let scopes = split_scope(scope.unwrap_or_default());
            (named.chain(scopes).collect(), machines.collect())
        } else {
            (named.collect(), self.audiences.of_kind(kind).collect())
        };
        AudienceRejection {
            kind,
            client,
            found,
            expected,
        }
    }
}

/// Returns true if a token of this kind reached the rule about its audience, so that its audience is counted. Only
/// the rule about scopes comes later.
pub(crate) fn concerns_audience(verdict: Result<(), AuthErrorKind>, kind: TokenKind) -> bool {
    matches!(kind, TokenKind::OAuth | TokenKind::Session)
        && matches!(
            verdict,
            Ok(()) | Err(AuthErrorKind::WrongAudience | AuthErrorKind::InsufficientScope)
        )
}
