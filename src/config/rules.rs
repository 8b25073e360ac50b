//! What a token has to satisfy, whoever verified it.

use std::{sync::Arc, time::Duration};

use super::{ClerkConfigBuilder, Named};

impl ClerkConfigBuilder {
    /// The scopes that every token must have, all of them. Default: none, since what an application
    /// needs is its own. Compared byte for byte (RFC 6749 §3.3).
    pub fn required_scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.required_scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// A hierarchy of scopes: `implies(granted, needed)` says whether a granted scope stands for a
    /// required one. Default: each scope stands for itself alone.
    ///
    /// ```
    /// # use tower_clerk::ClerkConfig;
    /// let builder = ClerkConfig::builder("clerk.example.com")
    ///     .required_scopes(["files:read"])
    ///     .scope_implies(|granted, needed| granted == "files" && needed.starts_with("files:"));
    /// ```
    pub fn scope_implies(
        mut self,
        implies: impl Fn(&str, &str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.scope_implies = Some(Arc::new(implies));
        self
    }

    /// The OAuth clients whose tokens are accepted. Default: [our own](Self::client_credentials)
    /// alone, since any application of the instance could otherwise use its tokens here. A list that is
    /// given replaces the default.
    pub fn allow_clients<I>(mut self, clients: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let clients = clients.into_iter().map(Into::into).collect();
        self.allowed_clients = Some(Named::Listed(clients));
        self
    }

    /// Accepts the tokens of every client of the instance. For servers whose clients register
    /// themselves (RFC 7591), as those of MCP do. Rely on [`audiences`](Self::audiences) then.
    pub fn allow_any_client(mut self) -> Self {
        self.allowed_clients = Some(Named::Any);
        self
    }

    /// Names under which this service is known as an audience, beside the [`resource`](Self::resource) and, for OAuth
    /// tokens, [our client id](Self::client_credentials). A token with an `aud` must name one of them. These are
    /// compared byte for byte, while the resource may be [spelled otherwise](Self::resource). Of machine tokens,
    /// [`machines`](Self::machines) decide.
    ///
    /// An OAuth token's `aud` is that of Clerk's answer, and that in the payload of a JWT: a JWT for others is
    /// rejected if either says so.
    pub fn audiences<I>(mut self, audiences: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.audiences = audiences.into_iter().map(Into::into).collect();
        self
    }

    /// Rejects OAuth and session tokens and API keys without an `aud`. Default: they pass, since Clerk sets one only
    /// if the client requested the token for a resource (RFC 8707). API keys never have one.
    ///
    /// Clerk's introspection answers have no `aud`, as far as they are documented, and what a JWT says counts only
    /// once its signature is verified. So take
    /// [`LocalThenIntrospect`](crate::JwtVerification::LocalThenIntrospect) with it, for JWTs, or the
    /// [Backend API](crate::OAuthEndpoint::BackendApi), whose answers about opaque tokens have an `aud`. With
    /// introspection alone, all tokens are rejected unless the instance answers more than is documented: without the
    /// feature `jwt` that is an error of [`build`](Self::build), with it a warning when the layer is made.
    pub fn require_audience(mut self) -> Self {
        self.require_audience = true;
        self
    }

    /// The origins that session tokens may have been issued to, such as `https://app.example.com`: their
    /// `azp` must be one of them, byte for byte. Default: any, and none.
    ///
    /// With it, a token without an `azp` is rejected, such as one made by the Backend API or of a native
    /// app. It is what keeps a page of another origin that shares your instance from using its tokens here,
    /// and should be set wherever [cookies](Self::session_cookie) are read.
    pub fn authorized_parties<I>(mut self, origins: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.authorized_parties = Some(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Accepts session tokens that are pending, whose user has something left to do, such as to choose an
    /// organization. Default: they are rejected, as Clerk's own libraries treat them as signed out.
    pub fn allow_pending(mut self) -> Self {
        self.allow_pending = true;
        self
    }

    /// Which machines we are (`mch_…`): a machine token must be addressed to one of them. Mandatory where
    /// [machine tokens](crate::TokenKind::Machine) are accepted, unless there is
    /// [`allow_any_machine`](Self::allow_any_machine).
    pub fn machines<I>(mut self, ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let ids = ids.into_iter().map(Into::into).collect();
        self.machines = Some(Named::Listed(ids));
        self
    }

    /// Accepts machine tokens whichever machine they are addressed to, as Clerk does where it is asked with
    /// the secret key of the instance. Any machine of the instance can then use its tokens here.
    pub fn allow_any_machine(mut self) -> Self {
        self.machines = Some(Named::Any);
        self
    }

    /// By how much Clerk's clock may differ from ours: for `nbf` and `iat`, and for the `exp` of JWTs that are
    /// verified here. Default: 5 s, as in Clerk's own libraries. At most 60 s. The `exp` that an
    /// authorization server answers with is never stretched: it knows its own clock.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }
}
