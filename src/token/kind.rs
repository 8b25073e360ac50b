//! The kinds of tokens that Clerk issues, and sets of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of token, in Clerk's own names. No kind passes for another, whatever key signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TokenKind {
    /// An OAuth access token, opaque (`oat_…`) or a JWT (RFC 9068).
    #[serde(rename = "oauth_token", alias = "oauth")]
    OAuth,
    /// The token of a browser's or an app's session: a JWT that lives for a minute.
    #[serde(rename = "session_token", alias = "session")]
    Session,
    /// An API key of a user or an organization (`ak_…`).
    #[serde(rename = "api_key")]
    ApiKey,
    /// A machine-to-machine token, opaque (`mt_…`) or a JWT.
    #[serde(rename = "m2m_token", alias = "machine")]
    Machine,
}

impl TokenKind {
    pub(crate) const ALL: [Self; 4] = [Self::OAuth, Self::Session, Self::ApiKey, Self::Machine];

    /// The name in JSON, logs and metrics: Clerk's.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::OAuth => "oauth_token",
            Self::Session => "session_token",
            Self::ApiKey => "api_key",
            Self::Machine => "m2m_token",
        }
    }
}

/// A set of kinds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) fn contains(self, kind: TokenKind) -> bool {
        self.0 & bit(kind) != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn iter(self) -> impl Iterator<Item = TokenKind> {
        TokenKind::ALL
            .into_iter()
            .filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<TokenKind> for Kinds {
    fn from_iter<I: IntoIterator<Item = TokenKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |set, kind| set | bit(kind)))
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

fn bit(kind: TokenKind) -> u8 {
    match kind {
        TokenKind::OAuth => 1,
        TokenKind::Session => 2,
        TokenKind::ApiKey => 4,
        TokenKind::Machine => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::{Kinds, TokenKind};

    #[test]
    fn a_set_has_what_was_put_in_and_nothing_else() {
        for put in 0..16 {
            let chosen = |n: usize| put & (1 << n) != 0;
            let kinds: Kinds = (0..4)
                .filter(|n| chosen(*n))
                .map(|n| TokenKind::ALL[n])
                .collect();
            for (n, kind) in TokenKind::ALL.into_iter().enumerate() {
                assert_eq!(kinds.contains(kind), chosen(n), "{kind:?} in {kinds:?}");
            }
            assert_eq!(kinds.is_empty(), put == 0);
        }
    }

    #[test]
    fn names_are_clerks_and_read_as_written() {
        for (name, kind) in [
            ("oauth_token", TokenKind::OAuth),
            ("session_token", TokenKind::Session),
            ("api_key", TokenKind::ApiKey),
            ("m2m_token", TokenKind::Machine),
        ] {
            assert_eq!(kind.as_str(), name);
            assert_eq!(serde_json::to_value(kind).unwrap(), name);
            let read: TokenKind = serde_json::from_value(name.into()).unwrap();
            assert_eq!(read, kind);
        }
    }
}
