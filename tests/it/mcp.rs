//! The example `mcp`, as a process of its own, driven by rmcp's client and by hand.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    process::Stdio,
};

use axum::Router;
use http::{Method, StatusCode, request::Parts};
use reqwest::{ClientBuilder, RequestBuilder, Response, redirect};
use rmcp::{
    RoleClient, ServerHandler, ServiceError, ServiceExt as _,
    handler::server::tool::Extension,
    model::{CallToolRequestParams, CallToolResult, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt, RunningService},
    tool, tool_handler, tool_router,
    transport::{
        AuthClient, StreamableHttpClientTransport,
        auth::{AuthorizationCallback, AuthorizationManager, AuthorizationRequest, OAuthState},
        streamable_http_client::StreamableHttpClientTransportConfig as ClientConfig,
        streamable_http_server::{StreamableHttpService, session::local::LocalSessionManager},
    },
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    process::Command,
};
use tower_clerk::{
    ClerkAuthLayer, ClerkConfig,
    fake_clerk::{Endpoint, FakeClerk, TokenBuilder},
    kinds::OAuthTokens,
};

use crate::examples::{Example, configured, free_address};

// === rmcp's client ===

#[tokio::test]
async fn a_client_that_knows_the_address_alone_gets_a_token_and_steps_up() {
    let modern = ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    };
    for (name, lifecycle) in [
        ("with a session", ClientLifecycleMode::Initialize),
        ("without a session", modern),
    ] {
        let world = World::start().await;
        let challenge = rejected(&world, lifecycle.clone()).await;
        assert_eq!(challenge, world.challenge("scope=\"mcp:tools\""), "{name}");

        let client = AuthClient::new(http_client(), authorized(&world, &challenge).await);
        let config = ClientConfig::with_uri(world.url.as_str());
        let transport = StreamableHttpClientTransport::with_client(client.clone(), config);
        let service = ().serve_with_lifecycle(transport, lifecycle).await.unwrap();
        assert_eq!(world.clerk.calls(Endpoint::Registration), 1, "{name}");

        let claims = call(&service, "whoami").await.unwrap().structured_content;
        let claims = claims.unwrap();
        assert_eq!(claims["sub"], "user_fake", "{name}");
        assert_eq!(claims["aud"], json!([world.url]), "{name}");
        let token = client.get_access_token().await.unwrap();
        assert!(!token.starts_with("oat_"), "{name}");
        let had = claims["scopes"].as_array().unwrap();
        assert!(had.contains(&json!("mcp:tools")), "{name}: {had:?}");
        assert!(!had.contains(&json!("mcp:admin")), "{name}: {had:?}");

        for _ in 0..2 {
            let error = call(&service, "admin").await.unwrap_err();
            let told = error.auth_challenge().expect("it is rejected by HTTP");
            assert_eq!(told, world.insufficient_scope(), "{name}");
        }

        let manager = client.auth_manager.lock().await;
        let needed = "mcp:tools mcp:admin";
        let consent = manager.request_scope_upgrade(needed).await.unwrap();
        let back = AuthorizationCallback::from_redirect_url(&consented(&consent).await).unwrap();
        let AuthorizationCallback {
            code,
            csrf_token,
            issuer,
            ..
        } = back;
        manager
            .exchange_code_for_token_with_issuer(&code, &csrf_token, issuer.as_deref())
            .await
            .unwrap();
        drop(manager);
        let admin = call(&service, "admin").await.unwrap();
        assert_eq!(admin.is_error, Some(false), "{name}");
        assert_eq!(world.clerk.calls(Endpoint::Registration), 1, "{name}");
        service.cancel().await.unwrap();
    }
}

/// What a client without a token is told.
async fn rejected(world: &World, lifecycle: ClientLifecycleMode) -> String {
    let config = ClientConfig::with_uri(world.url.as_str());
    let transport = StreamableHttpClientTransport::with_client(http_client(), config);
    let error = ().serve_with_lifecycle(transport, lifecycle).await.unwrap_err();
    error.auth_challenge().unwrap().to_owned()
}

/// Discovery, registration, consent, token.
async fn authorized(world: &World, challenge: &str) -> AuthorizationManager {
    let manager = AuthorizationManager::new_allowing_private_addresses(world.url.as_str());
    let mut state = OAuthState::Unauthorized(manager.await.unwrap());
    let request = AuthorizationRequest::new("http://127.0.0.1:8976/callback");
    // Otherwise it would ask for all that the metadata names.
    let request = request
        .with_challenge(challenge)
        .with_initial_scope_selection();
    state.start_authorization(request).await.unwrap();
    let consent = state.get_authorization_url().await.unwrap();
    let back = consented(&consent).await;
    state.handle_callback_url(&back).await.unwrap();
    state.into_authorization_manager().unwrap()
}

/// Where the browser is sent, since the fake consents by itself.
async fn consented(url: &str) -> String {
    let response = http_client().get(url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::FOUND);
    response.headers()["location"].to_str().unwrap().to_owned()
}

async fn call(
    service: &RunningService<RoleClient, ()>,
    tool: &'static str,
) -> Result<CallToolResult, ServiceError> {
    service.call_tool(CallToolRequestParams::new(tool)).await
}

// === by hand ===

#[tokio::test]
async fn metadata_names_what_tools_need_beyond_the_rest() {
    let world = World::start().await;
    for path in ["", "/mcp"] {
        let address = world.address;
        let url = format!("http://{address}/.well-known/oauth-protected-resource{path}");
        let response = http_client().get(url).send().await.unwrap();
        let document: Value = response.json().await.unwrap();
        assert_eq!(document["resource"], world.url.as_str());
        assert_eq!(
            document["authorization_servers"],
            json!([world.clerk.url()])
        );
        let scopes = json!(["mcp:tools", "mcp:admin"]);
        assert_eq!(document["scopes_supported"], scopes);
    }
}

#[tokio::test]
async fn a_session_is_for_who_opened_it() {
    let world = World::start().await;
    let ada = world.token("user_ada").issue();
    let session = world.open(&ada).await;
    let others = [
        ("another user", world.token("user_eve").issue()),
        (
            "another client of hers",
            world.token("user_ada").client_id("client_2").issue(),
        ),
    ];
    for (name, other) in &others {
        for method in [Method::POST, Method::GET, Method::DELETE] {
            for _ in 0..2 {
                let request = world.request(method.clone(), other).json(&tool("whoami"));
                let request = request.header("mcp-session-id", &session);
                let status = request.send().await.unwrap().status();
                assert_eq!(status, StatusCode::NOT_FOUND, "{name}: {method}");
            }
        }
    }
    // A new token of hers continues it.
    for token in [&ada, &world.token("user_ada").issue()] {
        let request = world.request(Method::POST, token).json(&tool("whoami"));
        let response = request.header("mcp-session-id", &session);
        let response = response.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.text().await.unwrap().contains("user_ada"));
    }
}

#[tokio::test]
async fn tokens_for_nobody_or_for_others_are_rejected() {
    let world = World::start().await;
    let token = || world.clerk.token("user_ada").scopes(["mcp:tools"]).jwt();
    let opaque = world.clerk.token("user_ada").scopes(["mcp:tools"]);
    let other = |suffix: &str| format!("{}{suffix}", world.url);
    for (name, token) in [
        ("no audience", token().issue()),
        (
            "another host",
            token().resource("https://other.example/mcp").issue(),
        ),
        ("another path", token().resource(other("/x")).issue()),
        ("two slashes more", token().resource(other("//")).issue()),
        // Introspection does not say whom it is for.
        ("opaque", opaque.resource(&world.url).issue()),
        ("a query more", token().resource(other("?x")).issue()),
        ("Clerk", token().resource(world.clerk.url()).issue()),
    ] {
        for _ in 0..2 {
            let response = world.post(&token, &initialize()).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{name}");
            let challenge = response.headers()["www-authenticate"].to_str().unwrap();
            assert!(challenge.contains("error=\"invalid_token\""), "{name}");
        }
    }
    let several = token()
        .resource("https://other.example")
        .resource(&world.url);
    let slash = token().resource(other("/"));
    for (name, token) in [
        ("one of several", several.issue()),
        ("a slash more", slash.issue()),
    ] {
        let response = world.post(&token, &initialize()).await;
        assert_eq!(response.status(), StatusCode::OK, "{name}");
    }
}

#[tokio::test]
async fn what_the_body_calls_counts_whatever_the_headers_say() {
    let world = World::start().await;
    let token = world.token("user_ada").issue();
    let session = world.open(&token).await;
    let admin = tool("admin").to_string();
    let whoami = tool("whoami").to_string();
    let named = |params: &str| admin.replace(r#"{"name":"admin"}"#, params);
    let cases = [
        ("plain", admin.clone(), 403),
        ("a batch", format!("[{whoami},{admin}]"), 403),
        ("escaped", named(r#"{"name":"adm\u0069n"}"#), 403),
        (
            "its last name",
            named(r#"{"name":"whoami","name":"admin"}"#),
            403,
        ),
        (
            "its first name",
            named(r#"{"name":"admin","name":"whoami"}"#),
            403,
        ),
        ("another case", named(r#"{"name":"Admin"}"#), 200),
        // A server could read a call in it.
        ("no JSON", format!("{admin}}}"), 403),
        ("another tool", whoami.clone(), 200),
    ];
    for (name, body, expected) in cases {
        // What a proxy may have been told to look at.
        for header in ["mcp-name", "mcp-method"] {
            for _ in 0..2 {
                let request = world.request(Method::POST, &token).body(body.clone());
                let request = request.header("mcp-session-id", &session);
                let response = request.header(header, "whoami").send().await.unwrap();
                let status = response.status().as_u16();
                let challenge = response.headers().get("www-authenticate").cloned();
                let text = response.text().await.unwrap();
                assert_eq!(status, expected, "{name}: {text}");
                assert!(!text.contains("Welcome"), "{name}: {text}");
                let told = challenge.map(|value| value.to_str().unwrap().to_owned());
                let rejected = (expected == 403).then(|| world.insufficient_scope());
                assert_eq!(told, rejected, "{name}");
            }
        }
    }
    // Nor does it harm to be said to call what one does not call.
    let request = world.request(Method::POST, &token).body(whoami);
    let request = request.header("mcp-session-id", &session);
    let response = request.header("mcp-name", "admin").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_public_tool_needs_no_token() {
    let world = World::start().await;
    let token = world.token("user_ada").issue();
    let session = world.open(&token).await;
    // A version without sessions, in which a client calls a tool at once.
    let modern = |name: &str| {
        let mut message = tool(name);
        message["params"]["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "by hand", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let request = http_client().post(&world.url).json(&message);
        request
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", name)
    };
    for _ in 0..2 {
        let response = modern("version").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let text = response.text().await.unwrap();
        assert!(text.contains(env!("CARGO_PKG_VERSION")), "{text}");
        for (name, scope) in [("whoami", "mcp:tools"), ("admin", "mcp:tools mcp:admin")] {
            let response = modern(name).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{name}");
            let challenge = response.headers()["www-authenticate"].to_str().unwrap();
            let expected = world.challenge(&format!("scope=\"{scope}\""));
            assert_eq!(challenge, expected, "{name}");
        }
        let rejected = modern("version").bearer_auth("oat_x").send().await.unwrap();
        assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
        // With a token, in its session.
        let request = world.request(Method::POST, &token).json(&tool("version"));
        let response = request.header("mcp-session-id", &session);
        assert_eq!(response.send().await.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn other_hosts_and_origins_are_rejected() {
    let world = World::start().await;
    let token = world.token("user_ada").issue();
    for (name, header, value, expected) in [
        ("another host", "host", "rebound.example", 403),
        ("another port", "host", "127.0.0.1:1", 403),
        ("another origin", "origin", "https://evil.example", 403),
        ("no origin", "origin", "null", 403),
        ("another port", "origin", "http://localhost:1", 403),
        ("one that may", "origin", INSPECTOR, 200),
    ] {
        for _ in 0..2 {
            let request = world.request(Method::POST, &token).json(&initialize());
            let response = request.header(header, value).send().await.unwrap();
            let status = response.status().as_u16();
            assert_eq!(status, expected, "{name}: {value}");
            let allowed = response.headers().get("access-control-allow-origin");
            assert_eq!(allowed.is_some(), expected == 200, "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn scripts_of_a_page_that_may_can_read_the_challenge() {
    let world = World::start().await;
    let preflight = http_client()
        .request(Method::OPTIONS, &world.url)
        .header("origin", INSPECTOR)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,mcp-param-region",
        );
    let preflight = preflight.send().await.unwrap();
    assert_eq!(preflight.status(), StatusCode::OK);
    assert_eq!(
        preflight.headers()["access-control-allow-origin"],
        INSPECTOR
    );
    let headers = preflight.headers()["access-control-allow-headers"].to_str();
    assert_eq!(headers.unwrap(), "authorization,mcp-param-region");

    let request = http_client().post(&world.url).header("origin", INSPECTOR);
    let rejected = request.send().await.unwrap();
    assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(rejected.headers()["access-control-allow-origin"], INSPECTOR);
    let exposed = rejected.headers()["access-control-expose-headers"].to_str();
    assert_eq!(exposed.unwrap(), "www-authenticate,mcp-session-id");
}

#[tokio::test]
async fn bodies_are_read_up_to_a_bound() {
    const BOUND: usize = 1 << 20;
    let world = World::start().await;
    let token = world.token("user_ada").issue();
    let admin = world.token("user_ada").scopes(["mcp:tools", "mcp:admin"]);
    let admin = admin.issue();
    // Whitespace does not change what it says.
    let padded = |length: usize| {
        let body = initialize().to_string();
        let padding = " ".repeat(length - body.len());
        body + &padding
    };
    for (name, token, length, expected) in [
        ("at the bound", &token, BOUND, 200),
        ("beyond it", &token, BOUND + 1, 413),
        ("beyond it, of an administrator", &admin, BOUND + 1, 413),
    ] {
        for is_chunked in [false, true] {
            let body = padded(length);
            let body = if is_chunked {
                let chunks = [Ok::<_, std::io::Error>(body)];
                reqwest::Body::wrap_stream(futures_util::stream::iter(chunks))
            } else {
                body.into()
            };
            let request = world.request(Method::POST, token).body(body);
            let status = request.send().await.unwrap().status().as_u16();
            assert_eq!(status, expected, "{name}, chunked: {is_chunked}");
        }
    }
}

#[tokio::test]
async fn bodies_of_strangers_are_not_read() {
    let world = World::start().await;
    let good = world.token("user_ada").issue();
    for (name, token, expected) in [
        // What a server says when it wants to read on.
        ("good", &*good, "HTTP/1.1 100"),
        ("bad", "oat_nobody", "HTTP/1.1 401"),
        ("none that could be one", "nobody", "HTTP/1.1 401"),
    ] {
        let address = world.address;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-length: 1000\r\nexpect: 100-continue\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; "HTTP/1.1 100".len()];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(str::from_utf8(&answer).unwrap(), expected, "{name}");
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_told() {
    let clerk = FakeClerk::start().unwrap();
    for (name, variable, value, expected) in [
        ("no resource", "CLERK_RESOURCE", "", "CLERK_RESOURCE"),
        (
            "no web address",
            "CLERK_RESOURCE",
            "urn:mcp",
            "CLERK_RESOURCE",
        ),
        (
            "no secret",
            "CLERK_OAUTH_CLIENT_SECRET",
            "",
            "client_secret",
        ),
    ] {
        let mut command = configured("mcp", &clerk);
        command.env("CLERK_RESOURCE", "http://127.0.0.1:3000/mcp");
        let output = command.env(variable, value).output().await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {told}");
        assert!(told.starts_with("error: "), "{name}: {told}");
        assert!(told.contains(expected), "{name}: {told}");
    }
}

// === what tools see ===

#[tokio::test]
async fn tools_of_the_example_see_no_token() {
    let file = format!("mcp-{}.log", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    let log = File::create(&path).unwrap();
    let world = World::start_with(|command| command.env("RUST_LOG", "mcp=debug").stdout(log)).await;
    let token = world.token("user_ada").issue();
    let session = world.open(&token).await;
    // From the cache, too.
    for _ in 0..2 {
        let request = world.request(Method::POST, &token).json(&tool("whoami"));
        let response = request.header("mcp-session-id", &session);
        let response = response.send().await.unwrap().text().await.unwrap();
        assert!(response.contains("user_ada"), "{response}");
    }
    drop(world);
    let log = fs::read_to_string(&path).unwrap();
    fs::remove_file(path).unwrap();
    assert_eq!(log.matches("the headers that a tool sees").count(), 2);
    assert_eq!(log.matches("mcp-session-id").count(), 2, "{log}");
    assert!(!log.contains("authorization"), "{log}");
    assert!(!log.contains(&*token), "{log}");
}

struct Spy;

#[tool_router]
impl Spy {
    #[tool(description = "Names the headers of the request")]
    async fn headers(&self, Extension(parts): Extension<Parts>) -> String {
        format!("{:?}", parts.headers)
    }
}

#[tool_handler]
impl ServerHandler for Spy {}

#[tokio::test]
async fn tools_see_the_token_unless_it_is_stripped() {
    let clerk = FakeClerk::start().unwrap();
    let config = ClerkConfig::builder(clerk.url()).accept(OAuthTokens::introspection(
        clerk.client_id(),
        clerk.client_secret(),
    ));
    let kept = ClerkAuthLayer::new(config.build().unwrap());
    let stripped = kept.clone().strip_authorization();
    for (name, layer, expected) in [("kept", kept, true), ("stripped", stripped, false)] {
        let mcp = StreamableHttpService::new(
            || Ok(Spy),
            LocalSessionManager::default().into(),
            Default::default(),
        );
        let app = Router::<()>::new().route_service("/mcp", mcp).layer(layer);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let server = tokio::spawn(async { axum::serve(listener, app).await });

        let token = clerk.token("user_ada").issue();
        let config = ClientConfig::with_uri(url).auth_header(&*token);
        let transport = StreamableHttpClientTransport::with_client(http_client(), config);
        let service = ().serve(transport).await.unwrap();
        // From the cache, too.
        for _ in 0..2 {
            let seen = call(&service, "headers").await.unwrap();
            let seen = format!("{:?}", seen.content);
            assert!(seen.contains("mcp-session-id"), "{name}: {seen}");
            assert_eq!(seen.contains("authorization"), expected, "{name}: {seen}");
            assert!(!seen.contains(&*token), "{name}: it is marked as sensitive");
        }
        service.cancel().await.unwrap();
        server.abort();
    }
}

// === the example ===

struct World {
    clerk: FakeClerk,
    address: SocketAddr,
    url: String,
    _example: Example,
}

impl World {
    async fn start() -> Self {
        Self::start_with(|command| command.stdout(Stdio::null())).await
    }

    async fn start_with(configure: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let clerk = FakeClerk::start().unwrap();
        clerk.issue_jwts(true);
        let address = free_address();
        let url = format!("http://{address}/mcp");
        let mut command = configured("mcp", &clerk);
        command
            .env("CLERK_RESOURCE", &url)
            .env("CLERK_REQUIRED_SCOPES", "mcp:tools")
            .env("CLERK_ALLOWED_CLIENTS", "*");
        let mut example = Example::start_at("mcp", address, configure(&mut command));
        example.wait_for_health().await;
        Self {
            clerk,
            address,
            url,
            _example: example,
        }
    }

    /// A token for this server.
    fn token(&self, user: &str) -> TokenBuilder<'_> {
        let token = self.clerk.token(user).scopes(["mcp:tools"]);
        token.resource(&self.url).jwt()
    }

    fn request(&self, method: Method, token: &str) -> RequestBuilder {
        http_client()
            .request(method, &self.url)
            .bearer_auth(token)
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
    }

    async fn post(&self, token: &str, body: &Value) -> Response {
        let request = self.request(Method::POST, token).json(body);
        request.send().await.unwrap()
    }

    /// Opens a session, and returns its id.
    async fn open(&self, token: &str) -> String {
        let response = self.post(token, &initialize()).await;
        assert_eq!(response.status(), StatusCode::OK);
        let id = response.headers()["mcp-session-id"].to_str().unwrap();
        let done = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let request = self.request(Method::POST, token).json(&done);
        let request = request.header("mcp-session-id", id);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::ACCEPTED);
        id.to_owned()
    }

    fn challenge(&self, parameters: &str) -> String {
        let metadata = self
            .url
            .replace("/mcp", "/.well-known/oauth-protected-resource/mcp");
        format!("Bearer {parameters}, resource_metadata=\"{metadata}\"")
    }

    fn insufficient_scope(&self) -> String {
        self.challenge(
            "error=\"insufficient_scope\", \
             error_description=\"the access token lacks a required permission\", \
             scope=\"mcp:tools mcp:admin\"",
        )
    }
}

fn http_client() -> reqwest::Client {
    let client = ClientBuilder::new()
        .no_proxy()
        .redirect(redirect::Policy::none());
    client.build().unwrap()
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "by hand", "version": "1"},
    }})
}

fn tool(name: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": name}})
}

/// What the example allows by default.
const INSPECTOR: &str = "http://localhost:6274";
