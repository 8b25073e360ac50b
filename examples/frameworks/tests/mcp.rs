//! The MCP servers over HTTP, against the fake Clerk.

#![allow(
    clippy::unwrap_used,
    reason = "functions that tests share are tests, too"
)]

use axum::Router;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, uri::Authority};
use reqwest::{Client, ClientBuilder, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower_clerk::{Authenticator, ClerkConfig, fake_clerk::FakeClerk, kinds::OAuthTokens};
use tower_clerk_frameworks::mcp::{self, pmcp, rust_mcp_sdk, tower_mcp};

#[tokio::test]
async fn tower_mcp_serves_callers_with_a_token() {
    check(tower_mcp::server).await;
}

#[tokio::test]
async fn tower_mcp_binds_sessions_to_their_caller() {
    check_sessions(tower_mcp::server).await;
}

#[tokio::test]
async fn pmcp_serves_callers_with_a_token() {
    check(pmcp::server).await;
}

#[tokio::test]
async fn pmcp_binds_sessions_to_their_caller() {
    check_sessions(pmcp::server).await;
}

#[tokio::test]
async fn rust_mcp_sdk_serves_callers_with_a_token() {
    check(rust_mcp_sdk::server).await;
}

struct Case<'a> {
    name: &'static str,
    tool: &'static str,
    /// The values of `Authorization`.
    authorization: Vec<String>,
    status: StatusCode,
    /// Parts of the challenge. Empty if there must not be one.
    challenge: Vec<&'a str>,
    /// What the tool returns. `None` if no tool is reached.
    text: Option<&'static str>,
}

async fn check(server: fn(&Authority) -> Router) {
    let world = World::start(server).await;
    let metadata = world.metadata().await;
    let good = world.bearer("user_1", "email");
    let revoked = world.bearer("user_1", "email");
    world.clerk.revoke(revoked.trim_start_matches("Bearer "));

    for Case {
        name,
        tool,
        authorization,
        status,
        challenge,
        text,
    } in [
        Case {
            name: "accepted",
            tool: "whoami",
            authorization: vec![good.clone()],
            status: StatusCode::OK,
            challenge: vec![],
            text: Some("user_1"),
        },
        Case {
            name: "another caller",
            tool: "whoami",
            authorization: vec![world.bearer("user_2", "email")],
            status: StatusCode::OK,
            challenge: vec![],
            text: Some("user_2"),
        },
        Case {
            name: "no credentials",
            tool: "whoami",
            authorization: vec![],
            status: StatusCode::UNAUTHORIZED,
            challenge: vec!["Bearer resource_metadata=", &metadata],
            text: None,
        },
        Case {
            name: "revoked",
            tool: "whoami",
            authorization: vec![revoked],
            status: StatusCode::UNAUTHORIZED,
            challenge: vec!["error=\"invalid_token\"", &metadata],
            text: None,
        },
        Case {
            name: "two values, of which one would be accepted",
            tool: "whoami",
            authorization: vec![good.clone(), "Bearer other".to_owned()],
            status: StatusCode::BAD_REQUEST,
            challenge: vec!["error=\"invalid_request\""],
            text: None,
        },
        Case {
            name: "the tool needs another scope",
            tool: "admin",
            authorization: vec![good.clone()],
            status: StatusCode::FORBIDDEN,
            challenge: vec![
                "error=\"insufficient_scope\"",
                "scope=\"mcp:admin\"",
                &metadata,
            ],
            text: None,
        },
        Case {
            name: "the tool needs a scope that the token has",
            tool: "admin",
            authorization: vec![world.bearer("user_1", "mcp:admin")],
            status: StatusCode::OK,
            challenge: vec![],
            text: Some("Welcome, user_1."),
        },
    ] {
        // The second answer may come from the cache.
        for _ in 0..2 {
            let mut call = world.call(tool);
            for value in &authorization {
                call = call.header("authorization", value);
            }
            let answer = Answer::of(call).await;
            assert_eq!(answer.status, status, "{name}: {}", answer.body);
            let found = answer.header("www-authenticate");
            assert_eq!(found.is_some(), !challenge.is_empty(), "{name}: {found:?}");
            let found = found.unwrap_or_default();
            let missing = challenge.iter().find(|part| !found.contains(**part));
            assert_eq!(missing, None, "{name}: {found}");
            assert_eq!(answer.text().as_deref(), text, "{name}: {}", answer.body);
        }
    }

    let call = |tool| world.call(tool).header("authorization", &good);
    for _ in 0..2 {
        // A web page whose own host name resolves to this machine.
        let answer = Answer::of(call("whoami").header("host", "rebound.example")).await;
        assert!(answer.status.is_client_error(), "{}", answer.body);
        assert_eq!(answer.text(), None, "{}", answer.body);

        // pmcp takes the user from this header if it has no `AuthProvider`.
        let answer = Answer::of(call("whoami").header("x-pmcp-user-id", "user_2")).await;
        assert_eq!(answer.text().as_deref(), Some("user_1"), "{}", answer.body);

        // Servers read these bodies differently: as a call of `admin`, of `whoami`, or as no JSON.
        let admin = message("admin").to_string();
        let names = "\"name\":\"whoami\",\"name\":\"admin\"";
        let twice = admin.replace("\"name\":\"admin\"", names);
        assert_ne!(twice, admin);
        for (name, body) in [
            ("a byte order mark", format!("\u{feff}{admin}")),
            ("two names", twice),
        ] {
            let answer = Answer::of(call("admin").body(body)).await;
            assert_eq!(
                answer.status,
                StatusCode::FORBIDDEN,
                "{name}: {}",
                answer.body
            );
        }
    }
}

/// In versions of MCP with sessions, a session serves only the caller that has opened it.
async fn check_sessions(server: fn(&Authority) -> Router) {
    let world = World::start(server).await;
    let (ada, eve) = (
        world.bearer("user_ada", "email"),
        world.bearer("user_eve", "email"),
    );
    let version = "2025-11-25";
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}});
    let opened = Answer::of(world.post(&initialize).header("authorization", &ada)).await;
    assert_eq!(opened.status, StatusCode::OK, "{}", opened.body);
    let session = opened.header("mcp-session-id").unwrap();

    let send = async |authorization: Option<&str>, request: RequestBuilder| {
        let mut request = request.header("mcp-session-id", session);
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        Answer::of(request.header("mcp-protocol-version", version)).await
    };
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let answer = send(Some(&ada), world.post(&initialized)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);

    let whoami = json!({"name": "whoami", "arguments": {}});
    let whoami = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": whoami});
    for _ in 0..2 {
        let answer = send(Some(&ada), world.post(&whoami)).await;
        assert_eq!(
            answer.text().as_deref(),
            Some("user_ada"),
            "{}",
            answer.body
        );
        for (name, authorization, status) in [
            ("another caller", Some(eve.as_str()), StatusCode::NOT_FOUND),
            ("no credentials", None, StatusCode::UNAUTHORIZED),
        ] {
            for request in [
                world.post(&whoami),
                world
                    .request(Method::GET)
                    .header("accept", "text/event-stream"),
                world.request(Method::DELETE),
            ] {
                let answer = send(authorization, request).await;
                assert_eq!(answer.status, status, "{name}: {}", answer.body);
                assert_eq!(answer.text(), None, "{name}: {}", answer.body);
            }
        }
    }
    let answer = send(Some(&ada), world.request(Method::DELETE)).await;
    assert!(answer.status.is_success(), "{}", answer.body);
}

/// A server, and the fake Clerk that its configuration names.
struct World {
    clerk: FakeClerk,
    /// Sends the host of the resource, as behind a proxy.
    client: Client,
    origin: String,
}

impl World {
    async fn start(server: fn(&Authority) -> Router) -> Self {
        let clerk = FakeClerk::start().unwrap();
        let oauth = OAuthTokens::introspection(clerk.client_id(), clerk.client_secret());
        let cfg = ClerkConfig::builder(clerk.url())
            .resource(format!("https://{HOST}/mcp"))
            .accept(oauth)
            .build()
            .unwrap();
        let app = mcp::app(Authenticator::new(cfg), server).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, app).await });
        let host = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(HOST))]);
        let client = ClientBuilder::new().no_proxy().default_headers(host);
        Self {
            clerk,
            client: client.build().unwrap(),
            origin,
        }
    }

    fn bearer(&self, user: &str, scope: &str) -> String {
        format!("Bearer {}", self.clerk.token(user).scopes([scope]).issue())
    }

    /// Returns the part of a challenge that names the metadata. The metadata is served without a token.
    async fn metadata(&self) -> String {
        let path = "/.well-known/oauth-protected-resource/mcp";
        let answer = Answer::of(self.client.get(format!("{}{path}", self.origin))).await;
        assert_eq!(answer.status, StatusCode::OK);
        let document: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(document["resource"], format!("https://{HOST}/mcp"));
        assert_eq!(document["authorization_servers"], json!([self.clerk.url()]));
        format!("resource_metadata=\"https://{HOST}{path}\"")
    }

    /// A call of a tool in the version of MCP without sessions.
    fn call(&self, tool: &str) -> RequestBuilder {
        self.post(&message(tool))
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "tools/call")
            .header("mcp-name", tool)
    }

    fn post(&self, message: &Value) -> RequestBuilder {
        self.request(Method::POST)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(message.to_string())
    }

    fn request(&self, method: Method) -> RequestBuilder {
        self.client.request(method, format!("{}/mcp", self.origin))
    }
}

/// A call of a tool, with what the version of MCP without sessions needs.
fn message(tool: &str) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({"name": tool, "arguments": {}, "_meta": meta});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    /// The only value of a header.
    fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert_eq!(values.next(), None, "{name} occurs once");
        value
    }

    /// The text that the tool returned. The message is the body, or an event of a stream. pmcp writes the text as JSON.
    fn text(&self) -> Option<String> {
        let mut lines = self
            .body
            .lines()
            .map(|line| line.strip_prefix("data:").unwrap_or(line));
        let message = lines.find_map(|line| {
            serde_json::from_str::<Value>(line)
                .ok()
                .filter(Value::is_object)
        })?;
        let result = message.get("result")?;
        assert_ne!(result["isError"], true, "{message}");
        let text = result["content"][0]["text"].as_str()?;
        Some(serde_json::from_str(text).unwrap_or_else(|_| text.to_owned()))
    }
}

/// The host of the resource, which is not that of the process.
const HOST: &str = "mcp.example.com";
