//! rust-mcp-sdk: the transport is a function of a request whose body is text. Tools get the `AuthInfo` of the extensions.
//!
//! The adapter for axum, rust-mcp-axum, copies no extensions of a request, so the route is written out here.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{Extension, Router, body::Body, extract::State, routing::post};
use http::{Request, Response, StatusCode, request::Parts, uri::Authority};
use rust_mcp_sdk::{
    McpServer, RequestContext, ServerDetails, TransportOptions,
    auth::AuthInfo,
    id_generator::{FastIdGenerator, UuidGenerator},
    mcp_http::{
        DEFAULT_MAX_LISTEN_STREAMS, McpAppState, McpHttpHandler, middleware::DnsRebindProtector,
    },
    mcp_server::{ServerHandler, ToMcpServerHandler},
    schema::{
        CallToolRequestParams, CallToolResult, Implementation, ListToolsResult,
        ListToolsResultCacheScope, PaginatedRequestParams, RpcError, ServerCapabilities,
        ServerCapabilitiesTools, ServerResult, TextContent, Tool, ToolInputSchema,
        schema_utils::CallToolError,
    },
};
use tower_clerk::ClerkClaims;

/// Makes the server.
pub fn server(host: &Authority) -> Router {
    let hosts = DnsRebindProtector::new(Some(vec![host.to_string()]), None);
    let transport = McpHttpHandler::new(vec![Arc::new(hosts)], None);
    let state = McpAppState {
        id_generator: Arc::new(UuidGenerator {}),
        stream_id_gen: Arc::new(FastIdGenerator::new(None)),
        server_details: Arc::new(details()),
        handler: Tools.to_mcp_server_handler(),
        ping_interval: Duration::from_secs(12),
        transport_options: Arc::new(TransportOptions::default()),
        enable_json_response: false,
        message_observer: None,
        extensions: Arc::default(),
        active_listen_streams: Arc::default(),
        max_listen_streams: DEFAULT_MAX_LISTEN_STREAMS,
    };
    Router::new()
        .route("/", post(handle))
        .with_state((transport, Arc::new(state)))
}

async fn handle(
    State((transport, state)): State<(McpHttpHandler, Arc<McpAppState>)>,
    Extension(claims): Extension<ClerkClaims>,
    parts: Parts,
    body: String,
) -> Result<Response<Body>, StatusCode> {
    let mut request = Request::from_parts(parts, body.as_str());
    request.extensions_mut().insert(auth_info(&claims));
    let response = transport.handle_streamable_http(request, state).await;
    let response = response.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(response.map(Body::new))
}

fn auth_info(claims: &ClerkClaims) -> AuthInfo {
    AuthInfo {
        token_unique_id: claims.token_id().unwrap_or_default().to_owned(),
        client_id: claims.client_id().map(str::to_owned),
        user_id: Some(claims.subject().to_owned()),
        scopes: Some(claims.scopes().map(str::to_owned).collect()),
        expires_at: claims.expires_at(),
        audience: None,
        extra: None,
    }
}

struct Tools;

#[async_trait]
impl ServerHandler for Tools {
    async fn handle_list_tools_request(
        &self,
        _: Option<PaginatedRequestParams>,
        _: &RequestContext,
        _: Arc<dyn McpServer>,
    ) -> Result<ListToolsResult, RpcError> {
        Ok(ListToolsResult {
            tools: vec![
                tool("whoami", "The subject of the access token"),
                tool("admin", "For administrators"),
            ],
            result_type: "complete".to_owned(),
            cache_scope: ListToolsResultCacheScope::Private,
            ttl_ms: 0,
            next_cursor: None,
            meta: None,
        })
    }

    async fn handle_call_tool_request(
        &self,
        call: CallToolRequestParams,
        _: &RequestContext,
        server: Arc<dyn McpServer>,
    ) -> Result<ServerResult, CallToolError> {
        let caller = server.auth_info_cloned().await;
        let subject = caller.and_then(|caller| caller.user_id);
        let subject =
            subject.ok_or_else(|| CallToolError::from_message("there is no McpAuthLayer"))?;
        let text = match call.name.as_str() {
            "whoami" => subject,
            "admin" => format!("Welcome, {subject}."),
            _ => return Err(CallToolError::unknown_tool(call.name)),
        };
        Ok(CallToolResult::text_content(vec![TextContent::from(text)]).into())
    }
}

fn tool(name: &str, description: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        input_schema: ToolInputSchema::new(None, None),
        annotations: None,
        icons: vec![],
        meta: None,
        output_schema: None,
        title: None,
    }
}

fn details() -> ServerDetails {
    ServerDetails {
        server_info: Implementation {
            name: "rust-mcp-sdk".to_owned(),
            version: "0.0.0".to_owned(),
            description: None,
            icons: vec![],
            title: None,
            website_url: None,
        },
        capabilities: ServerCapabilities {
            tools: Some(ServerCapabilitiesTools { list_changed: None }),
            ..ServerCapabilities::default()
        },
        instructions: None,
        meta: None,
    }
}
