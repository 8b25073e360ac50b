//! [`RequireLayer`]: the rule of a route.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::{
    Require, Reverification, Rule,
    rule::{check_kinds, check_names, check_scopes},
};
use crate::{ClerkClaims, TokenKind};

/// Requires that the claims of a request satisfy a rule.
///
/// The layer belongs behind a [`ClerkAuthLayer`](crate::ClerkAuthLayer). In axum, add it to the routes *before* that
/// layer. The rule depends only on the claims of the request, and does no I/O. Several layers combine with AND: a
/// request must satisfy all of them.
///
/// | case | HTTP | challenge (RFC 6750 §3) | gRPC |
/// |---|---|---|---|
/// | a scope is missing | 403 | `error="insufficient_scope"`, `scope="…"` | 7 |
/// | the user of a session has to [verify a factor again](Self::reverification) | 403, with a body of its own | without `error` | 7 |
/// | another rule is not satisfied | 403 | without `error`: RFC 6750 §3.1 has no code for it | 7 |
/// | a request without credentials that an [optional](crate::ClerkAuthLayer::optional) layer accepted | 401 | without `error`; `scope="…"` if the rule is about scopes | 16 |
/// | the layer in front is missing | 500, and an error in the log | none | 13 |
///
/// The challenge for scopes names the scopes that the layer requires, then those of the rule: a token with exactly
/// these scopes satisfies both. Every challenge has `resource_metadata` if a
/// [`resource`](crate::ClerkConfigBuilder::resource) is configured.
///
/// The body of a rejection is the one that [`reject_with`](crate::ClerkAuthLayer::reject_with) sets on the layer in
/// front. The rule returns an empty response with the [`Rejection`](crate::reject::Rejection) in its extensions, and
/// the layer renders it. Without a layer in front, the response stays empty.
///
/// ```
/// use axum::{Router, routing::get};
/// use tower_clerk::{ClerkAuthLayer, ClerkConfig, RequireLayer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clerk = tower_clerk::fake_clerk::FakeClerk::start()?;
/// # let mut settings = clerk.settings();
/// # settings["accept"]["oauth"]["required_scopes"] = "email".into();
/// # let cfg: ClerkConfig = serde_json::from_value(settings)?;
/// # let token = clerk.token("user_1").scopes(["email", "files:read"]).issue();
/// let app: Router = Router::new()
///     .route("/wipe", get(|| async { "gone" }))
///     .route_layer(RequireLayer::scopes(["files:read", "files:write"]))
///     .layer(ClerkAuthLayer::new(cfg));
///
/// // The token has `email` and `files:read`.
/// # use tower::ServiceExt;
/// let request = http::Request::get("/wipe").header("authorization", format!("Bearer {token}"));
/// let rejected = app.oneshot(request.body(axum::body::Body::empty())?).await?;
/// assert_eq!(rejected.status(), 403);
/// let challenge = rejected.headers()["www-authenticate"].to_str()?;
/// assert!(challenge.ends_with(r#"scope="email files:read files:write""#));
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct RequireLayer {
    rule: Rule,
}

impl RequireLayer {
    /// Requires all of these scopes.
    ///
    /// A scope is present if it was granted, or if a granted scope implies it
    /// ([`scope_implies`](crate::ClerkConfigBuilder::scope_implies)). Scopes are case-sensitive (RFC 6749 §3.3).
    ///
    /// # Panics
    ///
    /// If the list is empty, or a text is not a scope token (RFC 6749 §3.3), for example because it has a space. Pass
    /// each scope as an item of the list.
    #[track_caller]
    pub fn scopes<I, T>(scopes: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        Self::of(Rule::AllScopes(check_scopes(scopes)))
    }

    /// Requires one of these scopes.
    ///
    /// The challenge names only the first scope, since it is sufficient, and clients request all scopes that a
    /// challenge names. Put the scope with the least access first (RFC 9700 §2.3).
    ///
    /// # Panics
    ///
    /// Under the same conditions as [`scopes`](Self::scopes).
    #[track_caller]
    pub fn any_scope<I, T>(scopes: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        Self::of(Rule::AnyScope(check_scopes(scopes)))
    }

    /// Requires all of these permissions in the [organization](ClerkClaims::organization) that the subject acts in.
    ///
    /// Permissions are compared as in [`ClerkClaims::has_permission`]: `billing:read` and `org:billing:read` are the
    /// same. No permission implies another. Only session tokens name permissions: tokens of all other kinds, and
    /// tokens without an organization, are rejected. Clerk does not put its system permissions (`org:sys_…`) into
    /// tokens of version 2, so a rule with one of them rejects such tokens.
    ///
    /// The rule does not check which organization it is: a handler must compare the [id](ClerkClaims::org_id) with the
    /// owner of the data.
    ///
    /// ```
    /// # #[cfg(feature = "jwt")] {
    /// use axum::{Router, routing::get};
    /// use tower_clerk::{ClerkAuthLayer, ClerkConfig, RequireLayer, kinds::SessionTokens};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let clerk = tower_clerk::fake_clerk::FakeClerk::start()?;
    /// # let cfg = ClerkConfig::builder(clerk.url()).accept(SessionTokens::new()).build()?;
    /// # let token = clerk.session("user_1").organization("org_1", "acme", "admin")
    /// #     .permissions(["org:billing:read"]).issue();
    /// let app: Router = Router::new()
    ///     .route("/invoices", get(|| async { "all of them" }))
    ///     .route_layer(RequireLayer::permissions(["org:billing:read"]))
    ///     .route("/pay", get(|| async { "paid" }).layer(RequireLayer::permissions(["org:billing:pay"])))
    ///     .layer(ClerkAuthLayer::new(cfg));
    ///
    /// // The token has `org:billing:read`.
    /// # use tower::ServiceExt;
    /// # for (path, expected) in [("/invoices", 200), ("/pay", 403)] {
    /// # let request = http::Request::get(path).header("authorization", format!("Bearer {token}"));
    /// # let response = app.clone().oneshot(request.body(axum::body::Body::empty())?).await?;
    /// # assert_eq!(response.status(), expected, "{path}");
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If the list is empty.
    #[track_caller]
    pub fn permissions<I, T>(permissions: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        Self::of(Rule::AllPermissions(check_names(permissions)))
    }

    /// Requires one of these permissions, compared as in [`permissions`](Self::permissions).
    ///
    /// # Panics
    ///
    /// If the list is empty.
    #[track_caller]
    pub fn any_permission<I, T>(permissions: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        Self::of(Rule::AnyPermission(check_names(permissions)))
    }

    /// Requires this role in the [organization](ClerkClaims::organization) that the subject acts in.
    ///
    /// The role is compared as in [`ClerkClaims::has_role`]: `admin` and `org:admin` are the same. Only session tokens
    /// name a role. Prefer permissions: Clerk's dashboard can change the permissions of a role, but not a service that
    /// checks for the name of a role.
    ///
    /// ```
    /// use tower_clerk::RequireLayer;
    ///
    /// let admins = RequireLayer::role("org:admin");
    /// # _ = admins;
    /// ```
    #[track_caller]
    pub fn role(role: impl Into<String>) -> Self {
        Self::of(Rule::AnyRole(check_names([role])))
    }

    /// Requires one of these roles, compared as in [`role`](Self::role).
    ///
    /// # Panics
    ///
    /// If the list is empty.
    #[track_caller]
    pub fn any_role<I, T>(roles: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        Self::of(Rule::AnyRole(check_names(roles)))
    }

    /// Requires a token of this kind, which must be one of the kinds that the
    /// [configuration accepts](crate::ClerkConfigBuilder::accept).
    ///
    /// ```
    /// use tower_clerk::{RequireLayer, TokenKind};
    ///
    /// // A person in a browser, not a client or a machine.
    /// let in_person = RequireLayer::kind(TokenKind::Session);
    /// # _ = in_person;
    /// ```
    pub fn kind(kind: TokenKind) -> Self {
        Self::of(Rule::AnyKind(check_kinds([kind])))
    }

    /// Requires a token of one of these kinds.
    ///
    /// # Panics
    ///
    /// If the list is empty.
    #[track_caller]
    pub fn any_kind(kinds: impl IntoIterator<Item = TokenKind>) -> Self {
        Self::of(Rule::AnyKind(check_kinds(kinds)))
    }

    /// Requires this plan (Clerk Billing), of the user or of the [organization](ClerkClaims::organization) that the
    /// subject acts in.
    ///
    /// The plan is written as in [`ClerkClaims::has_plan`]: `pro`, `org:pro` or `user:pro`. Only session tokens name
    /// plans. A change of plan takes effect with the next session token, after at most 60 seconds.
    ///
    /// ```
    /// use tower_clerk::RequireLayer;
    ///
    /// let pro = RequireLayer::plan("org:pro");
    /// # _ = pro;
    /// ```
    pub fn plan(plan: impl Into<String>) -> Self {
        Self::of(Rule::Plan(plan.into().into()))
    }

    /// Requires this feature, written as a [`plan`](Self::plan) and compared as in [`ClerkClaims::has_feature`]. Prefer
    /// features: Clerk's dashboard can change the features of a plan, but not a service that checks for the name of a
    /// plan.
    pub fn feature(feature: impl Into<String>) -> Self {
        Self::of(Rule::Feature(feature.into().into()))
    }

    /// Requires that the user of a session has verified its factors recently, as before a payment or a deletion.
    ///
    /// A session token that does not satisfy the rule gets a 403 with the JSON body that Clerk's hook
    /// `useReverification` reads in the front end. The hook asks the user for the factor, and repeats the request with
    /// a new token. The body does not depend on [`reject_with`](crate::ClerkAuthLayer::reject_with). It is made by
    /// [`json_body`](crate::reject::RejectResponse::json_body); if that cannot make the type of the body, the 403 is
    /// empty. A gRPC client gets the status only. Tokens of other kinds get a plain 403, since there is no session.
    ///
    /// See [reverification](crate::guide::tokens#reverification) for the front end.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_clerk::{RequireLayer, authorize::Reverification};
    ///
    /// let before_a_payment = RequireLayer::reverification(Reverification::strict());
    /// let before_a_download =
    ///     RequireLayer::reverification(Reverification::first_factor(Duration::from_secs(30 * 60)));
    /// # _ = (before_a_payment, before_a_download);
    /// ```
    pub fn reverification(level: Reverification) -> Self {
        Self::of(Rule::Reverification(level))
    }

    /// Requires claims that satisfy a predicate. It is called once for each request, and must not block.
    ///
    /// ```
    /// use tower_clerk::RequireLayer;
    ///
    /// // Members who act in this organization.
    /// let staff = RequireLayer::claims(|claims| claims.org_id() == Some("org_staff"));
    /// # _ = staff;
    /// ```
    pub fn claims(predicate: impl Fn(&ClerkClaims) -> bool + Send + Sync + 'static) -> Self {
        Self::of(Rule::Claims(Arc::new(predicate)))
    }

    fn of(rule: Rule) -> Self {
        Self { rule }
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Require::new(inner, self.rule.clone())
    }
}

impl fmt::Debug for RequireLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequireLayer").field(&self.rule).finish()
    }
}
