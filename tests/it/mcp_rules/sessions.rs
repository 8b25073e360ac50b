//! Sessions behind the rules: the ones that were opened without a token serve calls without a token.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{Request, Response};
use tower::{Layer, ServiceExt, service_fn};
use tower_clerk::{
    ClerkAuthLayer, ClerkClaims,
    mcp::{McpAuthLayer, McpSessionLayer, RequestBody},
};

use super::{Body, body, method, post, rules, tool};
use crate::{support::World, wire::one};

const SESSION: &str = "mcp-session-id";

/// A server that opens a session for every `initialize`.
struct Stack {
    rules: McpAuthLayer,
    sessions: McpSessionLayer,
    opened: Arc<AtomicUsize>,
}

impl Stack {
    fn new(world: &World) -> Self {
        Self {
            rules: rules(world.config()),
            sessions: McpSessionLayer::new(),
            opened: Arc::default(),
        }
    }

    async fn send(&self, mut request: Request<Body>, session: Option<&str>) -> Response<String> {
        if let Some(session) = session {
            request
                .headers_mut()
                .insert(SESSION, session.parse().unwrap());
        }
        let opened = Arc::clone(&self.opened);
        let server = service_fn(move |request: Request<RequestBody<Body>>| {
            let mut response = Response::<String>::default();
            if !request.headers().contains_key(SESSION) {
                let id = format!("session-{}", opened.fetch_add(1, Ordering::SeqCst));
                response.headers_mut().insert(SESSION, id.parse().unwrap());
            }
            let claims = request.extensions().get::<ClerkClaims>();
            *response.body_mut() = claims.map_or("", ClerkClaims::subject).to_owned();
            std::future::ready(Ok::<_, Infallible>(response))
        });
        let service = self.rules.layer(self.sessions.layer(server));
        let Ok(response) = service.oneshot(request).await;
        response
    }

    async fn open(&self, token: Option<&str>) -> String {
        let request = post(token, &[], body(method("initialize").to_string()));
        let response = self.send(request, None).await;
        assert_eq!(response.status(), 200);
        one(response.headers(), SESSION).unwrap().to_owned()
    }

    async fn status(&self, token: Option<&str>, message: &str, session: &str) -> u16 {
        let request = post(token, &[], body(message.to_owned()));
        self.send(request, Some(session)).await.status().as_u16()
    }
}

#[tokio::test]
async fn a_session_serves_only_callers_like_the_one_that_opened_it() {
    let world = World::new();
    let stack = Stack::new(&world);
    let token = world.clerk.token("user_1").scopes(["mcp:read"]).issue();
    let other = world.clerk.token("user_2").scopes(["mcp:read"]).issue();
    let (token, other) = (Some(&*token), Some(&*other));
    let anonymous = stack.open(None).await;
    let of_user = stack.open(token).await;
    let list = method("tools/list").to_string();
    let call = tool("other").to_string();
    for (name, session, token, message, expected) in [
        ("opened anonymously, used so", &anonymous, None, &list, 200),
        (
            "opened anonymously, used with a token",
            &anonymous,
            token,
            &list,
            404,
        ),
        (
            "the same, for a call that needs it",
            &anonymous,
            token,
            &call,
            404,
        ),
        (
            "opened anonymously, another call",
            &anonymous,
            None,
            &call,
            401,
        ),
        ("opened with a token, used so", &of_user, token, &call, 200),
        (
            "opened with a token, used without",
            &of_user,
            None,
            &list,
            404,
        ),
        (
            "opened with a token, used with another",
            &of_user,
            other,
            &list,
            404,
        ),
        (
            "an unknown session",
            &"session-9".to_owned(),
            None,
            &list,
            404,
        ),
    ] {
        for _ in 0..2 {
            assert_eq!(
                stack.status(token, message, session).await,
                expected,
                "{name}"
            );
        }
    }
    // A stranger can neither listen to a session nor end it.
    for method in ["GET", "DELETE"] {
        for session in [&anonymous, &of_user] {
            for (token, expected) in [(None, 401), (other, 404)] {
                let mut request = post(token, &[], body(""));
                *request.method_mut() = method.parse().unwrap();
                let response = stack.send(request, Some(session)).await;
                assert_eq!(response.status(), expected, "{method}");
            }
        }
    }
    assert_eq!(stack.sessions.sessions(), 2);
}

#[tokio::test]
async fn strangers_end_no_session_of_a_user() {
    let world = World::new();
    let mut stack = Stack::new(&world);
    stack.sessions = McpSessionLayer::new()
        .capacity(20)
        .capacity_per_principal(10);
    let token = world.clerk.token("user_1").scopes(["mcp:read"]).issue();
    let session = stack.open(Some(&token)).await;
    for _ in 0..50 {
        stack.open(None).await;
    }
    let list = method("tools/list").to_string();
    assert_eq!(stack.status(Some(&token), &list, &session).await, 200);
    assert_eq!(stack.sessions.sessions(), 11);
}

#[tokio::test]
async fn an_optional_layer_without_rules_opens_no_session() {
    let world = World::new();
    let layer = ClerkAuthLayer::new(world.config().build().unwrap()).optional();
    let server = service_fn(async |_: Request<RequestBody<Body>>| {
        Ok::<_, Infallible>(Response::new(String::new()))
    });
    // Rules in front of that layer, which removes the claims of others, change nothing for requests with a token.
    let strict = layer.clone().layer(McpSessionLayer::new().layer(service_fn(
        async |_: Request<Body>| Ok::<_, Infallible>(Response::new(String::new())),
    )));
    for _ in 0..2 {
        let request = post(None, &[], body(method("initialize").to_string()));
        assert_eq!(strict.clone().oneshot(request).await.unwrap().status(), 401);
    }
    let public = rules(world.config()).layer(layer.layer(McpSessionLayer::new().layer(server)));
    let request = post(None, &[], body(method("initialize").to_string()));
    assert_eq!(public.oneshot(request).await.unwrap().status(), 200);
}
