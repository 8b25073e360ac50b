//! [`RequireScopes`]: what a token may be used for.

use super::{Rule, layer::rule_layer};

rule_layer! {
    /// A layer that lets requests through whose token has the scopes that its routes need.
    ///
    /// It stands behind a [`ClerkAuthLayer`](crate::ClerkAuthLayer): in axum, it is added to the routes
    /// *before* that layer is. A scope counts where it was granted, or where one that was granted implies it
    /// ([`scope_implies`](crate::ClerkConfigBuilder::scope_implies)). Case matters (RFC 6749 §3.3).
    ///
    /// | case | HTTP | challenge | gRPC |
    /// |---|---|---|---|
    /// | a scope is missing | 403 | `error="insufficient_scope"`, `scope="…"` (RFC 6750 §3.1) | 7 |
    /// | an anonymous request, where the layer lets those through | 401 | `scope="…"`, no `error` | 16 |
    /// | no layer stands before it | 500, and an error in the log | none | 13 |
    ///
    /// The challenge names the scopes that the layer requires, then those of the rule: a client that asks
    /// for just these gets a token that passes both. It carries `resource_metadata` where the layer's does.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use tower_clerk::{ClerkAuthLayer, ClerkConfig, RequireScopes};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let clerk = tower_clerk::fake_clerk::FakeClerk::start()?;
    /// # let cfg = ClerkConfig::builder(clerk.url()).accept(tower_clerk::kinds::OAuthTokens::introspection(clerk.client_id(), clerk.client_secret()).required_scopes(["email"])).build()?;
    /// # let token = clerk.token("user_1").scopes(["email", "files:read"]).issue();
    /// let app: Router = Router::new()
    ///     .route("/wipe", get(|| async { "gone" }))
    ///     .route_layer(RequireScopes::all(["files:read", "files:write"]))
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
    RequireScopes
}

impl RequireScopes {
    /// All of these scopes are needed.
    ///
    /// # Panics
    ///
    /// Where there is no scope, or one that is no scope token (RFC 6749 §3.3), for instance for a space
    /// in it: give each scope on its own.
    #[must_use]
    pub fn all<I, T>(scopes: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        Self::of(Rule::all(scopes))
    }

    /// One of these scopes is needed, whichever.
    ///
    /// The challenge names the first alone, since it suffices: a client that is told of all would ask
    /// for all. So put the one first that reaches least far (RFC 9700 §2.3).
    ///
    /// # Panics
    ///
    /// As [`all`](Self::all) does.
    #[must_use]
    pub fn any<I, T>(scopes: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        Self::of(Rule::any(scopes))
    }
}
