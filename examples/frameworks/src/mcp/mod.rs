//! MCP servers. Each module makes the server of one crate, with two tools: `whoami` returns the subject of the claims, and
//! `admin` needs the scope `mcp:admin`.
//!
//! The layers verify the token. Checks that the crates have themselves stay off, so that one place decides.

pub mod pmcp;
pub mod rust_mcp_sdk;
pub mod tower_mcp;

use axum::Router;
use http::{Uri, uri::Authority};
use tower::ServiceBuilder;
use tower_clerk::{
    Authenticator,
    mcp::{McpAuthLayer, McpSessionLayer},
};

/// The scope that the tool `admin` needs.
const ADMIN: &str = "mcp:admin";

/// Serves an MCP server at `/mcp`, behind the layers, and the metadata of the resource. Returns `None` if the
/// configuration has no resource that is a web address.
///
/// The server gets the host of the resource, and rejects requests with another `Host`: the host name of a foreign web page
/// can resolve to this machine (DNS rebinding).
///
/// A browser sends preflight requests, which have no token. If web pages may call the server, add a `CorsLayer` outside
/// of `rules`, as `examples/mcp.rs` of the repository does.
pub fn app(auth: Authenticator, server: fn(&Authority) -> Router) -> Option<Router> {
    let metadata = auth.resource_metadata()?;
    let address = metadata.url().parse::<Uri>().ok()?;
    let server = server(address.authority()?);
    let rules = McpAuthLayer::new(auth).tool("admin", [ADMIN]);
    let mcp = ServiceBuilder::new()
        .layer(rules)
        .layer(McpSessionLayer::new())
        .service(server);
    let app = Router::new().nest_service("/mcp", mcp);
    Some(app.merge(metadata.router()))
}
