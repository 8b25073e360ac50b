//! An MCP server that accepts Clerk's access tokens. `/mcp` has two tools: `whoami` returns the caller's claims, and
//! `admin` requires a token with the scope `mcp:admin`. `GET /health` is open.
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
//! `MCP_EARLY_CLIENTS=1` is for clients of MCP's first revision. `RUST_LOG=mcp=debug` shows which headers the tools get: the one with the token is missing.

use std::{convert::Infallible, env, error::Error, iter, process::ExitCode};

use axum::{Router, body::Body, response::IntoResponse, routing::get};
use http::{HeaderName, Method, Request, Response, StatusCode, Uri, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use rmcp::{
    ErrorData, ServerHandler,
    handler::server::tool::Extension,
    model::{CallToolResult, ContentBlock},
    tool, tool_handler, tool_router,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::Value;
use tokio::net::TcpListener;
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_clerk::{
    ClerkAuthLayer, ClerkClaims, ClerkConfigBuilder, RequireLayer,
    config::Resource,
    kinds::{AudiencePolicy, JwtVerification, OAuthTokens},
    mcp::McpSessionLayer,
};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// The scope that the tool `admin` requires, beyond the scopes for all tools.
const ADMIN: &str = "mcp:admin";

/// The largest accepted request, in bytes, far more than these tools need. Requests are read in full, because the
/// body names the tool.
const MAX_BODY: usize = 1 << 20;

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
        // `by_tool` has rejected the request by HTTP already, which clients can act on. This check does not depend on
        // how `by_tool` reads a request.
        if !claims(&parts)?.has_scope(ADMIN) {
            return Err(ErrorData::invalid_request("this needs mcp:admin", None));
        }
        let welcome = ContentBlock::text("Welcome, administrator.");
        Ok(CallToolResult::success(vec![welcome]))
    }
}

#[tool_handler(name = "tower-clerk-example", version = "0.1.0")]
impl ServerHandler for Tools {}

/// Returns the claims of this request: a session can outlive a token.
fn claims(parts: &Parts) -> Result<&ClerkClaims, ErrorData> {
    tracing::debug!(names = ?parts.headers.keys(), "the headers that a tool sees");
    let claims = parts.extensions.get();
    claims.ok_or_else(|| ErrorData::internal_error("there is no ClerkAuthLayer", None))
}

// === what a request needs ===

/// Returns true if a request calls the tool `admin`. Only the body shows it: before version 2026-07-28 of the
/// protocol, servers do not compare the header `Mcp-Name` with the body.
fn calls_admin(body: &[u8]) -> bool {
    let is_admin =
        |message: &Value| message["method"] == "tools/call" && message["params"]["name"] == "admin";
    match serde_json::from_slice(body) {
        // Version 2025-03-26 has batches.
        Ok(Value::Array(messages)) => messages.iter().any(is_admin),
        Ok(message) => is_admin(&message),
        // The server rejects this body, too.
        Err(_) => false,
    }
}

/// Reads a request, and sends it to the service for administrators or to the one for all callers.
async fn by_tool<A, M>(request: Request<Body>, admin: A, mcp: M) -> Response<Body>
where
    A: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    M: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        }
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    };
    let needs_admin = calls_admin(&body);
    let request = Request::from_parts(parts, Body::from(body));
    let Ok(response) = if needs_admin {
        admin.oneshot(request).await
    } else {
        mcp.oneshot(request).await
    };
    response
}

// === the server ===

fn app(auth: ClerkAuthLayer) -> Result<Router, Box<dyn Error>> {
    let metadata = auth
        .authenticator()
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
        .enforce_origin_validation()
        .with_max_request_body_bytes(MAX_BODY);
    let sessions = LocalSessionManager::default();
    let mcp = StreamableHttpService::new(|| Ok(Tools), sessions.into(), config);
    let mcp = ServiceBuilder::new()
        .map_response(|response: Response<_>| response.map(Body::new))
        .service(mcp);
    let admin = RequireLayer::scopes([ADMIN]).layer(mcp.clone());

    // Outside of `auth`: a preflight request carries no token, and scripts have to read the challenge of a rejection.
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
    let protected = ServiceBuilder::new()
        .layer(cors)
        // A tool without the token cannot pass it on.
        .layer(auth.strip_authorization())
        .layer(McpSessionLayer::new())
        .service(service_fn(move |request| {
            let (admin, mcp) = (admin.clone(), mcp.clone());
            async { Ok::<_, Infallible>(by_tool(request, admin, mcp).await) }
        }));
    Ok(Router::new()
        .route_service("/mcp", protected)
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
    let auth = ClerkAuthLayer::new(config);
    // Without an answer from Clerk, the next request that needs a document fetches it.
    let _ = auth.authenticator().warm_up().await;
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
