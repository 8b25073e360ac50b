//! The rules over real connections: hyper's framing of bodies, and rmcp's client and server.

use std::net::SocketAddr;

use axum::Router;
use http::request::Parts;
use reqwest::ClientBuilder;
use rmcp::{
    ServerHandler,
    handler::server::tool::Extension,
    model::{CallToolRequestParams, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt},
    tool, tool_handler, tool_router,
    transport::{
        StreamableHttpClientTransport,
        streamable_http_client::StreamableHttpClientTransportConfig as ClientConfig,
        streamable_http_server::{StreamableHttpService, session::local::LocalSessionManager},
    },
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tower::ServiceBuilder;
use tower_clerk::{
    Authenticator, ClerkClaims, ClerkConfig,
    fake_clerk::FakeClerk,
    kinds::OAuthTokens,
    mcp::{McpAuthLayer, McpSessionLayer},
};

use crate::wire::serve;

struct Tools;

#[tool_router]
impl Tools {
    #[tool(description = "The subject of the token, if there is one")]
    async fn open(&self, Extension(parts): Extension<Parts>) -> String {
        subject(&parts)
    }

    #[tool(description = "The same for administrators")]
    async fn admin(&self, Extension(parts): Extension<Parts>) -> String {
        format!("admin {}", subject(&parts))
    }
}

#[tool_handler]
impl ServerHandler for Tools {}

fn subject(parts: &Parts) -> String {
    let claims = parts.extensions.get::<ClerkClaims>();
    claims.map_or("anonymous", ClerkClaims::subject).to_owned()
}

/// Serves rmcp behind the rules.
async fn start(clerk: &FakeClerk, set: impl FnOnce(McpAuthLayer) -> McpAuthLayer) -> SocketAddr {
    let oauth = OAuthTokens::introspection(clerk.client_id(), clerk.client_secret());
    let config = ClerkConfig::builder(clerk.url()).accept(oauth).build();
    let rules = McpAuthLayer::new(Authenticator::new(config.unwrap()))
        .discoverable()
        .public_tools(["open"])
        .tool("admin", ["mcp:admin"]);
    let server = StreamableHttpService::new(
        || Ok(Tools),
        LocalSessionManager::default().into(),
        Default::default(),
    );
    let mcp = ServiceBuilder::new()
        .layer(set(rules))
        .layer(McpSessionLayer::new())
        .service(server);
    serve(Router::new().route_service("/mcp", mcp)).await
}

fn transport(
    address: SocketAddr,
    token: Option<&str>,
) -> StreamableHttpClientTransport<reqwest::Client> {
    let client = ClientBuilder::new().no_proxy().build().unwrap();
    let mut config = ClientConfig::with_uri(format!("http://{address}/mcp"));
    if let Some(token) = token {
        config = config.auth_header(token);
    }
    StreamableHttpClientTransport::with_client(client, config)
}

#[tokio::test]
async fn a_client_of_rmcp_calls_public_tools_and_steps_up() {
    let clerk = FakeClerk::start().unwrap();
    let token = clerk.token("user_1").scopes(["mcp:admin"]).issue();
    let lifecycles: [fn() -> ClientLifecycleMode; 2] = [
        || ClientLifecycleMode::Initialize,
        || ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
    ];
    for trusts in [false, true] {
        let set = |layer: McpAuthLayer| if trusts { layer.trust_headers() } else { layer };
        let address = start(&clerk, set).await;
        for lifecycle in lifecycles {
            let name = format!("{:?}, trusting: {trusts}", lifecycle());
            let anonymous = ().serve_with_lifecycle(transport(address, None), lifecycle());
            let anonymous = anonymous.await.unwrap();
            let call = |tool| CallToolRequestParams::new(tool);
            assert_eq!(anonymous.list_all_tools().await.unwrap().len(), 2, "{name}");
            let open = anonymous.call_tool(call("open")).await.unwrap();
            assert!(
                format!("{open:?}").contains("anonymous"),
                "{name}: {open:?}"
            );
            let error = anonymous.call_tool(call("admin")).await.unwrap_err();
            let challenge = error.auth_challenge().unwrap();
            assert_eq!(challenge, "Bearer scope=\"mcp:admin\"", "{name}");

            let user = ().serve_with_lifecycle(transport(address, Some(&token)), lifecycle());
            let user = user.await.unwrap();
            for _ in 0..2 {
                let open = user.call_tool(call("open")).await.unwrap();
                assert!(format!("{open:?}").contains("user_1"), "{name}: {open:?}");
                let admin = user.call_tool(call("admin")).await.unwrap();
                assert!(
                    format!("{admin:?}").contains("admin user_1"),
                    "{name}: {admin:?}"
                );
            }
            user.cancel().await.unwrap();
            _ = anonymous.cancel().await;
        }
    }
}

#[tokio::test]
async fn rmcp_rejects_headers_that_differ_from_the_body() {
    let clerk = FakeClerk::start().unwrap();
    let address = start(&clerk, McpAuthLayer::trust_headers).await;
    let client = ClientBuilder::new().no_proxy().build().unwrap();
    let admin = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "admin",
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "by hand", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    }});
    let response = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
    for (name, method, tool, message, status) in [
        ("a public method", "tools/list", None, &admin, 400),
        ("a public tool", "tools/call", Some("open"), &admin, 400),
        (
            "an encoded public tool",
            "tools/call",
            Some("=?base64?b3Blbg==?="),
            &admin,
            400,
        ),
        ("a response", "tools/list", None, &response, 400),
        ("the tool itself", "tools/call", Some("admin"), &admin, 401),
    ] {
        for _ in 0..2 {
            let mut request = client
                .post(format!("http://{address}/mcp"))
                .header("accept", "application/json, text/event-stream")
                .header("mcp-protocol-version", "2026-07-28")
                .header("mcp-method", method)
                .json(message);
            if let Some(tool) = tool {
                request = request.header("mcp-name", tool);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), status, "{name}");
            let text = response.text().await.unwrap();
            assert!(!text.contains("admin anonymous"), "{name}: {text}");
            if status == 400 {
                let error: Value = serde_json::from_str(&text).unwrap();
                assert!(error["error"].is_object(), "{name}: {text}");
            }
        }
    }
}

/// Sends bytes over one connection, and returns the first line of the response.
async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that rejects a request early may close the connection.
    _ = stream.write_all(request).await;
    let mut response = Vec::new();
    let mut buffer = [0; 1024];
    while !response.contains(&b'\n') {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the connection ended");
        response.extend_from_slice(&buffer[..read]);
    }
    let response = String::from_utf8(response).unwrap();
    response.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn the_framing_of_http_1_hides_no_call() {
    let clerk = FakeClerk::start().unwrap();
    let address = start(&clerk, |layer| layer.max_body(200)).await;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let admin = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"admin"}}"#;
    let chunked = |parts: &[&str]| {
        let chunks = parts
            .iter()
            .map(|part| format!("{:x}\r\n{part}\r\n", part.len()));
        format!(
            "transfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
            chunks.collect::<String>()
        )
    };
    let stated = |length: usize, body: &str| format!("content-length: {length}\r\n\r\n{body}");
    let (first, second) = admin.split_at(50);
    let long = format!("{ping}{}", " ".repeat(200));
    for (name, rest, expected) in [
        ("in chunks", chunked(&[first, second]), "401"),
        (
            "in chunks, too long",
            chunked(&[ping, &" ".repeat(200)]),
            "413",
        ),
        ("too long", stated(long.len(), &long), "413"),
        // Nothing arrives: the stated length is sufficient.
        ("stated to be too long", stated(201, ""), "413"),
        ("stated to be huge", stated(usize::MAX / 2, ping), "413"),
        // The rest is the beginning of another request, by the framing of HTTP.
        (
            "stated to be shorter",
            stated(ping.len() + 1, &format!("{ping} {admin}")),
            "406",
        ),
        (
            "stated to be cut in the middle",
            stated(first.len(), admin),
            "401",
        ),
        // The chunks count (RFC 9112 §6.3), for hyper and so for the layer.
        (
            "in chunks and of a stated length",
            format!("content-length: {}\r\n{}", ping.len(), chunked(&[admin])),
            "401",
        ),
    ] {
        for _ in 0..2 {
            let request = format!("POST /mcp HTTP/1.1\r\nhost: {address}\r\n{rest}");
            let line = raw(address, request.as_bytes()).await;
            assert!(
                line.starts_with(&format!("HTTP/1.1 {expected}")),
                "{name}: {line}"
            );
        }
    }
}
