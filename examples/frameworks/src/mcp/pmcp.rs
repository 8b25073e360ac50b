//! pmcp: the transport is an axum router. Tools get the `AuthContext` of an `AuthProvider`, which sees one header of the
//! request, and not its extensions. So the claims are passed by the task that serves the request.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    Extension, Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use http::uri::Authority;
use pmcp::{
    Error, RequestHandlerExtra, Result, Server,
    axum::{AllowedOrigins, RouterConfig, concurrent_router_with_config},
    server::{
        auth::{AuthContext, AuthProvider},
        simple_tool::SimpleTool,
    },
    types::protocol::{PROTOCOL_VERSION_2026_07_28, ProtocolVersion, SUPPORTED_PROTOCOL_VERSIONS},
};
use serde_json::Value;
use tokio::task_local;
use tower_clerk::ClerkClaims;

task_local! {
    static CLAIMS: ClerkClaims;
}

/// Makes the server.
pub fn server(host: &Authority) -> Router {
    let versions = SUPPORTED_PROTOCOL_VERSIONS
        .iter()
        .chain([&PROTOCOL_VERSION_2026_07_28]);
    let server = Server::builder()
        .name("pmcp")
        .version("0.0.0")
        .with_supported_protocol_versions(versions.map(|&it| ProtocolVersion(it.to_owned())))
        // Without a provider, pmcp takes the user from headers that any client can send: `X-PMCP-User-Id` and others.
        .auth_provider(TaskClaims)
        .tool(
            "whoami",
            SimpleTool::new("whoami", |_, caller| Box::pin(whoami(caller))),
        )
        .tool(
            "admin",
            SimpleTool::new("admin", |_, caller| Box::pin(admin(caller))),
        )
        .build()
        .expect("the server has a name and a version");
    let config = RouterConfig {
        allowed_origins: Some(AllowedOrigins::explicit(vec![format!("https://{host}")])),
        ..RouterConfig::default()
    };
    concurrent_router_with_config(Arc::new(server), config).layer(from_fn(with_claims))
}

async fn whoami(caller: RequestHandlerExtra) -> Result<Value> {
    Ok(subject(&caller)?.into())
}

async fn admin(caller: RequestHandlerExtra) -> Result<Value> {
    Ok(format!("Welcome, {}.", subject(&caller)?).into())
}

fn subject(caller: &RequestHandlerExtra) -> Result<&str> {
    let context = caller.auth_context();
    let context = context.ok_or_else(|| Error::authentication("there is no AuthProvider"))?;
    Ok(&context.subject)
}

async fn with_claims(
    Extension(claims): Extension<ClerkClaims>,
    request: Request,
    next: Next,
) -> Response {
    CLAIMS.scope(claims, next.run(request)).await
}

/// Takes the claims from the task. `McpAuthLayer` has verified the token, and has removed it from the request.
struct TaskClaims;

#[async_trait]
impl AuthProvider for TaskClaims {
    async fn validate_request(&self, _: Option<&str>) -> Result<Option<AuthContext>> {
        let claims = CLAIMS.try_with(Clone::clone);
        let claims = claims.map_err(|_| Error::authentication("there is no McpAuthLayer"))?;
        Ok(Some(AuthContext {
            scopes: claims.scopes().map(str::to_owned).collect(),
            client_id: claims.client_id().map(str::to_owned),
            ..AuthContext::new(claims.subject())
        }))
    }
}
