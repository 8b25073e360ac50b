//! `McpAuthLayer` before a service that plays an MCP server: rules by method and tool.

mod bodies;
mod layer;
mod sessions;
mod smuggling;
mod tokens;
mod wire;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_clerk::{
    Authenticator, ClerkClaims, ClerkConfigBuilder,
    mcp::{McpAuthLayer, RequestBody},
    reject::RejectResponse,
};

use crate::{support::World, wire::one};

type Body = UnsyncBoxBody<Bytes, Infallible>;

fn body(text: impl Into<Bytes>) -> Body {
    http_body_util::Full::new(text.into()).boxed_unsync()
}

/// A layer, and a server behind it that counts its calls and returns what it gets.
struct Server<R> {
    layer: McpAuthLayer<R>,
    calls: Arc<AtomicUsize>,
}

impl<R: RejectResponse<String> + Clone> Server<R> {
    fn new(layer: McpAuthLayer<R>) -> Self {
        Self {
            layer,
            calls: Arc::default(),
        }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn send(&self, request: Request<Body>) -> Response<String> {
        let calls = Arc::clone(&self.calls);
        let service = service_fn(move |request: Request<RequestBody<Body>>| {
            calls.fetch_add(1, Ordering::SeqCst);
            echo(request)
        });
        let Ok(response) = self.layer.layer(service).oneshot(request).await;
        response
    }

    /// Sends a message by `POST`, with a token if there is one.
    async fn post(&self, token: Option<&str>, message: impl Into<Bytes>) -> Response<String> {
        self.send(post(token, &[], body(message))).await
    }
}

/// Returns the body as it arrived. The extensions are those of the request.
async fn echo(request: Request<RequestBody<Body>>) -> Result<Response<String>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut response = Response::new(String::from_utf8_lossy(&body).into_owned());
    *response.headers_mut() = head.headers;
    *response.extensions_mut() = head.extensions;
    Ok(response)
}

fn post(token: Option<&str>, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::post("/mcp");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).unwrap()
}

fn method(name: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": name})
}

fn tool(name: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name}})
}

fn layer(config: ClerkConfigBuilder) -> McpAuthLayer {
    McpAuthLayer::new(Authenticator::new(config.build().unwrap()))
}

/// The methods that describe the server and the tool `open` are public, `admin` needs its own scope, and everything else
/// needs `mcp:read`.
fn rules(config: ClerkConfigBuilder) -> McpAuthLayer {
    layer(config)
        .discoverable()
        .public_tools(["open"])
        .default_scopes(["mcp:read"])
        .tool("admin", ["mcp:admin"])
}

/// The scopes of a challenge.
fn scope(response: &Response<String>) -> Option<&str> {
    let challenge = one(response.headers(), "www-authenticate")?;
    challenge.split("scope=\"").nth(1)?.split('"').next()
}

#[tokio::test]
async fn calls_need_what_their_rules_say() {
    let world = World::new();
    let server = Server::new(rules(world.config()));
    let none = None;
    let plain = world.clerk.token("user_1").scopes([""; 0]).issue();
    let read = world.clerk.token("user_1").scopes(["mcp:read"]).issue();
    let admin = world.clerk.token("user_1").scopes(["mcp:admin"]).issue();
    let both = world
        .clerk
        .token("user_1")
        .scopes(["mcp:read", "mcp:admin"])
        .issue();
    let (plain, read) = (Some(&*plain), Some(&*read));
    let (admin, both) = (Some(&*admin), Some(&*both));
    let batch = |messages: &[Value]| Value::Array(messages.to_vec()).to_string();
    let list = method("tools/list").to_string();
    let other = tool("other").to_string();
    let open_and_admin = batch(&[tool("open"), tool("admin")]);
    let all = batch(&[method("ping"), tool("other"), tool("admin")]);
    let response = json!({"jsonrpc": "2.0", "id": 1, "result": {}}).to_string();
    let call_admin = tool("admin").to_string();
    let open = tool("open").to_string();
    for (name, message, token, expected) in [
        ("a public method", &list, none, Ok(())),
        ("a public method with a token", &list, plain, Ok(())),
        ("a public tool", &open, none, Ok(())),
        ("a public tool with a token", &open, plain, Ok(())),
        ("another tool", &other, none, Err((401, Some("mcp:read")))),
        ("another tool", &other, plain, Err((403, Some("mcp:read")))),
        ("another tool", &other, admin, Err((403, Some("mcp:read")))),
        ("another tool", &other, read, Ok(())),
        (
            "a tool with a rule",
            &call_admin,
            none,
            Err((401, Some("mcp:admin"))),
        ),
        (
            "a tool with a rule",
            &call_admin,
            read,
            Err((403, Some("mcp:admin"))),
        ),
        ("a tool with a rule", &call_admin, admin, Ok(())),
        ("a response", &response, none, Err((401, Some("mcp:read")))),
        ("a response", &response, read, Ok(())),
        (
            "a batch",
            &open_and_admin,
            none,
            Err((401, Some("mcp:admin"))),
        ),
        (
            "a batch",
            &open_and_admin,
            read,
            Err((403, Some("mcp:admin"))),
        ),
        ("a batch", &open_and_admin, admin, Ok(())),
        (
            "a batch of all",
            &all,
            none,
            Err((401, Some("mcp:read mcp:admin"))),
        ),
        (
            "a batch of all",
            &all,
            read,
            Err((403, Some("mcp:read mcp:admin"))),
        ),
        (
            "a batch of all",
            &all,
            admin,
            Err((403, Some("mcp:read mcp:admin"))),
        ),
        ("a batch of all", &all, both, Ok(())),
    ] {
        // The second time from the cache.
        for _ in 0..2 {
            let before = server.calls();
            let response = server.post(token, message.clone()).await;
            let name = format!("{name}, {message}, {:?}: {response:?}", token.is_some());
            assert_eq!(
                server.calls() - before,
                usize::from(expected.is_ok()),
                "{name}"
            );
            match expected {
                Ok(()) => {
                    assert_eq!(response.status(), 200, "{name}");
                    assert_eq!(response.body(), message, "{name}");
                    let claims = response.extensions().get::<ClerkClaims>();
                    assert_eq!(claims.is_some(), token.is_some(), "{name}");
                }
                Err((status, needed)) => {
                    assert_eq!(response.status(), status, "{name}");
                    assert_eq!(scope(&response), needed, "{name}");
                    assert_eq!(one(response.headers(), "cache-control"), Some("no-store"));
                    let challenge = one(response.headers(), "www-authenticate").unwrap();
                    let is_about_scope = challenge.contains("error=\"insufficient_scope\"");
                    assert_eq!(is_about_scope, status == 403, "{name}");
                    assert_eq!(challenge.contains("error="), status == 403, "{name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn discoverable_makes_these_methods_public() {
    let world = World::new();
    let strict = Server::new(layer(world.config()));
    let lenient = Server::new(layer(world.config()).discoverable());
    let named = Server::new(
        layer(world.config())
            .public_methods(["ping"])
            .public_methods(["x"]),
    );
    for (name, is_discovery) in [
        ("server/discover", true),
        ("initialize", true),
        ("notifications/initialized", true),
        ("ping", true),
        ("tools/list", true),
        ("resources/list", true),
        ("resources/templates/list", true),
        ("prompts/list", true),
        ("resources/read", false),
        ("prompts/get", false),
        ("completion/complete", false),
        ("logging/setLevel", false),
        ("subscriptions/listen", false),
        ("notifications/cancelled", false),
        ("x", false),
    ] {
        let message = method(name).to_string();
        for _ in 0..2 {
            assert_eq!(
                strict.post(None, message.clone()).await.status(),
                401,
                "{name}"
            );
            let expected = if is_discovery { 200 } else { 401 };
            assert_eq!(
                lenient.post(None, message.clone()).await.status(),
                expected,
                "{name}"
            );
            let expected = if ["ping", "x"].contains(&name) {
                200
            } else {
                401
            };
            assert_eq!(
                named.post(None, message.clone()).await.status(),
                expected,
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn rules_for_one_tool_add_up_and_precede_the_list_of_public_tools() {
    let world = World::new();
    let layer = layer(world.config())
        .tool("a", ["x", "y"])
        .tool("a", ["y", "z"]);
    let server = Server::new(layer.public_tools(["a"]));
    for _ in 0..2 {
        let response = server.post(None, tool("a").to_string()).await;
        assert_eq!(response.status(), 401);
        assert_eq!(scope(&response), Some("x y z"));
    }
}

#[tokio::test]
async fn requests_that_carry_no_message_are_never_public() {
    let world = World::new();
    let server = Server::new(rules(world.config()));
    let read = world.clerk.token("user_1").scopes(["mcp:read"]).issue();
    for (method, without, with_read) in [
        ("GET", "mcp:read", 200),
        ("HEAD", "mcp:read", 200),
        ("DELETE", "mcp:read", 200),
        ("PUT", "mcp:read mcp:admin", 403),
        ("PATCH", "mcp:read mcp:admin", 403),
        ("OPTIONS", "mcp:read mcp:admin", 403),
        ("post", "mcp:read mcp:admin", 403),
    ] {
        for _ in 0..2 {
            let mut request = post(None, &[], body(self::method("ping").to_string()));
            *request.method_mut() = method.parse().unwrap();
            let response = server.send(request).await;
            assert_eq!(response.status(), 401, "{method}");
            assert_eq!(scope(&response), Some(without), "{method}");
            let mut request = post(Some(&read), &[], body(self::method("ping").to_string()));
            *request.method_mut() = method.parse().unwrap();
            assert_eq!(server.send(request).await.status(), with_read, "{method}");
        }
    }
}
