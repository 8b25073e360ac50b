//! What a handler is told: who sent the request, with which client, and what it may do.

mod organization;
pub(crate) mod permissions;
mod profile;
pub(crate) mod read;
mod serialize;
mod session;
mod shared;
mod user;

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use self::{organization::Organization, profile::Profile, session::Actor, user::User};
pub(crate) use self::{
    organization::{ActiveOrganization, Version},
    session::Session,
    shared::{Claims, split_scope},
};
use crate::{TokenKind, cache::Entry};

/// The verified claims of the token that came with a request.
///
/// A handler finds them in the extensions of its request, or takes them as an argument (feature
/// `axum`). Cloning copies a pointer. What is unknown is `None`, never a made-up value.
///
/// `Debug` shows nothing that says who a person is. `Serialize` shows everything: it is meant for
/// the person themself, not for logs.
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
    /// What the cache remembers of the token, the claims within: whoever looks it up has to count one more
    /// owner of it anyway, and memory is slow.
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

    /// The same claims, marked as served beyond their time.
    pub(crate) fn into_stale(self) -> Self {
        Self {
            stale: true,
            ..self
        }
    }

    /// What all clones have in common: what rules behind the layer go by.
    pub(crate) fn shared(&self) -> &Claims {
        self.entry.claims()
    }

    /// Who the token was issued for, by Clerk's id: a user (`user_…`), an organization (`org_…`, API keys alone)
    /// or a machine (`mch_…`, machine tokens and API keys).
    pub fn subject(&self) -> &str {
        &self.shared().subject
    }

    /// The OAuth client that the token was issued to.
    pub fn client_id(&self) -> Option<&str> {
        self.shared().client_id.as_deref()
    }

    /// The scopes that were granted, in the order of the answer.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        split_scope(&self.shared().scope)
    }

    /// Whether exactly this scope was granted. Case matters, and no scope implies another (RFC 6749
    /// §3.3); a hierarchy configured with
    /// [`scope_implies`](crate::ClerkConfigBuilder::scope_implies) counts for the layer's required
    /// scopes and for [`RequireScopes`](crate::RequireScopes) only.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes().any(|granted| granted == scope)
    }

    /// Whom the token is meant for, where its client asked for a resource (RFC 8707); else empty.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.shared().audience.iter().map(|entry| &**entry)
    }

    /// The issuer, where Clerk's answer names it. It then equals the configured one.
    pub fn issuer(&self) -> Option<&str> {
        self.shared().issuer.as_deref()
    }

    /// When the token was issued, in seconds since the Unix epoch.
    pub fn issued_at(&self) -> Option<i64> {
        self.shared().issued_at
    }

    /// When the token expires, in seconds since the Unix epoch. Clerk's documented answer does not
    /// say.
    pub fn expires_at(&self) -> Option<i64> {
        self.shared().expires_at
    }

    /// The id of the [`organization`](Self::organization).
    pub fn org_id(&self) -> Option<&str> {
        self.organization().map(Organization::id)
    }

    /// The organization that the subject acts in, with its role and permissions there where the token names
    /// them. `None` of who acts for themself.
    pub fn organization(&self) -> Option<&Organization> {
        match &self.shared().organization {
            ActiveOrganization::Known(organization) => Some(organization),
            ActiveOrganization::None | ActiveOrganization::Unreadable => None,
        }
    }

    /// Returns whether the token may name an organization in a way that this version of the crate cannot
    /// read: it is a session token of a later version (`v` of 3 or more).
    ///
    /// [`organization`](Self::organization) is then `None`, although the subject may act in one. There is no
    /// role and no permission, and [`RequireRole`](crate::RequireRole),
    /// [`RequirePermission`](crate::RequirePermission) and the extractors of an
    /// [`Organization`] answer with a 403. A handler that treats `None` as "acts for themself" must check
    /// this first.
    pub fn has_unreadable_organization(&self) -> bool {
        self.shared().organization == ActiveOrganization::Unreadable
    }

    /// The session of a session token, `sess_…`. Other kinds have none.
    pub fn session_id(&self) -> Option<&str> {
        self.shared().session.as_ref()?.id()
    }

    /// Who acts in place of the subject, where somebody does.
    pub fn actor(&self) -> Option<&Actor> {
        self.shared().session.as_ref()?.actor()
    }

    /// Which kind of token this is.
    pub fn kind(&self) -> TokenKind {
        self.shared().kind
    }

    /// Whether these claims were served beyond their time because Clerk could not be asked. See
    /// [`stale_if_error`](crate::ClerkConfigBuilder::stale_if_error).
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// What userinfo told of the subject, or the Backend API in its stead. `None` where enrichment is off or
    /// failed, and where the subject is no user.
    pub fn profile(&self) -> Option<&Profile> {
        match &self.shared().user {
            Some(user) => Some(user.profile()),
            None => self.shared().profile.as_deref(),
        }
    }

    /// The user, where the configuration has [profiles from the Backend
    /// API](crate::ClerkConfigBuilder::users), and it told one.
    pub fn user(&self) -> Option<&User> {
        self.shared().user.as_deref()
    }

    /// The claims as a type of your own.
    ///
    /// It is given the members of the introspection answer, or of the token where that was read here, under
    /// their names in RFC 7662 §2.2, those that this crate does not know included, and the userinfo object as
    /// `userinfo`. `aud` is always an array, and `org_id` the id of the [`organization`](Self::organization).
    ///
    /// Claims of your own in the token keep their names. What is verified under one of the names `sub`, `iss`,
    /// `aud`, `exp`, `iat` and `org_id` is never replaced by such a claim, nor is the `scope` of a token that
    /// can have scopes. A claim named `userinfo` of a session or machine token is that claim; the profile is
    /// then in [`profile`](Self::profile) alone.
    ///
    /// # Errors
    ///
    /// Where the claims do not fit the type.
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
    /// # let cfg = ClerkConfig::builder(clerk.url()).accept(tower_clerk::kinds::OAuthTokens::introspection(clerk.client_id(), clerk.client_secret())).build()?;
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
        // What introspection calls so is no answer of userinfo's. In tokens of other kinds it is a claim of
        // the application, and userinfo is never called.
        let has_userinfo_claim =
            claims.kind != TokenKind::OAuth && members.contains_key("userinfo");
        if !has_userinfo_claim {
            members.remove("userinfo");
        }
        // Without an organization, a claim of that name must not look like one.
        members.remove("org_id");
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        };
        put("sub", Some(self.subject().into()));
        put("client_id", self.client_id().map(Into::into));
        // Session tokens have none: theirs is a claim of the instance's own.
        let has_scope = claims.kind != TokenKind::Session;
        put("scope", has_scope.then(|| (*claims.scope).into()));
        put("iss", self.issuer().map(Into::into));
        put("iat", self.issued_at().map(Into::into));
        put("exp", self.expires_at().map(Into::into));
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

#[cfg(test)]
mod tests;
