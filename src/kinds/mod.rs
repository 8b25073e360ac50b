//! The kinds of tokens that a configuration accepts: one type per kind, with the options of that kind.
//!
//! [`ClerkConfigBuilder::accept`](crate::ClerkConfigBuilder::accept) takes one of these types for each kind:
//!
//! | type | tokens | verified |
//! |---|---|---|
//! | [`OAuthTokens`] | OAuth access tokens, opaque (`oat_…`) and JWTs | by introspection, the Backend API, their signature, or a verifier of your own |
//! | `SessionTokens` (feature `jwt`) | session tokens of browsers and apps | by their signature |
//! | [`ApiKeys`] | API keys of users and organizations (`ak_…`) | by the Backend API |
//! | [`MachineTokens`] | machine-to-machine tokens, opaque (`mt_…`) and JWTs | by the Backend API; JWTs by their signature |
//!
//! A token of any other kind is rejected without a call to Clerk. One key of the instance signs all of them, so the
//! kind must be checked: a token that is valid for a person in a browser must not be valid for a client which this
//! person has authorized.

mod api_key;
mod machine;
mod oauth;
#[cfg(feature = "jwt")]
mod session;

use serde::Deserialize;

pub(crate) use self::oauth::{Checked, OAuthSource};
use self::sealed::Kind;
#[cfg(feature = "jwt")]
#[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
pub use self::session::SessionTokens;
pub use self::{api_key::ApiKeys, machine::MachineTokens, oauth::OAuthTokens};
pub use crate::verify::{enrich::Enrichment, policy::AudiencePolicy, strategy::JwtVerification};
use crate::{
    TokenKind,
    checks::{Flaw, Problems},
    token::Kinds,
};

/// A kind of token with its options, for [`ClerkConfigBuilder::accept`](crate::ClerkConfigBuilder::accept).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not describe a kind of token",
    label = "not one of the types of `tower_clerk::kinds`",
    note = "the four types are `OAuthTokens`, `SessionTokens` (feature `jwt`), `ApiKeys` and `MachineTokens`"
)]
pub trait AcceptedKind: sealed::Sealed {}

impl AcceptedKind for OAuthTokens {}
#[cfg(feature = "jwt")]
impl AcceptedKind for SessionTokens {}
impl AcceptedKind for ApiKeys {}
impl AcceptedKind for MachineTokens {}

pub(crate) mod sealed {
    #[cfg(feature = "jwt")]
    use super::SessionTokens;
    use super::{ApiKeys, MachineTokens, OAuthTokens};

    #[expect(unnameable_types, reason = "no other crate implements it")]
    /// Restricts [`AcceptedKind`](super::AcceptedKind) to the types of this crate.
    pub trait Sealed {
        #[doc(hidden)]
        fn into_kind(self) -> Kind;
    }

    /// One of the four kinds, with its options.
    #[derive(Debug)]
    #[expect(unnameable_types, reason = "it is named only here")]
    pub enum Kind {
        OAuth(OAuthTokens),
        #[cfg(feature = "jwt")]
        Session(SessionTokens),
        ApiKey(ApiKeys),
        Machine(MachineTokens),
    }
}

/// The accepted kinds of a configuration, or of one of its sources.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table with one table per kind"
)]
pub(crate) struct Accepted {
    pub(crate) oauth: Option<OAuthTokens>,
    #[cfg(feature = "jwt")]
    pub(crate) session: Option<SessionTokens>,
    /// Read even without the feature, so that the error can name the feature.
    #[cfg(not(feature = "jwt"))]
    pub(crate) session: Option<serde::de::IgnoredAny>,
    pub(crate) api_key: Option<ApiKeys>,
    pub(crate) machine: Option<MachineTokens>,
}

impl Accepted {
    /// Adds a kind. Returns its name if the kind was already there.
    pub(crate) fn add(&mut self, kind: impl AcceptedKind) -> Option<TokenKind> {
        fn put<T>(place: &mut Option<T>, kind: T, name: TokenKind) -> Option<TokenKind> {
            place.replace(kind).map(|_| name)
        }
        match kind.into_kind() {
            Kind::OAuth(kind) => put(&mut self.oauth, kind, TokenKind::OAuth),
            #[cfg(feature = "jwt")]
            Kind::Session(kind) => put(&mut self.session, kind, TokenKind::Session),
            Kind::ApiKey(kind) => put(&mut self.api_key, kind, TokenKind::ApiKey),
            Kind::Machine(kind) => put(&mut self.machine, kind, TokenKind::Machine),
        }
    }

    /// Returns these kinds, and the kinds of another source that are missing here.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            oauth: self.oauth.or(other.oauth),
            session: self.session.or(other.session),
            api_key: self.api_key.or(other.api_key),
            machine: self.machine.or(other.machine),
        }
    }

    pub(crate) fn kinds(&self) -> Kinds {
        let kinds = [
            (TokenKind::OAuth, self.oauth.is_some()),
            (TokenKind::Session, self.session.is_some()),
            (TokenKind::ApiKey, self.api_key.is_some()),
            (TokenKind::Machine, self.machine.is_some()),
        ];
        let accepted = kinds.into_iter().filter(|(_, is_accepted)| *is_accepted);
        accepted.map(|(kind, _)| kind).collect()
    }

    /// Reports an empty list of kinds, and a kind that this build cannot verify.
    pub(crate) fn check(&self, problems: &mut Problems) {
        if self.kinds().is_empty() {
            let hint = "nothing is accepted that is not named: accept at least one of `OAuthTokens`, `SessionTokens`, \
                        `ApiKeys`, `MachineTokens`";
            problems.add("accept", Flaw::missing(hint));
        }
        #[cfg(not(feature = "jwt"))]
        if self.session.is_some() {
            problems.add("accept.session", without_jwt());
        }
    }
}

/// Returns the option of a kind, as a problem names it.
pub(crate) fn option_of(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::OAuth => "accept.oauth",
        TokenKind::Session => "accept.session",
        TokenKind::ApiKey => "accept.api_key",
        TokenKind::Machine => "accept.machine",
    }
}

/// Returns the name of a kind in files and in the environment: the last part of its [option](option_of).
pub(crate) fn name_of(kind: TokenKind) -> &'static str {
    let option = option_of(kind);
    option.strip_prefix("accept.").unwrap_or(option)
}

/// The problem that this build cannot verify JWTs.
pub(crate) fn without_jwt() -> Flaw {
    Flaw::hidden("JWTs are verified with the feature `jwt`, which this build does not have")
}
