//! tower-mcp: the transport is an axum router, and passes on the extensions that it is configured for.

use axum::Router;
use http::uri::Authority;
use tower_clerk::ClerkClaims;
use tower_mcp::{CallToolResult, HttpTransport, McpRouter, ToolBuilder, extract::Extension};

/// Makes the server.
pub fn server(host: &Authority) -> Router {
    let whoami = ToolBuilder::new("whoami")
        .description("The subject of the access token")
        .extractor_handler((), async |Extension(claims): Extension<ClerkClaims>| {
            Ok(CallToolResult::text(claims.subject()))
        })
        .build();
    let admin = ToolBuilder::new("admin")
        .description("For administrators")
        .extractor_handler((), async |Extension(claims): Extension<ClerkClaims>| {
            Ok(CallToolResult::text(format!(
                "Welcome, {}.",
                claims.subject()
            )))
        })
        .build();
    let tools = McpRouter::new()
        .server_info("tower-mcp", "0.0.0")
        .tool(whoami)
        .tool(admin);
    HttpTransport::new(tools)
        .bridge_extension::<ClerkClaims>()
        .allowed_hosts(vec![host.to_string()])
        .into_router()
}
