//! An MCP server that accepts Clerk's access tokens. `/mcp` has three tools: `whoami` returns the caller's claims,
//! `admin` requires a token with the scope `mcp:admin`, and `version` needs no token. `GET /health` is open.
//!
//! ```sh
//! CLERK_DOMAIN=verb-noun-00.clerk.accounts.dev CLERK_OAUTH_CLIENT_ID=… CLERK_OAUTH_CLIENT_SECRET=… \
//!     CLERK_RESOURCE=http://127.0.0.1:3000/mcp CLERK_REQUIRED_SCOPES=mcp:tools \
//!     CLERK_ALLOWED_CLIENTS='*' cargo run --example mcp
//! ```
//!
//! `CLERK_RESOURCE` is the address that clients use, and the only one that they need. They find Clerk by it, register
//! themselves there, which is why any client is allowed, and request a token for this resource. Only the token itself
//! names the resource, so the server first verifies its signature and then introspects it. The instance has to issue
//! JWTs, as new instances do.
//!
//! `LISTEN` (default `127.0.0.1:3000`) is the address of the process. `ALLOWED_ORIGINS`, separated by spaces, are the
//! origins of web pages that may call the server; the default is the MCP Inspector on this machine.
//! `MCP_EARLY_CLIENTS=1` is for clients of MCP's first revision. `RUST_LOG=mcp=debug` shows which headers the tools get:
//! the one with the token is missing.

use std::{env, error::Error, iter, process::ExitCode};

use axum::{Router, routing::get};
use http::{HeaderName, Method, Uri, header, request::Parts};
use rmcp::{
    ErrorData, ServerHandler,
    handler::server::tool::Extension,
    model::{CallToolResult, ContentBlock},
    tool, tool_handler, tool_router,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_clerk::{
    Authenticator, ClerkClaims, ClerkConfigBuilder,
    config::Resource,
    kinds::{AudiencePolicy, JwtVerification, OAuthTokens},
    mcp::{McpAuthLayer, McpSessionLayer},
};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// The scope that the tool `admin` requires, beyond the scopes for all tools.
const ADMIN: &str = "mcp:admin";

// === the tools ===

struct Tools;

#[tool_router]
impl Tools {
    #[tool(
        description = "Who the caller is, as the claims of the access token",
        annotations(read_only_hint = true)
    )]
    async fn whoami(
        &self,
        Extension(parts): Extension<Parts>,
    ) -> Result<CallToolResult, ErrorData> {
        let claims = serde_json::to_value(claims(&parts)?)
            .map_err(|_| ErrorData::internal_error("the claims are no JSON", None))?;
        Ok(CallToolResult::structured(claims))
    }

    #[tool(
        description = "Something for administrators alone: needs the scope mcp:admin",
        annotations(read_only_hint = true)
    )]
    async fn admin(&self, Extension(parts): Extension<Parts>) -> Result<CallToolResult, ErrorData> {
        // `McpAuthLayer` has rejected the request by HTTP already, which clients can act on. This check does not depend
        // on how that layer reads a request.
        if !claims(&parts)?.has_scope(ADMIN) {
            return Err(ErrorData::invalid_request("this needs mcp:admin", None));
        }
        let welcome = ContentBlock::text("Welcome, administrator.");
        Ok(CallToolResult::success(vec![welcome]))
    }

    #[tool(
        description = "The version of this server, for everyone",
        annotations(read_only_hint = true)
    )]
    async fn version(&self) -> String {
        env!("CARGO_PKG_VERSION").to_owned()
    }
}

#[tool_handler(name = "tower-clerk-example", version = "0.1.0")]
impl ServerHandler for Tools {}

/// Returns the claims of this request: a session can outlive a token.
fn claims(parts: &Parts) -> Result<&ClerkClaims, ErrorData> {
    tracing::debug!(names = ?parts.headers.keys(), "the headers that a tool sees");
    let claims = parts.extensions.get();
    claims.ok_or_else(|| ErrorData::internal_error("there is no McpAuthLayer", None))
}

// === the server ===

fn app(auth: Authenticator) -> Result<Router, Box<dyn Error>> {
    let metadata = auth
        .resource_metadata()
        .ok_or("CLERK_RESOURCE must be the address of this server, such as http://host/mcp")?;
    let resource = Uri::try_from(metadata.url())?;
    let origins =
        env::var("ALLOWED_ORIGINS").unwrap_or_else(|_| "http://localhost:6274".to_owned());
    let origins: Vec<_> = origins.split_whitespace().map(str::to_owned).collect();

    // Against DNS rebinding: a web page can have its own host name resolve to this machine.
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(resource.authority().map(ToString::to_string))
        .with_allowed_origins(&origins)
        .enforce_origin_validation();
    let sessions = LocalSessionManager::default();
    let tools = StreamableHttpService::new(|| Ok(Tools), sessions.into(), config);

    // All other calls need a token with the required scopes of the configuration.
    let rules = McpAuthLayer::new(auth)
        .public_tools(["version"])
        .tool("admin", [ADMIN]);
    // Outside of `rules`: a preflight request carries no token, and scripts have to read the challenge of a rejection.
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| {
            origins.iter().any(|allowed| origin == allowed)
        }))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        // Since version 2026-07-28, clients choose some names of headers.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            header::WWW_AUTHENTICATE,
            HeaderName::from_static("mcp-session-id"),
        ]);
    let mcp = ServiceBuilder::new()
        .layer(cors)
        .layer(rules)
        .layer(McpSessionLayer::new())
        .service(tools);
    Ok(Router::new()
        .route_service("/mcp", mcp)
        .route("/health", get(|| async { "ok\n" }))
        .merge(metadata.router()))
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let variable = |name| env::var(name).map_err(|_| format!("{name} is not set"));
    // Clients without a challenge request the scopes that the metadata names.
    let required = env::var("CLERK_REQUIRED_SCOPES").unwrap_or_default();
    let scopes = required.split([' ', ',']).filter(|scope| !scope.is_empty());
    let resource = Resource::new(variable("CLERK_RESOURCE")?);
    let oauth = OAuthTokens::introspection(
        variable("CLERK_OAUTH_CLIENT_ID")?,
        variable("CLERK_OAUTH_CLIENT_SECRET")?,
    );
    let oauth = oauth
        .required_scopes(scopes.clone())
        .allow_any_client()
        // Any client is allowed, so the audience distinguishes our tokens from those for others.
        .audience_policy(AudiencePolicy::Require)
        // Clerk's introspection answers name no audience. The token does, and its signature proves it.
        .jwts(JwtVerification::LocalThenIntrospect);
    let mut resource = resource.scopes_supported(scopes.chain([ADMIN]));
    let mut oauth = oauth;
    if env::var_os("MCP_EARLY_CLIENTS").is_some() {
        // Clients of MCP's first revision look for Clerk's metadata here, and name no resource: their tokens have no
        // audience.
        resource = resource.serve_authorization_server_metadata();
        oauth = oauth.audience_policy(AudiencePolicy::RejectForeign);
    }
    let config = ClerkConfigBuilder::from_env()
        .accept(oauth)
        .resource(resource)
        .build()?;
    let auth = Authenticator::new(config);
    // Without an answer from Clerk, the next request that needs a document fetches it.
    let _ = auth.warm_up().await;
    let app = app(auth)?;

    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(&address).await.map_err(|error| {
        format!("cannot listen on {address}: {error} (LISTEN names another address)")
    })?;
    println!("listening on http://{}/mcp", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt::init();
    let Err(error) = serve().await else {
        return ExitCode::SUCCESS;
    };
    // An error returned from `main` would be shown with `Debug`, which is not for people.
    eprintln!("error: {error}");
    for cause in iter::successors(error.source(), |&cause| cause.source()) {
        eprintln!("caused by: {cause}");
    }
    let is_unset = |name| env::var_os(name).is_none();
    if ["CLERK_DOMAIN", "CLERK_PUBLISHABLE_KEY"]
        .into_iter()
        .all(is_unset)
    {
        eprintln!(
            "note: `cargo run --example fake_clerk` starts a fake Clerk and prints the variables to export, such as \
             CLERK_DOMAIN, and CLERK_RESOURCE=http://127.0.0.1:3000/mcp"
        );
    }
    ExitCode::FAILURE
}
