//! [`OAuthTokens`]: OAuth access tokens.

use std::{fmt, sync::Arc};

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::{AudiencePolicy, JwtVerification};
use crate::{
    checks::{
        Flaw, Hidden, Named, Problems, check_graphic, check_scope, check_text, is_vschar, parse,
        untyped::in_two_steps,
    },
    clerk::introspection::basic_credentials,
    verify::{Enrichment, Verify},
};

/// OAuth access tokens of the instance, opaque (`oat_…`) and JWTs (RFC 9068), and how they are verified.
///
/// In a file it is the table `accept.oauth`, with `verification` (`"introspection"`, `"backend-api"`, `"signature"`),
/// `client_id`, `client_secret`, `required_scopes`, `allowed_clients` (a list, or `"*"`), `audiences`,
/// `audience_policy`, `jwts`, `userinfo` and `unprefixed`. `Debug` shows no text of it.
#[derive(Clone, Deserialize)]
#[serde(
    remote = "Self",
    default = "OAuthTokens::new",
    deny_unknown_fields,
    expecting = "a table"
)]
#[must_use = "pass it to `ClerkConfigBuilder::accept`"]
pub struct OAuthTokens {
    #[serde(deserialize_with = "parse::deserialize_word")]
    verification: Verification,
    client_id: String,
    #[serde(deserialize_with = "parse::deserialize_secret")]
    client_secret: SecretString,
    #[serde(deserialize_with = "parse::deserialize_list")]
    required_scopes: Vec<String>,
    allowed_clients: Option<Named>,
    #[serde(deserialize_with = "parse::deserialize_list")]
    audiences: Vec<String>,
    #[serde(deserialize_with = "parse::deserialize_word")]
    audience_policy: AudiencePolicy,
    #[serde(deserialize_with = "parse::deserialize_word_option")]
    jwts: Option<JwtVerification>,
    #[serde(deserialize_with = "parse::deserialize_word_option")]
    userinfo: Option<Enrichment>,
    unprefixed: bool,
}

/// The verification of opaque tokens, and of JWTs that are not verified by their signature.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verification {
    #[default]
    Introspection,
    BackendApi,
    Signature,
    #[serde(skip)]
    Custom(Arc<dyn Verify>),
}

/// The checked options of OAuth tokens.
pub(crate) struct Checked {
    pub(crate) source: OAuthSource,
    pub(crate) client_id: Option<String>,
    pub(crate) required_scopes: Vec<String>,
    /// `None` if any client is accepted.
    pub(crate) allowed_clients: Option<Vec<String>>,
    pub(crate) audiences: Vec<String>,
    pub(crate) audience_policy: AudiencePolicy,
    /// True if an audience is required, but no configured verification returns one.
    pub(crate) requires_what_is_not_shown: bool,
    pub(crate) jwts: JwtVerification,
    pub(crate) userinfo: Option<Enrichment>,
    pub(crate) unprefixed: bool,
}

/// The source that verifies tokens other than by their signature.
#[derive(Clone)]
pub(crate) enum OAuthSource {
    None,
    /// Holds `Authorization` for the introspection endpoint.
    Introspection(HeaderValue),
    BackendApi,
    Custom(Arc<dyn Verify>),
}

/// Reads the table in two steps, so that no value of it gets into an error.
impl<'de> Deserialize<'de> for OAuthTokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        in_two_steps(deserializer, Self::deserialize)
    }
}

impl OAuthTokens {
    /// Verifies tokens by introspection (RFC 7662), with the id and secret of an OAuth application of the instance
    /// (HTTP Basic, RFC 7662 §2.1).
    ///
    /// Introspection is the standard, and its response has the organization. The application may differ from the one
    /// that the callers use; see [`allow_clients`](Self::allow_clients). Id and secret consist of visible ASCII
    /// characters and spaces (RFC 6749 appendix A).
    pub fn introspection(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: client_secret.into().into(),
            ..Self::new()
        }
    }

    /// Verifies tokens by the Backend API, with the [`secret_key`](crate::ClerkConfigBuilder::secret_key). Its
    /// responses for opaque tokens have an `aud`.
    ///
    /// This service then has no own client, so [`allow_clients`](Self::allow_clients) or
    /// [`allow_any_client`](Self::allow_any_client) is mandatory.
    pub fn backend_api() -> Self {
        Self::by(Verification::BackendApi)
    }

    /// Verifies JWTs by their signature alone, and rejects opaque tokens. No call is made to verify a token; userinfo
    /// is still requested for the profile, unless [`userinfo`](Self::userinfo) is off.
    ///
    /// A token is valid until it expires, up to a day, even if it is revoked. This service has no own client, so
    /// [`allow_clients`](Self::allow_clients) or [`allow_any_client`](Self::allow_any_client) is mandatory.
    #[cfg(feature = "jwt")]
    #[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
    pub fn signature() -> Self {
        Self::by(Verification::Signature)
    }

    /// Verifies tokens by a custom verifier. All rules of the configuration, the cache and the enrichment apply to its
    /// result.
    ///
    /// This service then has no own client, so [`allow_clients`](Self::allow_clients) or
    /// [`allow_any_client`](Self::allow_any_client) is mandatory.
    pub fn verified_by(verify: impl Verify) -> Self {
        Self::by(Verification::Custom(Arc::new(verify)))
    }

    /// Sets the scopes that every token must have, all of them. Default: none, since they depend on the application.
    /// Scopes are compared byte for byte (RFC 6749 §3.3), unless
    /// [`scope_implies`](crate::ClerkConfigBuilder::scope_implies) is set.
    pub fn required_scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.required_scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the OAuth clients whose tokens are accepted. Default: the client that
    /// [`introspection`](Self::introspection) uses, since any application of the instance could otherwise use its
    /// tokens here. A list replaces the default. An empty list is a problem.
    pub fn allow_clients<I>(mut self, ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.allowed_clients = Some(Named::Listed(ids.into_iter().map(Into::into).collect()));
        self
    }

    /// Accepts the tokens of every client of the instance. Use this for servers whose clients register themselves
    /// (RFC 7591), as MCP clients do. The protection is then the [`audience_policy`](Self::audience_policy).
    pub fn allow_any_client(mut self) -> Self {
        self.allowed_clients = Some(Named::Any);
        self
    }

    /// Sets the audiences of this service, in addition to the [`resource`](crate::ClerkConfigBuilder::resource) and its
    /// own client id. Default: none. Audiences are compared byte for byte, while the resource may be spelled in several
    /// ways.
    ///
    /// A token can have an `aud` in Clerk's response and, as a JWT, in its payload. The token is rejected if either of
    /// them names only other services.
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

    /// Sets the verification of JWTs. Default: [`JwtVerification::Introspect`], so that a revocation at Clerk takes
    /// effect. After `signature()`, only [`JwtVerification::Local`] is possible.
    #[cfg(feature = "jwt")]
    #[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
    pub fn jwts(mut self, verification: JwtVerification) -> Self {
        self.jwts = Some(verification);
        self
    }

    /// Sets the enrichment with a profile from userinfo (OpenID Connect Core §5.3). Default:
    /// [`BestEffort`](Enrichment::BestEffort), so that handlers have the e-mail address if possible, and an outage of
    /// userinfo rejects no request. While [`users`](crate::ClerkConfigBuilder::users) is on, the default is
    /// [`Off`](Enrichment::Off), since the user has the same profile.
    pub fn userinfo(mut self, enrichment: Enrichment) -> Self {
        self.userinfo = Some(enrichment);
        self
    }

    /// Verifies opaque tokens without the prefix `oat_`, too. Default: they are rejected without a call, since
    /// introspection also reports a refresh token as active.
    ///
    /// The verification must then show that the token is an access token: by a `token_type` of Bearer, or by a 200 of
    /// userinfo, which is requested if necessary. An `aud` does not show it: the `aud` of a refresh token may be that
    /// of its grant.
    pub fn unprefixed(mut self) -> Self {
        self.unprefixed = true;
        self
    }

    fn new() -> Self {
        Self::by(Verification::default())
    }

    fn by(verification: Verification) -> Self {
        Self {
            verification,
            client_id: String::new(),
            client_secret: SecretString::default(),
            required_scopes: Vec::new(),
            allowed_clients: None,
            audiences: Vec::new(),
            audience_policy: AudiencePolicy::default(),
            jwts: None,
            userinfo: None,
            unprefixed: false,
        }
    }

    /// Returns the options of the environment: opaque tokens are verified by the Backend API or by introspection.
    pub(crate) fn from_environment(is_backend_api: bool, jwts: Option<JwtVerification>) -> Self {
        let verification = match is_backend_api {
            true => Verification::BackendApi,
            false => Verification::Introspection,
        };
        Self {
            jwts,
            ..Self::by(verification)
        }
    }

    /// Sets id and secret. If both are absent, and JWTs are verified only by their signature, no introspection is
    /// configured.
    pub(crate) fn credentials(mut self, id: Option<String>, secret: Option<String>) -> Self {
        let is_local = self.jwts == Some(JwtVerification::Local);
        if id.is_none()
            && secret.is_none()
            && is_local
            && matches!(self.verification, Verification::Introspection)
        {
            self.verification = Verification::Signature;
        }
        self.client_id = id.unwrap_or_default();
        self.client_secret = secret.unwrap_or_default().into();
        self
    }

    pub(crate) fn named_clients(mut self, clients: Named) -> Self {
        self.allowed_clients = Some(clients);
        self
    }

    pub(crate) fn needs_secret_key(&self) -> bool {
        matches!(self.verification, Verification::BackendApi)
    }

    pub(crate) fn check(self, problems: &mut Problems) -> Checked {
        let jwts = self.check_jwts(problems);
        let source = match &self.verification {
            Verification::Introspection => self.check_credentials(problems),
            Verification::BackendApi => OAuthSource::BackendApi,
            Verification::Signature => OAuthSource::None,
            Verification::Custom(verify) => OAuthSource::Custom(Arc::clone(verify)),
        };
        let is_introspection = matches!(self.verification, Verification::Introspection);
        let option = "accept.oauth.required_scopes";
        problems.check_each(option, &self.required_scopes, check_scope);
        let option = "accept.oauth.audiences";
        problems.check_each(option, &self.audiences, check_graphic);
        let requires_audience = self.audience_policy == AudiencePolicy::Require;
        let requires_what_is_not_shown =
            requires_audience && is_introspection && jwts == JwtVerification::Introspect;
        let client_id = Some(self.client_id).filter(|id| is_introspection && !id.is_empty());
        Checked {
            source,
            allowed_clients: check_clients(
                self.allowed_clients,
                client_id.as_deref(),
                is_introspection,
                problems,
            ),
            client_id,
            required_scopes: self.required_scopes,
            audiences: self.audiences,
            audience_policy: self.audience_policy,
            requires_what_is_not_shown,
            jwts,
            userinfo: self.userinfo,
            unprefixed: self.unprefixed,
        }
    }

    fn check_jwts(&self, problems: &mut Problems) -> JwtVerification {
        let is_signature = matches!(self.verification, Verification::Signature);
        let default = match is_signature {
            true => JwtVerification::Local,
            false => JwtVerification::Introspect,
        };
        let jwts = self.jwts.unwrap_or(default);
        if is_signature && jwts != JwtVerification::Local {
            let flaw = Flaw::hidden(
                "`signature` verifies JWTs by their signature alone: leave `jwts` out, or use `introspection`",
            );
            problems.add("accept.oauth.jwts", flaw);
        }
        if cfg!(not(feature = "jwt")) && jwts != JwtVerification::Introspect {
            problems.add("accept.oauth.jwts", super::without_jwt());
        }
        jwts
    }

    /// Checks id and secret, which consist of VSCHAR (RFC 6749 appendix A.1, A.2). Neither is shown: both are texts of
    /// the same form, and easily swapped.
    fn check_credentials(&self, problems: &mut Problems) -> OAuthSource {
        let secret = self.client_secret.expose_secret();
        let check = |text: &str, variable: &str| {
            if text.is_empty() {
                return Err(Flaw::missing(&format!(
                    "give id and secret of an OAuth application of the instance, or set {variable}"
                )));
            }
            if text.bytes().all(is_vschar) {
                return Ok(());
            }
            Err(Flaw::hidden(
                "it consists of visible ASCII characters (RFC 6749 appendix A)",
            ))
        };
        let id = check(&self.client_id, "CLERK_OAUTH_CLIENT_ID");
        problems.check("accept.oauth.client_id", id);
        let option = "accept.oauth.client_secret";
        problems.check(option, check(secret, "CLERK_OAUTH_CLIENT_SECRET"));
        basic_credentials(&self.client_id, secret)
            .map_or(OAuthSource::None, OAuthSource::Introspection)
    }
}

fn check_clients(
    allowed: Option<Named>,
    own: Option<&str>,
    is_introspection: bool,
    problems: &mut Problems,
) -> Option<Vec<String>> {
    let option = "accept.oauth.allowed_clients";
    match allowed {
        // A missing id is already reported by another check.
        None if is_introspection => Some(own.map(ToOwned::to_owned).into_iter().collect()),
        None => {
            let hint = "without credentials of a client there is no own client: name the clients whose tokens are \
                        accepted (`allow_clients`), or allow any (`allow_any_client`)";
            problems.add(option, Flaw::missing(hint));
            Some(Vec::new())
        }
        Some(Named::Any) => None,
        Some(Named::Listed(clients)) => {
            if clients.is_empty() {
                let hint = "an empty list rejects every token: name clients, or leave the list out";
                problems.add(option, Flaw::missing(hint));
            }
            problems.check_each(option, &clients, |client| check_text(client, is_vschar));
            Some(clients)
        }
    }
}

impl super::sealed::Sealed for OAuthTokens {
    fn into_kind(self) -> super::Kind {
        super::Kind::OAuth(self)
    }
}

/// Shows choices. All other texts may be misplaced secrets, and are redacted.
impl fmt::Debug for OAuthTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients = self.allowed_clients.as_ref().map(Named::hidden);
        f.debug_struct("OAuthTokens")
            .field("verification", &self.verification)
            .field("client_id", &Hidden::text(&self.client_id))
            .field("required_scopes", &Hidden::list(&self.required_scopes))
            .field("allowed_clients", &clients)
            .field("audiences", &Hidden::list(&self.audiences))
            .field("audience_policy", &self.audience_policy)
            .field("jwts", &self.jwts)
            .field("userinfo", &self.userinfo)
            .field("unprefixed", &self.unprefixed)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Introspection => "Introspection",
            Self::BackendApi => "BackendApi",
            Self::Signature => "Signature",
            Self::Custom(_) => "Custom",
        })
    }
}

impl fmt::Debug for OAuthSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Introspection(_) => "Introspection",
            Self::BackendApi => "BackendApi",
            Self::Custom(_) => "Custom",
        })
    }
}
