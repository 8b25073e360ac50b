//! [`RequirePermission`]: what the subject may do in its organization.

use super::{Rule, layer::rule_layer};

rule_layer! {
    /// A layer that lets requests through whose subject has the permissions that its routes need, in the
    /// [organization](crate::ClerkClaims::organization) that it acts in.
    ///
    /// It stands behind a [`ClerkAuthLayer`](crate::ClerkAuthLayer), as [`RequireScopes`](crate::RequireScopes)
    /// does. Session tokens alone name permissions: of all others, and without an organization, it lets nobody
    /// through. Clerk does not put its system permissions (`org:sys_…`) into tokens of version 2, so that
    /// a rule that needs one lets nobody with such a token through either.
    ///
    /// Which organization it is that the subject may do that in, the rule does not ask: a handler compares the
    /// [id](crate::Organization::id) with whose data it is.
    ///
    /// | case | HTTP | challenge | gRPC |
    /// |---|---|---|---|
    /// | a permission is missing | 403 | without `error`, which has no code for it (RFC 6750 §3.1) | 7 |
    /// | an anonymous request, where the layer lets those through | 401 | no `error` | 16 |
    /// | no layer stands before it | 500, and an error in the log | none | 13 |
    ///
    /// ```
    /// # #[cfg(feature = "jwt")] {
    /// use axum::{Router, routing::get};
    /// use tower_clerk::{ClerkAuthLayer, ClerkConfig, RequirePermission, TokenKind};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let clerk = tower_clerk::fake_clerk::FakeClerk::start()?;
    /// # let cfg = ClerkConfig::builder(clerk.url()).accept(tower_clerk::kinds::SessionTokens::new()).build()?;
    /// # let token = clerk.session("user_1").organization("org_1", "acme", "admin")
    /// #     .permissions(["org:billing:read"]).issue();
    /// let app: Router = Router::new()
    ///     .route("/invoices", get(|| async { "all of them" }))
    ///     .route_layer(RequirePermission::all(["org:billing:read"]))
    ///     .route("/pay", get(|| async { "paid" }).layer(RequirePermission::all(["org:billing:pay"])))
    ///     .layer(ClerkAuthLayer::new(cfg));
    ///
    /// // In the token there is `org:billing:read`.
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
    RequirePermission
}

impl RequirePermission {
    /// Requires all of these permissions. They are compared as
    /// [`has_permission`](crate::Organization::has_permission) does it: `billing:read` and `org:billing:read` are
    /// the same. None implies another.
    ///
    /// # Panics
    ///
    /// If the list is empty.
    #[must_use]
    pub fn all<I, T>(permissions: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        Self::of(Rule::all_permissions(permissions))
    }

    /// One of these permissions is needed, whichever.
    ///
    /// # Panics
    ///
    /// As [`all`](Self::all) does.
    #[must_use]
    pub fn any<I, T>(permissions: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        Self::of(Rule::any_permission(permissions))
    }
}
