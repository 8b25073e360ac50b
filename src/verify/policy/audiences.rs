//! The audiences by which tokens are addressed to this service.

use super::Rules;
use crate::{
    TokenKind,
    clerk::TokenInfo,
    observe::AudienceRejection,
    token::{resource_uri::ResourceUri, scope::split_scope},
};

/// The audiences that name this service.
#[derive(Clone, Debug)]
pub(crate) struct Audiences {
    /// The configured audiences, compared byte for byte.
    pub(crate) named: Vec<String>,
    /// The configured resource, compared in any spelling.
    pub(crate) resource: Option<ResourceUri>,
    /// The client id of this service, which is an audience of OAuth tokens only: an ID token always names it.
    pub(crate) client_id: Option<String>,
}

impl Audiences {
    /// Returns true if one of the audiences of a token of this kind names this service.
    pub(super) fn name_us(&self, audience: &[String], kind: TokenKind) -> bool {
        audience.iter().any(|entry| {
            self.named.contains(entry)
                || self.client_id(kind) == Some(entry)
                || self.resource.as_ref().is_some_and(|it| it.is(entry))
        })
    }

    /// Returns all audiences that a token of this kind may name.
    pub(crate) fn of_kind(&self, kind: TokenKind) -> impl Iterator<Item = &str> {
        let resource = self.resource.as_ref().map(ResourceUri::as_str);
        let named = self.named.iter().map(String::as_str);
        resource
            .into_iter()
            .chain(named)
            .chain(self.client_id(kind))
    }

    fn client_id(&self, kind: TokenKind) -> Option<&str> {
        self.client_id
            .as_deref()
            .filter(|_| kind == TokenKind::OAuth)
    }
}

impl Rules {
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
