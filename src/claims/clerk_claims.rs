//! [`ClerkClaims`]: the verified claims of a token.

use std::{fmt, sync::Arc, time::SystemTime};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    ActiveOrganization, Actor, ApiKey, Claims, Entitlement, Entitlements, FactorAge, Organization,
    Profile, SessionStatus, User, entitlement, entry::Entry, time::seconds,
};
use crate::{TokenKind, token::scope::split_scope};

/// The verified claims of the token that came with a request.
///
/// A handler finds the claims in the extensions of its request, or takes them as an argument (feature `axum`). Cloning
/// copies a pointer. An unknown value is `None`, never a default.
///
/// `Debug` shows no personal data. `Serialize` shows everything: its output is meant for the user, not for logs.
///
/// ```
/// use tower_clerk::ClerkClaims;
///
/// fn greet(request: &http::Request<()>) -> String {
///     match request.extensions().get::<ClerkClaims>() {
///         Some(claims) if claims.has_scope("email") => format!("hello {}", claims.subject()),
///         _ => "hello, whoever you are".to_owned(),
///     }
/// }
/// # assert_eq!(greet(&http::Request::new(())), "hello, whoever you are");
/// ```
#[derive(Clone)]
pub struct ClerkClaims {
    /// The cache entry of the token, which contains the claims. A lookup must increment the reference count of the
    /// entry in any case, so sharing the entry avoids a second memory access.
    entry: Arc<Entry>,
    stale: bool,
}

// === impl ClerkClaims ===

impl ClerkClaims {
    pub(crate) fn of(entry: Arc<Entry>) -> Self {
        Self {
            entry,
            stale: false,
        }
    }

    /// Returns the same claims, marked as stale.
    pub(crate) fn into_stale(self) -> Self {
        Self {
            stale: true,
            ..self
        }
    }

    /// Returns the data that all clones share, for rules that run after the layer.
    pub(crate) fn shared(&self) -> &Claims {
        self.entry.claims()
    }

    /// Returns the id of the token, if log lines have it.
    pub(crate) fn logged_id(&self) -> Option<&str> {
        self.shared().logged_id()
    }

    /// The subject of the token, as a Clerk id: a user (`user_…`), an organization (`org_…`, only for API keys) or a
    /// machine (`mch_…`, for machine tokens and API keys).
    pub fn subject(&self) -> &str {
        &self.shared().subject
    }

    /// The issuer of the authenticator that accepted the token: the instance, even if the token does not name it.
    pub fn instance(&self) -> &str {
        self.shared().rules.issuer()
    }

    /// The OAuth client that the token was issued to.
    pub fn client_id(&self) -> Option<&str> {
        self.shared().client_id.as_deref()
    }

    /// The id of the token. It identifies the token in logs, and is not the token itself.
    ///
    /// | kind | id |
    /// |---|---|
    /// | OAuth | `jti` of Clerk's answer or of a JWT with a verified signature; with the Backend API, the `id` of its answer (`oat_…`). Clerk's documented introspection answer has none |
    /// | session | `jti`, in tokens of version 2 |
    /// | API key | the id of the key (`ak_…`) |
    /// | machine | the id of the token (`mt_…`), or `jti` of a JWT |
    ///
    /// `None` also if the id is not 1 to 255 visible ASCII characters, has a quote or a backslash, or contains the token.
    pub fn token_id(&self) -> Option<&str> {
        self.shared().token_id()
    }

    /// The granted scopes, in the order of the response or token.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        split_scope(&self.shared().scope)
    }

    /// Returns true if exactly this scope was granted. Case matters, and no scope implies another (RFC 6749 §3.3). A
    /// hierarchy from [`scope_implies`](crate::ClerkConfigBuilder::scope_implies) applies only to the layer's required
    /// scopes and to [`RequireLayer::scopes`](crate::RequireLayer::scopes).
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|granted| granted == scope)
    }

    /// The audiences of the token, if its client requested a resource (RFC 8707). Otherwise empty.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.shared().audience.iter().map(|entry| &**entry)
    }

    /// The issuer, if the response or the token contains it. It then equals the configured issuer.
    pub fn issuer(&self) -> Option<&str> {
        self.shared().issuer.as_deref()
    }

    /// Returns the time at which the token was issued, in whole seconds.
    pub fn issued_at(&self) -> Option<SystemTime> {
        seconds(self.shared().issued_at?)
    }

    /// Returns the time at which the token expires, in whole seconds. It is known for every JWT. Clerk's documented
    /// introspection answer does not have it.
    pub fn expires_at(&self) -> Option<SystemTime> {
        seconds(self.shared().expires_at?)
    }

    /// The id of the [`organization`](Self::organization).
    pub fn org_id(&self) -> Option<&str> {
        self.organization().map(Organization::id)
    }

    /// The organization that the subject acts in, with the subject's role and permissions if the token contains them.
    /// `None` if the subject acts for itself.
    pub fn organization(&self) -> Option<&Organization> {
        match &self.shared().organization {
            ActiveOrganization::Known(organization) => Some(organization),
            ActiveOrganization::None | ActiveOrganization::Unreadable => None,
        }
    }

    /// Returns true if the subject has this role in its [`organization`](Self::organization), `org:admin` or `admin`
    /// for instance.
    ///
    /// As in Clerk's `has()`, the prefix `org:` makes no difference, in the token or here. Case matters. No role
    /// implies another. Only session tokens name a role.
    pub fn has_role(&self, role: &str) -> bool {
        self.organization()
            .is_some_and(|organization| organization.has_role(role))
    }

    /// Returns true if the subject has this permission in its [`organization`](Self::organization),
    /// `org:billing:read` or `billing:read` for instance.
    ///
    /// As in Clerk's `has()`, the prefix `org:` makes no difference here; the token has to have it. Case matters. No
    /// permission implies another. Only session tokens name permissions.
    pub fn has_permission(&self, permission: &str) -> bool {
        self.organization()
            .is_some_and(|organization| organization.has_permission(permission))
    }

    /// The plans (Clerk Billing) in the session token: those of the user, and those of the
    /// [organization](Self::organization) that the subject acts in. Tokens of other kinds, and session tokens of
    /// another version than 2, name none. If Clerk's list cannot be read, it counts as empty.
    ///
    /// A change of plan takes effect with the next session token, after at most 60 seconds.
    pub fn plans(&self) -> impl Iterator<Item = &Entitlement> {
        self.listed(Entitlements::plans).iter()
    }

    /// Returns true if the session token names this plan. Case matters. No plan implies another.
    ///
    /// The grammar is that of Clerk's `has()`: `pro` is a plan of the organization or of the user, `org:pro` one of
    /// the organization, and `user:pro` one of the user. A plan of the organization counts only while the subject acts
    /// in one. Another scope than these is in no token.
    ///
    /// ```
    /// # use tower_clerk::ClerkClaims;
    /// fn rows_per_page(claims: &ClerkClaims) -> usize {
    ///     if claims.has_plan("org:pro") { 1_000 } else { 20 }
    /// }
    /// # _ = rows_per_page;
    /// ```
    pub fn has_plan(&self, plan: &str) -> bool {
        entitlement::has(self.listed(Entitlements::plans), plan)
    }

    /// The features in the session token, as [`plans`](Self::plans).
    pub fn features(&self) -> impl Iterator<Item = &Entitlement> {
        self.listed(Entitlements::features).iter()
    }

    /// Returns true if the session token names this feature. The grammar is that of [`has_plan`](Self::has_plan).
    pub fn has_feature(&self, feature: &str) -> bool {
        entitlement::has(self.listed(Entitlements::features), feature)
    }

    fn listed(&self, of: fn(&Entitlements) -> &[Entitlement]) -> &[Entitlement] {
        let session = self.shared().session();
        let entitlements = session.and_then(|session| session.entitlements.as_deref());
        entitlements.map_or(&[], of)
    }

    /// Returns the time since the user last verified each factor of the session (`fva`): the age in the token, in whole
    /// minutes, plus the age of the token by the layer's clock.
    ///
    /// `None` for other kinds of tokens, and if `fva` or the time of issue is missing or unreadable.
    /// [`RequireLayer::reverification`](crate::RequireLayer::reverification) checks it for a route.
    pub fn factor_age(&self) -> Option<FactorAge> {
        let claims = self.shared();
        let factors = claims.session()?.factors?;
        Some(factors.ages(claims.rules.unix_seconds()))
    }

    /// Returns true if the token may name an organization in a format that this version of the crate cannot read. It is
    /// then a session token of a later version (`v` of 3 or more).
    ///
    /// In that case [`organization`](Self::organization) is `None`, although the subject may act in an organization.
    /// There is no role and no permission. [`RequireLayer::role`](crate::RequireLayer::role),
    /// [`RequireLayer::permissions`](crate::RequireLayer::permissions) and the extractors of an [`Organization`] reject the request
    /// with a 403. A handler that treats `None` as "acts for itself" must check this first.
    pub fn has_unreadable_organization(&self) -> bool {
        self.shared().organization == ActiveOrganization::Unreadable
    }

    /// The id of the session of a session token, `sess_…`. `None` for other kinds.
    pub fn session_id(&self) -> Option<&str> {
        self.shared().session()?.id.as_deref()
    }

    /// The status of the session of a session token (`sts`). `None` for other kinds, and for older tokens without a
    /// status.
    pub fn session_status(&self) -> Option<SessionStatus> {
        self.shared().session()?.status
    }

    /// The actor that acts in place of the subject. `None` if the subject acts itself.
    pub fn actor(&self) -> Option<&Actor> {
        self.shared().session()?.actor.as_deref()
    }

    /// The API key, if the token is one and Clerk's answer contains its id.
    pub fn api_key(&self) -> Option<&ApiKey> {
        self.shared().api_key()
    }

    /// The kind of the token.
    pub fn kind(&self) -> TokenKind {
        self.shared().kind
    }

    /// Returns true if these claims come from a stale entry, because Clerk was unavailable. See
    /// [`stale_if_error`](crate::ClerkConfigBuilder::stale_if_error).
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// The profile of the subject, from userinfo or from the Backend API. `None` if enrichment is off or failed, or if
    /// the subject is not a user.
    pub fn profile(&self) -> Option<&Profile> {
        match &self.shared().user {
            Some(user) => Some(user.profile()),
            None => self.shared().profile.as_deref(),
        }
    }

    /// The user, if the configuration has [profiles from the Backend API](crate::ClerkConfigBuilder::users) and the
    /// Backend API returned one.
    pub fn user(&self) -> Option<&User> {
        self.shared().user.as_deref()
    }

    /// Deserializes the claims into a custom type.
    ///
    /// The input contains the members of the introspection response, or of the token if the token was read locally.
    /// They have their names from RFC 7662 §2.2. Unknown members are included, and the userinfo object is added as
    /// `userinfo`. `aud` is always an array, and `org_id` is the id of the [`organization`](Self::organization).
    ///
    /// Custom claims in the token keep their names. They never replace the verified values of `sub`, `iss`, `aud`,
    /// `exp`, `iat` and `org_id`, nor the `scope` of a token that can have scopes. A custom claim `userinfo` of a
    /// session or machine token takes precedence: the profile is then only available from [`profile`](Self::profile).
    ///
    /// # Errors
    ///
    /// Returns an error if the claims do not fit the type.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use http::{Request, Response};
    /// # use tower::{Layer, ServiceExt, service_fn};
    /// # use tower_clerk::{ClerkAuthLayer, ClerkClaims, ClerkConfig, fake_clerk::FakeClerk};
    /// #[derive(serde::Deserialize)]
    /// struct Tenant {
    ///     sub: String,
    ///     tenant: Option<String>,
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let clerk = FakeClerk::start()?;
    /// # let cfg: ClerkConfig = serde_json::from_value(clerk.settings())?;
    /// # let handler = service_fn(async |request: Request<()>| {
    /// # let claims: ClerkClaims = request.extensions().get().cloned().unwrap();
    /// let Tenant { sub, tenant } = claims.claims_as().unwrap();
    /// assert_eq!((sub.as_str(), tenant), ("user_1", None));
    /// # Ok::<_, Infallible>(Response::new(()))
    /// # });
    /// # let bearer = format!("Bearer {}", clerk.token("user_1").issue());
    /// # let request = Request::get("/").header("authorization", bearer).body(())?;
    /// # let response = ClerkAuthLayer::new(cfg).layer(handler).oneshot(request).await?;
    /// # assert_eq!(response.status(), 200);
    /// # Ok(()) }
    /// ```
    pub fn claims_as<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        let claims = self.shared();
        let mut members = match &claims.other {
            Some(other) => serde_json::from_str(other)?,
            None => Map::new(),
        };
        // In an introspection response, a member `userinfo` does not come from userinfo. In tokens of other kinds it is
        // a custom claim, and userinfo is never called.
        let has_userinfo_claim =
            claims.kind != TokenKind::OAuth && members.contains_key("userinfo");
        if !has_userinfo_claim {
            members.remove("userinfo");
        }
        // Without an organization, a custom claim `org_id` must not look like one.
        members.remove("org_id");
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        };
        put("sub", Some(self.subject().into()));
        put("client_id", self.client_id().map(Into::into));
        // Session tokens have no scopes. A member `scope` is a custom claim of the instance.
        let has_scope = claims.kind != TokenKind::Session;
        put("scope", has_scope.then(|| (*claims.scope).into()));
        put("iss", self.issuer().map(Into::into));
        put("iat", claims.issued_at.map(Into::into));
        put("exp", claims.expires_at.map(Into::into));
        put("org_id", self.org_id().map(Into::into));
        if !claims.audience.is_empty() {
            put("aud", Some(self.audience().collect()));
        }
        let profile = self.profile().filter(|_| !has_userinfo_claim);
        put("userinfo", profile.map(Profile::userinfo));
        serde_json::from_value(Value::Object(members))
    }
}

impl fmt::Debug for ClerkClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claims = self.shared();
        f.debug_struct("ClerkClaims")
            .field("kind", &claims.kind)
            .field("subject", &Redacted)
            .field("scope", &claims.scope)
            .field("issued_at", &claims.issued_at)
            .field("expires_at", &claims.expires_at)
            .field("profile", &claims.profile)
            .field("stale", &self.stale)
            .finish_non_exhaustive()
    }
}

struct Redacted;

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
