//! Which kinds of tokens are accepted, and how each is verified.

use serde::Deserialize;

use super::{ClerkConfigBuilder, Enrichment, OpaqueTokens};
use crate::TokenKind;

impl ClerkConfigBuilder {
    /// The id and secret of an OAuth application of the instance. With them this service
    /// authenticates itself at the introspection endpoint (RFC 7662 §2.1, HTTP Basic). Mandatory where introspection is
    /// asked: where [OAuth tokens](crate::TokenKind::OAuth) are [accepted](Self::accept), unless the
    /// [Backend API](Self::oauth_endpoint) is asked about them, or nobody is.
    ///
    /// It need not be the application that the callers use: see [`allow_clients`](Self::allow_clients).
    pub fn client_credentials(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.client_id = id.into();
        self.client_secret = secret.into().into();
        self
    }

    /// The kinds of tokens that are accepted. Default: [OAuth](TokenKind::OAuth) access tokens alone. A
    /// list that is given replaces the default.
    ///
    /// Every kind has to be asked for by name, since one key of the instance signs them all: what is good
    /// for a person in a browser must not be good for a client that this person let in. Of a kind that is
    /// not accepted, a token is rejected without a call.
    ///
    /// | kind | is verified | and needs |
    /// |---|---|---|
    /// | `OAuth` | by introspection, [unless](Self::oauth_jwts) [otherwise said](Self::oauth_endpoint) | [`client_credentials`](Self::client_credentials) |
    /// | `Session` | locally | the feature `jwt` |
    /// | `ApiKey` | by the Backend API | [`secret_key`](Self::secret_key) |
    /// | `Machine` | by the Backend API; JWTs locally | [`machines`](Self::machines); `secret_key`, the feature `jwt`, or both |
    pub fn accept(mut self, kinds: impl IntoIterator<Item = TokenKind>) -> Self {
        self.accept = kinds.into_iter().collect();
        self
    }

    /// Who is asked about OAuth tokens. Default: [introspection](OAuthEndpoint::Introspection), since it
    /// is the standard, and tells the organization.
    pub fn oauth_endpoint(mut self, endpoint: OAuthEndpoint) -> Self {
        self.oauth_endpoint = endpoint;
        self
    }

    /// How OAuth tokens that are JWTs are verified. Default: they are
    /// [asked about](JwtVerification::Introspect) as opaque ones are, so that what Clerk knows of them counts.
    /// All else needs the feature `jwt`.
    pub fn oauth_jwts(mut self, verification: JwtVerification) -> Self {
        self.oauth_jwts = verification;
        self
    }

    /// The public key of the instance, in PEM (SPKI), as the dashboard shows it (`CLERK_JWT_KEY`): with it,
    /// JWTs are verified without a network. Default: the key set of the instance is fetched, and fetched anew
    /// when Clerk changes its keys, which this one would not survive.
    pub fn jwt_key(mut self, pem: impl Into<String>) -> Self {
        self.jwt_key = Some(pem.into());
        self
    }

    /// The signature algorithms that JWTs may have (RFC 7518 §3.1). Default: RS256 alone, Clerk's.
    pub fn jwt_algorithms(mut self, algorithms: impl IntoIterator<Item = JwtAlgorithm>) -> Self {
        self.jwt_algorithms = algorithms.into_iter().collect();
        self
    }

    /// Takes the session token from Clerk's cookie where a request has no bearer credentials. Default: cookies are
    /// not looked at, since browsers send them unasked.
    ///
    /// The cookie is `__session_` and a suffix, where this configuration was given the publishable key, which
    /// tells the suffix; where there is no such cookie, or no key, it is `__session`. An empty one is none. An
    /// `Authorization` header of the scheme `Bearer` always decides, be it malformed; one of another scheme
    /// does not. Two different cookies of one name are a 400, as two headers are. Nothing but a session token is
    /// accepted from a cookie.
    ///
    /// # Cross-site request forgery
    ///
    /// A browser sends cookies along whichever page had it send the request. Clerk's cookie is
    /// `SameSite=Lax`: other sites cannot have it sent but with top-level `GET`s, and sibling subdomains can.
    /// So let no `GET` change anything, look at the `Origin` of whatever does, and set
    /// [`authorized_parties`](Self::authorized_parties). Better still, have pages send the token in the header,
    /// and leave this out.
    pub fn session_cookie(mut self) -> Self {
        self.session_cookie = true;
        self
    }

    /// The secret key of the instance (`sk_test_…`, `sk_live_…`) for the Backend API, or, where machine tokens
    /// alone are verified with it, the secret key of a machine (`ak_…`). Default: none. Whoever has it has the
    /// whole instance.
    pub fn secret_key(mut self, key: impl Into<String>) -> Self {
        self.secret_key = key.into().into();
        self
    }

    /// Where the Backend API is, with whatever comes before the paths; without a path, `/v1` does. Default:
    /// `https://api.clerk.com/v1`. An `http` URL is for loopback addresses alone.
    pub fn backend_api_url(mut self, url: impl Into<String>) -> Self {
        self.backend_api_url = url.into();
        self
    }

    /// The version of the Backend API that is asked for (`Clerk-API-Version`). Default: `2026-05-12`, the
    /// one that this crate was written for.
    pub fn backend_api_version(mut self, version: impl Into<String>) -> Self {
        self.backend_api_version = version.into();
        self
    }

    /// Takes the addresses of introspection, userinfo and the key set from the metadata of the instance
    /// (OpenID Connect Discovery §4). Default: they are derived from the host, as Clerk documents them.
    ///
    /// The metadata must name this instance as the issuer, byte for byte, and addresses of its origin, or of
    /// [origins that are named](Self::discovery_origins). They are kept, and refreshed while requests
    /// go on.
    pub fn discover(mut self) -> Self {
        self.discover = true;
        self
    }

    /// Origins, such as `https://auth.example.com`, that [discovered](Self::discover) addresses may have
    /// beside the instance's own. Default: none, since tokens and credentials are sent there.
    pub fn discovery_origins<I>(mut self, origins: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.discovery_origins = origins.into_iter().map(Into::into).collect();
        self
    }

    /// Whether the claims are enriched with a profile. Default: [best effort](Enrichment::BestEffort), so that handlers
    /// have the e-mail address where they can, and an outage of userinfo rejects nobody.
    pub fn enrichment(mut self, enrichment: Enrichment) -> Self {
        self.enrichment = enrichment;
        self
    }

    /// Asks Clerk about tokens of any shape. Default: only about those that begin with `oat_` and
    /// JWTs, since introspection calls a refresh token active too. With this, something else must
    /// vouch for an access token: a `token_type` of Bearer, or userinfo's 200, which is requested if need
    /// be. An `aud` does not: that of a refresh token may be its grant's.
    pub fn accept_unprefixed_tokens(mut self) -> Self {
        self.opaque_tokens = OpaqueTokens::Any;
        self
    }

    /// The longest token that is looked at, in bytes. Default: 4096, four times what Clerk's JWTs
    /// take. At most 16384.
    pub fn max_token_length(mut self, bytes: usize) -> Self {
        self.max_token_length = bytes;
        self
    }

    /// Where profiles come from. Default: [userinfo](ProfileSource::Userinfo), which tells no more than
    /// the token's scopes allow.
    pub fn profile_source(mut self, source: ProfileSource) -> Self {
        self.profile_source = source;
        self
    }
}

/// Who is asked about OAuth tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OAuthEndpoint {
    /// The introspection endpoint of the instance (RFC 7662), with
    /// [`client_credentials`](ClerkConfigBuilder::client_credentials).
    #[default]
    Introspection,
    /// The Backend API, with the [`secret_key`](ClerkConfigBuilder::secret_key). Its answers about opaque tokens have
    /// an `aud`.
    BackendApi,
}

/// How OAuth tokens that are JWTs are verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum JwtVerification {
    /// Clerk is asked. What has happened since the token was issued counts. The signature is not verified, so what
    /// the token itself says can only reject it: another `aud`, `iss`, `sub` or `client_id`, an `exp` that has passed.
    #[default]
    Introspect,
    /// By their signature alone: no call for each token, and a token is good until it expires, up to a day,
    /// whatever happens to its user.
    Local,
    /// By their signature, and then Clerk is asked: what is forged or has expired costs no call. What the answer does
    /// not say, such as `aud` and `exp`, is taken from the token; scopes are always those of the answer. If the
    /// server says that it does not introspect JWTs (400, `unsupported_token_type`), the signature stands.
    LocalThenIntrospect,
}

/// A signature algorithm (RFC 7518 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[non_exhaustive]
pub enum JwtAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
}

#[cfg(feature = "jwt")]
impl JwtAlgorithm {
    /// As headers of tokens and key sets name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
        }
    }

    /// The algorithm of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Rs256, Self::Rs384, Self::Rs512]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
    }
}

/// Where profiles come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProfileSource {
    /// Userinfo (OpenID Connect Core §5.3), with the token: for OAuth tokens, and as far as their scopes
    /// reach. Other kinds have no profile.
    #[default]
    Userinfo,
    /// The user of the Backend API ([`ClerkClaims::user`](crate::ClerkClaims::user)), for every kind of token
    /// whose subject is one. It is kept for a minute, by user. What it tells is not bounded by scopes.
    ///
    /// The token of a user who is banned or deleted is rejected, whoever vouches for it: it may have been
    /// issued before. Where the Backend API cannot be asked, [`Enrichment`](crate::Enrichment) decides.
    BackendApi,
}

pub(super) const BACKEND_API_URL: &str = "https://api.clerk.com/v1";
pub(super) const BACKEND_API_VERSION: &str = "2026-05-12";
