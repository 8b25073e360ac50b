//! [`SessionTokens`]: the tokens of sessions of browsers and apps.

use std::fmt;

use serde::{Deserialize, Deserializer};

use super::AudiencePolicy;
use crate::checks::{
    Flaw, Hidden, Problems, check_browser_origin, check_graphic, parse, untyped::in_two_steps,
};

/// Session tokens of the instance: JWTs that live for a minute, verified by their signature.
///
/// In a file it is the table `accept.session`, with `authorized_parties`, `cookie`, `allow_pending`, `audiences` and
/// `audience_policy`. `Debug` shows no text of it.
#[derive(Clone, Default, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields, expecting = "a table")]
#[must_use = "pass it to `ClerkConfigBuilder::accept`"]
pub struct SessionTokens {
    #[serde(deserialize_with = "parse::deserialize_list")]
    pub(crate) authorized_parties: Option<Vec<String>>,
    pub(crate) cookie: bool,
    pub(crate) allow_pending: bool,
    #[serde(deserialize_with = "parse::deserialize_list")]
    pub(crate) audiences: Vec<String>,
    #[serde(deserialize_with = "parse::deserialize_word")]
    pub(crate) audience_policy: AudiencePolicy,
}

/// Reads the table in two steps, so that no value of it gets into an error.
impl<'de> Deserialize<'de> for SessionTokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        in_two_steps(deserializer, Self::deserialize)
    }
}

impl SessionTokens {
    /// Accepts session tokens of any origin, from the `Authorization` header only.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the origins that session tokens may have been issued to. A token's `azp` must be one of them, byte for
    /// byte. Default: every `azp` is accepted, and a token without one, too.
    ///
    /// Write an origin as browsers do: scheme and host in lower case, a port unless it is the default of the scheme,
    /// and no path (`https://app.example.com`). `null` and other schemes are possible. Everything else, and an empty
    /// list, is a problem of [`build`](crate::ClerkConfigBuilder::build).
    ///
    /// With this option, a token without `azp` is rejected, for example a token of a native app or one made by the
    /// Backend API. The option prevents a page of another origin that shares the instance from using its tokens here.
    /// Set it whenever [cookies](Self::cookie) are read.
    pub fn authorized_parties<I>(mut self, origins: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.authorized_parties = Some(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Takes the session token from Clerk's cookie if a request has no bearer credentials. Default: cookies are not
    /// read, since browsers send them with every request.
    ///
    /// If the configuration has the publishable key, the cookie is `__session_` and a suffix that the key determines.
    /// Without such a cookie, or without a key, it is `__session`. An empty cookie counts as absent. An `Authorization`
    /// header of the scheme `Bearer` takes precedence, even if it is malformed. A header of another scheme does not.
    /// Two different cookies with one name get a 400, like two headers. Only session tokens are accepted from a cookie.
    ///
    /// # Cross-site request forgery
    ///
    /// A browser sends cookies with every request, no matter which page caused it. Clerk's cookie is `SameSite=Lax`:
    /// other sites can cause it to be sent only with top-level `GET`s, but sibling subdomains with every request. So no
    /// `GET` may change anything. Check the `Origin` of requests that do, and set
    /// [`authorized_parties`](Self::authorized_parties). It is safer if pages send the token in the header, without
    /// this option.
    pub fn cookie(mut self) -> Self {
        self.cookie = true;
        self
    }

    /// Accepts pending session tokens, whose user still has a task, such as choosing an organization. Default: they are
    /// rejected, since Clerk's own libraries also treat such users as signed out.
    pub fn allow_pending(mut self) -> Self {
        self.allow_pending = true;
        self
    }

    /// Sets the audiences of this service, in addition to the [`resource`](crate::ClerkConfigBuilder::resource).
    /// Default: none. Audiences are compared byte for byte.
    pub fn audiences<I>(mut self, audiences: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.audiences = audiences.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the rule for the audiences that a token may and must name. Default: [`AudiencePolicy::RejectForeign`].
    pub fn audience_policy(mut self, policy: AudiencePolicy) -> Self {
        self.audience_policy = policy;
        self
    }

    pub(crate) fn check(&self, problems: &mut Problems) {
        let option = "accept.session.authorized_parties";
        let parties = self.authorized_parties.as_deref();
        if parties.is_some_and(<[_]>::is_empty) {
            let hint = "an empty list rejects every token: name origins, or leave the list out";
            problems.add(option, Flaw::missing(hint));
        }
        problems.check_each(option, parties.unwrap_or_default(), check_browser_origin);
        problems.check_each("accept.session.audiences", &self.audiences, check_graphic);
    }
}

impl super::sealed::Sealed for SessionTokens {
    fn into_kind(self) -> super::Kind {
        super::Kind::Session(self)
    }
}

/// Shows choices. All other texts may be misplaced secrets, and are redacted.
impl fmt::Debug for SessionTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parties = self.authorized_parties.as_deref().map(Hidden::list);
        f.debug_struct("SessionTokens")
            .field("authorized_parties", &parties)
            .field("cookie", &self.cookie)
            .field("allow_pending", &self.allow_pending)
            .field("audiences", &Hidden::list(&self.audiences))
            .field("audience_policy", &self.audience_policy)
            .finish()
    }
}
