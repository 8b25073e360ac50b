//! [`McpAuthLayer`]: the rules of an MCP server by method and tool.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::McpAuth;
use crate::{
    Authenticator, ClerkAuthLayer,
    authorize::{
        check_scopes,
        mcp::{RequireCall, Rules, message::TOOLS_CALL},
    },
    reject::EmptyBody,
};

/// Authenticates requests to an MCP server (streamable HTTP), and checks the rule for the method or the tool that a
/// request calls.
///
/// The layer contains a [`ClerkAuthLayer`], so do not add another one. Without further settings, every request needs a
/// valid token. The token is [removed](ClerkAuthLayer::strip_authorization) from the request, because a tool must not
/// pass it on. Rejections always have an HTTP status, never the gRPC form.
///
/// | request | needs |
/// |---|---|
/// | a call of a public method or a public tool | nothing; a token that is sent nevertheless must be valid |
/// | a call of a tool with a rule | a token with the scopes of the rule |
/// | any other call; `GET`, `HEAD` and `DELETE`; a JSON-RPC response | a token with the default scopes |
/// | a batch | what its calls need together |
/// | a body whose calls cannot be determined without doubt; any other HTTP method | a token with all scopes that any rule names |
///
/// The scopes of a rule are in addition to the
/// [required scopes](crate::kinds) of the configuration, which every token needs. A scope
/// can [imply](crate::ClerkConfigBuilder::scope_implies) another.
///
/// | rejection | HTTP | challenge (RFC 6750 §3) |
/// |---|---|---|
/// | no credentials, and the call is not public | 401 | without `error`; `scope` names all scopes that the call needs |
/// | an invalid token, even if the call is public | 401 | `error="invalid_token"` |
/// | a scope is missing | 403 | `error="insufficient_scope"`, `scope` names all scopes that the call needs |
/// | Clerk cannot be reached | 503 | none |
/// | the body is larger than [`max_body`](Self::max_body) | 413 | none |
/// | the body ends early because of an error | 400 | none |
///
/// # The body decides
///
/// The layer first verifies the token, then reads the body of a `POST` in full, and passes it on byte for byte. The
/// calls of a body cannot be determined without doubt if it is not JSON in UTF-8, if `method`, `params` or `name` occurs
/// twice or in another case, or if the request has a `Content-Encoding`: the server could then read another call.
///
/// **The time is not bounded here.** A client can send its body slowly. Its request holds no permit of the inner service
/// meanwhile, only the bytes so far. Add a timeout outside of this layer, such as `RequestBodyTimeoutLayer` or
/// `TimeoutLayer` of tower-http.
///
/// # Order of the layers
///
/// Add layers for CORS, timeouts and decompression outside of this layer, and
/// [`McpSessionLayer`](super::McpSessionLayer) inside of it. A preflight request has no token.
///
/// ```
/// use axum::{Router, routing::post};
/// use tower_clerk::{Authenticator, ClerkConfig, mcp::McpAuthLayer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let clerk = tower_clerk::fake_clerk::FakeClerk::start()?;
/// # let cfg: ClerkConfig = serde_json::from_value(clerk.settings())?;
/// # let token = clerk.token("user_1").scopes(["notes:read"]).issue();
/// // Stands for an MCP server.
/// let server = post(async || "{}");
/// let app: Router = Router::new().route("/mcp", server).layer(
///     McpAuthLayer::new(Authenticator::new(cfg))
///         .discoverable()
///         .default_scopes(["notes:read"])
///         .tool("delete_note", ["notes:read", "notes:write"]),
/// );
///
/// # use tower::ServiceExt;
/// # let send = async |token: Option<&str>, body: &'static str| {
/// #     let mut request = http::Request::post("/mcp");
/// #     if let Some(token) = token { request = request.header("authorization", format!("Bearer {token}")); }
/// #     let request = request.body(axum::body::Body::from(body)).unwrap();
/// #     app.clone().oneshot(request).await.unwrap()
/// # };
/// let list = r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}"#;
/// let delete = r#"{"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "delete_note"}}"#;
/// assert_eq!(send(None, list).await.status(), 200);
/// assert_eq!(send(None, delete).await.status(), 401);
/// // The token has `notes:read`.
/// let rejected = send(Some(&token), delete).await;
/// assert_eq!(rejected.status(), 403);
/// assert!(rejected.headers()["www-authenticate"].to_str()?.ends_with(r#"scope="notes:read notes:write""#));
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use]
pub struct McpAuthLayer<R = EmptyBody> {
    auth: ClerkAuthLayer<R>,
    rules: Arc<Rules>,
}

impl McpAuthLayer {
    /// Makes a layer that shares the cache of an authenticator. Every request needs a valid token, until a setting makes
    /// calls public.
    pub fn new(authenticator: Authenticator) -> Self {
        Self {
            // `RequireCall` rejects each anonymous request that is not public.
            auth: ClerkAuthLayer::from(authenticator)
                .optional()
                .strip_authorization()
                .http_status_only(),
            rules: Arc::default(),
        }
    }
}

impl<R> McpAuthLayer<R> {
    /// Makes the methods that describe the server public: `server/discover`, `initialize`, `notifications/initialized`,
    /// `ping`, `tools/list`, `resources/list`, `resources/templates/list` and `prompts/list`. Default: off, because
    /// the lists describe a server to strangers.
    ///
    /// Clients then show the tools before the user logs in. A session that was opened without a token serves only calls
    /// without a token ([`McpSessionLayer`](super::McpSessionLayer)), so a client of an MCP version with sessions
    /// connects again after the login.
    pub fn discoverable(self) -> Self {
        self.public_methods(DISCOVERY)
    }

    /// Makes these methods public. Default: none. Methods are compared byte for byte. Several calls add up.
    ///
    /// # Panics
    ///
    /// If `tools/call` is among them: name the tools with [`public_tools`](Self::public_tools).
    #[track_caller]
    pub fn public_methods<I, T>(mut self, methods: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        for method in methods {
            let method = method.into();
            assert!(
                method != TOOLS_CALL,
                "`tools/call` is no method to make public: name the tools with `public_tools`"
            );
            self.edit().public_methods.insert(method.into());
        }
        self
    }

    /// Makes these tools public. Default: none. Names are compared byte for byte. Several calls add up.
    ///
    /// A rule by [`tool`](Self::tool) for the same name takes precedence: the tool is then not public.
    pub fn public_tools<I, T>(mut self, tools: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        let tools = tools.into_iter().map(|tool| tool.into().into_boxed_str());
        self.edit().public_tools.extend(tools);
        self
    }

    /// Requires all of these scopes for calls of a tool, in place of the [default scopes](Self::default_scopes). Several
    /// rules for one tool add up.
    ///
    /// # Panics
    ///
    /// If the list is empty, or a text is not a scope token (RFC 6749 §3.3).
    #[track_caller]
    pub fn tool<I, T>(mut self, name: impl Into<String>, scopes: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        let scopes = check_scopes(scopes);
        let name = name.into().into_boxed_str();
        let needed = self.edit().tools.entry(name).or_default();
        needed.extend(scopes.iter().cloned());
        self
    }

    /// Requires all of these scopes for everything without a rule of its own. Default: none, so any valid token is
    /// sufficient. A second call replaces the scopes.
    ///
    /// # Panics
    ///
    /// If a text is not a scope token (RFC 6749 §3.3).
    #[track_caller]
    pub fn default_scopes<I, T>(mut self, scopes: I) -> Self
    where
        I: IntoIterator<Item = T>,
        T: Into<String>,
    {
        let mut scopes = scopes.into_iter().peekable();
        self.edit().default_scopes = match scopes.peek() {
            Some(_) => check_scopes(scopes).to_vec(),
            None => Vec::new(),
        };
        self
    }

    /// Decides by the headers `Mcp-Method` and `Mcp-Name`, if a request has them and a version of MCP that defines them
    /// (2026-07-28). The body of such a request is streamed, and [`max_body`](Self::max_body) does not apply to it.
    /// Default: off.
    ///
    /// **This is safe only in front of a server that compares these headers with the body**, and rejects a request in
    /// which they differ. Otherwise a caller names a public tool in the header and calls another one in the body. `rmcp`
    /// compares them since its version 3.11.
    ///
    /// The headers count only if there is exactly one `MCP-Protocol-Version` with a known version, exactly one
    /// `Mcp-Method`, one `Mcp-Name` if the method has a name, and no `Mcp-Session-Id`. The body of all other requests
    /// decides. A name that cannot be decoded (`=?base64?…?=`) needs all scopes that any rule names.
    pub fn trust_headers(mut self) -> Self {
        self.edit().trusts_headers = true;
        self
    }

    /// Sets the largest body that is read, in bytes. Default: 1 MiB, far more than most calls need. A larger body is
    /// rejected with a 413.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.edit().max_body = bytes;
        self
    }

    /// Sets the body of rejections, as [`ClerkAuthLayer::reject_with`] does. A 413 and a 400 have no body.
    pub fn reject_with<T>(self, reject: T) -> McpAuthLayer<T> {
        McpAuthLayer {
            auth: self.auth.reject_with(reject),
            rules: self.rules,
        }
    }

    /// Returns the rules of this layer alone: clones keep theirs.
    fn edit(&mut self) -> &mut Rules {
        Arc::make_mut(&mut self.rules)
    }
}

impl<S, R: Clone> Layer<S> for McpAuthLayer<R> {
    type Service = McpAuth<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        let inner = RequireCall::new(inner, Arc::clone(&self.rules));
        McpAuth::new(self.auth.layer(inner))
    }
}

impl<R> fmt::Debug for McpAuthLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpAuthLayer")
            .field("auth", &self.auth)
            .field("rules", &self.rules)
            .finish()
    }
}

/// The methods by which a client finds out what a server offers.
const DISCOVERY: [&str; 8] = [
    "server/discover",
    "initialize",
    "notifications/initialized",
    "ping",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "prompts/list",
];
