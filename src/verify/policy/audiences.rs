//! The names by which tokens are addressed to this service.

use crate::{TokenKind, verify::resource_uri::ResourceUri};

/// The audiences that name this service.
#[derive(Clone, Debug)]
pub(crate) struct Audiences {
    /// Those of the configuration, byte for byte.
    pub(crate) named: Vec<String>,
    /// In any spelling.
    pub(crate) resource: Option<ResourceUri>,
    /// Our client id, which an OAuth token may be addressed to. To other kinds it means nothing; an ID token always
    /// names it.
    pub(crate) client_id: Option<String>,
}

impl Audiences {
    /// Whether one of the audiences of a token of this kind names us.
    pub(super) fn name_us(&self, audience: &[String], kind: TokenKind) -> bool {
        audience.iter().any(|entry| {
            self.named.contains(entry)
                || self.client_id(kind) == Some(entry)
                || self.resource.as_ref().is_some_and(|it| it.is(entry))
        })
    }

    /// All that a token of this kind may name.
    #[cfg(test)]
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
